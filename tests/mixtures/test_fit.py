import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mixtures.fit import main
from mixtures.ladder import AVERAGE, RUNGS
from mixtures.tables import Table, read_metrics, write

DOMAINS = ("en/web", "zh/web", "code", "maths")


def weights(n: int, seed: int) -> np.ndarray:
    w = np.random.default_rng(seed).dirichlet(np.full(4, 0.5), n)
    w[w < 0.05] = 0
    return w / w.sum(axis=1, keepdims=True)


def law(w: np.ndarray) -> np.ndarray:
    return 2 - 0.3 * np.log(w[:, 2] + 0.02) - 0.1 * w[:, 3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    w, new = weights(20, 0), weights(30, 1)
    noise = np.random.default_rng(2).normal(size=20)
    runs = {"run": tuple(f"r{k}" for k in range(20)), "index": tuple(map(str, range(20)))}
    write(tmp_path / "r.csv", Table(runs, DOMAINS, w))
    metrics = np.column_stack([law(w) + 0.01 * noise, noise, np.full(20, 3.0)])
    metrics[4, 0] = np.nan
    order = np.random.default_rng(3).permutation(20)
    shuffled = {key: tuple(np.array(values)[order].tolist()) for key, values in runs.items()}
    write(tmp_path / "m.csv", Table(shuffled, ("code loss", "luck", "flat"), metrics[order]))
    write(tmp_path / "t.csv", Table({"index": tuple(map(str, range(100, 130)))}, DOMAINS[::-1], new[:, ::-1]))
    return tmp_path


def command(folder: Path, *more: str) -> list[str]:
    files = [("--ratios", "r"), ("--metrics", "m"), ("--test-ratios", "t"), ("--out", "p")]
    return [word for flag, name in files for word in (flag, str(folder / f"{name}.csv"))] + list(more)


def test_predictions_of_every_metric_are_written_and_the_ladder_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(folder)) == 0
    found = read_metrics(folder / "p.csv")
    assert list(found.keys) == ["index"]
    assert found.keys["index"][:2] == ("100", "101")
    assert found.columns == ("code loss", "code loss_sd", "luck", "luck_sd", "flat", "flat_sd")
    mean, sd, luck, luck_sd, flat, _ = found.values.T
    truth = law(weights(30, 1))
    assert np.sqrt(((mean - truth) ** 2).mean()) < 0.1 * truth.std()
    assert (abs(mean - truth) < 1.645 * sd).mean() > 0.8
    assert np.ptp(luck) == 0
    assert 0.5 < luck_sd[0] < 2
    assert flat.tolist() == [3.0] * 30
    said = capsys.readouterr().out
    assert all(said.count(name) >= 2 for name in RUNGS)
    assert f"code loss: {AVERAGE}, 19 runs. explains" in said
    assert "luck: constant, 20 runs. no form predicts held-out runs better than their mean" in said
    assert "Nothing beats the constant for luck, flat: no mixture is proposed there." in said


def test_named_metrics_only(folder: Path) -> None:
    assert main(command(folder, "--metric", "flat", "--metric", "code loss")) == 0
    assert read_metrics(folder / "p.csv").columns == ("flat", "flat_sd", "code loss", "code loss_sd")


def test_a_strange_run_is_named_and_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "m.csv").read_text().splitlines()
    at = next(k for k, line in enumerate(text) if line.startswith("r7,"))
    run, index, *values = text[at].split(",")
    text[at] = ",".join([run, index, "60", *values[1:]])
    (folder / "m.csv").write_text("\n".join(text))
    assert main(command(folder, "--metric", "code loss")) == 0
    assert "the others are predicted much better without: r7 (measured 60, the others say 2." in capsys.readouterr().out
    truth = law(weights(30, 1))
    assert np.sqrt(((read_metrics(folder / "p.csv").values[:, 0] - truth) ** 2).mean()) < 0.15 * truth.std()


