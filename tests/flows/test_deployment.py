"""Deployments as an engineer sets them up: a real server, a real worker, the commands of the README."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[2]
PREFECT = str(Path(sys.executable).parent / "prefect")
PATIENCE = 180  # seconds a busy machine may take for one step


class Server:
    """A Prefect server of its own in a subprocess, with its home in a temporary folder."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.api = f"http://127.0.0.1:{port}/api"
        self.env = {
            **os.environ,
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        command = [PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
        self.log = (home / "server.log").open("w")
        self.process = subprocess.Popen(command, env=self.env, cwd=ROOT, stdout=self.log, stderr=subprocess.STDOUT)

    def prefect(self, *arguments: str) -> str:
        done = subprocess.run(
            [PREFECT, "--no-prompt", *arguments],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, path: str, body: object) -> list[dict[str, object]]:
        request = urllib.request.Request(  # noqa: S310 - the server this test has started
            self.api + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return list(json.load(answer))

    def is_up(self) -> bool:
        try:
            with urllib.request.urlopen(self.api + "/health", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False


def wait(what: str, condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not come about within {PATIENCE} s"
        time.sleep(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("prefect"))
    try:
        wait("the server", running.is_up)
        running.prefect("work-pool", "create", "--type", "process", "cuvee")
        running.prefect("deploy", "--all")
        yield running
    finally:
        running.process.terminate()
        running.process.wait(timeout=60)
        running.log.close()


def test_every_flow_has_a_deployment(server: Server) -> None:
    listed = {(d["name"], d["entrypoint"]) for d in server.ask("/deployments/filter", {})}
    assert {entry.split(":")[1] for _, entry in listed} == {
        "curate",
        "synthesize",
        "mixture_search",
        "handoff",
        "pipeline",
    }  # type: ignore[attr-defined]


def test_a_cron_schedule_really_creates_runs(server: Server) -> None:
    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "deployment_id": {"is_null_": False}}}
    wait("a scheduled run", lambda: server.ask("/flow_runs/filter", scheduled))
    runs = server.ask("/flow_runs/filter", scheduled)
    assert any("02:00:00" in str(run["expected_start_time"]) for run in runs)


def test_a_worker_runs_a_deployment_and_the_corpus_is_there(server: Server, tmp_path: Path) -> None:
    (tmp_path / "raw.jsonl").write_text(
        "".join(
            json.dumps({"instruction": f"Name city number {i}", "output": f"It is called Town {i} by the sea."}) + "\n"
            for i in range(20)
        )
    )
    config = {
        "root": str(tmp_path / "corpus"),
        "sources": [str(tmp_path / "raw.jsonl")],
        "workers": 1,
        "policy": {"max_drop": 1.0},
    }
    server.prefect("deployment", "run", "curate/nightly", "--param", f"config={json.dumps(config)}")
    server.prefect("worker", "start", "--pool", "cuvee", "--run-once")
    finished = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    wait("the deployment's run", lambda: server.ask("/flow_runs/filter", finished))
    with duckdb.connect(str(tmp_path / "corpus" / "corpus.duckdb"), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM records").fetchall() == [(20,)]
