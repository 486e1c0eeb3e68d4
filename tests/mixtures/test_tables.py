from pathlib import Path

import numpy as np
import pytest

from mixtures.tables import Table, align, choose, join, read_metrics, read_ratios, write

PUBLISHED = Path(__file__).parents[2] / "../shared/data/mixtures"


def ratios(tmp_path: Path, text: str) -> Table:
    (tmp_path / "r.csv").write_text(text)
    return read_ratios(tmp_path / "r.csv")


def metrics(tmp_path: Path, text: str) -> Table:
    (tmp_path / "m.csv").write_text(text)
    return read_metrics(tmp_path / "m.csv")


def test_both_tables_come_back_as_they_were_written(tmp_path: Path) -> None:
    keys = {"run": ("0", "1"), "name": ("natural", "x,y"), "index": ("0", "1")}
    values = np.array([[1 / 3, 2 / 3], [0.1, 0.9]])
    write(tmp_path / "ratios.csv", Table(keys, ("a,b", "zh-数学"), values))
    back = read_ratios(tmp_path / "ratios.csv")
    assert (back.runs, dict(back.keys), back.columns) == (("0", "1"), keys, ("a,b", "zh-数学"))
    np.testing.assert_allclose(back.values, values, rtol=0, atol=1e-16)
    holes = np.array([[1.25, np.nan], [0.1, 3.0]])
    write(tmp_path / "metrics.csv", Table(keys, ("loss/a", "loss/b"), holes))
    np.testing.assert_array_equal(read_metrics(tmp_path / "metrics.csv").values, holes)
    assert (tmp_path / "metrics.csv").read_text().splitlines()[0] == "run,name,index,loss/a,loss/b"


def test_row_numbers_without_a_name_are_passed_over(tmp_path: Path) -> None:
    for first in ("", "Unnamed: 0"):
        table = ratios(tmp_path, f"{first},run,index,a,b\n0,x,7,.5,.5\n1,y,8,1,0\n\n")
        assert table.columns == ("a", "b")
        assert dict(table.keys) == {"run": ("x", "y"), "index": ("7", "8")}


def test_weights_off_by_rounding_are_renormalised_and_more_is_refused_with_its_run(tmp_path: Path) -> None:
    table = ratios(tmp_path, "index,a,b\n7,0.5,0.49\n8,.515,.5\n")
    assert table.values.sum(axis=1) == pytest.approx([1, 1], abs=1e-15)
    assert table.runs == ("7", "8")
    for row in ("9,50,50", "9,.5,.47", "9,.6,.43", "9,0,0", "9,1.2,-.2", "9,,1"):
        with pytest.raises(ValueError, match=r"r\.csv: run 9: expected"):
            ratios(tmp_path, f"index,a,b\n7,.5,.5\n{row}\n")


def test_missing_metrics_are_nan_whatever_they_are_called(tmp_path: Path) -> None:
    table = metrics(tmp_path, "index,a,b\n0,,NaN\n1,inf,N/A\n2,1.5,-2\n")
    assert np.isnan(table.values[:2]).all()
    assert table.values[2].tolist() == [1.5, -2]


def test_broken_tables_name_the_line_or_the_column(tmp_path: Path) -> None:
    for content, message in [
        ("index,a\n0,x\n", "line 2, column 'a': expected a number, got 'x'"),
        ("index,a\n\n0\n", "line 3: expected 2 cells"),
        ("index,a,a\n0,1,2\n", "a column is named twice: 'a'"),
        ("a,b\n0,1\n", "key column"),
        ("", "key column"),
        ("index\n0\n", "a column a metric"),
    ]:
        with pytest.raises(ValueError, match=message):
            metrics(tmp_path, content)


def test_rows_meet_by_the_first_shared_key_that_tells_them_apart_in_any_order(tmp_path: Path) -> None:
    weights = ratios(tmp_path, "run,name,index,a,b\nx,swarm,0,1,0\ny,swarm,1,0,1\nz,swarm,2,.5,.5\n")
    joined = join(weights, metrics(tmp_path, "run,index,m\ny,1,10\nx,0,20\n"))
    assert joined.metrics.values.ravel().tolist() == [20, 10]
    assert joined.ratios.runs == ("x", "y")
    assert joined.unmeasured == ("z",)
    by_index = join(weights, metrics(tmp_path, "name,index,m\nswarm,2.0,1\nswarm,0.0,3\n"))
    assert by_index.ratios.runs == ("x", "z")
    assert by_index.metrics.values.ravel().tolist() == [3, 1]


def test_two_keys_together_may_tell_rows_apart(tmp_path: Path) -> None:
    weights = ratios(tmp_path, "name,index,a,b\np,0,1,0\np,1,0,1\nq,0,.5,.5\n")
    joined = join(weights, metrics(tmp_path, "name,index,m\nq,0,3\np,1,2\np,0,1\n"))
    assert joined.metrics.values.ravel().tolist() == [1, 2, 3]


def test_runs_without_weights_and_rows_that_cannot_be_told_apart_are_refused_by_name(tmp_path: Path) -> None:
    weights = ratios(tmp_path, "run,a,b\nx,1,0\ny,0,1\n")
    with pytest.raises(ValueError, match=r"m\.csv: 'w', 'v' not in .*r\.csv \(joined on run\)"):
        join(weights, metrics(tmp_path, "run,m\nx,1\nw,2\nv,2\n"))
    with pytest.raises(ValueError, match=r"m\.csv: more than one row for 'x'"):
        join(weights, metrics(tmp_path, "run,m\nx,1\nx,2\n"))
    with pytest.raises(ValueError, match="none is shared"):
        join(weights, metrics(tmp_path, "index,m\n0,1\n"))
    with pytest.raises(ValueError, match=r"m\.csv: expected at least one row"):
        metrics(tmp_path, "run,m\n")


def test_domains_are_put_in_order_by_name_and_one_that_no_run_had_is_refused(tmp_path: Path) -> None:
    table = ratios(tmp_path, "index,b,new,a\n0,.25,0,.75\n")
    assert align(table, ("a", "b")).tolist() == [[0.75, 0.25]]
    with pytest.raises(ValueError, match="no column for the domains 'c'"):
        align(table, ("a", "b", "c"))
    with pytest.raises(ValueError, match="no run was measured with: 'b'"):
        align(table, ("a", "new"))


def test_metrics_are_chosen_by_name(tmp_path: Path) -> None:
    table = metrics(tmp_path, "index,a,b,c\n0,1,2,3\n")
    assert choose(table, ["c", "a", "c"]).values.tolist() == [[3, 1]]
    assert choose(table, []).columns == ("a", "b", "c")
    with pytest.raises(ValueError, match="no metric 'd'; it has 'a', 'b', 'c'"):
        choose(table, ["d"])


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published tables are not at ../shared/data/mixtures")
def test_published_tables_are_read_as_they_are() -> None:
    for folder, which, runs, domains, measured in (
        ("regmix", ("train_mixture_1m", "train_pile_loss_1m"), 512, 17, 13),
        ("olmix_dclm", ("dclm_ratios", "dclm_metrics"), 127, 24, 110),
    ):
        weights = read_ratios(PUBLISHED / folder / f"{which[0]}.csv")
        joined = join(weights, read_metrics(PUBLISHED / folder / f"{which[1]}.csv"))
        assert joined.ratios.values.shape == (runs, domains)
        assert joined.metrics.values.shape == (runs, measured)
        assert joined.unmeasured == ()
