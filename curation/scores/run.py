"""Scores the survivors that have none yet: asks what the journal lacks, then writes a verdict for every record."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from loguru import logger
from tqdm import tqdm

from curation import journal as journals
from curation import shards
from curation.client import Question
from curation.identity import code, digest
from curation.journal import Journal
from curation.judge import VERDICT
from curation.record import Turn, id_bytes
from curation.scores.measure import Scores, first, key_of, noted, read
from curation.scores.settings import Settings
from curation.server import reach

STAGE = "scores"
ATTRIBUTES = [
    ("ppl", pa.float32()),  # of the last answer, given the conversation before it
    ("ppl_alone", pa.float32()),  # of the last answer without its first token, given nothing
    ("ifd", pa.float32()),  # perplexity without the first token, given the question ÷ alone
    ("n_tokens", pa.int32()),  # of the answer, in the scoring model's tokens
    ("n_prompt", pa.int32()),  # of what stands before it, template included
    ("note", pa.string()),  # why there are no scores; null where there are
]
SCHEMA = pa.schema([*VERDICT, *ATTRIBUTES])
OPEN = ("not_asked", "unanswered")  # notes of records that a later run may still score
_SURVIVORS = """
SELECT id, source, scores_note FROM cut
WHERE coalesce(exact_drop, fuzzy_drop, language_drop, quality_drop, skill_drop, decontaminate_drop, tokens_drop) IS NULL
  AND ({where})
"""


def key(settings: Settings, records: shards.Manifest) -> str:
    """Return the identity of one source's scores: which records have some yet is no part of it."""
    return digest(STAGE, settings.model, settings.max_tokens, code("curation.scores.run"), records.output)


def missing(catalog: Path, settings: Settings) -> dict[str, np.ndarray]:
    """Return source → sorted ids (V16) of the survivors wanted that have no scores and no reason for it yet.

    The catalog must be up to date. Raises ValueError for a predicate that DuckDB refuses.
    """
    query = _SURVIVORS.format(where=settings.where)
    if settings.limit is not None:
        query = f"SELECT * FROM ({query}) ORDER BY id LIMIT {settings.limit}"
    with duckdb.connect(str(catalog), read_only=True) as con:
        con.execute("SET arrow_lossless_conversion = true")
        try:
            if len(con.extract_statements(query)) != 1:
                raise ValueError(f"scores.where must be one SQL predicate, got {settings.where!r}")
            wanted = con.sql(
                f"SELECT source, id FROM ({query}) WHERE scores_note IN {OPEN} OR id IN (SELECT id FROM cut WHERE scores_keep IS NULL)"
                " ORDER BY source, id"
            ).to_arrow_table()
        except duckdb.Error as error:
            raise ValueError(f"scores.where is no predicate over the view cut: {settings.where!r}: {error}") from error
    ids, sources = id_bytes(wanted["id"]), wanted["source"].combine_chunks()
    ends = pa.compute.run_end_encode(sources)
    names = ends.values.to_pylist()
    return dict(zip(names, np.split(ids, ends.run_ends.to_numpy()[:-1]), strict=True)) if names else {}


def run(root: Path, catalog: Path, settings: Settings) -> Counter[str]:
    """Write verdicts/scores/ of every source with survivors to score; returns how many were scored, and the notes.

    Raises ConnectionError where no endpoint answers; what was answered until then is kept.
    """
    wanted = missing(catalog, settings)
    count = Counter[str]()
    if not wanted:
        return count
    with Journal(root / STAGE / "journal.jsonl") as journal:
        parts = [part for source, ids in wanted.items() for part in _parts(root, source, ids, settings)]
        _ask(root, parts, settings, journal, sum(len(ids) for ids in wanted.values()))
        for source in wanted:
            folder = shards.folder(root, "verdicts", STAGE, source)
            own = [part for part in parts if part.source == source]
            (folder / shards.MANIFEST).unlink(missing_ok=True)
            for part in own:
                count.update(_write(part, folder, journal, settings))
            shards.finish(folder, STAGE, source, own[0].key)
    return count


