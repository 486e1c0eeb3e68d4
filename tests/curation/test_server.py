"""Managed servers: started together, restarted where they die, and gone whatever becomes of the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.server import Server, serve
from curation.server.serve import groups

# Stands where an environment's `vllm` does: a server with an engine process of its own, as vLLM has.
VLLM = """#!{python}
import json, os, subprocess, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
arguments = dict(zip(sys.argv[3::2], sys.argv[4::2]))
if sys.argv[2] == "broken":
    sys.exit("no such model: broken")
engine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with Path({pids!r}).open("a") as file:
    file.write(f"{{os.getpid()}} {{engine.pid}} {{os.environ.get('CUDA_VISIBLE_DEVICES')}} {{' '.join(sys.argv[1:])}}\\n")
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
HTTPServer(("127.0.0.1", int(arguments["--port"])), Handler).serve_forever()
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of an environment that seems to have vLLM; what it starts is noted in pids."""
    folder = tmp_path / "venv/bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text("#!/bin/sh\necho \"{'vllm'}\"\n")
    (folder / "vllm").write_text(VLLM.format(python=sys.executable, pids=str(tmp_path / "pids")))
    for path in folder.iterdir():
        path.chmod(0o755)
    return folder / "python"


def started(tmp_path: Path) -> list[list[str]]:
    """Return what was started so far: server, engine, GPUs, arguments."""
    return [line.split(maxsplit=3) for line in (tmp_path / "pids").read_text().splitlines()]


def alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def wait_for(what: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return what()


def healthy(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url.replace("/v1", "/health"), timeout=1).status == 200)  # noqa: S310
    except OSError:
        return False


def test_a_server_for_each_group_of_gpus_is_started_and_all_of_it_ends_with_the_run(
    tmp_path: Path, python: Path
) -> None:
    settings = Server(model="m", python=python, gpus=("0", "1", "2", "3"), tensor_parallel=2, args=("--seed", "7"))
    with serve(settings, "name", tmp_path / "logs") as servers:
        assert len(servers.urls) == 2
        assert all(healthy(url) and url.endswith("/v1") for url in servers.urls)
        found = started(tmp_path)
        assert sorted(row[2] for row in found) == ["0,1", "2,3"]
        for row in found:
            assert row[3].startswith("serve m --served-model-name name")
            assert "--tensor-parallel-size 2 --seed 7" in row[3]
        assert all(alive(pid) for row in found for pid in row[:2])
    assert not any(alive(pid) for row in found for pid in row[:2])
    assert (tmp_path / "logs/vllm-1.log").is_file()


def test_a_server_that_dies_is_started_again_at_its_address_without_its_old_engine(
    tmp_path: Path, python: Path
) -> None:
    with serve(Server(model="m", python=python, gpus=("0",), restarts=1), "m", tmp_path / "logs") as servers:
        (url,) = servers.urls
        first = started(tmp_path)[0]
        os.kill(int(first[0]), signal.SIGKILL)
        assert wait_for(lambda: len(started(tmp_path)) == 2 and healthy(url))
        assert not alive(first[1])
        second = started(tmp_path)[1]
        os.kill(int(second[0]), signal.SIGKILL)
        assert wait_for(lambda: not alive(second[1]))
        time.sleep(1)
        assert len(started(tmp_path)) == 2  # its restarts are used up
        assert "0 restarts left" in (tmp_path / "logs/vllm-0.log").read_text()
        assert list(servers.ended()) == [url]


@pytest.mark.parametrize("killed", ["run", "guard"])
def test_nothing_outlives_a_killed_run_or_guard(tmp_path: Path, python: Path, killed: str) -> None:
    script = (
        "import sys, time; from pathlib import Path; from curation.server import Server, serve\n"
        "with serve(Server(model='m', python=Path(sys.argv[1]), gpus=('0',)), 'm', Path(sys.argv[2])): print('up', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", script, str(python), str(tmp_path / "logs")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"up\n"
        server, engine = started(tmp_path)[0][:2]
        guard = Path(f"/proc/{server}/stat").read_text().rpartition(") ")[2].split()[1]
        os.kill(run.pid if killed == "run" else int(guard), signal.SIGKILL)
        assert wait_for(lambda: not alive(server))
        if killed == "run":
            assert wait_for(lambda: not alive(engine) and not alive(guard))
        run.kill()
    if alive(engine):  # vLLM's own engine ends with its server; this stand-in's does not
        os.kill(int(engine), signal.SIGKILL)


def test_a_server_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path: Path, python: Path) -> None:
    with (
        pytest.raises(ChildProcessError, match="no such model: broken"),
        serve(Server(model="broken", python=python, gpus=("0",), restarts=0), "m", tmp_path),
    ):
        pass
    with (
        pytest.raises(FileNotFoundError, match="make vllm"),
        serve(Server(model="m", python=tmp_path / "no"), "m", tmp_path),
    ):
        pass


def test_gpus_are_those_given_or_those_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    assert groups(Server(model="m")) == [("4",), ("5",)]
    assert groups(Server(model="m", tensor_parallel=2)) == [("4", "5")]
    assert groups(Server(model="m", gpus=("1",))) == [("1",)]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert groups(Server(model="m")) == [()]
    with pytest.raises(ValueError, match="tensor_parallel=3"):
        groups(Server(model="m", gpus=("0", "1"), tensor_parallel=3))


def test_a_rank_leaves_its_urls_in_the_folder_while_it_serves(tmp_path: Path, python: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "curation.server",
        "model=m",
        f"python={python}",
        f"folder={tmp_path / 'urls'}",
        "gpus=0,1",
        "host=127.0.0.1",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "SLURM_PROCID": "3"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as rank:
        assert wait_for(lambda: len(list((tmp_path / "urls").glob("*.url"))) == 2)
        files = sorted((tmp_path / "urls").glob("*-3-*.url"))
        assert all(healthy(path.read_text()) for path in files)
        rank.send_signal(signal.SIGTERM)
    assert list((tmp_path / "urls").glob("*.url")) == []
    assert not any(alive(pid) for row in started(tmp_path) for pid in row[:2])


def test_a_rank_takes_back_the_url_of_a_server_that_ended_for_good_and_ends_with_the_last(
    tmp_path: Path, python: Path
) -> None:
    command = [
        sys.executable, "-m", "curation.server", "model=m", f"python={python}", f"folder={tmp_path / 'urls'}", "gpus=0,1", "host=127.0.0.1",
        "restarts=0",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as rank:
        assert wait_for(lambda: len(list((tmp_path / "urls").glob("*.url"))) == 2)
        for left, row in zip((1, 0), started(tmp_path), strict=True):
            os.kill(int(row[0]), signal.SIGKILL)
            assert wait_for(lambda left=left: len(list((tmp_path / "urls").glob("*.url"))) == left)
        said = rank.communicate()[1].decode()
    assert rank.returncode == 1
    assert "0 restarts left" in said
