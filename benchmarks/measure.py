"""Runs a command and says what it cost: wall and CPU seconds of it and all its children, and the peak memory of one."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(frozen=True)
class Cost:
    """What a command cost; `peak_mb` is the largest resident set of any one of its processes, in MiB."""

    wall: float
    cpu: float
    peak_mb: float
    out: str


def run(command: Sequence[str | Path], env: dict[str, str] | None = None) -> Cost:
    """Run a command to its end; raises RuntimeError with the end of its output where it fails.

    Its errors go to this process's standard error, so that a long run shows its progress. A process that outlives its parent
    (multiprocessing's fork server does, with the usage of all its workers) is waited for and counted too, on Linux.
    """
    _adopt_orphans()
    own = _children()  # this process's own, a fork server say, may live as long as it does
    began = time.perf_counter()
    child = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
    )
    assert child.stdout is not None
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    usages = [usage, *_orphans(own)]
    if child.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {child.returncode}: {out[-2000:]}")
    kilo = 1024 if sys.platform != "darwin" else 1 << 20  # Linux counts KiB, macOS bytes
    return Cost(wall, sum(u.ru_utime + u.ru_stime for u in usages), max(u.ru_maxrss for u in usages) / kilo, out)


def best(runs: int, once: Callable[[], Cost]) -> Cost:
    """Return the cost of the cheapest of some runs, by CPU time: other work on the machine only adds."""
    return min((once() for _ in range(runs)), key=lambda cost: cost.cpu)


def _adopt_orphans() -> None:
    """Make this process the parent of what its descendants leave behind; elsewhere than on Linux nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _orphans(own: set[int]) -> Iterator[resource.struct_rusage]:
    """Wait for every process left behind; `own` are children of this process that are none."""
    while left := _children() - own:
        yield os.wait4(min(left), 0)[2]


def _children() -> set[int]:
    """Return the ids of this process's children, none elsewhere than on Linux."""
    listed = Path("/proc/self/task").glob("*/children")
    return {int(child) for path in listed for child in path.read_text().split()}
