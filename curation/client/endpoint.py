"""One OpenAI-compatible server: what it serves, whether it is well, and one request to it."""

from __future__ import annotations

import asyncio
import resource
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

HEALTH_TIMEOUT = 10.0  # seconds for one health check
TEXT_LIMIT = 300  # characters of a server's complaint that are kept
FILES = 65_536  # open files wanted: 1,000 endpoints at 64 requests each
BODY_LIMIT = 64 << 20  # bytes of a reply; a longer one is garbage
RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
MISFIT_STATUS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
CUT = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError)
HTTP = (aiohttp.ClientError, TimeoutError, OSError)


class Misfit(ValueError):  # noqa: N818 - says what does not fit
    """The server refuses the key, or does not serve the model: the configuration is wrong, not the server's health."""


class Failed(Exception):  # noqa: N818 - of one attempt; the question is asked again
    """An attempt failed; `wait` is what the server asks to be left alone for, in seconds."""

    def __init__(self, problem: str, wait: float = 0.0) -> None:
        super().__init__(problem)
        self.wait = wait


class Refused(Exception):  # noqa: N818 - of one question; it is not asked again
    """The server will never accept this request: it is too long, say."""


@dataclass(eq=False)
class Endpoint:
    """A server and how it fares. `said` is its last complaint, `server` its name and version where it tells them."""

    url: str
    session: aiohttp.ClientSession
    alive: bool = False
    checked: float = 0.0  # monotonic time at which the last health check began
    lost: bool = False  # refused the key or the model under way, or ended for good: not asked again in this run
    missed: int = 0  # health checks in a row
    answered: float = 0.0  # monotonic time of its last reply
    under_way: int = 0
    failures: int = 0  # in a row
    said: str = ""
    server: str = ""
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def check(self, model: str, tolerated: int = 0) -> bool:
        """Ask for the list of models and say whether the server counts as well; raises Misfit where it does not serve ours.

        `tolerated` checks in a row may fail before it does not: a busy server may be slow to answer.
        """
        self.checked = time.monotonic()
        try:
            status, data = await self._get(self._place("models"))
            if status in RETRY_STATUS:
                return self._missed(f"HTTP {status} of /models", tolerated)
            owner = "" if status == HTTPStatus.NOT_FOUND else self._owner(status, data, model)
            if not self.alive:
                self.server, self.failures = f"{owner} {await self._version()}".strip(), 0
        except HTTP as error:
            return self._missed(f"{type(error).__name__} {error}".strip(), tolerated)
        self.alive, self.missed = True, 0
        return True

    def _missed(self, said: str, tolerated: int) -> bool:
        self.missed += 1
        if self.missed > tolerated:
            self.alive, self.said = False, said
        return self.alive

    async def _get(self, url: str) -> tuple[int, bytes]:
        async with self.session.get(url, timeout=aiohttp.ClientTimeout(total=HEALTH_TIMEOUT)) as response:
            return response.status, await response.content.read(BODY_LIMIT)

    def _owner(self, status: int, data: bytes, model: str) -> str:
        """Return who made the server (vllm, say), from its list of models."""
        if status in MISFIT_STATUS:
            raise Misfit(f"{self.url} refuses the key (HTTP {status}); set the variable synthesise.api_key_env names")
        try:
            served = {str(m["id"]): str(m.get("owned_by") or "") for m in orjson.loads(data)["data"]}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misfit(
                f"{self.url}/models is no OpenAI-compatible list of models ({error}); does the URL end in /v1?"
            ) from error
        if model not in served:
            raise Misfit(
                f"{self.url} does not serve {model!r}; it serves {', '.join(map(repr, served))}: set synthesise.model"
            )
        return served[model]

    async def _version(self) -> str:
        """Return the version that vLLM and others tell at /version, beside /v1; empty where there is none."""
        status, data = await self._get(self._place("/version"))
        if status != HTTPStatus.OK:
            return ""
        try:
            told = orjson.loads(data)
        except orjson.JSONDecodeError:
            return ""
        return str(told.get("version", ""))[:TEXT_LIMIT] if isinstance(told, dict) else ""

    async def post(self, path: str, body: dict[str, Any]) -> bytes:
        """Send one request, to a path below /v1 or, where it begins with /, below the server's root.

        Returns the body of the reply; raises Failed, Refused, Misfit, or what aiohttp raises for a broken connection.
        """
        async with self.session.post(self._place(path), data=orjson.dumps(body)) as response:
            data = await self._body(response)
        if response.status < HTTPStatus.BAD_REQUEST:
            return data
        problem = f"{self.url}: HTTP {response.status} {data[:TEXT_LIMIT].decode(errors='replace')}"
        if response.status in RETRY_STATUS:
            after = response.headers.get("Retry-After", "")
            raise Failed(problem, float(after) if after.isdecimal() else 0.0)
        raise Misfit(problem) if response.status in MISFIT_STATUS else Refused(problem)

    def _place(self, path: str) -> str:
        return f"{self.url.removesuffix('/v1')}{path}" if path.startswith("/") else f"{self.url}/{path}"

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if response.content_length is not None and response.content_length <= BODY_LIMIT:
            return await response.read()
        data = bytearray()
        async for chunk in response.content.iter_chunked(1 << 16):
            data += chunk
            if len(data) > BODY_LIMIT:
                raise Failed(f"{self.url}: a reply of more than {BODY_LIMIT >> 20} MiB")
        return bytes(data)


def make_room() -> None:
    """Raise this process's soft limit of open files: each request under way is a connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
