"""The one datatrove step. Apart from engine.py, since importing datatrove takes seconds that a look at --help should not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datatrove.pipeline.base import PipelineStep
from loguru import logger

from curation.engine import here


class Place(PipelineStep):  # type: ignore[misc]  # datatrove ships no types
    """The one datatrove step: each rank works through its own units and notes its progress in a file."""

    name = "place"
    type = "cuvee"

    def __init__(self, ranks: list[list[Any]], work: Callable[[Any], int], progress: Path, apart: bool = False) -> None:
        """Take note of each rank's units; `apart`: they are worked on in a process of its own, whose death is told.

        datatrove's Ray actors run ranks in a pool that waits for ever where one of its processes is killed.
        """
        super().__init__()
        self.ranks, self.work, self.progress, self.apart = ranks, work, progress, apart

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        logger.disable("datatrove")  # in the worker, where one line a task would drown the progress bar

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Any]:  # noqa: ARG002 - datatrove's interface
        """Work through the units of this rank, a line in its notes for each; yields nothing."""
        units = self.ranks[rank]
        with (self.progress / str(rank)).open("w", buffering=1) as notes:  # a retried rank begins anew
            try:
                for count in here(units, self.work, 1) if self.apart else map(self.work, units):
                    notes.write(f"{count}\n")
            except Exception as error:  # whatever it is, neither Slurm nor Ray hands it on
                errors(self.progress).mkdir(exist_ok=True)
                (errors(self.progress) / str(rank)).write_text(f"{type(error).__name__}: {error}")
                raise
        yield from ()


def errors(progress: Path) -> Path:
    """Return where ranks note what they ended with: a file of the rank's number."""
    return progress.with_name("errors")
