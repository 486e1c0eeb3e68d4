"""Asks OpenAI-compatible endpoints: bounded concurrency, retries with jitter, dead endpoints dropped."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx
import orjson
from loguru import logger

from curation.synthesise.journal import Reply
from curation.synthesise.settings import Settings

DEATHS = 3  # connections refused in a row before an endpoint counts as dead
HEALTH_SECONDS = 10.0
MAX_WAIT = 60.0  # seconds between two attempts
RETRY_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
REFUSED_STATUS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
TEXT_LIMIT = 300  # characters of an endpoint's complaint that are kept


@dataclass(frozen=True)
class Question:
    """One record to ask."""

    key: str
    messages: list[dict[str, str]]
    seed: int


@dataclass
class Endpoint:
    """One server and how it fares."""

    url: str
    under_way: int = 0
    refused: int = 0
    said: str = ""
    alive: bool = field(default=True)


class Unanswered(Exception):  # noqa: N818 - not an error of the run: the record is asked again by the next one
    """All attempts at one record failed."""


async def ask(
    questions: Iterable[Question], settings: Settings, done: Callable[[Reply], None], failed: Callable[[str], None]
) -> None:
    """Ask every question and hand each reply to `done`, each record that got none to `failed`.

    Raises ConnectionError when no endpoint answers (at the start, or after the last one died) and ValueError when
    an endpoint does not serve the model.
    """
    token = os.environ.get(settings.api_key_env, "") or "none"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    context = ssl.create_default_context()  # made once: it costs more than a request

    def session() -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=settings.timeout, headers=headers, verify=context)

    endpoints = [Endpoint(url.rstrip("/")) for url in settings.endpoints]
    async with session() as client:
        await asyncio.gather(*(_check(client, e, settings.model) for e in endpoints))
    _alive(endpoints)
    queue = iter(questions)

    async def worker() -> None:
        async with session() as client:  # of its own: httpx walks its whole pool for every request
            for question in queue:  # shared: each question goes to one worker
                try:
                    done(await _answer(client, endpoints, question, settings))
                except Unanswered as error:
                    logger.warning(f"no answer after {settings.retries + 1} attempts: {error}")
                    failed(question.key)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(settings.concurrency):
                group.create_task(worker())
    except* ConnectionError as errors:
        raise ConnectionError(str(errors.exceptions[0])) from errors.exceptions[0]


async def _check(client: httpx.AsyncClient, endpoint: Endpoint, model: str) -> None:
    try:
        response = await client.get(f"{endpoint.url}/models", timeout=HEALTH_SECONDS)
        status, body = response.status_code, response.content
    except (httpx.HTTPError, TimeoutError) as error:
        endpoint.alive, endpoint.said = False, f"{type(error).__name__} {error}".strip()
        return
    if status in REFUSED_STATUS:
        raise ValueError(
            f"{endpoint.url} refuses the key (HTTP {status}); set the variable synthesise.api_key_env names"
        )
    if status != HTTPStatus.OK:
        return  # not every server lists its models
    try:
        served = [m["id"] for m in orjson.loads(body)["data"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{endpoint.url}/models is no OpenAI-compatible list of models ({error}); does the URL end in /v1?"
        ) from error
    if model not in served:
        raise ValueError(
            f"{endpoint.url} does not serve {model!r}; it serves {', '.join(map(repr, served))}: set synthesise.model"
        )


def _alive(endpoints: list[Endpoint]) -> list[Endpoint]:
    alive = [e for e in endpoints if e.alive]
    if not alive:
        said = "; ".join(f"{e.url} ({e.said})" for e in endpoints)
        raise ConnectionError(
            f"no endpoint answers: {said}. Start one (`vllm serve MODEL --port 8000`) or set synthesise.endpoints to a running "
            "server's /v1 URL, then run again: answers so far are kept"
        )
    return alive


async def _answer(
    client: httpx.AsyncClient, endpoints: list[Endpoint], question: Question, settings: Settings
) -> Reply:
    problem = ""
    for attempt in range(settings.retries + 1):
        endpoint = min(_alive(endpoints), key=lambda e: e.under_way)
        endpoint.under_way += 1
        try:
            async with asyncio.timeout(settings.timeout):  # httpx's own limits each read, and a server may trickle
                response = await client.post(f"{endpoint.url}/chat/completions", content=_body(question, settings))
            status, body = response.status_code, response.content
            endpoint.refused = 0
            if status < HTTPStatus.BAD_REQUEST:
                return _read(question.key, body, settings)
            problem = f"{endpoint.url}: HTTP {status} {body[:TEXT_LIMIT].decode(errors='replace')}"
            if status not in RETRY_STATUS:
                return _rejected(question.key, status, problem)
        except (httpx.HTTPError, TimeoutError) as error:  # late, refused and cut connections
            problem = f"{endpoint.url}: {type(error).__name__} {error}"
            _note(endpoint, error, problem)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            problem = f"{endpoint.url}: unreadable reply ({type(error).__name__}: {error})"
        finally:
            endpoint.under_way -= 1
        await asyncio.sleep(min(MAX_WAIT, settings.backoff * 2**attempt) * random.uniform(0.5, 1.5))  # noqa: S311
    raise Unanswered(problem)


def _note(endpoint: Endpoint, error: Exception, problem: str) -> None:
    if isinstance(error, httpx.ConnectError):
        endpoint.refused += 1
        if endpoint.refused >= DEATHS and endpoint.alive:
            endpoint.alive, endpoint.said = False, str(error)
            logger.warning(f"endpoint dropped after {DEATHS} refused connections: {problem}")


def _body(question: Question, settings: Settings) -> bytes:
    fields = {"model": settings.model, "messages": question.messages, **settings.sampling, "seed": question.seed}
    return orjson.dumps(fields)


def _rejected(key: str, status: int, problem: str) -> Reply:
    """Note a request that will never be accepted (too long, say). Keys and models are the run's fault, not its."""
    if status in REFUSED_STATUS or status == HTTPStatus.NOT_FOUND:
        raise ConnectionError(f"{problem}; check the URL (it ends in /v1), the key and the model")
    return Reply(key, (), 0, 0, problem)


def _read(key: str, data: bytes, settings: Settings) -> Reply:
    body = orjson.loads(data)
    choices = tuple((str(c["message"]["content"] or ""), str(c.get("finish_reason"))) for c in body["choices"])
    if not choices:
        raise ValueError("no choices")
    usage = body.get("usage") or {}
    prompt, output = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    return Reply(key, choices[: settings.samples], prompt, output)