@dataclass(frozen=True)
class _Part:
    """One shard of records: where it is, and which of its rows are to be scored (ids sorted, V16)."""

    source: str
    path: Path
    ids: np.ndarray
    key: str

    def rows(self) -> Iterator[tuple[int, list[Turn]]]:
        """Yield the number and the turns of each row to be scored."""
        table = shards.read_shard(self.path, ["id", "turns"])
        chosen = np.flatnonzero(np.isin(id_bytes(table["id"]).view("S16"), self.ids.view("S16")))
        for at in range(0, len(chosen), 1024):
            numbers = chosen[at : at + 1024]
            for number, turns in zip(numbers.tolist(), table["turns"].take(pa.array(numbers)).to_pylist(), strict=True):
                yield number, [(t["role"], t["content"]) for t in turns]


def _parts(root: Path, source: str, ids: np.ndarray, settings: Settings) -> list[_Part]:
    folder = shards.folder(root, "records", source)
    records = shards.finished(folder)
    return [_Part(source, folder / s.file, ids, key(settings, records)) for s in records.shards]


class _Answers:
    """Takes the replies into the journal."""

    def __init__(self, journal: Journal, bar: Any) -> None:
        self.journal, self.bar = journal, bar

    def done(self, key: str, value: Scores) -> None:
        """Take a conversation's scores."""
        self.journal.add(key, value)
        self.bar.update()

    def refused(self, key: str, error: str) -> None:
        """Note a conversation that no endpoint will ever accept."""
        logger.warning(f"refused for good: {error}")
        self.journal.add(key, noted("refused"))
        self.bar.update()

    def failed(self, key: str, error: str) -> None:
        """Leave it to the next run."""
        logger.warning(f"no answer ({key}): {error}")
        self.bar.update()

    def cut(self, key: str) -> None:
        """Note that an endpoint died while it had this conversation."""
        self.journal.cut(key)


def _ask(root: Path, parts: Sequence[_Part], settings: Settings, journal: Journal, total: int) -> None:
    """Ask for what the journal lacks; a server is started only where there is anything to ask."""
    from curation.client.fleet import ask

    questions = (question for part in parts for question in _questions(part, settings, journal))
    if (one := next(questions, None)) is None:
        return
    with tqdm(total=total, desc=STAGE, unit=" records", mininterval=0.5, dynamic_ncols=True) as bar:
        answers = _Answers(journal, bar)
        with reach(settings.endpoints, settings.server, settings.model, root / STAGE / "server") as (reached, ended):
            asyncio.run(ask(chain([one], questions), settings.model_copy(update=reached), answers, read, ended))


def _questions(part: _Part, settings: Settings, journal: Journal) -> Iterator[Question]:
    steps = [step for _, turns in part.rows() if not isinstance(step := _first(turns, settings), str)]
    known = journal.find([step.key for step in steps])
    yield from (step for step, offset in zip(steps, known.tolist(), strict=True) if offset < 0)


def _first(turns: list[Turn], settings: Settings) -> Question | str:
    return first(turns, settings.model, settings.max_tokens)


def _write(part: _Part, folder: Path, journal: Journal, settings: Settings) -> Counter[str]:
    """Write one shard's verdicts: the scores it had, and those of this run."""
    path = folder / part.path.name
    ids = shards.read_shard(part.path, ["id"])["id"]
    if shards.has_shard(path, part.key):
        rows = shards.read_shard(path, [name for name, _ in ATTRIBUTES]).to_pylist()
    else:
        rows = [noted("not_asked")] * len(ids)
    chosen = list(part.rows())
    notes = [step if isinstance(step := _first(turns, settings), str) else None for _, turns in chosen]
    keys = [key_of(turns, settings.model, settings.max_tokens) for _, turns in chosen]
    found = journals.read(journal.path, keys, journal.find(keys))
    count = Counter[str]()
    for (number, _), note, scores in zip(chosen, notes, found, strict=True):
        rows[number] = scores or noted(note or "unanswered")
        count[str(rows[number]["note"] or "scored")] += 1
    keep, reason = pa.repeat(pa.scalar(True), len(ids)), pa.nulls(len(ids), pa.string())
    columns = [pa.array([row[name] for row in rows], kind) for name, kind in ATTRIBUTES]
    shards.write_shard(path, pa.table([ids, keep, reason, *columns], schema=SCHEMA), part.key)
    return count
