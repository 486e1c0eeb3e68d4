"""A source → records/<source>/ and quarantine/<source>/. The records' manifest comes last and alone means done."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator

from curation import files, shards
from curation.engine import Bar, Engine, place
from curation.files import Block, Cells, Lines
from curation.identity import code, digest, file_digest
from curation.ingest import hub
from curation.ingest.batch import Limits, Normaliser, block_records, records
from curation.ingest.columns import Columns, columns
from curation.ingest.rows import Quarantined, Read, Rows
from curation.ingest.sources import OURS, Source, mapped
from curation.record import QUARANTINE, RECORD

STAGE, QUARANTINED = "ingest", "quarantine"
SHARD_BYTES = 200_000_000  # of text in one shard: far below the 2 GiB that one Arrow string column may hold
LEVEL = 1  # of zstd
GROUP_ROWS, GROUP_BYTES = 16_384, 32_000_000  # of a Parquet row group
BATCH_ROWS, BATCH_CHARS = 4_096, 4_000_000  # normalised and hashed at a time: enough to make a call of a kernel cheap
WORTH = 2_500_000  # bytes of files, mostly compressed, that are worth the start of another process


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
    fields: dict[str, dict[str, str]] = Field(
        default={},
        description="where the parts of a row are when its names tell nothing: glob of sources → ours → the row's field, dots "
        'lead into objects and lists, e.g. {"*.jsonl": {prompt: data.ask, response: data.replies.0}}; ours are '
        + ", ".join(OURS),
    )

    @field_validator("fields")
    @classmethod
    def _ours(cls, value: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for names in value.values():
            Source(name="checked", fields=tuple(names.items()))
        return value


@dataclass(frozen=True)
class Unit:
    """One source to do."""

    root: Path
    source: Source
    settings: Settings
    normaliser: Normaliser
    key: str


def key(source: Source, settings: Settings, normaliser: Normaliser) -> str:
    """Return the identity of a source's records: of its bytes, the settings and the code. Its place on disk does not count."""
    said = mapped(source, settings.fields).model_dump(mode="json", exclude={"path"})
    content = file_digest(source.path) if source.path else hub.identity(source.hub)
    plain = settings.model_copy(update={"fields": {}})  # a mapping for other sources changes nothing here
    return digest(said, plain, code("curation.ingest.run"), code(normaliser.turns.__module__), content)


def run(
    root: Path, sources: Sequence[Source], settings: Settings, engine: Engine, workers: int, normaliser: Normaliser
) -> dict[str, tuple[int, int]]:
    """Ingest every source that is not done yet; returns source → (records, quarantined rows), of the done ones too.

    `normaliser` holds functions of curation.normalise, handed in because stages do not import each other.
    """
    units = [
        Unit(root, mapped(s, settings.fields), settings, normaliser, key(s, settings, normaliser)) for s in sources
    ]
    todo = [u for u in units if not shards.is_done(shards.folder(root, "records", u.source.name), u.key)]
    todo.sort(key=lambda u: -_size(u.source))
    place(todo, ingest, engine, workers, Bar(STAGE, sum(_size(u.source) for u in todo), "B", WORTH))
    return {s.name: _counts(root, s.name) for s in sources}


def _size(source: Source) -> int:
    return source.path.stat().st_size if source.path else 0


def _counts(root: Path, source: str) -> tuple[int, int]:
    manifest = shards.read_manifest(shards.folder(root, "records", source))
    if manifest is None:
        raise RuntimeError(f"{root}/records/{source} is not finished although its work ended; run ingest again")
    return manifest.rows, int(manifest.facts["quarantined"])


def ingest(unit: Unit) -> int:
    """Write one source's records and quarantine; returns the bytes of its file. Raises RuntimeError where rows were lost."""
    gc.disable()  # a fifth of the time: rows are trees of containers and hold no cycle; see _recorded
    try:
        _ingest(unit)
    finally:
        gc.enable()
    return _size(unit.source)


