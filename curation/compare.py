"""The judges that compare records with one another: one pass over the text for their keys, then each groups its own.

Such a judge is a module with seven names: `Settings` (with memory_gb), `SCHEMA` (id, keep, reason, attributes), `COLUMNS` (of
a record, that its keys are made of), `keys_identity` and `identity` (settings → what its keys, and its verdicts, depend on), `prepare` (settings → the pure function
records → keys, row by row), and `group` (the keys of every source → verdicts). Keys lie in
`<root>/work/<stage>/<source>/part-….arrow`, uncompressed, so that grouping maps single columns of them.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Protocol, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from curation import shards
from curation.clusters import Keys
from curation.engine import Bar, Engine, place
from curation.identity import digest
from curation.judge import Unit
from curation.spill import Spill

SLICE = 8192  # records whose keys are made at a time, which bounds the working memory
READ = 1 << 20  # bytes read at a time of each column: pages that stay in a processor's cache until they are decoded


class CompareModule(Protocol):
    """What the module curation.<stage> of a comparing judge offers."""

    SCHEMA: pa.Schema
    COLUMNS: list[str]

    def keys_identity(self, settings: Any) -> str:
        """Return the identity of the settings and the code that make the keys."""

    def identity(self, settings: Any) -> str:
        """Return the identity of the settings and the code that make the verdicts."""

    def prepare(self, settings: Any) -> Callable[[pa.Table], pa.Table]:
        """Return the function from records (COLUMNS and more) to keys, one row each."""

    def group(self, keys: Keys, settings: Any, spill: Spill) -> Iterator[pa.Table]:
        """Yield a table of SCHEMA for each keys file, row by row."""


def module(stage: str) -> CompareModule:
    """Return the module of a comparing judge."""
    return cast("CompareModule", importlib.import_module(f"curation.{stage}"))


def keys_path(root: Path, stage: str, source: str, file: str) -> Path:
    """Return where the keys of one records shard lie."""
    return shards.folder(root, "work", stage, source) / Path(file).with_suffix(".arrow").name


def key(stage: str, root: Path, sources: Sequence[str], settings: BaseModel) -> str:
    """Return the identity of one judge's verdicts; the order of `sources` is of no account."""
    inputs = [[source, shards.finished(shards.folder(root, "records", source)).output] for source in sorted(sources)]
    return digest(stage, module(stage).identity(settings), inputs)


def is_done(stage: str, root: Path, sources: Sequence[str], settings: BaseModel) -> bool:
    """Say whether the verdicts of every source are there under the key of all of them together."""
    stage_key = key(stage, root, sources, settings)
    return all(shards.is_done(shards.folder(root, "verdicts", stage, source), stage_key) for source in sources)


def compare(
    root: Path, sources: Sequence[str], settings: dict[str, Any], engine: Engine, workers: int
) -> dict[str, int]:
    """Write verdicts/<stage>/<source>/ of every judge; returns the records each compared, 0 where all was done before.

    Raises FileNotFoundError for a source that has no records.
    """
    names = sorted(sources)
    todo = {stage: value for stage, value in settings.items() if not is_done(stage, root, names, value)}
    for stage in todo:  # from here until finish() these verdicts count as not done
        for name in names:
            (shards.folder(root, "verdicts", stage, name) / shards.MANIFEST).unlink(missing_ok=True)
    stale = sorted((unit for name in names for unit in _units(root, name, todo)), key=lambda unit: -unit.rows)
    total = sum(unit.rows for unit in stale)
    place(stale, write_keys, engine, workers, Bar("keys of " + " + ".join(todo), total), threads=True)
    return {stage: _group(root, names, stage, settings[stage]) if stage in todo else 0 for stage in settings}


def _units(root: Path, source: str, todo: dict[str, Any]) -> Iterator[Unit]:
    """Yield the source's shards whose keys are missing or of another identity."""
    made_by = {stage: module(stage).keys_identity(value) for stage, value in todo.items()}
    for shard in shards.finished(shards.folder(root, "records", source)).shards:
        wanted = [(stage, value, digest(made_by[stage], shard.digest)) for stage, value in todo.items()]
        missing = tuple(w for w in wanted if not _has_keys(keys_path(root, w[0], source, shard.file), w[2]))
        if missing:
            yield Unit(root, source, shard.file, shard.rows, missing)


def _has_keys(path: Path, identity: str) -> bool:
    if not path.is_file():
        return False
    with pa.memory_map(str(path)) as file:
        return (pa.ipc.open_file(file).schema.metadata or {}).get(shards.KEY) == identity.encode()


def write_keys(unit: Unit) -> int:
    """Write the keys of one records shard, its text read once for all judges that need it; returns its rows."""
    columns = sorted({name for stage, _, _ in unit.judges for name in module(stage).COLUMNS})
    writers = dict[str, Any]()
    with ExitStack() as stack:
        path = shards.folder(unit.root, "records", unit.source) / unit.file
        source = stack.enter_context(shards.opened(path, buffer_size=READ, pre_buffer=False))
        for records in _slices(source, columns):
            for stage, settings, identity in unit.judges:
                keys = _prepared(stage, settings)(records)
                if stage not in writers:
                    schema = keys.schema.with_metadata({shards.KEY: identity.encode()})
                    path = keys_path(unit.root, stage, unit.source, unit.file)
                    writers[stage] = stack.enter_context(_writer(path, schema))
                writers[stage].write_table(keys)
    return unit.rows


def _slices(source: pq.ParquetFile, columns: list[str]) -> Iterator[pa.Table]:
    """Yield the records of a shard, SLICE at a time, and of an empty shard none, once."""
    for batch in source.iter_batches(SLICE, columns=columns, use_threads=False):
        yield pa.Table.from_batches([batch])
    if not source.metadata.num_rows:
        yield source.schema_arrow.empty_table().select(columns)


@cache
def _prepared(stage: str, settings: BaseModel) -> Callable[[pa.Table], pa.Table]:
    return module(stage).prepare(settings)


@contextmanager
def _writer(path: Path, schema: pa.Schema) -> Iterator[Any]:
    """Open an Arrow file that takes its name only once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with pa.OSFile(str(temp), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            yield writer
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)


def _group(root: Path, names: Sequence[str], stage: str, settings: Any) -> int:
    """Write one judge's verdicts over all sources; returns the records."""
    stage_key = key(stage, root, names, settings)
    parts = [(name, s) for name in names for s in shards.finished(shards.folder(root, "records", name)).shards]
    scratch = shards.folder(root, "work", f"{stage}-groups")
    spill = Spill(scratch, settings.memory_gb)
    keys = Keys([keys_path(root, stage, name, s.file) for name, s in parts], spill)
    verdicts = module(stage).group(keys, settings, spill)
    for (name, shard), table in zip(parts, verdicts, strict=True):
        shards.write_shard(shards.folder(root, "verdicts", stage, name) / shard.file, table, stage_key)
    shutil.rmtree(scratch, ignore_errors=True)
    for name in names:
        shards.finish(shards.folder(root, "verdicts", stage, name), stage, name, stage_key)
    return keys.total
