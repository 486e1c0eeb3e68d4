"""What a file is read into, and the bounds that keep a hostile file from taking the machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pyarrow as pa

MAX_ROW = 64 << 20  # bytes of one row: a book is 1 MB, so more than this is a file without line ends
MAX_DOCUMENT = 1 << 30  # bytes of a document that only parses whole (JSON object, YAML, zipped Parquet)
MAX_MEMBERS = 1_000_000  # files in one archive; one conversation a file is common, more than this is an attack
MAX_RATIO = 200  # of expansion; text reaches 50, templated text 100, deflate at most 1,032
FREE_EXPANSION = 64 << 20  # bytes an archive may expand to whatever its ratio: this much is harmless
MAX_CELL = 16 << 20  # characters of one CSV cell: Python's default of 131,072 is too small for a long document
EXCERPT = 500  # characters


class Row(NamedTuple):
    """One row as parsed: usually a dict; a list for a headerless table or a bare list of turns; a string for text."""

    file: str  # the file's own name, with `!member` for a file inside an archive
    number: int  # 1-based: the line of a JSONL file, the record of any other
    value: Any


class Lines(NamedTuple):
    """Lines of a JSONL file, not yet parsed."""

    file: str
    number: int  # of the first
    rows: int
    data: bytes  # each line with its end


class Cells(NamedTuple):
    """Rows of a Parquet file, not yet Python objects."""

    file: str
    number: int  # of the first
    rows: int
    batch: pa.RecordBatch


class Bad(NamedTuple):
    """What could not be read: one row, or the whole file (or its rest) where `number` is None."""

    file: str
    number: int | None
    reason: str  # snake_case
    detail: str
    excerpt: str


class FaultError(Exception):
    """The rest of a file cannot be read."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


Item = Row | Bad
Block = Lines | Cells


def excerpt(raw: bytes | str) -> str:
    """Return the first EXCERPT characters of `raw`, printable whatever its encoding."""
    if isinstance(raw, bytes):
        return raw[: EXCERPT * 4].decode("utf-8", "replace")[:EXCERPT]
    return raw[:EXCERPT].encode("utf-8", "replace").decode()


def joined(chunks: Iterable[bytes], limit: int, what: str) -> bytes:
    """Return the chunks as one, or raise FaultError where they are more than `limit` bytes."""
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise FaultError(
                "too_large", f"{what} has to be parsed whole and is larger than {limit:,} bytes; convert it to JSONL"
            )
        parts.append(chunk)
    return b"".join(parts)


def replay(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """Yield `head`, then the rest: for a stream whose beginning was read to find out what it is."""
    if head:
        yield head
    yield from rest
