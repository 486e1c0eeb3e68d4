"""A large file cut into slices that are read at the same time, each as if it were a file: JSONL at line ends, Parquet by row groups."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.files.lines import blocks
from curation.files.read import is_jsonl, is_parquet
from curation.files.row import Bad, Block, FaultError
from curation.files.tables import parquet
from curation.files.unpack import CHUNK, PROBE

NEWLINE = 0x0A


class Slice(NamedTuple):
    """Whole rows of a file."""

    number: int  # from 0
    begin: int  # byte of JSONL, row group of Parquet
    end: int
    row: int  # number of its first, from 1
    bytes: int  # about as many of the file


def cut(path: Path, size: int) -> list[Slice]:
    """Return the slices of a file, of at least `size` bytes each but for the last; none where it has to be read whole.

    That is so of what is compressed, or no UTF-8, or neither JSONL nor Parquet, and of a file of less than two slices.
    """
    total = path.stat().st_size
    if total < 2 * size:
        return []
    with path.open("rb") as file:
        probe = file.read(PROBE)
        if is_parquet(probe):
            return _groups(path, total, size)
        if not is_jsonl(probe, path.name):
            return []
        file.seek(0)
        starts = list(_lines(iter(lambda: file.read(CHUNK), b""), size))
    first = len(codecs.BOM_UTF8) if probe.startswith(codecs.BOM_UTF8) else 0
    starts = [(first, 1), *((at, line) for at, line in starts if at < total)]
    ends = [at for at, _ in starts[1:]] + [total]
    return [Slice(n, at, end, line, end - at) for n, ((at, line), end) in enumerate(zip(starts, ends, strict=True))]


def read_slice(path: Path, part: Slice) -> Iterator[Bad | Block]:
    """Yield what `read_blocks` does of a slice."""
    with path.open("rb") as file:
        if is_parquet(file.read(PROBE)):
            try:
                yield from parquet(path, path.name, range(part.begin, part.end))
            except FaultError as fault:
                yield Bad(path.name, None, fault.reason, fault.detail, "")
            return
        file.seek(part.begin)
        sizes = (min(CHUNK, part.end - at) for at in range(part.begin, part.end, CHUNK))
        yield from blocks((file.read(size) for size in sizes), path.name, part.row)


def _lines(chunks: Iterator[bytes], size: int) -> Iterator[tuple[int, int]]:
    """Yield byte and number of each line that begins a slice, but for the first."""
    begin, line, wanted = 0, 1, size
    for chunk in chunks:
        ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == NEWLINE) + begin
        while (at := int(np.searchsorted(ends, wanted - 1))) < len(ends):
            start = int(ends[at]) + 1
            yield start, line + at + 1
            wanted = start + size
        begin, line = begin + len(chunk), line + len(ends)


def _groups(path: Path, total: int, size: int) -> list[Slice]:
    """Return slices of row groups, each taken to be as large as its rows are many."""
    try:
        with pq.ParquetFile(path) as file:
            rows = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    except (pa.ArrowException, OSError):
        return []
    slices, begin, ends = list[Slice](), 0, [0, *accumulate(rows)]
    for end in range(1, len(rows) + 1):
        held = total * (ends[end] - ends[begin]) // max(1, ends[-1])
        if held >= size or end == len(rows):
            slices.append(Slice(len(slices), begin, end, ends[begin] + 1, held))
            begin = end
    return slices if len(slices) > 1 else []
