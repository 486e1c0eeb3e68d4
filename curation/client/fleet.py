"""Asks a fleet of endpoints: each pulls work as it has room, failed work is asked again, what dies is dropped.

An endpoint keeps `concurrency` slots. It is checked every `health_seconds`, and at once when a connection breaks; when it is
not well its slots end, their questions go back, and it is taken in again as soon as a check passes.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
from loguru import logger

from curation.client.contract import Connection, Read, Sink
from curation.client.endpoint import CUT, HTTP, Endpoint, Failed, Misfit, Refused, make_room
from curation.client.work import GUILTY, Job, Question, Work
from curation.server import Ended

MAX_WAIT = 30.0  # seconds between two attempts, before jitter
TOLERATED = 2  # health checks in a row that a server with work may miss
HOPELESS = 20  # questions in a row that no endpoint answered: after `patience` seconds of that a run ends


async def ask(questions: Iterable[Question], settings: Connection, sink: Sink, read: Read, ended: Ended = dict) -> None:
    """Ask every question and hand what becomes of it to `sink`.

    Raises ConnectionError when no endpoint answers (at the start, or for `patience` seconds), ChildProcessError when all have
    `ended` for good, and ValueError when an endpoint does not serve the model, or the first replies all are refusals.
    """
    make_room()
    token = os.environ.get(settings.api_key_env, "") or "none"
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=settings.timeout),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    ) as session:
        fleet = _Fleet(Work(questions), settings, sink, read, ended, session)
        await fleet.open()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fleet.grow(group))
        except* (ValueError, OSError) as errors:
            raise _first(errors) from None
        fleet.close()


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class _Fleet:
    """The endpoints at work on one run."""

    def __init__(
        self, work: Work, settings: Connection, sink: Sink, read: Read, ended: Ended, session: aiohttp.ClientSession
    ) -> None:
        self.work, self.settings, self.sink, self.read, self.session = work, settings, sink, read, session
        self.ended = ended
        self.endpoints: dict[str, Endpoint] = {}
        self.well = time.monotonic()  # when an endpoint was last known to be
        self.unanswered = 0  # since the last answer
        self.answered = self.well  # when the last answer came
        self.refusals: dict[str, str] | None = {}  # held back until an answer shows that the run as such is accepted

    async def open(self) -> None:
        """Check all endpoints for the first time."""
        found = self._find()
        await asyncio.gather(*(e.check(self.settings.model) for e in found))
        if found and not any(e.alive for e in found):
            raise ConnectionError(self._nobody())

    def close(self) -> None:
        """Note the refusals of a run that got no answer at all."""
        self._release()

    def _find(self) -> list[Endpoint]:
        """Return the endpoints not known yet, those of a folder's *.url files included."""
        new = []
        for given in self.settings.endpoints:
            folder = Path(given)
            files = sorted(folder.glob("*.url")) if "://" not in given and folder.is_dir() else None
            for url in [given] if files is None else [f.read_text(encoding="utf-8").strip() for f in files]:
                url = url.rstrip("/")  # noqa: PLW2901
                if url and url not in self.endpoints:
                    self.endpoints[url] = Endpoint(url, self.session)
                    new.append(self.endpoints[url])
        return new

    async def grow(self, group: asyncio.TaskGroup) -> None:
        """Serve every endpoint, also those that come later; ends with the work, or where nobody is left to do it."""
        tasks = [group.create_task(self._serve(e)) for e in self.endpoints.values()]
        while not await self._over(self.settings.health_seconds):
            new = self._find()
            tasks += [group.create_task(self._serve(e)) for e in new]
            self._give_up()
            now = time.monotonic()
            if any(e.alive for e in self.endpoints.values()):
                self.well = now
            elif now - self.well > self.settings.patience:
                raise ConnectionError(self._nobody())

    def _give_up(self) -> None:
        """Ask those no more that have ended for good; raises ChildProcessError, with the ends of their logs, where none is left."""
        ended = self.ended()
        for url in ended.keys() & self.endpoints.keys():
            endpoint = self.endpoints[url]
            if not endpoint.lost:
                endpoint.alive, endpoint.lost, endpoint.said = False, True, "ended for good"
                logger.error(f"{url} has ended for good and is asked no more; {ended[url]}")
        if ended and all(endpoint.lost for endpoint in self.endpoints.values()):
            last = "\n".join(f"{url}: {log}" for url, log in ended.items())
            raise ChildProcessError(
                f"no server is left, and answers so far are kept: run again when this is mended.\n{last}"
            )

    def _nobody(self) -> str:
        said = "; ".join(f"{e.url} ({e.said})" for e in self.endpoints.values()) or "none is configured or known yet"
        return (
            f"no endpoint answers: {said}. Start one (`vllm serve MODEL --port 8000`) or set synthesise.endpoints to a running "
            "server's /v1 URL, then run again: answers so far are kept"
        )

    async def _over(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.work.finished.wait()
        except TimeoutError:
            return False
        return True

    async def _serve(self, endpoint: Endpoint) -> None:
        """Keep an endpoint's slots at work while it is well; look for it now and then while it is not."""
        while not self.work.finished.is_set() and not endpoint.lost:
            if endpoint.alive:
                slots = [asyncio.create_task(self._slot(endpoint)) for _ in range(self.settings.concurrency)]
                try:
                    await self._watch(endpoint, slots)
                finally:
                    for slot in slots:
                        slot.cancel()
                    await asyncio.gather(*slots, return_exceptions=True)
                if not endpoint.alive and not self.work.finished.is_set():
                    logger.warning(f"endpoint dropped, its questions go back: {endpoint.url} ({endpoint.said})")
            elif await self._over(self.settings.health_seconds * random.uniform(0.5, 1)):  # noqa: S311
                return
            elif await self._check(endpoint):
                logger.info(f"endpoint is back: {endpoint.url} {endpoint.server}")

    async def _watch(self, endpoint: Endpoint, slots: list[asyncio.Task[None]]) -> None:
        """Wait until the endpoint is not well, or the work is done; raises what a slot raised."""
        while endpoint.alive:
            done, _ = await asyncio.wait(
                slots, timeout=self.settings.health_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for slot in done:
                slot.result()
            if done or self.work.finished.is_set():
                return  # a slot ends with the work, or with its endpoint
            if time.monotonic() - max(endpoint.checked, endpoint.answered) >= self.settings.health_seconds:
                await self._check(endpoint, TOLERATED)

    async def _check(self, endpoint: Endpoint, tolerated: int = 0) -> bool:
        try:
            return await endpoint.check(self.settings.model, tolerated)
        except Misfit as error:  # it may have been restarted with another model
            endpoint.alive, endpoint.said = False, str(error)
            return False

    async def _slot(self, endpoint: Endpoint) -> None:
        """Ask one question after another while the endpoint is well."""
        while endpoint.alive:
            job = await self.work.take(lambda: not endpoint.under_way)
            if job is None:
                return
            if not endpoint.alive:  # it died while this slot had nothing to do
                self.work.again(job)
                return
            endpoint.under_way += 1
            settled, blame = False, True  # a slot that is cancelled sits at an endpoint that died, or the run ends
            try:
                settled, blame = await self._ask(endpoint, job)
            finally:
                endpoint.under_way -= 1
                if not settled:
                    self._back(endpoint, job, blame)
            if endpoint.failures and endpoint.alive:
                await asyncio.sleep(self._pause(endpoint.failures - 1))

    async def _ask(self, endpoint: Endpoint, job: Job) -> tuple[bool, bool]:
        """Make one attempt. Returns whether it counts, and, where not, whether the endpoint may have died of the question."""
        try:
            value = await self._value(endpoint, job.question)
        except Refused as error:
            self._refuse(job, str(error))
        except Misfit as error:
            if self.refusals is not None:  # nobody has answered anything yet: the configuration is wrong
                raise ValueError(f"{error}; check the URL (it ends in /v1), the key and the model") from error
            endpoint.alive, endpoint.lost, endpoint.said = False, True, str(error)
            return False, False
        except aiohttp.ClientConnectorError as error:  # nobody listens there: the question was never sent
            endpoint.alive, endpoint.said = False, str(error)
            return False, False
        except HTTP as error:  # late, or broken
            if isinstance(error, CUT) and not await self._survived(endpoint):
                return False, True
            self._retry(endpoint, job, Failed(f"{endpoint.url}: {type(error).__name__} {error}".strip()))
        except Failed as error:
            self._retry(endpoint, job, error)
        else:
            self._answer(endpoint, job, value)
        return True, False

    async def _value(self, endpoint: Endpoint, question: Question) -> Any:
        """Send a question, and the ones that follow from its reply; returns what is read in the end."""
        value: Any = question
        while isinstance(value, Question):
            body = {"model": self.settings.model, **value.body}
            reply = await endpoint.post(value.path, body)
            try:
                value = self.read(value, reply, endpoint.server)
            except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
                raise Failed(f"{endpoint.url}: unreadable reply ({type(error).__name__}: {error})") from error
        return value

    async def _survived(self, endpoint: Endpoint) -> bool:
        """Say whether the endpoint is well after a connection broke; one check serves all that broke with it."""
        broke = time.monotonic()
        async with endpoint.checking:
            if endpoint.alive and endpoint.checked <= broke:
                await self._check(endpoint)
        return endpoint.alive

    def _answer(self, endpoint: Endpoint, job: Job, value: Any) -> None:
        endpoint.failures = 0
        endpoint.answered = self.answered = time.monotonic()
        self.unanswered = 0
        self._release()
        self.sink.done(job.question.key, value)
        self.work.done()

    def _refuse(self, job: Job, problem: str) -> None:
        """Note a request that no endpoint will ever accept; where all of them are, the run is at fault and ends."""
        if self.refusals is None:
            self.sink.refused(job.question.key, problem)
        else:
            self.refusals[job.question.key] = problem
            if len(self.refusals) >= HOPELESS:
                raise ValueError(f"the first {HOPELESS} requests were all refused, none is noted as refused: {problem}")
        self.work.done()

    def _release(self) -> None:
        for key, error in (self.refusals or {}).items():
            self.sink.refused(key, error)
        self.refusals = None

    def _retry(self, endpoint: Endpoint, job: Job, error: Failed) -> None:
        endpoint.failures += 1
        endpoint.said = str(error)
        job.attempts += 1
        if job.attempts <= self.settings.retries:
            self.work.again(job, max(error.wait, self._pause(job.attempts - 1)))
            return
        self.sink.failed(job.question.key, str(error))
        self.work.done()
        self.unanswered += 1
        silent = time.monotonic() - self.answered
        if self.unanswered >= HOPELESS and silent > self.settings.patience:
            raise ConnectionError(
                f"no endpoint has answered any of {self.unanswered} questions for {silent:,.0f} s; the last said: {error}. Answers so "
                "far are kept"
            )

    def _back(self, endpoint: Endpoint, job: Job, blame: bool) -> None:
        """Give a question back that its endpoint was dropped with: asked last and alone from the second death on."""
        if blame and not endpoint.alive:
            job.cuts += 1
            self.sink.cut(job.question.key)
            if job.cuts >= GUILTY:
                self.sink.refused(job.question.key, f"{job.cuts} endpoints died while they had it ({endpoint.said})")
                self.work.done()
                return
        self.work.again(job)

    def _pause(self, failures: int) -> float:
        return min(MAX_WAIT, self.settings.backoff * 2.0 ** min(failures, 10)) * random.uniform(0.5, 1.5)  # noqa: S311
