"""Places independent units of work on one box, a Slurm cluster or Ray, through datatrove's executors.

datatrove carries no rows here (217 µs a document, measured): a unit names its input, does its own reading
and writing, and returns how many records it handled. Whether a unit is done is known from its shards.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from loguru import logger
from pydantic import BaseModel, ConfigDict, Field
from tqdm import tqdm

RANKS_PER_WORKER = 4  # more ranks than workers, so that an unlucky share of the work does not decide the wall time
ROWS_PER_WORKER = 10_000  # records that are worth the start of another process, one to two CPU-seconds
PROJECT = ("curation", "mixtures")
HEAVY = (
    "datatrove.executor",
    "numba.np.arraymath",
)  # what a worker would import besides: the second with its first kernel


class Engine(BaseModel):
    """Where work runs. `slurm` and `ray` need a root that every node sees."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["local", "slurm", "ray"] = Field("local", description="local, slurm or ray")
    partition: str = Field("", description="Slurm partition")
    time: str = Field("24:00:00", description="Slurm time limit of one rank")
    mem_gb: int = Field(4, description="memory of one rank on Slurm or Ray, GiB")
    qos: str = Field("", description="Slurm QOS; empty where the cluster has none")


def place(
    units: Sequence[Any], work: Callable[[Any], int], engine: Engine, workers: int, title: str, total: int
) -> None:
    """Run `work` on every unit, the heaviest first in `units`, with a progress bar of `total` records.

    `work` and the units must pickle. An exception in one unit ends the run; finished units keep their output.
    """
    if not units:
        return
    from curation.rank import Place

    logger.disable("datatrove")
    workers = max(1, min(workers, len(units), total // ROWS_PER_WORKER))
    count = min(len(units), workers * RANKS_PER_WORKER)
    ranks = [list(units[start::count]) for start in range(count)]
    with tempfile.TemporaryDirectory(prefix="cuvee-") as folder:
        progress = Path(folder) / "progress"
        progress.mkdir()
        executor = _executor(engine, Place(ranks, work, progress), count, workers, folder)
        with _bar(progress, title, total), _light_workers():
            executor.run()


def _executor(engine: Engine, step: Any, tasks: int, workers: int, folder: str) -> Any:
    from datatrove.executor import LocalPipelineExecutor, RayPipelineExecutor, SlurmPipelineExecutor

    if engine.kind == "local":
        return LocalPipelineExecutor([step], tasks=tasks, workers=workers, logging_dir=folder, skip_completed=False)
    if engine.kind == "slurm":
        return SlurmPipelineExecutor(
            [step], tasks=tasks, workers=workers, time=engine.time, partition=engine.partition, qos=engine.qos,
            mem_per_cpu_gb=engine.mem_gb, logging_dir=folder, sbatch_args={"wait": ""},
        )  # fmt: skip
    return RayPipelineExecutor([step], tasks=tasks, workers=workers, mem_per_cpu_gb=engine.mem_gb, logging_dir=folder)


@contextmanager
def _light_workers() -> Iterator[None]:
    """Let local workers be forks of a server that has imported once what this process has of the project.

    A worker would import this process's main script as well (that of `prefect` costs two CPU-seconds each), although no work
    is defined in one: while the workers start, there is none.
    """
    import multiprocess

    multiprocess.set_forkserver_preload(
        [*HEAVY, *(name for name in list(sys.modules) if name.split(".")[0] in PROJECT)]
    )
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _bar(progress: Path, title: str, total: int) -> Iterator[None]:
    """Draw a bar with rate and ETA from the ranks' notes, which lie in files so that cluster nodes can write them."""
    stop = threading.Event()
    every = 0.5 if sys.stderr.isatty() else 10.0  # seconds; a log file wants fewer lines than a screen
    with tqdm(total=total, desc=title, unit=" records", mininterval=every, dynamic_ncols=True) as bar:

        def count() -> None:
            done = sum(int(n) for p in progress.iterdir() for n in p.read_text().split("\n")[:-1])
            bar.update(done - bar.n)

        def watch() -> None:
            while not stop.wait(0.5):
                count()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            count()
