"""Takes the replies of a run into the journal, and shows how it goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from loguru import logger
from tqdm import tqdm

from curation.client import Question
from curation.journal import Journal
from curation.server import reach
from curation.synthesise.reply import Reply, read
from curation.synthesise.settings import Settings


class Answers:
    """The sink of one run: what is answered or refused is journalled before it counts."""

    def __init__(self, journal: Journal, settings: Settings, selected: int) -> None:
        self.journal, self.settings, self.selected = journal, settings, selected
        self.answered = self.resumed = self.unanswered = self.tokens = 0
        self._began = time.monotonic()
        self._bar: tqdm[Any] | None = None

    def ask(self, questions: Iterator[Question]) -> None:
        """Ask, where there is anything to ask: an endpoint is needed only then."""
        from curation.client.fleet import ask

        first = next(questions, None)
        if first is None:
            return
        self._began = time.monotonic()
        total = self.selected if not self.answered else None  # of those asked with a hint the number is not known
        with tqdm(
            total=total, initial=self.resumed, desc=self.settings.source, unit=" prompts", mininterval=0.5, dynamic_ncols=True
        ) as self._bar:  # fmt: skip
            settings, folder = self.settings, self.journal.path.parent / "server"
            with reach(settings.endpoints, settings.server, settings.model, folder) as (reached, ended):
                self._began = time.monotonic()  # loading a model is not asking
                asyncio.run(ask(_joined(first, questions), settings.model_copy(update=reached), self, read, ended))

    def known(self, count: int) -> None:
        """Count prompts that an earlier run has the answer to."""
        self.resumed += count
        if self._bar is not None:
            self._bar.update(count)

    def done(self, key: str, value: Reply) -> None:
        """Take a reply."""
        self.journal.add(key, asdict(value))
        self.answered += 1
        self.tokens += value.output_tokens
        self._shown()

    def refused(self, key: str, error: str) -> None:
        """Take a complaint: no endpoint will ever accept this request."""
        logger.warning(f"refused for good: {error}")
        self.journal.add(key, asdict(Reply((), error=error)))
        self.answered += 1
        self._shown()

    def failed(self, key: str, error: str) -> None:
        """Take note that all attempts failed; the next run asks again."""
        logger.warning(f"no answer after {self.settings.retries + 1} attempts ({key}): {error}")
        self.unanswered += 1
        self._shown()

    def cut(self, key: str) -> None:
        """Take note that an endpoint died while it had this question."""
        self.journal.cut(key)

    def _shown(self) -> None:
        if self._bar is not None:
            rate = self.tokens / max(time.monotonic() - self._began, 1e-3)
            self._bar.set_postfix_str(f"{rate:,.0f} tokens/s", refresh=False)
            self._bar.update()


def _joined(first: Question, rest: Iterator[Question]) -> Iterator[Question]:
    yield first
    yield from rest
