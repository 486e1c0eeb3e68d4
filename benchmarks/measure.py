"""Runs a command and says what it cost: wall and CPU seconds of it and all its children, and the peak memory of one."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
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

    Its errors go to this process's standard error, so that a long run shows its progress. A small process of its own starts it: Linux
    counts the memory of the process that starts another as that one's, and a benchmark holds millions of rows of truth.
    """
    words = [sys.executable, __file__, *(str(word) for word in command)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[2:])} ended with {done.returncode}: {done.stdout[-2000:]}")
    return Cost(**json.loads(done.stdout))


def _measured(command: Sequence[str]) -> Cost:
    """Run a command; SystemExit with what it ended with where it fails.

    A process that outlives its parent (multiprocessing's fork server does, with the usage of all its workers) is waited for and
    counted too, on Linux.
    """
    _adopt_orphans()
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    usages = [usage, *_orphans()]
    if child.returncode:
        sys.stdout.write(out)
        sys.exit(child.returncode)
    kilo = 1024 if sys.platform != "darwin" else 1 << 20  # Linux counts KiB, macOS bytes
    return Cost(wall, sum(u.ru_utime + u.ru_stime for u in usages), max(u.ru_maxrss for u in usages) / kilo, out)


def best(runs: int, once: Callable[[], Cost]) -> Cost:
    """Return the cost of the cheapest of some runs, by CPU time: other work on the machine only adds."""
    return min((once() for _ in range(runs)), key=lambda cost: cost.cpu)


def _adopt_orphans() -> None:
    """Make this process the parent of what its descendants leave behind; elsewhere than on Linux nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _orphans() -> Iterator[resource.struct_rusage]:
    """Wait for every process left behind."""
    while left := _children():
        yield os.wait4(min(left), 0)[2]


def _children() -> set[int]:
    """Return the ids of this process's children, none elsewhere than on Linux."""
    listed = Path("/proc/self/task").glob("*/children")
    return {int(child) for path in listed for child in path.read_text().split()}


if __name__ == "__main__":
    print(json.dumps(asdict(_measured(sys.argv[1:]))))  # noqa: T201 - handed to `run`
