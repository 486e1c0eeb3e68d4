"""Arrays and tables as large as the corpus, in files: mapped, so that a bounded part of them is in memory at a time."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

GB = 1 << 30
MANY, FEW = 1 << 40, 64  # rows: more than there are, and how many are looked at in any case
# Bytes that the looks of one row may make resident: two texts, each a large folio, which Linux 6.18 maps as a whole (880 KB seen;
# 64 KB on older ones).
LOOK = 2 << 20
WIDE = 64  # bytes of the widest row of an array, and a few narrow ones beside it
PAGE = mmap.PAGESIZE


class Spill:
    """Hands out what is mapped, and lets their pages go whenever the process holds more than half of its memory.

    A sixth may be sorted at a time; the rest is for libraries, and for what becomes resident between two looks at the memory.
    The arrays' files have no name: they vanish with the process, also when it is killed.
    """

    def __init__(self, folder: Path, memory_gb: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.share = int(memory_gb * GB) // 6
        self._maps: list[mmap.mmap] = []
        self._size = 0  # of all arrays
        self._tables = 0  # bytes of all tables

    def array(self, kind: type[np.generic] | np.dtype, count: int) -> np.ndarray:
        """Return `count` zeros of this kind, in a file; raises OSError where the disk has no room for them."""
        size = max(1, count) * np.dtype(kind).itemsize
        with tempfile.TemporaryFile(dir=self.folder) as file:
            _reserve(file.fileno(), size)
            mapped = mmap.mmap(file.fileno(), size)
        self._maps.append(mapped)
        self._size += size
        return np.frombuffer(mapped, kind, count)

    def table(self, path: Path) -> tuple[pa.Table, mmap.mmap]:
        """Return the table of an Arrow file, and its map."""
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._tables += len(mapped)
        return pa.ipc.open_file(pa.py_buffer(mapped)).read_all(), mapped

    def read(self, mapped: mmap.mmap) -> None:
        """Take note that a table has been read: its pages go at once where all tables are more than a share."""
        if self._tables > self.share:
            mapped.madvise(mmap.MADV_DONTNEED)
        self.release()

    def release(self) -> None:
        """Let the pages of every array go where memory is short; what was written stays in the files."""
        if self._size > self.share and resident() > 3 * self.share:
            for mapped in self._maps:
                mapped.madvise(mmap.MADV_DONTNEED)

    def looks(self, *arrays: np.ndarray) -> int:
        """Return how many rows may be looked at, at random places of these arrays, before the memory has to be: see `steps`."""
        return MANY if sum(array.nbytes for array in arrays) <= self.share else max(FEW, self.share // LOOK)

    def steps(self, count: int, *arrays: np.ndarray) -> Iterator[tuple[int, int]]:
        """Yield ranges start, end below `count`, so short that looks at random places of these arrays stay within a share.

        Where the arrays are no more than that themselves, so are the looks, however many.
        """
        return self._ranges(count, min(self.looks(*arrays), self.share // WIDE))

    def parts(self, count: int) -> Iterator[tuple[int, int]]:
        """Yield ranges start, end below `count` for arrays that are gone through from one end to the other."""
        return self._ranges(count, self.share // WIDE)

    def _ranges(self, count: int, step: int) -> Iterator[tuple[int, int]]:
        for start in range(0, count, step := max(FEW, step)):
            yield start, min(count, start + step)
            self.release()

    def take(self, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return array[rows]."""
        steps = self.steps(len(rows), array)
        return np.concatenate([array[:0], *(array[rows[start:end]] for start, end in steps)])

    def passes(self, rows: int, row_bytes: int) -> int:
        """Return in how many passes to sort `rows` that cost `row_bytes` each while they are sorted."""
        return max(1, -(-rows * row_bytes // max(1, self.share)))


def _reserve(file: int, size: int) -> None:
    """Make a file this large, its blocks set aside: where the disk fills up later, a look at a mapped page kills the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)


def resident() -> int:
    """Return the bytes of this process that are in memory, mapped files included; 2^62 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 1 << 62
