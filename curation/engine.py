"""Places independent units of work: in processes of one box, or on a Slurm cluster or Ray through datatrove's executors.

datatrove carries no rows here (217 µs a document, measured): a unit names its input, does its own reading
and writing, and returns how many records (or bytes) it handled. Whether a unit is done is known from its shards.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator
from tqdm import tqdm

RANKS_PER_WORKER = (
    4  # of a cluster's job: more ranks than workers, so that an unlucky share of the work does not decide the wall time
)
PROJECT = ("curation", "mixtures")
EVERY = (10.0, 0.5)  # seconds between two looks of a bar: a log file wants fewer lines than a screen
HEAVY = "numba.np.arraymath"  # what a worker would import besides, with its first kernel


class Engine(BaseModel):
    """Where work runs. `slurm` and `ray` need a root that every node sees."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["local", "slurm", "ray"] = Field("local", description="local, slurm or ray")
    partition: str = Field("", description="Slurm partition, which kind=slurm needs")
    time: str = Field("24:00:00", description="Slurm time limit of one rank")
    mem_gb: int = Field(4, description="memory of one rank on Slurm or Ray, GiB")
    qos: str = Field("", description="Slurm QOS; empty where the cluster has none")
    folder: str = Field(
        ".cuvee/jobs", description="where Slurm and Ray jobs keep their scripts, notes and logs; every node must see it"
    )

    @model_validator(mode="after")
    def _has_partition(self) -> Engine:
        if self.kind == "slurm" and not self.partition:
            raise ValueError("engine.kind=slurm needs engine.partition; `sinfo` lists the partitions")
        return self


class Bar(NamedTuple):
    """What a progress bar counts."""

    title: str
    total: int
    unit: str = " records"
    worth: int = 10_000  # how many are worth the start of another process, one to two CPU-seconds
    delay: float = 0  # seconds after which it is first drawn: for what is mostly too short for a bar