def _ingest(unit: Unit) -> None:
    name = unit.source.name
    folder, quarantine = shards.folder(unit.root, "records", name), _Quarantine(unit)
    tally = _Tally()
    pieces = _shards(_tables(unit, quarantine, tally), unit.settings)
    kept = shards.write_streams(folder, unit.key, pieces, RECORD, LEVEL)
    quarantine.finish()
    if tally.read != kept + quarantine.rows:
        raise RuntimeError(
            f"{name}: {tally.read} conversations read, but {kept} records and {quarantine.rows} quarantined rows written"
        )
    shards.finish(folder, STAGE, name, unit.key, {"rows": tally.rows, QUARANTINED + "d": quarantine.rows})


@dataclass
class _Tally:
    rows: int = 0
    read: int = 0  # conversations, of which a row may hold several, and rows that hold none


def _tables(unit: Unit, quarantine: _Quarantine, tally: _Tally) -> Iterator[pa.Table]:
    """Yield a source's records, some thousands a table; what is none goes to quarantine, in order."""
    limits = Limits(unit.settings.max_chars, unit.settings.max_meta)
    rows = Rows(unit.source)
    for batch in _batches(unit.source, rows, tally):
        if isinstance(batch, tuple):
            block, found = batch
            tally.rows, tally.read = tally.rows + block.rows, tally.read + block.rows
            table, refused = block_records(block, found, rows, unit.normaliser, limits)
        else:
            tally.read += len(batch)
            table, refused = records(batch, unit.source, unit.normaliser, limits)
        quarantine.add(refused)
        yield table
        del batch, table
        gc.collect(0)


def _batches(source: Source, rows: Rows, tally: _Tally) -> Iterator[list[Read | Quarantined] | tuple[Block, Columns]]:
    """Yield what a source's rows say, in order: as columns where they allow it, else row by row."""
    batch: list[Read | Quarantined] = []
    chars = 0
    for item in files.read_blocks(source.path) if source.path else hub.read(source.hub):
        if isinstance(item, Lines | Cells):
            found = columns(item) if rows.planned else None
            if found is not None:
                if batch:
                    yield batch
                    batch, chars = [], 0
                yield item, found
                continue
        for row in files.each(item) if isinstance(item, Lines | Cells) else (item,):
            tally.rows += 1
            for one in rows.read(row):
                batch.append(one)
                for _, content in one.turns if type(one) is Read else ():
                    chars += len(content)
            if len(batch) >= BATCH_ROWS or chars >= BATCH_CHARS:
                yield batch
                batch, chars = [], 0
    if batch:
        yield batch


def _shards(tables: Iterator[pa.Table], settings: Settings) -> Iterator[Iterator[pa.Table]]:
    """Yield for each shard its tables: rows_per_shard rows, or fewer where their text is too much for one."""
    filled = _grouped(tables)
    left: list[pa.Table] = []  # the table at hand
    while left or (left := list(islice(filled, 1))):
        yield _shard(left, filled, settings)


def _shard(left: list[pa.Table], tables: Iterator[pa.Table], settings: Settings) -> Iterator[pa.Table]:
    room, size = settings.rows_per_shard, 0
    for table in chain([left.pop()], tables):
        yield table.slice(0, room)
        if table.num_rows > room:
            left.append(table.slice(room))
        room, size = room - table.num_rows, size + table.nbytes
        if room <= 0 or size >= SHARD_BYTES:
            return


def _grouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield tables joined until they make a row group that is worth its metadata."""
    held = list[pa.Table]()
    for table in tables:
        held.append(table)
        if sum(t.num_rows for t in held) >= GROUP_ROWS or sum(t.nbytes for t in held) >= GROUP_BYTES:
            yield pa.concat_tables(held)
            held = []
    if any(table.num_rows for table in held):
        yield pa.concat_tables(held)


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

    def add(self, rows: list[Quarantined]) -> None:
        self.rows += len(rows)
        for row in rows:
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
