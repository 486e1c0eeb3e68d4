"""A source → records/<source>/ and quarantine/<source>/. The records' manifest comes last and alone means done."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator

from curation import files, shards
from curation.engine import Bar, Engine, place, progressed
from curation.files import Block, Cells, Lines
from curation.identity import code, digest, file_digest
from curation.ingest import hub
from curation.ingest.batch import Limits, Normaliser, block_records, records
from curation.ingest.columns import Columns, columns
from curation.ingest.output import Quarantine, sharded
from curation.ingest.rows import Quarantined, Read, Rows
from curation.ingest.slices import STAGE, Folders, Written
from curation.ingest.sources import OURS, Source, mapped
from curation.record import RECORD

LEVEL = 1  # of zstd
BATCH_ROWS, BATCH_CHARS = 4_096, 4_000_000  # normalised and hashed at a time: enough to make a call of a kernel cheap
SETTLED = 2.0  # seconds after its last change from which a file's time of change tells of the next one
WORTH = 2_500_000  # bytes of files, mostly compressed, that are worth the start of another process


class Settings(BaseModel):
    """How raw files become records."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rows_per_shard: int = Field(default=50_000, ge=1, description="records of one shard")
    slice_bytes: int = Field(
        default=128 << 20,
        ge=1,
        description="bytes of a JSONL or Parquet file that one worker reads; one of twice as many is cut",
    )
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
    """One source to do, or one slice of it."""

    source: Source
    slice: files.Slice | None
    settings: Settings
    normaliser: Normaliser
    folders: Folders

    @property
    def bytes(self) -> int:
        """Bytes to read; 0 where that is not known."""
        return self.slice.bytes if self.slice else _size(self.source)


def key(source: Source, settings: Settings, normaliser: Normaliser) -> str:
    """Return the identity of a source's records: of its bytes, the settings and the code. Its place on disk does not count."""
    said = mapped(source, settings.fields).model_dump(mode="json", exclude={"path"})
    content = _content(source.path) if source.path else hub.identity(source.hub)
    plain = settings.model_copy(update={"fields": {}})  # a mapping for other sources changes nothing here
    return digest(said, plain, code("curation.ingest.run"), code(normaliser.turns.__module__), content)


def _content(path: Path) -> str:
    """Return file_digest, worked out once a process where the file stays as it is: a plan asks for it, and then the run."""
    found = path.stat()
    if time.time() - found.st_mtime < SETTLED:
        return file_digest(path)
    return _digest(path, found.st_ino, found.st_size, found.st_mtime_ns)


@cache
def _digest(path: Path, _inode: int, _size: int, _changed: int) -> str:
    return file_digest(path)


def stale(
    root: Path, sources: Sequence[Source], settings: Settings, workers: int, normaliser: Normaliser
) -> dict[str, str]:
    """Return the sources that `run` would ingest, each with its key. Every file is read for that: its bytes are its identity."""
    keys = dict[str, str]()

    def look(source: Source) -> int:
        keys[source.name] = key(source, settings, normaliser)
        return _size(source)

    bar = Bar("fingerprints", sum(map(_size, sources)), "B", WORTH * 100, delay=2)
    place(sources, look, Engine(), workers, bar, threads=True)
    names = [s.name for s in sources if not shards.is_done(shards.folder(root, "records", s.name), keys[s.name])]
    return {name: keys[name] for name in names}


def run(
    root: Path, sources: Sequence[Source], settings: Settings, engine: Engine, workers: int, normaliser: Normaliser
) -> dict[str, tuple[int, int]]:
    """Ingest every source that is not done yet; returns source → (records, quarantined rows), of the done ones too.

    `normaliser` holds functions of curation.normalise, handed in because stages do not import each other.
    """
    keys = stale(root, sources, settings, workers, normaliser)
    todo = [
        _units(s, Folders(root=root, source=s.name, key=keys[s.name]), settings, normaliser)
        for s in sources
        if s.name in keys
    ]
    left = [u for units in todo for u in units if u.slice is None or u.folders.written(u.slice.number) is None]
    left.sort(key=lambda u: -u.bytes)
    place(left, ingest, engine, workers, Bar(STAGE, sum(u.bytes for u in left), "B", WORTH))
    for units in todo:
        if units[0].slice:
            _join(units, engine, workers)
    return {s.name: _counts(root, s.name) for s in sources}


