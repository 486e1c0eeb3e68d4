"""Shards on disk: temp file, rename, manifest last. The manifest's existence alone means done.

A folder holds part-00000-of-00016.parquet … and manifest.json. Readers take their files from the manifest
and never list a folder, so nothing half-written is ever read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from curation.identity import digest, file_digest

ROW_GROUP = 65_536
LEVEL = 3  # of zstd: a sixth smaller than 1 on real text, at 1.6 times the time
UNIQUE = ("source_id", "content", "prompt_group")
MANIFEST = "manifest.json"
KEY = b"cuvee.key"


class Shard(BaseModel):
    """One file of a folder."""

    model_config = ConfigDict(frozen=True)
    file: str
    rows: int
    digest: str  # of the file's bytes


class Manifest(BaseModel):
    """What a finished folder holds. Carries no time and no host: a rerun writes the same bytes."""

    model_config = ConfigDict(frozen=True)
    stage: str
    source: str
    key: str  # identity of config, code and inputs
    shards: list[Shard]
    facts: dict[str, int | float | str] = {}  # whatever else the stage counts, e.g. quarantined rows

    @property
    def rows(self) -> int:
        """Rows of all shards."""
        return sum(s.rows for s in self.shards)

    @property
    def output(self) -> str:
        """Identity of what was written: what later stages take as their input's identity."""
        return digest([s.digest for s in self.shards])


def read_manifest(folder: Path) -> Manifest | None:
    """Return the folder's manifest, or None where the folder is not finished (or its manifest is not one)."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def is_done(folder: Path, key: str) -> bool:
    """Say whether the folder holds the finished output with this key, every file of it in place."""
    manifest = read_manifest(folder)
    return manifest is not None and manifest.key == key and all((folder / s.file).is_file() for s in manifest.shards)


def shard_paths(folder: Path) -> list[Path]:
    """Return the folder's shards in order; raises FileNotFoundError where the folder is not finished."""
    return [folder / s.file for s in finished(folder).shards]


def write_atomic(path: Path, data: bytes) -> None:
    """Write a small file so that readers see the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temp.write_bytes(data)
    temp.replace(path)


def write_shard(path: Path, table: pa.Table, key: str) -> None:
    """Write one Parquet shard atomically, zstd-3, the key in its footer."""
    write_pieces(path, iter([table]), key, table.schema, LEVEL)


def write_pieces(path: Path, pieces: Iterator[pa.Table], key: str, schema: pa.Schema, level: int) -> int:
    """Write one shard as its pieces come, each a row group of its own (or more), so that no shard has to fit in memory.

    Returns the rows. `level` is zstd's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    tagged = schema.with_metadata({**(schema.metadata or {}), KEY: key.encode()})
    rows = 0
    try:
        repeating = list(_repeating(tagged))
        with pq.ParquetWriter(
            temp, tagged, compression="zstd", compression_level=level, use_dictionary=repeating
        ) as writer:
            for piece in pieces:
                writer.write_table(piece.cast(tagged), ROW_GROUP)
                rows += piece.num_rows
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)
    return rows


def _repeating(fields: Iterable[pa.Field], path: str = "") -> Iterator[str]:
    """Yield the columns that are worth a dictionary, as Parquet names them: not ids and the texts of records."""
    for field in fields:
        name = path + field.name
        if pa.types.is_list(field.type):
            yield from _repeating([field.type.value_field.with_name("list.element")], name + ".")
        elif pa.types.is_struct(field.type):
            yield from _repeating(field.type, name + ".")
        elif field.type != pa.uuid() and not field.name.endswith(UNIQUE):
            yield name


