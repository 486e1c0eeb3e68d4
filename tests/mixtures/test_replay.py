"""A table whose best row is known: loss = Σ (√w − √best)², one metric a domain."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mixtures import finished, replay, swarm, tables
from mixtures.tables import Table


@pytest.fixture
def files(tmp_path: Path) -> tuple[list[Path], list[Path]]:
    """Two pairs of files, both with an index from 0, as published pools come."""
    rng = np.random.default_rng(0)
    best = np.array([0.4, 0.3, 0.2, 0.1])
    ratios, metrics = [], []
    for part in range(2):
        w = rng.dirichlet(np.ones(4), 60)
        loss = (np.sqrt(w) - np.sqrt(best)) ** 2 + 1.0
        if part:
            loss[7, 2] = np.nan
        keys = {"index": tuple(map(str, range(60)))}
        ratios.append(tmp_path / f"r{part}.csv")
        metrics.append(tmp_path / f"m{part}.csv")
        tables.write(ratios[-1], Table(keys, tuple("abcd"), w))
        tables.write(metrics[-1], Table(keys, ("ma", "mb", "mc", "md"), loss))
    return ratios, metrics


def test_pairs_of_files_make_one_pool_and_rows_without_a_metric_are_counted(
    files: tuple[list[Path], list[Path]],
) -> None:
    table = finished.read(*files, "mean", scaled=False)
    assert (table.wide.shape, table.left_out) == ((119, 4), 1)
    assert len(finished.read(*files, "ma", scaled=False).wide) == 120


def test_an_objective_is_the_mean_a_metric_or_a_weighted_list(files: tuple[list[Path], list[Path]]) -> None:
    names = ("ma", "mb", "mc", "md")
    assert finished.parse("mean", names) == dict.fromkeys(names, 0.25)
    assert finished.parse("mb", names) == {"mb": 1.0}
    assert finished.parse("ma=3,mb=1", names) == {"ma": 0.75, "mb": 0.25}
    with pytest.raises(ValueError, match=r"no metric 'mx'; expected mean, or some of ma, mb"):
        finished.parse("mx=1", names)
    table = finished.read(*files, "ma=3,mb=1", scaled=False)
    np.testing.assert_allclose(table.value, 0.75 * table.metrics["ma"] + 0.25 * table.metrics["mb"])


def test_the_search_looks_no_row_up_twice_spends_its_budget_and_beats_chance(
    files: tuple[list[Path], list[Path]],
) -> None:
    table = finished.read(*files, "mean", scaled=False)
    found, chance = [], []
    for seed in range(3):
        settings = swarm.Settings(runs=16, seed=seed)
        rows = replay.ours(table, settings)
        assert len(rows) == len(set(rows)) == 16
        found.append(replay.regret(table, rows))
        chance.append(replay.regret(table, replay.random(table, settings)))
    assert np.mean(found) < np.mean(chance) / 2


def test_along_a_front_the_regret_is_what_is_missed_of_its_volume(files: tuple[list[Path], list[Path]]) -> None:
    table = finished.read(*files, "ma,mb", scaled=True, aim="pareto")
    assert replay.regret(table, range(len(table.wide))) == pytest.approx(0)
    found = [replay.regret(table, replay.ours(table, swarm.Settings(runs=20, seed=seed))) for seed in range(2)]
    chance = [replay.regret(table, replay.random(table, swarm.Settings(runs=20, seed=seed))) for seed in range(2)]
    assert np.mean(found) < np.mean(chance) / 2


def test_regmix_is_chance_below_the_forty_runs_its_leaves_need(files: tuple[list[Path], list[Path]]) -> None:
    table = finished.read(*files, "mean", scaled=False)
    assert np.ptp(replay.regmix(table.wide[:24], table.value[:24], table.wide)) == 0
    assert np.ptp(replay.regmix(table.wide, table.value, table.wide)) > 0


def test_the_command_prints_every_method_and_refuses_in_one_line(files: tuple[list[Path], list[Path]]) -> None:
    def run(*more: str) -> subprocess.CompletedProcess[str]:
        pairs = ["--ratios", ",".join(map(str, files[0])), "--metrics", str(files[1][0]), "--metrics", str(files[1][1])]
        command = [sys.executable, "-m", "mixtures.replay", *pairs, "--seeds", "2", *more]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run("--budget", "10", "--batch", "2")
    assert done.returncode == 0, done.stderr
    for label in ("random", "RegMix, one shot", "GP, one shot", "Cuvée, batches of 2", "its defaults: batches of 4"):
        assert label in done.stdout
    refused = run("--budget", "500")
    assert refused.returncode == 2
    assert refused.stderr == "replay: expected a budget from 6 to the table's 119 rows, got 500\n"


def test_cheaper_runs_that_rank_alike_are_used_and_others_are_ignored_in_words(
    files: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    w = np.random.default_rng(5).dirichlet(np.ones(4), 60)
    keys = {"index": tuple(map(str, range(60)))}
    alike = 3 * (np.sqrt(w) - np.sqrt([0.4, 0.3, 0.2, 0.1])) ** 2 + 2
    for name, values in (("w", w), ("alike", alike), ("other", np.random.default_rng(6).permutation(alike))):
        tables.write(
            tmp_path / f"{name}.csv", Table(keys, tuple("abcd") if name == "w" else ("ma", "mb", "mc", "md"), values)
        )
    command = [sys.executable, "-m", "mixtures.replay", "--ratios", str(files[0][0]), "--metrics", str(files[1][0])]
    for name, word in (("alike", "used"), ("other", "ignored")):
        cheap = ["--cheap-ratios", str(tmp_path / "w.csv"), "--cheap-metrics", str(tmp_path / f"{name}.csv")]
        done = subprocess.run(
            [*command, *cheap, "--budget", "16", "--seeds", "2"], capture_output=True, text=True, check=True
        )
        assert "Cuvée, batches of 4, no cheap runs" in done.stdout
        told = [line for line in done.stdout.splitlines() if "cheap runs " in line and ":" in line]
        assert sum(f"cheap runs {word}: " in line for line in told) >= 3
