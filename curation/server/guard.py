"""Stands between a run and one vLLM: starts it, starts it again where it dies, and kills all of it when the run is gone.

Run as `python guard.py <pid of the run> <restarts> <command …>`, leader of a process group of its own, which vLLM's many
processes share. The run may vanish by kill -9: then the guard's parent changes, which it sees within a second. Where the
guard itself is killed, the kernel kills vLLM (prctl), and vLLM's own children notice that.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

LOOK_SECONDS = 0.5
GRACE_SECONDS = 10.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h
STEADY_SECONDS = 300.0  # a server that lived this long is owed its restarts again


def main(run: int, restarts: int, command: list[str]) -> int:
    """Keep the command running while process `run` is our parent."""
    signal.signal(signal.SIGTERM, _stop)
    left = restarts
    while True:
        began = time.monotonic()
        child = subprocess.Popen(command, preexec_fn=_die_with_parent)  # noqa: S603, PLW1509 - no threads here
        while child.poll() is None:
            if os.getppid() != run:
                _stop(0, None)
            time.sleep(LOOK_SECONDS)
        left = restarts if time.monotonic() - began > STEADY_SECONDS else left
        print(f"guard: the server ended with {child.returncode}; {left} restarts left", flush=True)  # noqa: T201 - its log
        _kill_others()
        if not left:
            return 1
        left -= 1


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Ask the whole group to end, then end it, ourselves included."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while _others() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(0, signal.SIGKILL)


def _others() -> list[int]:
    """Return the living processes of our group but ourselves: an engine may outlive its server."""
    found = []
    for name in (path.name for path in Path("/proc").iterdir()):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - few imports
                    state, _, group = file.read().rpartition(") ")[2].split()[:3]
            except OSError:
                continue  # it ended meanwhile
            if int(group) == os.getpgrp() and state != "Z":
                found.append(int(name))
    return found


def _kill_others() -> None:
    while others := _others():
        for pid in others:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
