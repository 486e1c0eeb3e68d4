"""Rows that belong together, over the keys files of all sources; what the judges that compare records share.

Rows count on from file to file, at most 2^32. Nothing here holds more than the spill's memory: hashes are sorted in passes,
each over one range of them, and what is as long as the corpus lies in mapped arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation.kernels import kernel, maker
from curation.spill import Spill
from curation.utf8 import numbers

SORT_BYTES = 48  # a row in a pass of `equal`: its hash twice, its place, the packed key twice
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
HEADS = 8  # different hashes with the same first 32 bits that are told apart in one pass


class Keys:
    """The keys files, in the order of the rows, mapped."""

    def __init__(self, paths: Sequence[Path], spill: Spill) -> None:
        self._files = [spill.table(path) for path in paths]
        self._spill = spill
        self.total: int = sum(table.num_rows for table, _ in self._files)

    def files(self) -> Iterator[tuple[pa.Table, slice]]:
        """Yield the table of each file and its rows; it is let go of afterwards, with what is spilled, where memory is short."""
        row = 0
        for table, mapped in self._files:
            yield table, slice(row, row + table.num_rows)
            row += table.num_rows
            self._spill.read(mapped)


def column(table: pa.Table, name: str) -> pa.Array:
    """Return a column, copied where the table has it in pieces."""
    found = table[name]
    if found.num_chunks == 1:
        return found.chunk(0)
    return pa.concat_arrays(found.chunks) if found.num_chunks else pa.array([], found.type)


@dataclass(frozen=True)
class Clusters:
    """The clusters of n rows."""

    ids: np.ndarray  # uint64[n, 2]: each record id as two big-endian halves
    root: np.ndarray  # uint32[n]: equal for the rows of a cluster, and one of them
    least: np.ndarray  # uint32[n], at a root: the row of the cluster's smallest id
    size: np.ndarray  # int32[n], at a root: rows of the cluster

    def columns(self, start: int, end: int, spill: Spill) -> list[pa.Array]:
        """Return id, keep (true), reason (null), cluster_id (null where alone) and cluster_size of the rows start:end."""
        root = self.root[start:end]
        size = spill.take(self.size, root)
        first = spill.take(self.ids, spill.take(self.least, root))
        count = end - start
        keep = pa.Array.from_buffers(pa.bool_(), count, [None, pa.py_buffer(np.full(-(-count // 8), 0xFF, np.uint8))])
        reason = pa.nulls(count, pa.string())
        return [uuids(self.ids[start:end]), keep, reason, uuids(first, null=size == 1), numbers(size)]


def values(column: pa.Array) -> np.ndarray:
    """Return a column of numbers without a copy, whatever lies where it is null; to_numpy() would import pandas."""
    kind: np.dtype = np.dtype(column.type.to_pandas_dtype())
    buffer = column.buffers()[1]
    if buffer is None:
        return np.empty(0, kind)
    return np.frombuffer(buffer, kind, len(column), column.offset * kind.itemsize)


def nulls(column: pa.Array) -> np.ndarray:
    """Return where a column is null (bool)."""
    valid = column.buffers()[0]
    if valid is None or not len(column):
        return np.zeros(len(column), np.bool_)
    bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")
    return np.equal(bits[column.offset : column.offset + len(column)], 0)


def uuids(halves: np.ndarray, null: np.ndarray | None = None) -> pa.ExtensionArray:
    """Return uint64[n, 2] as a column of ids."""
    valid = None if null is None else pa.py_buffer(np.packbits(~null, bitorder="little"))
    data = pa.py_buffer(np.ascontiguousarray(halves, ">u8"))
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.Array.from_buffers(pa.binary(16), len(halves), [valid, data]))


def halves(column: pa.Array) -> np.ndarray:
    """Return a null-free column of 16 bytes or of int64 as uint64[n, 2] or [n, 1], the bytes as they lie."""
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    width = storage.type.byte_width // 8
    buffer = storage.buffers()[1]
    if len(storage) == 0 or buffer is None:
        return np.empty((0, width), np.uint64)
    return np.frombuffer(buffer, np.uint64, len(storage) * width, storage.offset * width * 8).reshape(-1, width)


def record_ids(keys: Keys, spill: Spill) -> np.ndarray:
    """Return the ids of all rows: see Clusters.ids."""
    ids = spill.array(np.uint64, 2 * keys.total).reshape(-1, 2)
    for table, rows in keys.files():
        ids[rows] = halves(column(table, "id")).byteswap()
    return ids


def singles(count: int, spill: Spill) -> np.ndarray:
    """Return 0, 1, … below `count` (uint32): every row a cluster of its own."""
    rows = spill.array(np.uint32, count)
    for start, end in spill.parts(count):
        rows[start:end] = np.arange(start, end, dtype=np.uint32)
    return rows


def equal(keys: Keys, name: str, spill: Spill) -> np.ndarray:
    """Return for each row the first row with the same hash in this column, itself where it is null (uint32)."""
    first = singles(keys.total, spill)
    passes = spill.passes(keys.total, SORT_BYTES)
    for number in range(passes):
        found, rows = _in_range(keys, name, number, passes)
        packed = found[:, 0] & ~LOW
        packed |= np.arange(len(packed), dtype=np.uint64)
        packed.sort()
        _first(packed, found, rows, first)
        spill.release()
    return first


def _in_range(keys: Keys, name: str, number: int, passes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of one of `passes` ranges (two equal halves where they have 64 bits), and their rows."""
    found, rows = [], []
    for table, span in keys.files():
        hashed, here = column(table, name), np.arange(span.start, span.stop, dtype=np.uint32)
        if hashed.null_count:
            here, hashed = here[~nulls(hashed)], hashed.drop_null()
        hashes = halves(hashed)
        if passes > 1:
            chosen = ((hashes[:, 0] >> HALF) * np.uint64(passes)) >> HALF == number
            here, hashes = here[chosen], hashes[chosen]
        found.append(hashes[:, [0, -1]])
        rows.append(here)
    return np.concatenate([np.empty((0, 2), np.uint64), *found]), np.concatenate([np.empty(0, np.uint32), *rows])


