"""A source → records/<source>/ and quarantine/<source>/. The records' manifest comes last and alone means done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation import files, shards
from curation.engine import Engine, place
from curation.identity import code, digest, file_digest
from curation.ingest import hub
from curation.ingest.rows import Kept, Normalise, Quarantined, Rows
from curation.ingest.sources import Source
from curation.record import QUARANTINE, RECORD, ids

STAGE, QUARANTINED = "ingest", "quarantine"
SHARD_CHARS = 200_000_000  # of text in one shard: far below the 2 GiB that one Arrow string column may hold
ROW_BYTES = 250  # of a compressed file to a record, for the progress bar alone


class Settings(BaseModel):
    """How raw files become records."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rows_per_shard: int = Field(default=50_000, ge=1, description="records of one shard")
    max_chars: int = Field(
        default=4_000_000, ge=1, description="characters of one conversation; longer ones are quarantined"
    )
    max_meta: int = Field(
        default=16_384, ge=2, description="characters of one record's meta; the largest fields are cut first, and named"
    )


@dataclass(frozen=True)
class Unit:
    """One source to do."""

    root: Path
    source: Source
    settings: Settings
    normalise: Normalise
    key: str


def key(source: Source, settings: Settings, normalise: Normalise) -> str:
    """Return the identity of a source's records: of its bytes, the settings and the code. Its place on disk does not count."""
    said = source.model_dump(mode="json", exclude={"path"})
    content = file_digest(source.path) if source.path else hub.identity(source.hub)
    return digest(said, settings, code("curation.ingest.run"), code(normalise.__module__), content)


def run(
    root: Path, sources: Sequence[Source], settings: Settings, engine: Engine, workers: int, normalise: Normalise
) -> dict[str, tuple[int, int]]:
    """Ingest every source that is not done yet; returns source → (records, quarantined rows), of the done ones too.

    `normalise` is curation.normalise.normalise, handed in because stages do not import each other.
    """
    units = [Unit(root, s, settings, normalise, key(s, settings, normalise)) for s in sources]
    todo = [u for u in units if not shards.is_done(shards.folder(root, "records", u.source.name), u.key)]
    todo.sort(key=lambda u: -_size(u.source))
    place(todo, ingest, engine, workers, STAGE, sum(_size(u.source) for u in todo) // ROW_BYTES)
    return {s.name: _counts(root, s.name) for s in sources}


def _size(source: Source) -> int:
    return source.path.stat().st_size if source.path else 0


def _counts(root: Path, source: str) -> tuple[int, int]:
    manifest = shards.read_manifest(shards.folder(root, "records", source))
    if manifest is None:
        raise RuntimeError(f"{root}/records/{source} is not finished although its work ended; run ingest again")
    return manifest.rows, int(manifest.facts["quarantined"])


def ingest(unit: Unit) -> int:
    """Write one source's records and quarantine; returns the records. Raises RuntimeError where rows were lost."""
    name = unit.source.name
    records, quarantine = shards.folder(unit.root, "records", name), _Quarantine(unit)
    tally = _Tally()
    kept = shards.write_tables(records, unit.key, _tables(unit, quarantine, tally), RECORD)
    quarantine.finish()
    if tally.rows != kept + quarantine.rows:
        raise RuntimeError(
            f"{name}: {tally.rows} rows read, but {kept} records and {quarantine.rows} quarantined rows written"
        )
    shards.finish(records, STAGE, name, unit.key, {"rows": tally.rows, QUARANTINED + "d": quarantine.rows})
    return kept


@dataclass
class _Tally:
    rows: int = 0


def _tables(unit: Unit, quarantine: _Quarantine, tally: _Tally) -> Iterator[pa.Table]:
    source = unit.source
    rows = Rows(source, unit.normalise, unit.settings.max_chars, unit.settings.max_meta)
    batch: list[Kept] = []
    chars = 0
    for item in files.read(source.path) if source.path else hub.read(source.hub):
        tally.rows += 1
        found = rows.convert(item)
        if isinstance(found, Quarantined):
            quarantine.add(found)
            continue
        batch.append(found)
        chars += len(found.meta) + sum(len(content) for _, content in found.turns)
        if len(batch) >= unit.settings.rows_per_shard or chars >= SHARD_CHARS:
            yield table(batch, source)
            batch, chars = [], 0
    if batch:
        yield table(batch, source)


def table(batch: list[Kept], source: Source) -> pa.Table:
    """Return records as a table of schema RECORD."""
    turns = [turn for kept in batch for turn in kept.turns]
    offsets = np.zeros(len(batch) + 1, np.int32)
    np.cumsum([len(kept.turns) for kept in batch], out=offsets[1:])
    field = RECORD.field("turns").type.value_type
    said = pa.StructArray.from_arrays(
        [pa.array([t[0] for t in turns], pa.string()), pa.array([t[1] for t in turns], pa.string())], fields=list(field)
    )
    columns = [
        ids([kept.id for kept in batch]),
        ids([kept.content_hash for kept in batch]),
        pa.repeat(source.name, len(batch)),
        pa.array([kept.source_id for kept in batch], pa.string()),
        pa.repeat(source.licence, len(batch)),
        pa.ListArray.from_arrays(pa.array(offsets), said, type=RECORD.field("turns").type),
        ids([None] * len(batch)),
        pa.array([kept.meta for kept in batch], pa.string()),
    ]
    return pa.table(columns, schema=RECORD)


class _Quarantine:
    """The quarantine folder of a source, written while its records are: shards as they fill, the manifest at the end."""

    def __init__(self, unit: Unit) -> None:
        self.folder, self.unit, self.rows, self.parts = (
            shards.folder(unit.root, QUARANTINED, unit.source.name),
            unit,
            0,
            0,
        )
        self.batch: list[Quarantined] = []
        (self.folder / shards.MANIFEST).unlink(missing_ok=True)
        for stale in self.folder.glob("*.parquet"):
            stale.unlink()

    def add(self, row: Quarantined) -> None:
        self.rows += 1
        self.batch.append(row)
        if len(self.batch) >= self.unit.settings.rows_per_shard:
            self._flush()

    def _flush(self) -> None:
        columns = list(zip(*self.batch, strict=True))
        arrays = [pa.repeat(self.unit.source.name, len(self.batch))]
        arrays += [pa.array(c, QUARANTINE.field(i).type) for i, c in enumerate(columns, 1)]
        shards.write_shard(self._part("writing"), pa.table(arrays, schema=QUARANTINE), self.unit.key)
        self.batch, self.parts = [], self.parts + 1

    def _part(self, end: str, number: int | None = None) -> Path:
        number = self.parts if number is None else number
        return self.folder / (
            f"part-{number:05d}.{end}.parquet" if end == "writing" else f"part-{number:05d}-{end}.parquet"
        )

    def finish(self) -> None:
        if self.batch:
            self._flush()
        for number in range(self.parts):
            self._part("writing", number).replace(self._part(f"of-{self.parts:05d}", number))
        shards.finish(self.folder, QUARANTINED, self.unit.source.name, self.unit.key)
