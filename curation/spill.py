"""Arrays and tables as large as the corpus, in files: mapped, so that a bounded part of them is in memory at a time."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

GB = 1 << 30
AROUND = 1 << 16  # bytes that one look at a mapped array may make resident: Linux maps 16 pages around a fault
# Windows that one row makes resident: its tokens read both ways, the roots above it, …, and those of its pairs.
LOOKS = 32
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
        """Return `count` zeros of this kind, in a file."""
        size = max(1, count) * np.dtype(kind).itemsize
        with tempfile.TemporaryFile(dir=self.folder) as file:
            file.truncate(size)
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

    def looks(self, count: int) -> int:
        """Return how many of `count` rows may be looked at before the memory has to be: see `steps`."""
        return max(1, count) if self._size <= self.share else max(64, self.share // (AROUND * LOOKS))

    def steps(self, count: int) -> Iterator[tuple[int, int]]:
        """Yield ranges start, end below `count`, so short that random looks at a few arrays stay within a share of the memory.

        Where all arrays together are no more than that, there is one.
        """
        step = self.looks(count)
        for start in range(0, count, step):
            yield start, min(count, start + step)
            self.release()

    def take(self, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return array[rows]."""
        return np.concatenate([array[:0], *(array[rows[start:end]] for start, end in self.steps(len(rows)))])

    def passes(self, rows: int, row_bytes: int) -> int:
        """Return in how many passes to sort `rows` that cost `row_bytes` each while they are sorted."""
        return max(1, -(-rows * row_bytes // max(1, self.share)))


def resident() -> int:
    """Return the bytes of this process that are in memory, mapped files included; 2^62 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 1 << 62
