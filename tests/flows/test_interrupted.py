"""A run that is interrupted says so, leaves no process behind, and goes on from where it was; its temporary server."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation import shards

ROOT = Path(__file__).parents[2]
HEEDING = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a script starts in its background ignores it
runpy.run_module("flows", run_name="__main__")
"""
ROW = '{"instruction": "How much is %d and %d?", "output": "That is %d, as everybody knows who has learnt to count."}\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Prefect's temporary server keeps its database, made once for these tests."""
    return tmp_path_factory.mktemp("prefect")


def start(root: Path, raw: Path, home: Path, **settings: str) -> subprocess.Popen[str]:
    """Start a run as a shell does, in a process group of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment |= {"PREFECT_HOME": str(home), **settings}
    command = [sys.executable, "-c", HEEDING, "run", "curate", f"root={root}", f"sources={raw}", "stages=exact,fuzzy"]
    command += ["ingest.slice_bytes=1000000", "workers=1"]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def begun(run: subprocess.Popen[str]) -> list[str]:
    """Return what a run says until its flow begins."""
    said = list[str]()
    assert run.stdout
    for line in run.stdout:
        said.append(line)
        if "Beginning flow run" in line:
            break
    return said


def port(text: str) -> int:
    """Return the port of the temporary server that a run tells of."""
    found = re.search(r"temporary Prefect server on http://127\.0\.0\.1:(\d+)", text)
    assert found, text
    return int(found[1])


def listens(number: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", number)) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_so_and_ends_its_server(tmp_path: Path, home: Path, number: int, code: int) -> None:
    raw, root = tmp_path / "a.jsonl", tmp_path / "corpus"
    raw.write_text("".join(ROW % (n, n, 2 * n) for n in range(600_000)))
    run = start(root, raw, home)
    said = begun(run)
    assert listens(port("".join(said)))
    if number == signal.SIGINT:
        os.killpg(run.pid, number)  # as a terminal does at Ctrl-C
    else:
        run.send_signal(number)
    assert run.stdout
    said += run.stdout.readlines()
    assert run.wait() == code, "".join(said)
    text = "".join(said)
    assert "prefect run curate: interrupted; what is finished is kept, the same command goes on from there" in text
    assert "Traceback" not in text
    assert not listens(port(text))
    assert shards.read_manifest(root / "records" / raw.name) is None


def test_the_server_of_a_run_that_was_killed_goes_too(tmp_path: Path, home: Path) -> None:
    raw = tmp_path / "a.jsonl"
    raw.write_text("".join(ROW % (n, n, 2 * n) for n in range(600_000)))
    run = start(tmp_path / "corpus", raw, home)
    server = port("".join(begun(run)))
    run.kill()
    run.wait()
    until = time.monotonic() + 60
    while listens(server) and time.monotonic() < until:
        time.sleep(0.2)
    assert not listens(server)


def test_a_temporary_server_that_ends_at_once_is_told_in_a_sentence(tmp_path: Path, home: Path) -> None:
    raw = tmp_path / "a.jsonl"
    raw.write_text(ROW % (1, 2, 3))
    nowhere = f"sqlite+aiosqlite:///{tmp_path}/nowhere/prefect.db"
    run = start(tmp_path / "corpus", raw, home, PREFECT_API_DATABASE_CONNECTION_URL=nowhere)
    text = run.communicate()[0]
    assert run.returncode == 1
    assert "prefect run curate: Prefect's temporary server ended with code 3, see above" in text
