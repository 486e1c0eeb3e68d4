"""Gates the answered prompts shard by shard, in as many processes as there are: samples and traces, one shard of each.

A pure function of the prompts and the journal: it may be killed and run again at any time, and asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from curation import journal, shards
from curation.engine import here
from curation.journal import Journal
from curation.synthesise import reply
from curation.synthesise.equal.symbolic import Symbolic
from curation.synthesise.prompt import Prompts, question
from curation.synthesise.settings import Settings
from curation.synthesise.traces import Answered, Row, make


@dataclass(frozen=True)
class Unit:
    """One shard of prompts, and where its samples and its records go."""

    prompts: Path
    rows: int
    samples: Path
    records: Path
    key: str
    journal: Path
    offsets: tuple[Any, Any]  # of the replies in the journal, int64: as first asked, and with a hint
    instructions: Prompts
    settings: Settings
    judged: dict[tuple[bytes, int], str]  # id and turn → the answer that the model says equals the reference


def accept(units: list[Unit], workers: int) -> None:
    """Gate every unit; raises ChildProcessError where a worker was killed: what was answered is not asked again."""
    workers, total = min(workers, len(units)), sum(unit.rows for unit in units)
    with tqdm(total=total, desc="gate", unit=" prompts", mininterval=0.5, dynamic_ncols=True) as bar:
        for rows in map(gate_shard, units) if workers == 1 else here(units, gate_shard, workers):
            bar.update(rows)


def gate_shard(unit: Unit) -> int:
    """Write the samples and the records of one shard of prompts; returns its prompts."""
    rows = list(read_prompts(unit.prompts))
    replies = [
        journal.read(unit.journal, _keys(rows, unit, hint=hint), offsets)
        for hint, offsets in zip((False, True), unit.offsets, strict=True)
    ]
    answered = (
        Answered(row, reply.restored(first), reply.restored(second), unit.judged.get((row["id"], row["turn"])))
        for row, first, second in zip(rows, *replies, strict=True)
    )
    with Symbolic(unit.settings.verify_seconds) as symbolic:
        made = make(answered, unit.instructions, unit.settings, symbolic)
    shards.write_shard(unit.samples, made.samples, unit.key)
    shards.write_shard(unit.records, made.records, unit.key)
    return unit.rows


def _keys(rows: list[Row], unit: Unit, *, hint: bool) -> list[str]:
    return [key(row, unit.instructions, unit.settings, hint=hint) for row in rows]


def key(row: Row, prompts: Prompts, settings: Settings, *, hint: bool) -> str:
    """Return the key of a prompt in the journal, empty where it cannot be asked: no hint without a reference."""
    if hint and (not settings.hint or row["reference"] is None):
        return ""
    return question(row, prompts, settings, hint=hint).key


def read_prompts(path: Path) -> Iterator[Row]:
    """Yield the prompts of a shard as rows, their ids as bytes."""
    table = shards.read_shard(path)
    plain = table.set_column(0, "id", table["id"].cast(pa.binary(16)))
    for batch in plain.to_batches(max_chunksize=256):
        yield from batch.to_pylist()


def offsets(rows: list[Row], known: Journal, prompts: Prompts, settings: Settings) -> tuple[Any, Any]:
    """Return where the journal holds the replies to some prompts, -1 where it has none: as first asked, and with a hint."""
    if not len(known):
        return known.find([""] * len(rows)), known.find([""] * len(rows))
    found = [known.find([key(row, prompts, settings, hint=hint) for row in rows]) for hint in (False, True)]
    return found[0], found[1]
