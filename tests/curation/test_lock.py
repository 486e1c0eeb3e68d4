"""Two runs on one root take turns."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from curation.lock import writing

HOLD = """
import sys
from pathlib import Path
from curation.lock import writing
with writing(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(root: Path) -> subprocess.Popen[str]:
    """Start a process that holds a root until its input ends, or it is killed."""
    run = subprocess.Popen([sys.executable, "-c", HOLD, root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdout
    assert run.stdout.readline() == "held\n"
    return run


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_waits_for_the_one_that_holds_the_root_and_says_which_however_that_ends(
    tmp_path: Path, end: signal.Signals
) -> None:
    other, said = hold(tmp_path), list[str]()

    def told(text: str) -> None:
        said.append(text)
        other.send_signal(end)

    with writing(tmp_path, told):
        other.wait()
    assert len(said) == 1
    assert said[0].startswith(f"{tmp_path} is being written by process {other.pid} on ")
    assert said[0].endswith("; waiting for it to end")


def test_a_root_that_nobody_holds_is_had_at_once_and_again(tmp_path: Path) -> None:
    for _ in range(2):
        with writing(tmp_path, pytest.fail):
            assert f"process {os.getpid()} on " in (tmp_path / "work" / "lock").read_text()
        assert (tmp_path / "work" / "lock").read_text() == ""


def test_where_the_file_system_has_no_locks_the_run_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_file: object, _how: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", flock)
    said = list[str]()
    with writing(tmp_path, said.append):
        pass
    assert said == [f"{tmp_path} cannot be locked (Function not implemented); see to it that no other run writes to it"]
