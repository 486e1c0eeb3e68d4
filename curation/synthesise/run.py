"""Runs a synthesis: select, ask what the journal lacks, gate, write the samples and the traces."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from curation import shards
from curation.identity import code, digest
from curation.record import RECORD, id_bytes
from curation.synthesise.client import Question, ask
from curation.synthesise.equal.symbolic import Symbolic
from curation.synthesise.journal import Journal, Reply
from curation.synthesise.prompt import Prompts, language, load, messages
from curation.synthesise.select import select, split
from curation.synthesise.settings import Settings
from curation.synthesise.traces import SAMPLES, Row, make

STAGE = "synthesise"
SHARD = 20_000  # prompts a shard
ASKING = frozenset(
    {"endpoints", "api_key_env", "concurrency", "timeout", "retries", "backoff", "where", "limit", "prompts"}
)


class Report(BaseModel):
    """What a run did. Tokens and samples cover the whole source; asked, seconds and tokens_per_second this run only."""

    model_config = ConfigDict(frozen=True)
    source: str
    selected: int
    asked: int
    resumed: int  # answered by an earlier run
    unanswered: int  # every attempt failed; the next run asks them again
    records: int  # traces written
    samples: int
    accepted: int
    reasons: dict[str, int]
    prompt_tokens: int
    output_tokens: int
    seconds: float
    tokens_per_second: float


def key(selected: pa.Table, settings: Settings) -> str:
    """Return the identity of what a run over these records writes. Where it is asked, and how fast, is no part of it."""
    config = settings.model_dump(mode="json", exclude=set(ASKING))
    chosen = digest(id_bytes(selected["id"]).tobytes().hex())
    return digest(STAGE, config, load(settings.prompts).hash, code("curation.synthesise.run"), chosen)


def run(root: Path, catalog: Path, settings: Settings) -> Report:
    """Write records/<source>/ and synthesis/<source>/; does nothing where both are finished under the same key.

    Raises ConnectionError where no endpoint answers; what was answered until then is kept.
    """
    selected = select(catalog, settings.where, settings.limit, need_reference=settings.need_reference)
    if not selected.num_rows:
        raise ValueError(f"synthesise.where selects no record with a usable question in {catalog}: {settings.where!r}")
    prompts = load(settings.prompts)
    run_key = key(selected, settings)
    output, own = root / "records" / settings.source, root / "synthesis" / settings.source
    if shards.is_done(output, run_key) and (own / "report.json").is_file():
        report = Report.model_validate_json((own / "report.json").read_bytes())
        if not report.unanswered:
            return report.model_copy(
                update={"asked": 0, "resumed": report.selected, "seconds": 0.0, "tokens_per_second": 0.0}
            )
    with Journal(own / "journal.jsonl") as journal:
        asked = _ask_missing(selected, prompts, settings, journal)
        report = Report(source=settings.source, **asked, **_write(root, selected, prompts, settings, journal, run_key))
    shards.write_atomic(own / "report.json", orjson.dumps(report.model_dump(), option=orjson.OPT_INDENT_2))
    return report


def _ask_missing(selected: pa.Table, prompts: Prompts, settings: Settings, journal: Journal) -> dict[str, Any]:
    count = Counter[str]()
    started = time.monotonic()
    missing = sum(question.key not in journal for question in _questions(selected, prompts, settings))
    resumed = selected.num_rows - missing
    with tqdm(
        total=selected.num_rows,
        initial=resumed,
        desc=settings.source,
        unit=" records",
        mininterval=0.5,
        dynamic_ncols=True,
    ) as bar:

        def done(reply: Reply) -> None:
            journal.add(reply)
            count["asked"] += 1
            count["tokens"] += reply.output_tokens
            bar.set_postfix_str(
                f"{count['tokens'] / max(time.monotonic() - started, 1e-3):,.0f} tokens/s", refresh=False
            )
            bar.update()

        def failed(_: str) -> None:
            count["unanswered"] += 1
            bar.update()

        if missing:
            todo = (q for q in _questions(selected, prompts, settings) if q.key not in journal)
            asyncio.run(ask(todo, settings, done, failed))
    seconds = time.monotonic() - started
    return {
        "selected": selected.num_rows, "resumed": resumed, "asked": count["asked"], "unanswered": count["unanswered"],
        "seconds": seconds, "tokens_per_second": count["tokens"] / seconds if seconds else 0.0,
    }  # fmt: skip


def _questions(selected: pa.Table, prompts: Prompts, settings: Settings) -> Iterator[Question]:
    for row in _rows(selected):
        yield _question(row, prompts, settings)


def _rows(selected: pa.Table) -> Iterator[Row]:
    for batch in selected.to_batches(max_chunksize=1024):
        table = pa.Table.from_batches([batch])
        plain = table.set_column(0, "id", table["id"].cast(pa.binary(16)))
        yield from plain.to_pylist()


def _question(row: Row, prompts: Prompts, settings: Settings) -> Question:
    history, _ = split([(t["role"], t["content"]) for t in row["turns"]])
    body = messages(history, prompts.texts[language(history[-1][1], row["lang"])])
    seed = (int.from_bytes(row["id"][:8], "big") + settings.seed) % (1 << 31)
    return Question(digest(body, settings.model, settings.sampling, seed), body, seed)


def _write(
    root: Path, selected: pa.Table, prompts: Prompts, settings: Settings, journal: Journal, run_key: str
) -> dict[str, Any]:
    """Write the samples, the records and their manifest; returns what was counted."""
    output, samples = root / "records" / settings.source, root / "synthesis" / settings.source / "samples.parquet"
    temp = samples.with_name(f".samples.{os.getpid()}.tmp")
    count, reasons = Counter[str](), Counter[str]()

    def tables(writer: pq.ParquetWriter, symbolic: Symbolic) -> Iterator[pa.Table]:
        for start in range(0, selected.num_rows, SHARD):
            rows = tqdm(
                _rows(selected.slice(start, SHARD)),
                desc="gate",
                unit=" records",
                total=min(SHARD, selected.num_rows - start),
            )
            answered = ((row, journal.get(_question(row, prompts, settings).key)) for row in rows)
            made = make(answered, prompts, settings, symbolic)
            writer.write_table(made.samples)
            reasons.update(r for r in made.samples["reason"].to_pylist() if r is not None)
            count.update(_totals(made.samples))
            yield made.records

    try:
        with (
            pq.ParquetWriter(temp, SAMPLES, compression="zstd") as writer,
            Symbolic(settings.verify_seconds) as symbolic,
        ):
            records = shards.write_tables(output, run_key, tables(writer, symbolic), RECORD)
        temp.replace(samples)
    finally:
        temp.unlink(missing_ok=True)
    facts: dict[str, int | float | str] = {"samples": count["samples"], "accepted": count["accepted"]}
    facts |= {f"rejected.{reason}": number for reason, number in sorted(reasons.items())}
    shards.finish(
        output, STAGE, settings.source, run_key, facts | {"model": settings.model, "prompt_hash": prompts.hash}
    )
    return {"records": records, "reasons": dict(sorted(reasons.items())), **count}


def _totals(samples: pa.Table) -> dict[str, int]:
    first = samples.filter(pc.equal(samples["sample"], 0))  # the prompt is paid for once a record
    return {
        "samples": samples.num_rows,
        "accepted": pc.sum(samples["accepted"]).as_py() or 0,
        "prompt_tokens": pc.sum(first["prompt_tokens"]).as_py() or 0,
        "output_tokens": pc.sum(samples["output_tokens"]).as_py() or 0,
    }
