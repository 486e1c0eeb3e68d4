"""One run at a time writes to a root: a nightly one that meets another waits for it."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "work/lock"


@contextmanager
def writing(root: Path, told: Callable[[str], object]) -> Iterator[None]:
    """Hold a root against other runs; where one holds it, say which and wait for its end.

    The system takes the lock back from a process that dies, however it dies.
    """
    path = root / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            told(f"{root} is being written by {file.read() or 'another run'}; waiting for it to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:  # Lustre, mounted without locks
            told(f"{root} cannot be locked ({error.strerror}); see to it that no other run writes to it")
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
        file.truncate(0)
