"""What a run survives: servers that fail, hang, lie and die, prompts that kill them, and kill -9 of everything."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from endpoint import Cut, Hang, adds, catalog, conversations, serve, settings

from curation import shards
from curation.journal import Journal, read
from curation.record import Turn
from curation.server import Server
from curation.synthesise import Settings, run

NOBODY = "http://127.0.0.1:9/v1"
FOLDER = Path(__file__).parent


def test_faults_are_retried_and_a_refused_prompt_costs_only_itself(tmp_path: Path) -> None:
    def faulty(question: str, times: int) -> tuple[int, Any]:
        first = {
            "1": (500, "oops"),
            "2": (200, "<html>garbage"),
            "4": (200, {"choices": []}),
            "5": (200, Cut()),
            "6": (429, "busy"),
        }
        number = question.split()[2]
        if number == "3":
            return 400, {"error": {"message": "maximum context length exceeded"}}
        return first[number] if times == 1 and number in first else adds(question, times)

    file = catalog(tmp_path, conversations(8))
    with serve(faulty) as server:
        report = run(tmp_path, file, settings(server.url))
        assert len(server.asked) == 8 + 5
        assert (report.records, report.unanswered, report.reasons["request_rejected"]) == (14, 0, 1)
        (tmp_path / "records/traces-tiny-model/manifest.json").unlink()
        assert run(tmp_path, file, settings(server.url)).asked == 0
    samples = [s for t in shards.read_shards(tmp_path / "synthesis/traces-tiny-model/samples") for s in t.to_pylist()]
    (refused,) = [s for s in samples if s["reason"] == "request_rejected"]
    assert "maximum context length exceeded" in refused["text"]


def test_a_prompt_that_hangs_costs_only_itself(tmp_path: Path) -> None:
    def hangs(question: str, times: int) -> tuple[int, Any]:
        return (200, Hang()) if "What is 2 " in question else adds(question, times)

    file = catalog(tmp_path, conversations(12))
    with serve(hangs) as server:
        report = run(tmp_path, file, settings(server.url, timeout=0.3, retries=1, concurrency=2))
    assert (report.asked, report.unanswered, report.records) == (11, 1, 22)
    assert server.asked.count("What is 2 + 4?") == 2


def test_a_prompt_nobody_answers_is_named_and_asked_again_by_the_next_run(tmp_path: Path) -> None:
    down = [True]

    def stubborn(question: str, times: int) -> tuple[int, Any]:
        return (503, "busy") if down[0] and "What is 2 " in question else adds(question, times)

    file = catalog(tmp_path, conversations(3))
    with serve(stubborn) as server:
        first = run(tmp_path, file, settings(server.url))
        assert (first.unanswered, first.reasons["unanswered"], first.records) == (1, 1, 4)
        down[0] = False
        server.asked.clear()
        second = run(tmp_path, file, settings(server.url))
        assert (second.asked, second.records, second.unanswered) == (1, 6, 0)
        assert server.asked == ["What is 2 + 4?"]


def test_a_run_whose_every_request_is_refused_ends_and_notes_none_as_refused(tmp_path: Path) -> None:
    right = [False]

    def picky(question: str, times: int) -> tuple[int, Any]:
        return adds(question, times) if right[0] else (400, "n must be 1")

    file = catalog(tmp_path, conversations(30))
    with serve(picky) as server:
        with pytest.raises(ValueError, match="n must be 1"):
            run(tmp_path, file, settings(server.url))
        right[0] = True
        assert run(tmp_path, file, settings(server.url)).records == 60


def test_a_server_that_answers_nothing_any_more_ends_the_run_instead_of_using_up_every_prompt(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(300))
    with serve(lambda _question, _times: (500, "engine is dead")) as server:
        quick = settings(server.url, retries=0, patience=0.2, backoff=0.01)
        with pytest.raises(ConnectionError, match="engine is dead"):
            run(tmp_path, file, quick)
    assert len(server.asked) < 300


def test_an_unreachable_endpoint_is_named_and_a_wrong_model_is_told(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(2))
    with pytest.raises(ConnectionError, match=re.escape(NOBODY)) as caught:
        run(tmp_path, file, settings(NOBODY))
    assert "vllm serve" in str(caught.value)
    with serve(adds) as server:
        assert run(tmp_path, file, settings(NOBODY, server.url)).records == 4
        with pytest.raises(ValueError, match="serves 'tiny/model'"):
            run(tmp_path, file, settings(server.url).model_copy(update={"model": "other", "name": "x"}))


def test_a_server_that_does_not_know_the_path_or_the_key_is_told_at_once(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(2))
    for status in (401, 404):
        with (
            serve(lambda _question, _times, status=status: (status, "no")) as server,
            pytest.raises(ValueError, match="/v1"),
        ):
            run(tmp_path, file, settings(server.url))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A server in a process of its own, with a request log that outlives it."""

    def __init__(self, folder: Path, seconds: float = 0.05) -> None:
        self.port, self.seconds, self.log = free_port(), seconds, folder / "requests.jsonl"
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.log.touch()
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        command = [sys.executable, str(FOLDER / "endpoint.py"), str(self.port), str(self.seconds), str(self.log)]
        self.child = subprocess.Popen(command, env=environment)

    def wait(self) -> None:
        """Wait until it answers."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("the server did not start")

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def entries(self) -> list[tuple[str, str]]:
        lines = self.log.read_text().splitlines()
        return [(what, question) for what, question in map(json.loads, lines)]

    def asked(self) -> list[str]:
        return [question for what, question in self.entries() if what == "asked"]

    def answered(self) -> set[str]:
        return {question for what, question in self.entries() if what == "answered"}

    def wait_for(self, count: int) -> None:
        until = time.monotonic() + 60
        while len(self.asked()) < count and time.monotonic() < until:
            time.sleep(0.01)


@contextmanager
def process(folder: Path, seconds: float = 0.05) -> Iterator[Process]:
    folder.mkdir(exist_ok=True)
    server = Process(folder, seconds)
    try:
        server.wait()
        yield server
    finally:
        server.kill()


class Running:
    """A run in a thread, and what became of it."""

    def __init__(self, root: Path, file: Path, config: Settings) -> None:
        self.report: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(root, file, config))
        self._thread.start()

    def _run(self, root: Path, file: Path, config: Settings) -> None:
        try:
            self.report = run(root, file, config)
        except (OSError, ValueError) as error:
            self.error = error

    def wait(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive()


def paid_twice(log: list[str]) -> Counter[str]:
    return Counter({question: times - 1 for question, times in Counter(log).items() if times > 1})


def questions(count: int) -> set[str]:
    return {talk[0][1] for talk in conversations(count)}


def test_kill_dash_nine_of_the_run_loses_only_what_was_under_way(tmp_path: Path) -> None:
    count, concurrency = 60, 4
    file = catalog(tmp_path, conversations(count))
    script = (
        "import sys; from pathlib import Path; from curation.synthesise import Settings, run;"
        "run(Path(sys.argv[1]), Path(sys.argv[2]), Settings.model_validate_json(sys.argv[3]))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with process(tmp_path / "server") as server:
        config = settings(server.url, concurrency=concurrency)
        command = [sys.executable, "-c", script, str(tmp_path), str(file), config.model_dump_json()]
        killed = 0
        for part in (15, 30, 45):
            with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as child:
                server.wait_for(part)
                child.send_signal(signal.SIGKILL)
            killed += child.returncode == -signal.SIGKILL
            time.sleep(0.2)  # the server still works on requests nobody waits for
        assert killed == 3
        report = run(tmp_path, file, config)
        assert (report.selected, report.asked + report.resumed, report.records) == (count, count, 2 * count)
        assert set(server.asked()) == questions(count)
        assert paid_twice(server.asked()).total() <= killed * concurrency


def test_kill_dash_nine_of_a_server_costs_what_it_had_under_way_and_the_run_goes_on_when_it_is_back(
    tmp_path: Path,
) -> None:
    count, concurrency = 60, 4
    file = catalog(tmp_path, conversations(count))
    with process(tmp_path / "server") as server:
        job = Running(tmp_path, file, settings(server.url, concurrency=concurrency, patience=60.0))
        server.wait_for(20)
        server.kill()
        time.sleep(0.5)  # nobody listens
        server.start()
        job.wait()
        assert (job.error, job.report.unanswered, job.report.records) == (None, 0, 2 * count)
        assert paid_twice(server.asked()).total() <= concurrency
        assert server.answered() == questions(count)


def test_the_work_of_a_dead_server_is_done_by_the_others(tmp_path: Path) -> None:
    count, concurrency = 60, 3
    file = catalog(tmp_path, conversations(count))
    with process(tmp_path / "a") as dying, process(tmp_path / "b") as living:
        job = Running(tmp_path, file, settings(dying.url, living.url, concurrency=concurrency))
        dying.wait_for(10)
        dying.kill()
        job.wait()
        assert (job.error, job.report.unanswered, job.report.records) == (None, 0, 2 * count)
        twice = paid_twice(dying.asked() + living.asked())
        assert twice.total() <= concurrency
        assert set(dying.asked()) | set(living.asked()) == questions(count)


def test_a_run_whose_last_server_is_gone_ends_and_the_next_asks_only_what_was_under_way(tmp_path: Path) -> None:
    count, concurrency = 40, 4
    file = catalog(tmp_path, conversations(count))
    with process(tmp_path / "server") as server:
        job = Running(tmp_path, file, settings(server.url, concurrency=concurrency, patience=0.5))
        server.wait_for(20)
        server.kill()
        job.wait()
        assert isinstance(job.error, ConnectionError)
        server.start()
        server.wait()
        report = run(tmp_path, file, settings(server.url, concurrency=concurrency))
        assert (report.records, report.asked + report.resumed) == (2 * count, count)
        assert report.resumed >= 16
        assert paid_twice(server.asked()).total() <= concurrency


# Stands where an environment's `vllm` does, in a process of its own: says its number in the log, solves "a + b" on its port.
VLLM = """#!{python}
import os, sys
print("engine core failed:", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
with open({pids!r}, "a") as file:
    file.write(f"{{os.getpid()}}\\n")
os.execv(sys.executable, [sys.executable, {endpoint!r}, sys.argv[-1], "0.05", {log!r}])
"""


class Managed:
    """An environment that seems to have vLLM, for servers that the run itself starts."""

    def __init__(self, folder: Path) -> None:
        self.log, self.pids = folder / "requests.jsonl", folder / "pids"
        self.python, script = folder / "bin/python", folder / "bin/vllm"
        script.parent.mkdir(parents=True)
        self.python.write_text("#!/bin/sh\necho \"{'vllm'}\"\n")
        names = {"pids": str(self.pids), "endpoint": str(FOLDER / "endpoint.py"), "log": str(self.log)}
        script.write_text(VLLM.format(python=sys.executable, **names))
        for path in (script, self.python):
            path.chmod(0o755)

    def asked(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.is_file() else []
        return [question for what, question in map(json.loads, lines) if what == "asked"]

    def kill_after(self, count: int) -> None:
        """Kill the server started last once so many questions have come."""
        until = time.monotonic() + 60
        while len(self.asked()) < count and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(int(self.pids.read_text().split()[-1]), signal.SIGKILL)


def test_a_run_ends_with_the_log_of_its_last_server_when_no_restart_is_left_and_the_next_resumes(
    tmp_path: Path,
) -> None:
    count, concurrency = 40, 4
    file, vllm = catalog(tmp_path, conversations(count)), Managed(tmp_path / "venv")
    config = settings(concurrency=concurrency, server=Server(model="m", python=vllm.python, gpus=("0",), restarts=1))
    job = Running(tmp_path, file, config)
    vllm.kill_after(8)
    vllm.kill_after(20)  # it is started again once
    job.wait()  # not for server.start_seconds, half an hour
    assert isinstance(job.error, ChildProcessError)
    assert re.search(r"engine core failed: 0\n.*guard: the server ended.*0 restarts left", str(job.error), re.DOTALL)
    report = run(tmp_path, file, config)
    assert (report.records, report.asked + report.resumed) == (2 * count, count)
    assert report.resumed >= 20 - 2 * concurrency
    assert paid_twice(vllm.asked()).total() <= 2 * concurrency


def test_the_work_of_a_managed_server_that_ended_for_good_is_done_by_the_others(tmp_path: Path) -> None:
    count, concurrency = 60, 3
    file, vllm = catalog(tmp_path, conversations(count)), Managed(tmp_path / "venv")
    server = Server(model="m", python=vllm.python, gpus=("0", "1"), restarts=0)
    job = Running(tmp_path, file, settings(concurrency=concurrency, server=server))
    vllm.kill_after(10)
    job.wait()
    assert (job.error, job.report.unanswered, job.report.records) == (None, 0, 2 * count)
    assert paid_twice(vllm.asked()).total() <= concurrency


def test_kill_dash_nine_of_a_gate_worker_ends_the_run_and_the_next_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.synthesise.select.SHARD", 10)
    monkeypatch.setattr("curation.synthesise.select.BATCH", 10)
    file, killed = catalog(tmp_path, conversations(40)), threading.Event()

    def kill() -> None:
        while not (children := multiprocessing.active_children()):
            time.sleep(0.01)
        os.kill(children[0].pid or 0, signal.SIGKILL)
        killed.set()

    with serve(adds) as server:
        threading.Thread(target=kill, daemon=True).start()
        with pytest.raises(ChildProcessError, match="Run again"):
            run(tmp_path, file, settings(server.url), workers=2)
        assert killed.is_set()
        report = run(tmp_path, file, settings(server.url), workers=2)
        assert len(server.asked) == 40
    assert (report.asked, report.resumed, report.records) == (0, 40, 80)
    assert len(list((tmp_path / "records/traces-tiny-model").glob("part-*-of-00004.parquet"))) == 4


def test_a_prompt_that_kills_the_server_costs_only_itself_also_over_reruns(tmp_path: Path) -> None:
    poison: list[Turn] = [("user", "What is 7 + 14, with poison?"), ("assistant", "#### 21")]
    file = catalog(tmp_path, [*conversations(30), poison])
    with process(tmp_path / "server", 0.02) as server:
        quick = settings(server.url, concurrency=4, patience=0.5)
        for _ in range(6):
            job = Running(tmp_path, file, quick)
            job.wait()
            if job.error is None:
                break
            server.child.wait()
            server.start()
            server.wait()
        assert job.error is None
        assert (job.report.records, job.report.unanswered, job.report.reasons["request_rejected"]) == (60, 0, 1)
        assert server.asked().count(poison[0][1]) == 3
        assert paid_twice([q for q in server.asked() if q != poison[0][1]]).total() <= 2 * 3
        assert run(tmp_path, file, quick).asked == 0


def test_servers_may_come_late_as_files_of_a_folder(tmp_path: Path) -> None:
    file, folder = catalog(tmp_path, conversations(5)), tmp_path / "servers"
    folder.mkdir()
    with serve(adds) as server:
        job = Running(tmp_path, file, settings(str(folder), patience=30.0))
        time.sleep(0.5)
        (folder / "0.url").write_text(server.url + "\n")
        job.wait()
    assert job.report.records == 10


def test_a_torn_or_damaged_line_of_the_journal_is_asked_again(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(4))
    with serve(adds) as server:
        run(tmp_path, file, settings(server.url))
        journal = tmp_path / "synthesis/traces-tiny-model/journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join([lines[0], b"\x00" * 40 + b"\n", *lines[2:]])[:-20])
        (tmp_path / "records/traces-tiny-model/manifest.json").unlink()
        report = run(tmp_path, file, settings(server.url))
        assert (report.asked, report.resumed, report.records) == (2, 2, 8)


def test_a_second_run_of_the_same_source_is_kept_out_while_the_first_is_under_way(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(1))
    with (
        Journal(tmp_path / "synthesis/traces-tiny-model/journal.jsonl"),
        pytest.raises(BlockingIOError, match="in use"),
    ):
        run(tmp_path, file, settings(NOBODY))


def test_an_answer_is_on_disk_within_seconds_even_when_none_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = threading.Event()
    real = os.fsync

    def fsync(file: int) -> None:
        real(file)
        synced.set()

    monkeypatch.setattr(os, "fsync", fsync)
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.add("0" * 32, {"text": "seven"})
        assert (tmp_path / "journal.jsonl").read_bytes().endswith(b"\n")
        assert synced.wait(30)


def test_a_journal_finds_its_lines_by_key_and_the_last_one_of_a_key_counts(tmp_path: Path) -> None:
    keys = [f"{n:032x}" for n in (7, 3 << 70, 5 << 100)]
    with Journal(tmp_path / "journal.jsonl") as journal:
        assert journal.find(keys).tolist() == [-1, -1, -1]
        for number, key in enumerate([*keys[:2], keys[0]]):
            journal.add(key, number)
        journal.cut(keys[2])
        found = journal.find([*keys, ""])
        assert (found >= 0).tolist() == [True, True, False, False]
        assert read(journal.path, keys, found[:3]) == [2, 1, None]
    with Journal(tmp_path / "journal.jsonl") as again:
        assert (again.find(keys) == found[:3]).all()
        assert (len(again), again.cuts[keys[2]]) == (3, 1)
