"""What becomes of a source's tables on their way to disk: row groups, shards, and the quarantine's shards."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa

from curation import shards
from curation.ingest.rows import Quarantined
from curation.record import QUARANTINE

SHARD_BYTES = 200_000_000  # of text in one shard: far below the 2 GiB that one Arrow string column may hold
GROUP_ROWS, GROUP_BYTES = 16_384, 32_000_000  # of a Parquet row group


def sharded(tables: Iterator[pa.Table], rows: int) -> Iterator[Iterator[pa.Table]]:
    """Yield for each shard its tables: `rows` rows, or fewer where their text is too much for one."""
    filled = _grouped(tables)
    left: list[pa.Table] = []  # the table at hand
    while left or (left := list(islice(filled, 1))):
        yield _shard(left, filled, rows)


def _shard(left: list[pa.Table], tables: Iterator[pa.Table], room: int) -> Iterator[pa.Table]:
    size = 0
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


class Quarantine:
    """The quarantined rows of a slice, written while its records are: a shard as often as there are `most` of them."""

    def __init__(self, folder: Path, of: int, source: str, key: str, most: int) -> None:
        self.folder, self.of, self.source, self.key, self.most = folder, of, source, key, most
        self.batch, self.files = list[Quarantined](), dict[str, int]()

    def add(self, rows: list[Quarantined]) -> None:
        """Take rows in."""
        self.batch += rows
        while len(self.batch) >= self.most:
            self._write(self.batch[: self.most])
            self.batch = self.batch[self.most :]

    def finish(self) -> dict[str, int]:
        """Write what is left; returns file → rows."""
        if self.batch:
            self._write(self.batch)
        return self.files

    def _write(self, rows: list[Quarantined]) -> None:
        columns = list(zip(*rows, strict=True))
        arrays = [pa.repeat(self.source, len(rows))]
        arrays += [pa.array(c, QUARANTINE.field(i).type) for i, c in enumerate(columns, 1)]
        name = shards.slice_file(self.of, len(self.files))
        shards.write_shard(self.folder / name, pa.table(arrays, schema=QUARANTINE), self.key)
        self.files[name] = len(rows)
