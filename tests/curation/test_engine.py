from __future__ import annotations

import os
import shutil
import signal
import subprocess
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from curation.engine import Bar, Engine, place, progressed


def touch(folder: Path, unit: int) -> int:
    (folder / str(unit)).write_text(str(unit))
    return unit


def fail(unit: int) -> int:
    raise ValueError(f"unit {unit} is broken")


def die(folder: Path, unit: int) -> int:
    if unit == 1:
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does where memory runs out
    return touch(folder, unit)


def tell(unit: int) -> int:
    progressed(9_000)
    progressed(500)
    return 10_000


MANY = 20_000  # records, enough for two processes


@pytest.mark.parametrize(("total", "threads"), [(78, False), (MANY, False), (MANY, True)])
def test_every_unit_is_worked_on_once_here_in_processes_or_in_threads(
    tmp_path: Path, total: int, threads: bool
) -> None:
    place(list(range(13)), partial(touch, tmp_path), Engine(), 2, Bar("touch", total), threads=threads)
    assert sorted(int(p.name) for p in tmp_path.iterdir()) == list(range(13))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_unit_tells_before_its_end_is_counted_once(workers: int, capfd: pytest.CaptureFixture[str]) -> None:
    place([0, 1, 2], tell, Engine(), workers, Bar("tell", 30_000))
    last = capfd.readouterr().err.rstrip().split("\r")[-1]
    assert "30000/30000" in last


def test_a_bar_moves_before_the_end_of_a_unit(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.engine.EVERY", (0.0, 0.0))
    place([0], tell, Engine(), 1, Bar("tell", 10_000))
    assert "9000/10000" in capfd.readouterr().err


def test_no_units_is_no_work() -> None:
    place([], fail, Engine(), 2, Bar("nothing", 0))


def test_a_failing_unit_ends_the_run_with_its_own_error() -> None:
    with pytest.raises(ValueError, match=r"unit . is broken"):
        place([0], fail, Engine(), 1, Bar("fail", 1))


@pytest.mark.parametrize("threads", [False, True])
def test_a_failing_unit_in_another_worker_ends_the_run_with_its_own_error(threads: bool) -> None:
    with pytest.raises(ValueError, match=r"unit . is broken"):
        place([0, 1], fail, Engine(), 2, Bar("fail", MANY), threads=threads)


def test_a_worker_that_is_killed_ends_the_run_in_words(tmp_path: Path) -> None:
    with pytest.raises(ChildProcessError, match="a worker process was killed"):
        place([0, 1, 2], partial(die, tmp_path), Engine(), 2, Bar("die", MANY))


@pytest.fixture(params=["slurm", "ray"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A real cluster of one node or more, where there is one; its workers find the functions of this module."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    if request.param == "ray" and find_spec("ray") is None:
        pytest.skip("Ray is not installed (the extra `ray`)")
    if request.param == "slurm" and (
        not shutil.which("sbatch")
        or subprocess.run(["sinfo", "--noheader", "--states=idle,mixed"], capture_output=True, check=False).stdout
        == b""
    ):
        pytest.skip("no Slurm here: `sbatch` is missing or no node is up")
    asked = ["sinfo", "--noheader", "--format=%R"] if request.param == "slurm" else ["echo"]
    partition = subprocess.run(asked, capture_output=True, check=True, text=True).stdout.split()[:1]
    return Engine(
        kind=request.param, partition="".join(partition), mem_gb=1, time="00:05:00", folder=str(tmp_path / "jobs")
    )


def test_a_cluster_does_every_unit_once(cluster: Engine, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    place(list(range(5)), partial(touch, tmp_path / "out"), cluster, 2, Bar("touch", 20_000))
    assert sorted(int(p.name) for p in (tmp_path / "out").iterdir()) == list(range(5))
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_unit_that_fails_on_a_cluster_is_told_with_its_own_error(cluster: Engine) -> None:
    with pytest.raises(
        ChildProcessError, match=rf"{cluster.kind}: rank 0 of 2 ended after 0 of 1 units; .*unit 0 is broken"
    ):
        place([0, 1], fail, cluster, 2, Bar("fail", 20_000))


def test_a_rank_that_is_killed_on_a_cluster_is_told_in_words(cluster: Engine, tmp_path: Path) -> None:
    with pytest.raises(ChildProcessError, match=rf"{cluster.kind}: rank 1 of 2 ended after 0 of 1 units; .*[Kk]illed"):
        place([0, 1], partial(die, tmp_path), cluster, 2, Bar("die", 20_000))


@pytest.mark.parametrize("cluster", ["slurm"], indirect=True)
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"partition": "nosuch"}, "invalid partition specified: nosuch"),
        ({"mem_gb": 100_000}, "node configuration is not available"),
    ],
)
def test_a_job_that_slurm_refuses_is_told_in_its_words(cluster: Engine, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ChildProcessError, match=words):
        place([0, 1], fail, cluster.model_copy(update=wrong), 2, Bar("fail", 20_000))


def test_slurm_needs_a_partition() -> None:
    with pytest.raises(ValueError, match=r"engine.kind=slurm needs engine.partition"):
        Engine(kind="slurm")