@maker
def _first(packed, found, rows, first):  # type: ignore[no-untyped-def]
    """Walk the runs of equal first 32 bits, rows in order; a hash is the same where all its bits are."""
    heads = np.empty(HEADS, np.int64)
    count, run = 0, np.uint64(0)
    for key in packed:
        if key >> HALF != run:
            count, run = 0, key >> HALF
        at, head = np.int64(key & LOW), -1
        for h in range(count):
            if found[heads[h], 0] == found[at, 0] and found[heads[h], 1] == found[at, 1]:
                head = heads[h]
                break
        if head >= 0:
            first[rows[at]] = rows[head]
        else:
            heads[count % HEADS] = at
            count = min(count + 1, HEADS)


def sizes(root: np.ndarray, spill: Spill) -> np.ndarray:
    """Return, at each root, how many rows have it (int32)."""
    size = spill.array(np.int32, len(root))
    for start, end in spill.steps(len(root), size):
        _count(root[start:end], size)
    return size


@kernel
def _count(root, size):  # type: ignore[no-untyped-def]
    for one in root:
        size[one] += 1


def named(ids: np.ndarray, root: np.ndarray, spill: Spill) -> Clusters:
    """Return the clusters of rows with equal roots, named by the smallest id in them."""
    least = singles(len(root), spill)
    for start, end in spill.steps(len(root), ids, least):
        _lower(ids, root, least, (start, end))
    return Clusters(ids, root, least, sizes(root, spill))


@kernel
def _lower(ids, root, least, span):  # type: ignore[no-untyped-def]
    for row in range(span[0], span[1]):
        if root[row] != row:
            other = np.int64(least[root[row]])
            if ids[row, 0] < ids[other, 0] or (ids[row, 0] == ids[other, 0] and ids[row, 1] < ids[other, 1]):
                least[root[row]] = row