def test_cheap_runs_are_used_or_ignored_and_it_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    w = weights(60, 5)
    cheap = {"run": tuple(f"c{k}" for k in range(60))}
    write(folder / "cr.csv", Table(cheap, DOMAINS, w))
    write(folder / "cm.csv", Table(cheap, ("code loss", "luck"), np.column_stack([law(w) * 2, w[:, 0]])))
    named = ["--cheap-ratios", str(folder / "cr.csv"), "--cheap-metrics", str(folder / "cm.csv")]
    assert main(command(folder, *named)) == 0
    said = capsys.readouterr().out
    assert "cheap runs used: rank correlation" in said
    assert "cheap runs ignored: rank correlation" in said
    assert "cheap runs ignored: the cheap runs do not have this metric" in said
    with pytest.raises(SystemExit):
        main(command(folder, *named[:2]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r", "index,a,b\n0,50,50\n", "expected weights that sum to 1, got 100"),
        ("m", "index,a\n77,1\n", "'77' not in"),
        ("m", "index,a\n1,\n", "no run has a value of 'a'"),
        ("t", "index,en/web\n0,.9\n", "no column for the domains 'zh/web', 'code', 'maths'"),
        ("t", "index,en/web,zh/web,code,maths\n", "expected at least one row"),
        ("r", "index,a,b\n0,inf,0\n", "got [inf]"),
        ("m", "index,code loss,note\n1,2,good\n", "line 2, column 'note': expected a number, got 'good'"),
        (
            "m",
            "index,a\n1,1\n".encode("utf-16").decode("latin-1"),
            "expected text in UTF-8, and invalid start byte at byte 0",
        ),
        ("r", "index;a;b\n0;1;0\n", "expected a key column run, name or index, got 'index;a;b'"),
    ],
)
def test_bad_tables_are_refused_in_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, message: str
) -> None:
    (folder / f"{name}.csv").write_bytes(content.encode("latin-1"))
    assert main(command(folder)) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "p.csv").exists()


@pytest.mark.parametrize("value", ["1e300", "-1e308", "1e400", "nan"])
def test_a_run_that_diverged_is_left_out_as_if_it_had_no_value(folder: Path, value: str) -> None:
    text = (folder / "m.csv").read_text().splitlines()
    run, index, _, *rest = text[3].split(",")
    for name, cell in (("p", ""), ("q", value)):
        (folder / "m.csv").write_text("\n".join([*text[:3], ",".join([run, index, cell, *rest]), *text[4:]]))
        assert (
            main([*command(folder, "--metric", "code loss")[:-3], str(folder / f"{name}.csv"), "--metric", "code loss"])
            == 0
        )
    assert (folder / "p.csv").read_bytes() == (folder / "q.csv").read_bytes()


def test_a_metric_is_the_same_metric_in_a_tiny_unit(folder: Path) -> None:
    table = read_metrics(folder / "m.csv")
    small = Table(table.keys, ("code loss",), table.values[:, :1] * 1e-20)
    assert main(command(folder, "--metric", "code loss")) == 0
    expected = read_metrics(folder / "p.csv").values[:, 0]
    write(folder / "m.csv", small)
    assert main(command(folder)) == 0
    np.testing.assert_allclose(read_metrics(folder / "p.csv").values[:, 0] * 1e20, expected, rtol=1e-6)


def test_five_runs_get_their_mean_and_the_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (folder / "m.csv").read_text().splitlines()[:6]
    (folder / "m.csv").write_text("\n".join(lines))
    assert main(command(folder, "--metric", "luck")) == 0
    said = capsys.readouterr().out
    assert "only 5 different mixtures have a value; at least 6 are needed" in said
    assert "15 runs have no metrics and are left out" in said


def test_the_command_runs_as_a_module(folder: Path) -> None:
    words = [sys.executable, "-m", "mixtures.fit", *command(folder, "--metric", "flat")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "flat: constant" in done.stdout
