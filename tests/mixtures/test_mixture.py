from pathlib import Path

import numpy as np
import pytest

from mixtures.domain import domains_of
from mixtures.mixture import (
    Mixture,
    Table,
    check,
    epochs,
    natural,
    read_metrics,
    read_mixture,
    read_ratios,
    write_mixture,
    write_table,
)

DOMAINS = domains_of([("a,b", 1, 300, 100), ("zh-数学", 1, 100, 50)])


def test_natural_weights_are_shares_of_tokens_and_every_domain_has_the_same_epochs() -> None:
    weights = natural(DOMAINS).weights
    assert weights.tolist() == [0.75, 0.25]
    assert epochs(weights, 800, DOMAINS).tolist() == [2.0, 2.0]


def test_both_tables_come_back_as_they_were_written(tmp_path: Path) -> None:
    values = np.array([[1 / 3, 2 / 3], [0.1, 0.9]])
    write_table(tmp_path / "ratios.csv", Table(("0", "1"), ("natural", "x,y"), DOMAINS.names, values))
    back = read_ratios(tmp_path / "ratios.csv")
    assert (back.runs, back.names, back.columns) == (("0", "1"), ("natural", "x,y"), DOMAINS.names)
    np.testing.assert_allclose(back.values, values, rtol=0, atol=1e-16)
    metrics = np.array([[1.25, np.nan], [0.1, 3.0]])
    write_table(tmp_path / "metrics.csv", Table(("0", "1"), ("natural", "x,y"), ("loss/a", "loss/b"), metrics))
    np.testing.assert_array_equal(read_metrics(tmp_path / "metrics.csv").values, metrics)
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == "run,name,index,loss/a,loss/b"


def test_weights_off_by_rounding_are_renormalised_and_percentages_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ratios.csv"
    path.write_text("index,a,b\n7,0.5,0.49\n")
    assert read_ratios(path).values.sum() == pytest.approx(1, abs=1e-15)
    assert read_ratios(path).runs == ("7",)
    path.write_text("index,a,b\n7,50,50\n")
    with pytest.raises(ValueError, match="expected weights that sum to 1, got 100"):
        read_ratios(path)


def test_broken_tables_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    for content, message in [
        ("index,a\n0,x\n", "line 2: expected a number"),
        ("index,a\n0\n", "line 2: expected 2 cells"),
        ("", "key column"),
    ]:
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            read_metrics(path)


def test_negative_and_missing_weights_are_refused() -> None:
    for row in ([1.2, -0.2], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="expected finite weights"):
            check(np.array(row), "here")


def test_a_mixture_survives_its_file_and_unknown_domains_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mixture.json"
    write_mixture(path, Mixture("proposed", np.array([0.4, 0.6])), DOMAINS, 200, {"why": "test"})
    assert read_mixture(path, ["zh-数学", "new", "a,b"]).weights.tolist() == [0.6, 0.0, 0.4]
    with pytest.raises(ValueError, match="no domain 'a,b'"):
        read_mixture(path, ["zh-数学"])
