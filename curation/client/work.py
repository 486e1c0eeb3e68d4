"""The work of a run: questions not asked yet, questions to ask again, and suspects, which are asked last and alone."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

SUSPECT = 2  # deaths of an endpoint that a question was under way at, from which on it is asked alone
GUILTY = 3  # deaths from which on it is not asked again: the last of them it met alone


@dataclass(frozen=True)
class Question:
    """One request. `body` is everything but the model; `cuts` counts the deaths it met in earlier runs."""

    key: str
    body: dict[str, Any]
    path: str = "chat/completions"
    cuts: int = 0


@dataclass
class Job:
    """A question under way or waiting: how often it failed, and how many endpoints died while they had it."""

    question: Question
    cuts: int
    attempts: int = 0


class Work:
    """Hands out jobs to whoever has room; bounded, since a question is made only when one is taken."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self._fresh = iter(questions)
        self._exhausted = False
        self._again: list[tuple[float, int, Job]] = []  # a heap by the time from which on it may be asked
        self._suspects: deque[Job] = deque()
        self._under_way = 0
        self._number = count()
        self._stir = asyncio.Event()
        self.finished = asyncio.Event()

    async def take(self, idle: Callable[[], bool]) -> Job | None:
        """Return a job once there is one for an endpoint, None when all work is done.

        A suspect is asked when nothing but suspects is left, and of an endpoint that is `idle`.
        """
        loop = asyncio.get_running_loop()
        while not self.finished.is_set():
            job = self._next(loop.time(), idle)
            if job is not None:
                self._under_way += 1
                return job
            self._settle()
            if self.finished.is_set():
                break
            stir = self._stir
            wait = max(0.01, self._again[0][0] - loop.time()) if self._again else None
            try:
                async with asyncio.timeout(wait):
                    await stir.wait()
            except TimeoutError:
                continue
        return None

    def _next(self, now: float, idle: Callable[[], bool]) -> Job | None:
        if self._again and self._again[0][0] <= now:
            return heapq.heappop(self._again)[2]
        while not self._exhausted:
            question = next(self._fresh, None)
            if question is None:
                self._exhausted = True
            elif question.cuts >= SUSPECT:
                self._suspects.append(Job(question, question.cuts))
            else:
                return Job(question, question.cuts)
        if self._suspects and not self._again and idle():
            return self._suspects.popleft()
        return None

    def done(self) -> None:
        """Note that a job has come to its end, answered or not."""
        self._under_way -= 1
        self._settle()

    def again(self, job: Job, wait: float = 0.0) -> None:
        """Take a job back, to be asked again in `wait` seconds, or last and alone where it is a suspect."""
        self._under_way -= 1
        if job.cuts >= SUSPECT:
            self._suspects.append(job)
        else:
            heapq.heappush(self._again, (asyncio.get_running_loop().time() + wait, next(self._number), job))
        self._wake()

    def _settle(self) -> None:
        if self._exhausted and not self._again and not self._under_way:
            if not self._suspects:
                self.finished.set()
            self._wake()

    def _wake(self) -> None:
        self._stir.set()
        self._stir = asyncio.Event()
