"""The least OpenAI-compatible server: any request is answered after a delay with the same reply of n samples.

    python -m benchmarks.scripts.endpoint_stub SECONDS       prints its port, then serves until it is terminated

It parses no JSON, so that what is measured is the client; `"n":1` in a request is looked for, since some peers ask so.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

SAMPLE = (
    "The question gives the number of boxes and what each of them holds, and asks for the total number of items in the store.\n"
    "Plan: multiply the boxes by the items in a box, then add what lay there before.\n"
    + "".join(f"Step {n}: carry the {n} over and note the partial sum of row {n * 7}.\n" for n in range(1, 13))
    + "Together this makes 42 items, which fits what was asked.\n#### "
)
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
MODELS = json.dumps({"data": [{"id": "stub", "owned_by": "stub"}]}).encode()


def reply(samples: int) -> bytes:
    """Return a whole HTTP response: of n samples the last is wrong."""
    answers = ["42"] * max(1, samples - 1) + ["41"] * (samples > 1)
    choices = [
        {"index": i, "message": {"role": "assistant", "content": SAMPLE + a}, "finish_reason": "stop"}
        for i, a in enumerate(answers)
    ]
    usage = {"prompt_tokens": 320, "completion_tokens": 300 * samples, "total_tokens": 320 + 300 * samples}
    return response(json.dumps({"id": "x", "object": "chat.completion", "created": 0, "model": "stub", "choices": choices, "usage": usage}).encode())  # fmt: skip


def response(body: bytes) -> bytes:
    """Return the body as an HTTP response."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


FOUR, ONE, LIST = reply(4), reply(1), response(MODELS)


class Connection(asyncio.Protocol):
    """One connection; requests on it come one after the other."""

    def __init__(self, delay: float) -> None:
        self.delay, self.buffer, self.closes = delay, b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in the buffer."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self.buffer, 0, end)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self.buffer) < whole:
                return
            request, self.buffer = self.buffer[:whole], self.buffer[whole:]
            self.closes = b"Connection: close" in request[:end]  # datatrove opens a connection for each request
            if request.startswith(b"GET"):
                self.write(LIST)
            else:
                one = b'"n":1,' in request or b'"n": 1,' in request
                asyncio.get_running_loop().call_later(self.delay, self.write, ONE if one else FOUR)

    def write(self, data: bytes) -> None:
        """Send a response where somebody still waits for it."""
        if isinstance(self.transport, asyncio.WriteTransport) and not self.transport.is_closing():
            self.transport.write(data)
            if self.closes:
                self.transport.close()


async def main() -> None:
    """Serve."""
    delay = float(sys.argv[1])
    server = await asyncio.get_running_loop().create_server(lambda: Connection(delay), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - who started it reads the port
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
