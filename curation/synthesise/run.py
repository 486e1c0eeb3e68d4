"""Runs a synthesis: select, ask what the journal lacks, gate, write the samples, the traces and the report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from loguru import logger
from pydantic import BaseModel, ConfigDict, ValidationError

from curation import shards
from curation.client import Question
from curation.identity import code, digest
from curation.journal import Journal
from curation.synthesise import judge
from curation.synthesise.accept import Unit, accept, offsets, read_prompts
from curation.synthesise.account import Account, Projection, account, project, told
from curation.synthesise.answers import Answers
from curation.synthesise.prompt import Prompts, load, question
from curation.synthesise.report import examples, page
from curation.synthesise.select import select
from curation.synthesise.settings import Settings

JOURNAL = "journal.jsonl"
STAGE = "synthesise"
ASKING = frozenset(
    {"endpoints", "server", "api_key_env", "concurrency", "timeout", "retries", "backoff", "health_seconds", "patience"}
    | {"where", "turns", "limit", "prompts", "gpus", "gpu_tokens_per_second", "gpu_hour_price", "expected_tokens"}
)


class Report(BaseModel):
    """What a run did. The account covers the whole source; asked, seconds and tokens_per_second this run only."""

    model_config = ConfigDict(frozen=True)
    source: str
    selected: int  # prompts
    asked: int  # requests answered, hinted ones included
    resumed: int  # answered by an earlier run
    unanswered: int  # every attempt failed; the next run asks them again
    records: int  # traces written
    samples: int
    accepted: int
    reasons: dict[str, int]
    prompt_tokens: int
    output_tokens: int
    seconds: float
    tokens_per_second: float  # of output
    gpu_hours: float  # of all runs: the time in which answers came, times synthesise.gpus
    cost: float
    projected: Projection  # before this run
    account: Account


def plan(root: Path, catalog: Path, settings: Settings) -> Projection:
    """Return what a run would cost; asks nothing, writes nothing that stays."""
    own, scratch = root / "synthesis" / settings.source / JOURNAL, _work(root, settings) / "plan"
    try:
        select(catalog, settings, scratch)
        with Journal(own if own.is_file() else scratch / JOURNAL) as journal:
            return project(shards.shard_paths(scratch), journal, load(settings.prompts), settings)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def run(root: Path, catalog: Path, settings: Settings, workers: int = 1) -> Report:
    """Write records/<source>/ and synthesis/<source>/; does nothing where both are finished under the same key.

    Raises ConnectionError where no endpoint answers, ChildProcessError where no server of ours is left; what was answered until
    then is kept.
    """
    own, instructions = root / "synthesis" / settings.source, load(settings.prompts, hint=settings.hint)
    with Journal(own / JOURNAL) as journal:  # first: it keeps other runs of this source out
        prompts = _work(root, settings) / "prompts"
        selected = select(catalog, settings, prompts)
        job = _Job(
            own, root / "records" / settings.source, shards.shard_paths(prompts), settings, instructions, journal,
            _key(selected, instructions, settings), workers,
        )  # fmt: skip
        if (report := job.finished()) is None:
            report = job.do(selected.rows)
    shutil.rmtree(prompts)
    return report


def _work(root: Path, settings: Settings) -> Path:
    return root / "work" / STAGE / settings.source


def _key(selected: shards.Manifest, instructions: Prompts, settings: Settings) -> str:
    """Return the identity of what a run over these prompts writes. Where it is asked, and how fast, is no part of it."""
    config = settings.model_dump(mode="json", exclude=set(ASKING))
    hashes = instructions.hint_hash if settings.hint else instructions.hash
    asked = judge.instructions(settings.prompts) if settings.judge else {}
    return digest(STAGE, config, hashes, asked, code("curation.synthesise.run"), selected.output)


@dataclass(frozen=True)
class _Job:
    """One run over selected prompts."""

    own: Path
    records: Path
    prompts: list[Path]
    settings: Settings
    instructions: Prompts
    journal: Journal
    key: str
    workers: int

    @property
    def samples(self) -> Path:
        """The folder of the samples."""
        return self.own / "samples"

    def finished(self) -> Report | None:
        """Return the report of an earlier run that left nothing to do."""
        if not (shards.is_done(self.records, self.key) and shards.is_done(self.samples, self.key)):
            return None
        try:
            report = Report.model_validate_json((self.own / "report.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        idle: dict[str, Any] = {"asked": 0, "resumed": report.selected, "seconds": 0.0, "tokens_per_second": 0.0}
        return None if report.unanswered else report.model_copy(update=idle)

    def do(self, selected: int) -> Report:
        """Ask, gate, and ask again with a hint where that is wanted."""
        projected = project(self.prompts, self.journal, self.instructions, self.settings)
        logger.info(told(projected))
        began = time.monotonic()
        answers = Answers(self.journal, self.settings, selected)
        answers.ask(self._missing(answers))
        seconds = time.monotonic() - began
        judged: list[judge.Agreed] = [{} for _ in self.prompts]
        self._accept(judged)
        if self.settings.judge:
            began = time.monotonic()
            answers.ask(judge.doubts(self._pairs(), self.journal, self.settings))
            seconds += time.monotonic() - began
            judged = judge.agreed(self._pairs(), self.journal, self.settings)
            self._accept(judged)
        if self.settings.hint:
            began = time.monotonic()
            answers.ask(self._hints())
            seconds += time.monotonic() - began
            self._accept(judged)
        return self._finish(projected, answers, seconds)

    def _missing(self, answers: Answers) -> Iterator[Question]:
        """Yield what the journal has no answer to."""
        for path in self.prompts:
            asked = [question(row, self.instructions, self.settings) for row in read_prompts(path)]
            found = self.journal.find([one.key for one in asked]).tolist()
            answers.known(sum(offset >= 0 for offset in found))
            yield from (self._with_cuts(one) for one, offset in zip(asked, found, strict=True) if offset < 0)

    def _with_cuts(self, asked: Question) -> Question:
        cuts = self.journal.cuts.get(asked.key, 0)
        return replace(asked, cuts=cuts) if cuts else asked

    def _hints(self) -> Iterator[Question]:
        """Yield, with their reference answer, the prompts none of whose samples was accepted."""
        for path, samples in self._pairs():
            gated = shards.read_shard(samples, ["parent_id", "turn", "accepted", "method"]).to_pylist()
            asked = {(s["parent_id"].bytes, s["turn"]) for s in gated}
            asked -= {(s["parent_id"].bytes, s["turn"]) for s in gated if s["accepted"]}
            rows = [row for row in read_prompts(path) if (row["id"], row["turn"]) in asked]
            first, second = offsets(rows, self.journal, self.instructions, self.settings)
            for row, answered, again in zip(rows, first.tolist(), second.tolist(), strict=True):
                if answered >= 0 and again < 0 and row["reference"] is not None:
                    yield self._with_cuts(question(row, self.instructions, self.settings, hint=True))

    def _pairs(self) -> list[tuple[Path, Path]]:
        """Return each shard of prompts with that of its samples."""
        return list(zip(self.prompts, shards.shard_paths(self.samples), strict=True))

    def _accept(self, judged: list[judge.Agreed]) -> None:
        """Gate every prompt under what the journal holds now, and what the model was found to agree with."""
        for folder in (self.samples, self.records):
            (folder / shards.MANIFEST).unlink(missing_ok=True)
        accept([self._unit(number, path, judged[number]) for number, path in enumerate(self.prompts)], self.workers)
        shards.finish(self.samples, STAGE, self.settings.source, self.key)

    def _unit(self, number: int, path: Path, judged: judge.Agreed) -> Unit:
        rows = list(read_prompts(path))
        part = f"part-{number:05d}-of-{len(self.prompts):05d}.parquet"
        return Unit(
            path, len(rows), self.samples / part, self.records / part, self.key, self.journal.path,
            offsets(rows, self.journal, self.instructions, self.settings), self.instructions, self.settings, judged,
        )  # fmt: skip

    def _finish(self, projected: Projection, answers: Answers, seconds: float) -> Report:
        counted = account(self.samples)
        gpu_hours = self.settings.gpus * self.journal.seconds / 3600
        facts: dict[str, int | float | str] = {"samples": counted.total.samples, "accepted": counted.total.accepted}
        facts |= {f"rejected.{reason}": number for reason, number in counted.reasons.items()}
        facts |= {"model": self.settings.model, "prompt_hash": self.instructions.hash}
        written = shards.finish(self.records, STAGE, self.settings.source, self.key, facts)
        report = Report(
            source=self.settings.source, selected=projected.prompts, asked=answers.answered, resumed=answers.resumed,
            unanswered=answers.unanswered, records=written.rows, reasons=counted.reasons,
            **counted.total.model_dump(), seconds=seconds, tokens_per_second=answers.tokens / seconds if seconds else 0.0,
            gpu_hours=gpu_hours, cost=gpu_hours * self.settings.gpu_hour_price, projected=projected, account=counted,
        )  # fmt: skip
        shards.write_atomic(self.own / "report.html", page(report, examples(self.samples, self.records)).encode())
        shards.write_atomic(self.own / "report.json", orjson.dumps(report.model_dump(), option=orjson.OPT_INDENT_2))
        return report
