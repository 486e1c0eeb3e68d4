"""A real HTTP server that speaks the OpenAI protocol, with faults where a test wants them, and a corpus to ask it about."""

from __future__ import annotations

import json
import re
import socket
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

from curation import shards
from curation.record import RECORD, Turn, content_hash, ids, prompt_group, record_id
from curation.synthesise import Settings

MODEL = "tiny/model"
Answer = Callable[[str, int], tuple[int, Any]]  # question, how often it was asked → status, body (or choices' texts)


@dataclass
class Server:
    """What a test knows of its server."""

    url: str
    asked: list[str] = field(default_factory=list)  # the last user turn of every request, as it came
    bodies: list[dict[str, Any]] = field(default_factory=list)


class Hang:
    """Said by an answer: never answer."""


class Cut:
    """Said by an answer: promise a body, send half of it, and close the connection."""


def handler(server: Server, answer: Answer, log: Path | None = None) -> type[BaseHTTPRequestHandler]:
    """Return what handles the requests of a server; `log` gets a line as a request comes and one when it is answered."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/version":
                self.reply(200, {"version": "0.32.0"})
            else:
                self.reply(200, {"data": [{"id": MODEL, "owned_by": "vllm"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            question = body["messages"][-1]["content"]
            server.asked.append(question)
            server.bodies.append(body)
            self.note("asked", question)
            status, said = answer(question, server.asked.count(question))
            if isinstance(said, Hang):
                time.sleep(600)
            if isinstance(said, list):
                choices = [
                    {"message": {"content": t}, "finish_reason": "length" if t.endswith("…") else "stop"} for t in said
                ]
                said = {"choices": choices, "usage": {"prompt_tokens": 50, "completion_tokens": 10 * len(said)}}
            self.note("answered", question)
            self.reply(status, said)

        def note(self, what: str, question: str) -> None:
            if log is not None:
                with log.open("a") as lines:
                    lines.write(json.dumps([what, question]) + "\n")

        def reply(self, status: int, body: object) -> None:
            data = (
                body.encode() if isinstance(body, str) else b"" if isinstance(body, Cut) else json.dumps(body).encode()
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(data) or 1000))
            self.end_headers()
            self.wfile.write(data or b'{"choices": [')
            self.close_connection = not data

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away."""


@contextmanager
def serve(answer: Answer, port: int = 0) -> Iterator[Server]:
    """Serve /v1/models and /v1/chat/completions until the test is over; then no connection is left open."""
    server = Server("")
    httpd = _Http(("127.0.0.1", port), handler(server, answer))
    open_ones: list[socket.socket] = []
    accept = httpd.get_request

    def get_request() -> tuple[socket.socket, Any]:
        connection, address = accept()
        open_ones.append(connection)
        return connection, address

    httpd.get_request = get_request  # type: ignore[method-assign]
    server.url = f"http://127.0.0.1:{httpd.server_port}/v1"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        for connection in open_ones:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has gone already
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
        "id": ids([record_id("sums", str(n), h) for n, h in enumerate(hashes)]), "content_hash": ids(list(hashes)), "prompt_group": [prompt_group(t) for t in turns],
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


def settings(*urls: str, **more: Any) -> Settings:
    """Return settings that never wait long."""
    quick: dict[str, Any] = {"backoff": 0.01, "timeout": 20.0, "retries": 2, "health_seconds": 0.2, "patience": 1.0}
    return Settings(endpoints=urls, model=MODEL, **(quick | more))


def main() -> None:
    """Serve "a + b" on a port, each answer after some seconds, with a request log; die of a question with `poison` in it."""
    port, seconds, log = int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])

    def slow(question: str, times: int) -> tuple[int, Any]:
        if "poison" in question:
            import os

            os._exit(9)
        time.sleep(seconds)
        return adds(question, times)

    _Http(("127.0.0.1", port), handler(Server(""), slow, log)).serve_forever()


if __name__ == "__main__":
    main()
