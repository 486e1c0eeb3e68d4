"""Scores by a model: survivors only, once, resumable, in the catalog, and no judge runs again for them."""

from __future__ import annotations

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest

from curation import scores
from flows import cli, curate
from flows.config import load

ALONE, GIVEN = -2.0, -1.0  # log-probability of a token without and with a question before it
TEMPLATE = 3  # tokens


@dataclass
class Model:
    """A server that takes every character for a token; `down` names answers it does not answer for."""

    url: str = ""
    scored: list[str] = field(default_factory=list)
    down: set[str] = field(default_factory=set)


def reply(model: Model, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Answer as vLLM does: /tokenize of messages or of a prompt, completions that echo log-probabilities."""
    if path == "/tokenize":
        text = "".join(m["content"] for m in body["messages"]) if "messages" in body else body["prompt"]
        return 200, {"tokens": [*([1] * TEMPLATE if "messages" in body else []), *map(ord, text)]}
    assert (path, body["echo"], body["max_tokens"], body["logprobs"]) == ("/v1/completions", True, 0, 0)
    both, alone = body["prompt"]
    answer = "".join(map(chr, alone))
    if answer in model.down:
        return 500, {"error": "down"}
    model.scored.append(answer)
    n = len(both) - len(alone)
    logs = [[None, *[-5.0] * (n - 1), *[GIVEN] * len(alone)], [None, *[ALONE] * (len(alone) - 1)]]
    return 200, {"choices": [{"index": i, "logprobs": {"token_logprobs": logs[i]}} for i in (1, 0)]}


@contextmanager
def serve() -> Iterator[Model]:
    """Serve one model until the test is over."""
    model = Model()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.say(200, {"data": [{"id": "tiny", "owned_by": "vllm"}], "version": "1"})

        def do_POST(self) -> None:
            self.say(*reply(model, self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def say(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    model.url = f"http://127.0.0.1:{httpd.server_port}/v1"
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield model
    finally:
        httpd.shutdown()
        httpd.server_close()


def answers(count: int) -> list[str]:
    return [f"The capital of country number {n} is a town of {n * 7} people near the river." for n in range(count)]


@pytest.fixture
def raw(tmp_path: Path) -> list[str]:
    """The keys of a corpus of twelve records, two of them copies."""
    texts = answers(10)
    rows = [{"instruction": f"Tell me about country {n}", "input": "", "output": t} for n, t in enumerate(texts)]
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.json").write_text(json.dumps([*rows, rows[0], rows[1]]), encoding="utf-8")
    return [f"root={tmp_path / 'corpus'}", f"sources={tmp_path / 'raw'}", "workers=1"]


@pytest.fixture
def score(raw: list[str]) -> Callable[..., Counter[str]]:
    """A function that does what the flow does, without Prefect; returns what was scored."""

    def run(*pairs: str) -> Counter[str]:
        config = load(None, [*raw, *pairs], None)
        for work in (curate.ingest_sources, curate.compare_records, curate.judge_shards, curate.build_catalog):
            work(config)
        counts = (
            scores.run(config.root, config.root / "corpus.duckdb", config.scores)
            if config.scores.wanted
            else Counter[str]()
        )
        curate.build_catalog(config)
        return counts

    return run


def ask(tmp_path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(tmp_path / "corpus/corpus.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_survivors_are_scored_once_and_the_policy_may_cut_by_it(tmp_path: Path, raw: list[str], prefect: None) -> None:
    with serve() as model:
        keys = [*raw, f"scores.endpoints={model.url}", "scores.model=tiny"]
        assert cli.main(["curate", *keys]) == 0
        assert sorted(model.scored) == sorted(answers(10))  # none twice, no copy
        query = "SELECT ppl, ppl_alone, ifd, n_tokens, n_prompt, note FROM scores JOIN kept USING (id) WHERE kept.keep"
        rows = ask(tmp_path, query)
        assert len(rows) == 10
        for ppl, alone, ifd, n_tokens, n_prompt, note in rows:
            assert (ppl, alone, ifd) == pytest.approx((math.exp(1), math.exp(2), math.exp(-1)), rel=1e-6)
            assert 60 < n_tokens < 100
            assert n_prompt == TEMPLATE + len("Tell me about country 1")
            assert note is None
        left = "SELECT note, count(*) FROM scores JOIN kept USING (id) WHERE NOT kept.keep GROUP BY note"
        assert ask(tmp_path, left) == [("not_asked", 2)]
        assert curate.pending(load(None, keys, None)) == []
        assert (
            cli.main(["curate", *raw, "scores.model=tiny", "policy.max_ifd=0.3"]) == 1
        )  # a stage that drops all is stopped
        assert len(model.scored) == 10
    assert ask(tmp_path, "SELECT reason, count(*) FROM kept WHERE stage = 'scores' GROUP BY reason") == [
        ("high_ifd", 10)
    ]
    assert ask(tmp_path, "SELECT records_in, dropped, kept FROM funnel WHERE stage = 'scores'") == [(10, 10, 0)]


def test_without_endpoints_nothing_is_scored_and_more_survivors_are_scored_later(
    tmp_path: Path, score: Callable[..., Counter[str]]
) -> None:
    score()
    assert ask(tmp_path, "SELECT count(*) FROM scores") == [(0,)]
    assert "scores" not in {row[0] for row in ask(tmp_path, "SELECT stage FROM funnel")}
    with serve() as model:
        keys = (f"scores.endpoints={model.url}", "scores.model=tiny")
        assert score(*keys, "scores.limit=4") == {"scored": 4}
        assert score(*keys, "scores.where=quality_n_chars > 1000000") == {}
        assert score(*keys) == {"scored": 6}
        assert len(model.scored) == len(set(model.scored)) == 10
        assert ask(tmp_path, "SELECT count(ifd) FROM scores") == [(10,)]
        with pytest.raises(ValueError, match="no_such_column"):
            score(*keys, "scores.where=no_such_column = 1")


def test_what_nobody_answered_is_named_and_asked_again_and_a_long_answer_is_not_asked_at_all(
    tmp_path: Path, score: Callable[..., Counter[str]]
) -> None:
    with serve() as model:
        keys = (f"scores.endpoints={model.url}", "scores.model=tiny", "scores.backoff=0.01", "scores.retries=1")
        model.down = {answers(10)[3]}
        assert score(*keys) == {"scored": 9, "unanswered": 1}
        model.down = set()
        assert score(*keys) == {"scored": 1}
        for path in (tmp_path / "corpus/verdicts/scores/a.json").iterdir():
            path.unlink()
        assert score(*keys) == {"scored": 10}  # written again from the journal
        assert len(model.scored) == len(set(model.scored)) == 10
        assert score(*keys, "scores.max_tokens=50") == {"too_long": 10}
        assert len(model.scored) == 10
    assert ask(tmp_path, "SELECT min(n_tokens) > 50, max(ifd) FROM scores WHERE note = 'too_long'") == [(True, None)]
