"""A large JSONL file cut at line ends, so that its slices are read at the same time, each as if it were a file."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from curation.files.read import is_plain_jsonl
from curation.files.unpack import CHUNK, PROBE

NEWLINE = 0x0A


class Slice(NamedTuple):
    """Whole lines of a file."""

    number: int  # from 0
    begin: int  # byte of the file
    end: int
    line: int  # number of its first, from 1


def cut(path: Path, size: int) -> list[Slice]:
    """Return the slices of a file, each of at least `size` bytes but for the last; none where it has to be read whole.

    A file that is compressed, or no UTF-8, or no JSONL, has to be; so has one of less than two slices.
    """
    total = path.stat().st_size
    if total < 2 * size:
        return []
    with path.open("rb") as file:
        probe = file.read(PROBE)
        if not is_plain_jsonl(probe, path.name):
            return []
        file.seek(0)
        starts = list(_starts(iter(lambda: file.read(CHUNK), b""), size))
    first = len(codecs.BOM_UTF8) if probe.startswith(codecs.BOM_UTF8) else 0
    starts = [(first, 1), *((at, line) for at, line in starts if at < total)]
    ends = [at for at, _ in starts[1:]] + [total]
    return [Slice(n, at, end, line) for n, ((at, line), end) in enumerate(zip(starts, ends, strict=True))]


def _starts(chunks: Iterator[bytes], size: int) -> Iterator[tuple[int, int]]:
    """Yield byte and line number of each line that begins a slice, but for the first."""
    begin, line, wanted = 0, 1, size
    for chunk in chunks:
        ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == NEWLINE) + begin
        while (at := int(np.searchsorted(ends, wanted - 1))) < len(ends):
            start = int(ends[at]) + 1
            yield start, line + at + 1
            wanted = start + size
        begin, line = begin + len(chunk), line + len(ends)