def has_shard(path: Path, key: str) -> bool:
    """Say whether a shard written under this key is in place, and whole (so that a killed stage goes on where it stopped)."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (FileNotFoundError, pa.ArrowInvalid):
        return False
    return metadata.get(KEY) == key.encode()


def finish(
    folder: Path, stage: str, source: str, key: str, facts: dict[str, int | float | str] | None = None
) -> Manifest:
    """Write the manifest over the folder's `part-*-of-*.parquet` files of this key.

    Files of other keys are removed, and what a killed run had under way: no other run writes here. Raises ValueError for a damaged
    one, which may hold rows of this key.
    """
    for unfinished in folder.glob(".*.tmp"):
        unfinished.unlink()
    shards = []
    for path in sorted(folder.glob("part-*-of-*.parquet")):
        with opened(path) as file:
            rows, made_by = file.metadata.num_rows, (file.schema_arrow.metadata or {}).get(KEY)
        if made_by == key.encode():
            shards.append(Shard(file=path.name, rows=rows, digest=file_digest(path)))
        else:
            path.unlink()
    manifest = Manifest(stage=stage, source=source, key=key, shards=shards, facts=facts or {})
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    write_atomic(folder / MANIFEST, text.encode())
    return manifest


def write_tables(folder: Path, key: str, tables: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Write tables as the numbered shards of a folder, one table a shard, without its manifest; returns the rows."""
    return write_streams(folder, key, (iter([table]) for table in tables), schema, LEVEL)


def write_streams(folder: Path, key: str, streams: Iterable[Iterator[pa.Table]], schema: pa.Schema, level: int) -> int:
    """Write each stream of tables as a numbered shard of a folder, without its manifest; returns the rows.

    Their number is known only at the end, so they carry a temporary name until then.
    """
    (folder / MANIFEST).unlink(missing_ok=True)
    for unnumbered in folder.glob("slice-*.parquet"):
        unnumbered.unlink()
    rows = sum(write_slice(folder, 0, key, streams, schema, level).values())
    number(folder)
    return rows


def slice_file(of: int, count: int) -> str:
    """Return the name of the `count`-th shard of the `of`-th slice of a folder, until it is numbered."""
    return f"slice-{of:05d}-{count:05d}.parquet"


def write_slice(
    folder: Path, of: int, key: str, streams: Iterable[Iterator[pa.Table]], schema: pa.Schema, level: int
) -> dict[str, int]:
    """Write each stream of tables as a shard of the `of`-th slice of a folder, to be numbered; returns file → rows."""
    rows = dict[str, int]()
    for count, pieces in enumerate(streams):
        name = slice_file(of, count)
        rows[name] = write_pieces(folder / name, pieces, key, schema, level)
    return rows


def number(folder: Path) -> None:
    """Give the shards of all slices their numbers in the folder, in the order of the slices."""
    for stale in folder.glob("part-*.parquet"):
        stale.unlink()
    written = sorted(folder.glob("slice-*.parquet"))
    for at, path in enumerate(written):
        path.replace(folder / f"part-{at:05d}-of-{len(written):05d}.parquet")


def read_shard(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Return one shard; pq.read_table would import the dataset machinery, two CPU-seconds in every worker."""
    with opened(path) as file:
        return file.read(columns)


def opened(path: Path, **options: Any) -> pq.ParquetFile:
    """Open one shard, to be closed by `with`; raises ValueError that names it where it is damaged."""
    try:
        return pq.ParquetFile(path, **options)
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"{path} is damaged ({error}); delete it and the {MANIFEST} beside it, and the stage that wrote it writes it again"
        ) from error


def read_shards(folder: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield the folder's shards in order, one table each."""
    for path in shard_paths(folder):
        yield read_shard(path, columns)


def finished(folder: Path) -> Manifest:
    """Return the folder's manifest; raises FileNotFoundError where the folder is not finished."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise FileNotFoundError(f"{folder} has no {MANIFEST}: the stage that writes it has not finished; run it again")
    return manifest


def folder(root: Path, *parts: str) -> Path:
    """Return <root>/<parts…>: records/<source>, verdicts/<stage>/<source>, judged/<source>, quarantine/<source>."""
    return root.joinpath(*parts)


def sources(root: Path) -> list[str]:
    """Return the names of the finished sources under <root>/records, sorted."""
    return sorted(p.parent.name for p in (root / "records").glob(f"*/{MANIFEST}"))