def place(
    units: Sequence[Any],
    work: Callable[[Any], int],
    engine: Engine,
    workers: int,
    bar: Bar,
    *,
    threads: bool = False,
) -> None:
    """Run `work` on every unit, the heaviest first in `units`, with a progress bar that counts what it returns.

    `work` and the units must pickle. An exception in one unit ends the run; finished units keep their output. On a cluster
    that is a ChildProcessError with the unit's error in it, since neither Slurm nor Ray hands on what was raised. threads: the
    work is done in compiled code that lets go of the interpreter, so threads of this process do for workers of one box.
    """
    if not units:
        return
    workers = max(1, min(workers, len(units), bar.total // bar.worth))
    if engine.kind != "local":
        _on_cluster(units, work, engine, workers, bar)
    elif threads and workers > 1:
        with drawn(bar) as shown:
            for count in _in_threads(units, work, workers):
                shown.update(count)
    elif workers > 1:
        _in_processes(units, work, workers, bar)
    else:
        with drawn(bar) as shown, _telling(shown.update):
            for unit in units:
                shown.update(_rest(work, unit))


class _Unit:
    """The unit that this process works on: to whom it tells what is done of it, and how much it has told."""

    tell: Callable[[int], object] | None = None
    told = 0


def progressed(count: int) -> None:
    """Say from within the work on a unit of this machine that so much of it is done, so that the bar moves before its end."""
    if _Unit.tell:
        _Unit.tell(count)
        _Unit.told += count


def _rest(work: Callable[[Any], int], unit: Any) -> int:
    """Do the work on a unit; returns how much more it was than was told meanwhile."""
    _Unit.told = 0
    return work(unit) - _Unit.told


@contextmanager
def _telling(tell: Callable[[int], object]) -> Iterator[None]:
    _Unit.tell = tell
    try:
        yield
    finally:
        _Unit.tell = None


def _tell_to(shared: Any) -> None:
    """Let what this worker tells be added to a number that its parent sees."""

    def tell(count: int) -> None:
        with shared.get_lock():
            shared.value += count

    _Unit.tell = tell


def _in_processes(units: Sequence[Any], work: Callable[[Any], int], workers: int, bar: Bar) -> None:
    told, ended = multiprocessing.get_context("forkserver").Value("q", 0), 0
    with _watched(bar, lambda: told.value + ended):
        for count in here(units, partial(_rest, work), workers, partial(_tell_to, told)):
            ended += count


def _in_threads(units: Sequence[Any], work: Callable[[Any], int], workers: int) -> Iterator[int]:
    """Yield what each unit returns as it ends, in threads of this process: none of the start of `here`."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(work, unit) for unit in units]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def here(
    units: Sequence[Any], work: Callable[[Any], int], workers: int, begin: Callable[[], None] | None = None
) -> Iterator[int]:
    """Yield what each unit returns as it ends, in processes of this machine that each call `begin` first; all of it must pickle.

    A worker that is killed (out of memory, mostly) breaks the pool and with it the run, with ChildProcessError; datatrove's
    own pool would wait for it for ever.
    """
    context, others = multiprocessing.get_context("forkserver"), set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, mp_context=context, initializer=begin) as pool:
        try:
            with _light_workers(context):
                futures = [pool.submit(work, unit) for unit in units]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            for late in set(multiprocessing.active_children()) - others:
                late.kill()  # one that was starting as another died: Python 3.11's pool would wait for it for ever
            raise ChildProcessError(
                "a worker process was killed, most likely for want of memory; what is finished is kept. Run again with fewer "
                "workers (workers=1) or less memory for the comparing judges (exact.memory_gb, fuzzy.memory_gb)"
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _on_cluster(units: Sequence[Any], work: Callable[[Any], int], engine: Engine, workers: int, bar: Bar) -> None:
    """Run `work` on every unit in the ranks of a cluster's job."""
    from loguru import logger

    from curation.rank import Place

    logger.disable("datatrove")
    count = min(len(units), workers * RANKS_PER_WORKER)
    ranks = [list(units[start::count]) for start in range(count)]
    shared = Path(engine.folder).absolute()
    shared.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cuvee-", dir=shared) as folder:
        progress = Path(folder) / "progress"
        progress.mkdir()
        executor = _executor(engine, Place(ranks, work, progress, apart=engine.kind == "ray"), count, workers, folder)
        failed = subprocess.CalledProcessError  # what `sbatch --wait` ends with; _check tells more
        with _watched(bar, lambda: _noted(progress)), suppress(failed):
            executor.run()
        _check(engine, ranks, progress)  # while what the job left is still there


def _noted(progress: Path) -> int:
    """Return the sum of the ranks' notes, which lie in files so that cluster nodes can write them."""
    return sum(int(n) for p in progress.iterdir() for n in p.read_text().split("\n")[:-1])


def _check(engine: Engine, ranks: Sequence[Sequence[Any]], progress: Path) -> None:
    """Raise ChildProcessError where a rank did not note every unit as done."""
    from curation.rank import errors

    for rank, units in enumerate(ranks):
        notes = progress / str(rank)
        done = len(notes.read_text().splitlines()) if notes.is_file() else 0
        if done < len(units):
            error = errors(progress) / str(rank)
            why = error.read_text() if error.is_file() else _silent(engine, rank, progress.parent)
            raise ChildProcessError(
                f"{engine.kind}: rank {rank} of {len(ranks)} ended after {done} of {len(units)} units; {why}"
            )


def _silent(engine: Engine, rank: int, folder: Path) -> str:
    """Return why a rank ended that noted no error itself: killed, out of time, or never taken by Slurm."""
    if engine.kind == "ray":
        return "it ended before it noted an error: Ray's own logs tell more"
    logs = sorted((folder / "slurm_logs").glob(f"*_{rank}.out"))
    if logs:
        told = [line for line in logs[-1].read_text(errors="replace").splitlines() if "error: " in line]
        return " ".join(told[-2:]) or "its job was ended from outside and says no more"
    again = ["sbatch", "--test-only", str(folder / "launch_script.slurm")]  # takes no job; datatrove kept no word of it
    asked = subprocess.run(again, capture_output=True, check=False, text=True)  # noqa: S603 - our own script
    return " ".join(asked.stderr.split()) if asked.returncode else "its job was cancelled before it began"


def _executor(engine: Engine, step: Any, tasks: int, workers: int, folder: str) -> Any:
    from datatrove.executor import RayPipelineExecutor, SlurmPipelineExecutor

    if engine.kind == "slurm":
        return SlurmPipelineExecutor(
            [step], tasks=tasks, workers=workers, time=engine.time, partition=engine.partition, qos=engine.qos,
            mem_per_cpu_gb=engine.mem_gb, logging_dir=folder, sbatch_args={"wait": ""},
            venv_path=f"{sys.prefix}/bin/activate" if sys.prefix != sys.base_prefix else None,
        )  # fmt: skip
    return RayPipelineExecutor([step], tasks=tasks, workers=workers, mem_per_cpu_gb=engine.mem_gb, logging_dir=folder)


@contextmanager
def _light_workers(context: Any) -> Iterator[None]:
    """Let local workers be forks of a server that has imported once what this process has of the project.

    A worker would import this process's main script as well (that of `prefect` costs two CPU-seconds each), although no work
    is defined in one: while the workers start, there is none.
    """
    context.set_forkserver_preload([HEAVY, *(name for name in list(sys.modules) if name.split(".")[0] in PROJECT)])
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _watched(bar: Bar, done: Callable[[], int]) -> Iterator[None]:
    """Draw a bar with rate and ETA of what is done elsewhere, looked up twice a second."""
    stop = threading.Event()
    with drawn(bar) as shown:

        def watch() -> None:
            while not stop.wait(0.5):
                shown.update(done() - shown.n)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            shown.update(done() - shown.n)


def drawn(bar: Bar) -> Any:
    """Return a tqdm of a bar, to be closed by `with`: on a screen twice a second, in a log every ten seconds."""
    screen = sys.stderr.isatty()
    width: dict[str, Any] = {"dynamic_ncols": True}
    if screen and not os.get_terminal_size(sys.stderr.fileno()).columns:  # in some containers: tqdm would draw nothing
        width = {"ncols": 80, "nrows": 24}
    return tqdm(
        total=bar.total, desc=bar.title, unit=bar.unit, unit_scale=bar.unit == "B",
        mininterval=EVERY[screen], delay=bar.delay, **width,
    )  # fmt: skip