def _size(source: Source) -> int:
    return source.path.stat().st_size if source.path else 0


def _units(source: Source, found: Folders, settings: Settings, normaliser: Normaliser) -> list[Unit]:
    """Return what there is to do of a source: all of it at once, or its slices."""
    slices = files.cut(source.path, settings.slice_bytes) if source.path else []
    if slices:
        found.clear()
    own = mapped(source, settings.fields)
    return [Unit(own, s, settings, normaliser, found) for s in slices] or [Unit(own, None, settings, normaliser, found)]


def _join(units: list[Unit], engine: Engine, workers: int) -> None:
    """Make one source of its slices; those that gave an id which one before had given are written again."""
    found = units[0].folders
    while clashing := found.clashes(len(units)):
        again = [units[number] for number in clashing]
        title = f"{STAGE}, ids that came before"
        place(again, ingest, engine, workers, Bar(title, sum(u.bytes for u in again), "B", WORTH))
    found.join(len(units))


def _counts(root: Path, source: str) -> tuple[int, int]:
    manifest = shards.read_manifest(shards.folder(root, "records", source))
    if manifest is None:
        raise RuntimeError(f"{root}/records/{source} is not finished although its work ended; run ingest again")
    return manifest.rows, int(manifest.facts["quarantined"])


def ingest(unit: Unit) -> int:
    """Write one source's records and quarantine, or a slice's; returns the bytes read. Raises RuntimeError where rows were lost."""
    gc.disable()  # a fifth of the time: rows are trees of containers and hold no cycle; see _tables
    try:
        _ingest(unit)
    finally:
        gc.enable()
    return unit.bytes


def _ingest(unit: Unit) -> None:
    found, number, most = unit.folders, unit.slice.number if unit.slice else 0, unit.settings.rows_per_shard
    if unit.slice is None:
        found.clear()
    found.begin(number)
    rows, tally = Rows(unit.source, found.taken(number)), _Tally()
    quarantine = Quarantine(found.quarantine, number, unit.source.name, found.key, most)
    pieces = sharded(_tables(unit, rows, quarantine, tally), most)
    kept = shards.write_slice(found.records, number, found.key, pieces, RECORD, LEVEL)
    done = Written(key=found.key, rows=tally.rows, records=kept, quarantined=quarantine.finish())
    if tally.read != (written := sum(kept.values()) + sum(done.quarantined.values())):
        raise RuntimeError(f"{unit.source.name}: {tally.read} conversations read, but {written} rows written")
    found.note(number, done, rows.given if unit.slice else ())
    if unit.slice is None:
        found.join(1)


@dataclass
class _Tally:
    rows: int = 0
    read: int = 0  # conversations, of which a row may hold several, and rows that hold none


def _tables(unit: Unit, rows: Rows, quarantine: Quarantine, tally: _Tally) -> Iterator[pa.Table]:
    """Yield a source's records, some thousands a table; what is none goes to quarantine, in order."""
    limits = Limits(unit.settings.max_chars, unit.settings.max_meta)
    for batch in _batches(unit, rows, tally):
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


def _batches(unit: Unit, rows: Rows, tally: _Tally) -> Iterator[list[Read | Quarantined] | tuple[Block, Columns]]:
    """Yield what a source's rows say, in order: as columns where they allow it, else row by row."""
    batch: list[Read | Quarantined] = []
    chars = 0
    for item in _items(unit):
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


def _items(unit: Unit) -> Iterator[files.Row | files.Bad | Block]:
    path = unit.source.path
    if path is None:
        return hub.read(unit.source.hub)
    return files.read_slice(path, unit.slice) if unit.slice else files.read_blocks(path, progressed)
