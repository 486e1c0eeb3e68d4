"""Synthesis against a real HTTP server that speaks the protocol, with faults where a test wants them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import shards
from curation.record import RECORD, Turn, content_hash, ids, prompt_group, record_id
from curation.synthesise import Settings, run, select
from curation.synthesise.gate import gate, text_reason
from curation.synthesise.prompt import load, messages

Answer = Callable[[str, int], tuple[int, Any]]  # question, how often it was asked → status, body (or choices' texts)


@dataclass
class Server:
    """What a test knows of its server."""

    url: str
    asked: list[str] = field(default_factory=list)  # the last user turn of every request, as it came
    bodies: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def serve(answer: Answer) -> Iterator[Server]:
    """Serve /v1/models and /v1/chat/completions until the test is over."""
    server = Server("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply(200, {"data": [{"id": "tiny/model"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            question = body["messages"][-1]["content"]
            server.asked.append(question)
            server.bodies.append(body)
            status, said = answer(question, server.asked.count(question))
            if isinstance(said, list):
                choices = [
                    {"message": {"content": t}, "finish_reason": "length" if t.endswith("…") else "stop"} for t in said
                ]
                said = {"choices": choices, "usage": {"prompt_tokens": 50, "completion_tokens": 10 * len(said)}}
            self.reply(status, said)

        def reply(self, status: int, body: object) -> None:
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    server.url = f"http://127.0.0.1:{httpd.server_port}/v1"
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def adds(question: str, _: int) -> tuple[int, list[str]]:
    """Solve "a + b" rightly twice, wrongly once, and run out of tokens once."""
    a, b = (int(n) for n in re.findall(r"\d+", question)[:2])
    good = (
        f"We are given {a} and {b} and asked for the sum.\nPlan: add them up.\nSolve: {a} + {b} = {a + b}\n#### {a + b}"
    )
    return 200, [good, good.replace(f"#### {a + b}", f"#### {a + b + 1}"), good + " ", "We are given…"]


def conversations(count: int) -> list[list[Turn]]:
    """Single-turn additions with a reference answer."""
    return [
        [("user", f"What is {i} + {2 * i}?"), ("assistant", f"{i} plus {2 * i}\n#### {3 * i}")]
        for i in range(1, count + 1)
    ]


def catalog(root: Path, turns: list[list[Turn]], skill: str = "math") -> Path:
    """Write a catalog with the views a selection reads, over one shard of records."""
    hashes = [content_hash(t) for t in turns]
    columns = {
        "id": ids([record_id("sums", str(n), h) for n, h in enumerate(hashes)]), "content_hash": ids(list(hashes)),
        "prompt_group": [prompt_group(t) for t in turns],
        "source": ["sums"] * len(turns), "source_id": [str(n) for n in range(len(turns))], "licence": ["MIT"] * len(turns),
        "turns": [[{"role": r, "content": c} for r, c in t] for t in turns], "parent_id": ids([None] * len(turns)),
        "meta": ["{}"] * len(turns),
    }  # fmt: skip
    path = root / "records" / "sums" / "part-00000-of-00001.parquet"
    shards.write_shard(path, pa.table(columns, schema=RECORD), "k")
    shards.finish(path.parent, "ingest", "sums", "k")
    file = root / "corpus.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"CREATE VIEW records AS SELECT * FROM read_parquet('{path}')")
        connection.execute("CREATE VIEW kept AS SELECT id, true AS keep FROM records")
        connection.execute(f"CREATE VIEW skill AS SELECT id, '{skill}' AS skill, ['{skill}'] AS skills FROM records")
        connection.execute("CREATE VIEW language AS SELECT id, 'en' AS lang FROM records")
    return file


def settings(url: str, **more: Any) -> Settings:
    """Return settings that never wait long."""
    return Settings(endpoints=(url,), model="tiny/model", backoff=0.01, timeout=20.0, retries=2, **more)


def test_accepted_traces_become_records_and_every_sample_keeps_its_reason(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(5))
    with serve(adds) as server:
        report = run(tmp_path, file, settings(server.url))
    assert (report.selected, report.asked, report.records, report.samples, report.accepted) == (5, 5, 5, 20, 10)
    assert report.reasons == {"not_equal_reference": 5, "truncated": 5}
    assert (report.prompt_tokens, report.output_tokens) == (5 * 50, 5 * 40)
    traces = next(shards.read_shards(tmp_path / "records" / "traces-tiny-model"))
    assert traces.schema.equals(RECORD)
    parents = pq.read_table(tmp_path / "records/sums/part-00000-of-00001.parquet")
    assert set(traces["parent_id"].to_pylist()) == set(parents["id"].to_pylist())
    question = {
        str(i): t[0]["content"] for i, t in zip(parents["id"].to_pylist(), parents["turns"].to_pylist(), strict=True)
    }
    for trace in traces.to_pylist():
        assert trace["turns"][0] == {"role": "user", "content": question[str(trace["parent_id"])]}
        assert [t["role"] for t in trace["turns"]] == ["user", "assistant"]
        meta = json.loads(trace["meta"])
        assert meta["verified"] is True
        assert meta["agreement"] == 0.5
        assert meta["prompt_hash"] == load(None).hash
    samples = pq.read_table(tmp_path / "synthesis/traces-tiny-model/samples.parquet")
    assert samples.num_rows == 20
    assert set(traces["id"].to_pylist()) < set(samples["id"].to_pylist())
    assert sum(samples["output_tokens"].to_pylist()) == 200


def test_a_second_run_asks_nothing_and_writes_the_same_bytes(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(4))
    with serve(adds) as server:
        run(tmp_path, file, settings(server.url))
        path = tmp_path / "records/traces-tiny-model/part-00000-of-00001.parquet"
        before, count = path.read_bytes(), len(server.asked)
        assert run(tmp_path, file, settings(server.url)).asked == 0
        (path.parent / "manifest.json").unlink()
        again = run(tmp_path, file, settings(server.url))
        assert (again.asked, again.resumed, len(server.asked)) == (0, 4, count)
        assert path.read_bytes() == before


def test_other_sampling_parameters_ask_again_but_a_stricter_gate_does_not(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(3))
    with serve(adds) as server:
        run(tmp_path, file, settings(server.url))
        strict = run(tmp_path, file, settings(server.url, min_chars=5_000))
        assert (strict.asked, strict.records, strict.reasons["too_short"]) == (0, 0, 9)
        assert run(tmp_path, file, settings(server.url, temperature=0.1)).asked == 3


def test_faults_are_retried_and_a_refused_prompt_costs_only_itself(tmp_path: Path) -> None:
    def faulty(question: str, times: int) -> tuple[int, Any]:
        if "What is 1 " in question and times == 1:
            return 500, "oops"
        if "What is 2 " in question and times == 1:
            return 200, "<html>garbage"
        if "What is 3 " in question:
            return 400, {"error": {"message": "maximum context length exceeded"}}
        if "What is 4 " in question and times == 1:
            return 200, {"choices": []}
        return adds(question, times)

    file = catalog(tmp_path, conversations(6))
    with serve(faulty) as server:
        report = run(tmp_path, file, settings(server.url))
        assert len(server.asked) == 6 + 3
        assert (report.records, report.unanswered, report.reasons["request_rejected"]) == (5, 0, 1)
        (tmp_path / "records/traces-tiny-model/manifest.json").unlink()
        assert run(tmp_path, file, settings(server.url)).asked == 0


def test_a_record_nobody_answers_is_named_and_asked_again_by_the_next_run(tmp_path: Path) -> None:
    down = [True]

    def stubborn(question: str, times: int) -> tuple[int, Any]:
        return (503, "busy") if down[0] and "What is 2 " in question else adds(question, times)

    file = catalog(tmp_path, conversations(3))
    with serve(stubborn) as server:
        first = run(tmp_path, file, settings(server.url))
        assert (first.unanswered, first.reasons["unanswered"], first.records) == (1, 1, 2)
        down[0] = False
        server.asked.clear()
        second = run(tmp_path, file, settings(server.url))
        assert (second.asked, second.records, second.unanswered) == (1, 3, 0)
        assert server.asked == ["What is 2 + 4?"]


def test_kill_dash_nine_loses_only_what_was_under_way(tmp_path: Path) -> None:
    count, concurrency = 60, 4

    def slow(question: str, times: int) -> tuple[int, Any]:
        time.sleep(0.05)
        return adds(question, times)

    file = catalog(tmp_path, conversations(count))
    with serve(slow) as server:
        config = settings(server.url, concurrency=concurrency)
        script = (
            "import sys; from pathlib import Path; from curation.synthesise import Settings, run;"
            "run(Path(sys.argv[1]), Path(sys.argv[2]), Settings.model_validate_json(sys.argv[3]))"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        command = [sys.executable, "-c", script, str(tmp_path), str(file), config.model_dump_json()]
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as child:
            while len(server.asked) < count // 2 and child.poll() is None:
                time.sleep(0.01)
            child.send_signal(signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
        time.sleep(0.3)  # requests that the server still works on
        before = list(server.asked)
        report = run(tmp_path, file, config)
        again = [q for q in server.asked[len(before) :] if q in before]
        assert len(again) <= concurrency
        assert report.resumed >= len(before) - concurrency
        assert report.asked == count - report.resumed
        assert set(server.asked) == {t[0][1] for t in conversations(count)}


def test_a_torn_last_line_of_the_journal_is_asked_again(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(3))
    with serve(adds) as server:
        run(tmp_path, file, settings(server.url))
        journal = tmp_path / "synthesis/traces-tiny-model/journal.jsonl"
        journal.write_bytes(journal.read_bytes()[:-20])
        (tmp_path / "records/traces-tiny-model/manifest.json").unlink()
        report = run(tmp_path, file, settings(server.url))
        assert (report.asked, report.resumed, report.records) == (1, 2, 3)


def test_an_unreachable_endpoint_is_named_and_a_dead_one_beside_a_live_one_is_dropped(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(2))
    nobody = "http://127.0.0.1:9/v1"
    with pytest.raises(ConnectionError, match=re.escape(nobody)) as caught:
        run(tmp_path, file, settings(nobody))
    assert "vllm serve" in str(caught.value)
    with serve(adds) as server:
        both = settings(server.url).model_copy(update={"endpoints": (nobody, server.url)})
        assert run(tmp_path, file, both).records == 2
        with pytest.raises(ValueError, match="serves 'tiny/model'"):
            run(tmp_path, file, settings(server.url).model_copy(update={"model": "other", "name": "x"}))


def test_an_endpoint_that_dies_under_way_keeps_what_it_answered(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(3))
    with serve(adds) as server:
        run(tmp_path, file, settings(server.url, limit=2))
    with pytest.raises(ConnectionError):
        run(tmp_path, file, settings(server.url))
    with serve(adds) as other:
        assert run(tmp_path, file, settings(other.url)).asked == 1


def test_history_and_system_turn_are_sent_unchanged_after_the_instruction(tmp_path: Path) -> None:
    history: list[Turn] = [
        ("system", "You are terse."), ("user", "What is 1 + 1?"), ("assistant", "2"), ("user", "And  what is 5 + 6 ?\n"),
    ]  # fmt: skip
    file = catalog(tmp_path, [[*history, ("assistant", "#### 11")]])
    with serve(adds) as server:
        run(tmp_path, file, settings(server.url))
    sent = server.bodies[0]["messages"]
    assert sent[0] == {"role": "system", "content": load(None).texts["en"] + "\n\nYou are terse."}
    assert [(m["role"], m["content"]) for m in sent[1:]] == history[1:]
    trace = next(shards.read_shards(tmp_path / "records/traces-tiny-model")).to_pylist()[0]
    assert [(t["role"], t["content"]) for t in trace["turns"][:-1]] == history
    assert server.bodies[0]["n"] == 4
    assert 0 <= server.bodies[0]["seed"] < 2**31


def test_selection_is_sql_and_takes_only_records_whose_reference_can_be_told(tmp_path: Path) -> None:
    turns = [
        *conversations(3),
        [("user", "Tell me a story"), ("assistant", "Once upon a time there was a fox who went out.")],
    ]
    file = catalog(tmp_path, turns)
    assert select(file, Settings(model="m").where).num_rows == 3
    assert select(file, "keep", need_reference=False).num_rows == 4
    assert select(file, "keep", 2).num_rows == 2
    assert select(file, "turns[1].content LIKE '%2 + 4%'").num_rows == 1
    with pytest.raises(ValueError, match="no_such_column"):
        select(file, "no_such_column = 1")
    with pytest.raises(ValueError, match="one SQL predicate"):
        select(file, "true); SELECT (1")
    secret = tmp_path.parent / "outside.txt"
    secret.write_text("x")
    with pytest.raises(ValueError, match="outside"):
        select(file, f"(SELECT count(*) FROM read_text('{secret}')) > 0")


GOOD_EN = "We are given three numbers and asked for the total of them.\n#### 6"
REASONS = [
    (GOOD_EN, "stop", "en", None),
    (GOOD_EN, "length", "en", "truncated"),
    (GOOD_EN, "content_filter", "en", "finish_reason"),
    ("#### 6", "stop", "en", "too_short"),
    (GOOD_EN * 400, "stop", "en", "too_long"),
    ("题目给出三个数，要求它们的总和，先相加再检查。\n#### 6", "stop", "zh", None),
    ("题目给出三个数，要求它们的总和，先相加再检查。\n#### 6", "stop", "en", "wrong_language"),
    (GOOD_EN, "stop", "zh", "wrong_language"),
    ("与えられた三つの数を足し合わせると答えは六になります。\n#### 6", "stop", "zh", "wrong_language"),
    ("I'm sorry, but I cannot solve this problem for you.\n#### 6", "stop", "en", "refusal"),
    ("作为一个人工智能语言模型，我不能做这道题目，请见谅。\n#### 6", "stop", "zh", "refusal"),
    ("The reference answer must be six, so the total is six.\n#### 6", "stop", "en", "meta_text"),
    ("We add the numbers again.\n" * 6 + "#### 6", "stop", "en", "loop"),
    ("再把三个数加起来看一看" * 60 + "\n#### 6", "stop", "zh", "loop"),
]


@pytest.mark.parametrize(("text", "finish", "language", "reason"), REASONS)
def test_a_text_is_rejected_for_the_first_reason_that_holds(
    text: str, finish: str, language: str, reason: str | None
) -> None:
    assert text_reason(text, finish, language, Settings(model="m")) == reason


def never(reference: str, answer: str) -> bool | None:
    """Time out on every pair."""
    return None


def test_answers_are_judged_against_the_reference_or_by_majority() -> None:
    body = "We are given some numbers and we add them carefully.\n"
    config = Settings(model="m")
    samples = [(f"{body}#### {a}", "stop") for a in ("6", "six", "7")] + [(body, "stop")]
    known = gate(samples, "6.0", "en", config, never)
    assert [v.reason for v in known] == [None, None, "not_equal_reference", "answer_unparsed"]
    assert [v.verified for v in known] == [True, True, False, False]
    unknown = gate([*samples[:3], samples[0]], None, "en", config, never)
    assert [v.accepted for v in unknown] == [True, True, False, True]
    assert [v.agreement for v in unknown] == [0.75, 0.75, 0.25, 0.75]
    assert not any(v.verified for v in unknown)
    assert gate(samples[:1], None, "en", config, never)[0].reason == "no_majority"
    slow = gate([(f"{body}#### x^2+1", "stop")], "x(x)+1", "en", config, never)
    assert slow[0].reason == "verify_timeout"


def test_a_prompt_folder_without_a_language_is_refused(tmp_path: Path) -> None:
    (tmp_path / "en.txt").write_text("Think.", encoding="utf-8")
    with pytest.raises(ValueError, match=r"zh\.txt"):
        load(tmp_path)
    (tmp_path / "zh.txt").write_text("想一想。", encoding="utf-8")
    assert load(tmp_path).hash != load(None).hash
    assert messages([("user", "hi")], "Think.")[0]["content"] == "Think."
