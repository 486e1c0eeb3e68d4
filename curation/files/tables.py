"""CSV, TSV and Parquet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from curation.files.row import (
    FREE_EXPANSION,
    MAX_CELL,
    MAX_RATIO,
    MAX_ROW,
    Bad,
    Cells,
    FaultError,
    Item,
    Row,
    excerpt,
)

BATCH, BATCH_BYTES = 4_096, 4 << 20  # of a Parquet file in memory at a time, by what it says of itself
# A header's cell is a short name: at most four words, beginning with a letter, no sentence punctuation.
NAME = re.compile(r"[^\W\d][\w\-.:/()#]*( [\w\-.:/()#]+){0,3}")
MAX_NAME = 40  # characters
CODE = re.compile(r"[A-Z]")


class _Text(io.RawIOBase):
    """UTF-8 chunks as a readable byte stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self.chunks, self.rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.rest:
            chunk = next(self.chunks, None)
            if chunk is None:
                return 0
            self.rest = chunk
        count = min(len(buffer), len(self.rest))
        buffer[:count], self.rest = self.rest[:count], self.rest[count:]
        return count


def delimiter(head: str, name: str) -> str:
    """Return the delimiter of a table by its name, else by what its first lines share; empty where it is no table."""
    if name.lower().endswith((".tsv", ".tab")):
        return "\t"
    for candidate in "\t,;|":
        try:
            rows = list(csv.reader(io.StringIO(head), delimiter=candidate))[:-1][:20]
        except csv.Error:
            continue
        if len(rows) > 1 and len(rows[0]) > 1 and len({len(r) for r in rows}) == 1:
            return candidate
    return "," if name.lower().endswith(".csv") else ""


def table(chunks: Iterator[bytes], file: str, head: str, separator: str) -> Iterator[Item]:
    """Yield a dict a record where the first record is a header, else a list of its cells; numbered without the header."""
    csv.field_size_limit(MAX_CELL)
    # In a TSV that quotes nothing, a quotation mark is a quotation mark.
    bare = separator == "\t" and '\t"' not in head and not head.startswith('"')
    stream = io.TextIOWrapper(io.BufferedReader(_Text(chunks), 1 << 16), "utf-8", "surrogateescape", newline="")
    reader = csv.reader(
        _plain_lines(stream), delimiter=separator, quoting=csv.QUOTE_NONE if bare else csv.QUOTE_MINIMAL
    )
    header: list[str] | None = None
    number = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            number += 1
            yield Bad(file, number, "malformed_csv", str(error), "")
            continue
        if cells is None:
            return
        if not cells or (number == 0 and header is None and _is_header(cells)):
            header = cells or header
            continue
        number += 1
        yield _record(cells, header, file, number)


def _plain_lines(stream: io.TextIOWrapper) -> Iterator[str]:
    while line := stream.readline(MAX_ROW):
        yield line


def _is_header(cells: list[str]) -> bool:
    names = [c.strip() for c in cells]
    named = all(len(n) <= MAX_NAME and NAME.fullmatch(n) for n in names[1:]) and (
        not names[0] or bool(NAME.fullmatch(names[0]))
    )
    # The columns may be named A, B, C, D; a lone letter after longer cells is an answer.
    answer = bool(CODE.fullmatch(names[-1])) and not (len(names) > 1 and CODE.fullmatch(names[-2]))
    return named and len(set(names)) == len(names) and not answer


def _record(cells: list[str], header: list[str] | None, file: str, number: int) -> Item:
    raw = "\x1f".join(cells)
    if not raw.isascii() and any("\udc80" <= c <= "\udcff" for c in raw):
        return Bad(file, number, "undecodable", "the row holds bytes that are not UTF-8", excerpt(raw))
    if header is None:
        return Row(file, number, cells)
    if len(cells) > len(header):
        detail = f"{len(cells)} cells where the header names {len(header)}"
        return Bad(file, number, "malformed_csv", detail, excerpt(raw))
    return Row(file, number, dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True)))


def parquet(source: Path | BinaryIO, file: str, chosen: range | None = None) -> Iterator[Cells]:
    """Yield its rows, or those of some row groups, batch after batch; raises FaultError where it claims or holds more than it honestly can."""
    read = 0
    try:
        with pq.ParquetFile(source) as handle:
            limit = max(FREE_EXPANSION, _size(source) * MAX_RATIO)
            groups = [handle.metadata.row_group(i) for i in range(handle.num_row_groups)]
            claimed = sum(group.total_byte_size for group in groups)
            size = min(BATCH, max(1, BATCH_BYTES * handle.metadata.num_rows // max(1, claimed)))
            chosen = range(len(groups)) if chosen is None else chosen
            number = sum(group.num_rows for group in groups[: chosen.start])
            for batch in handle.iter_batches(size, chosen) if 0 <= claimed <= limit else ():
                read += batch.nbytes
                if read > limit:
                    break
                if batch.num_rows:
                    yield Cells(file, number + 1, batch.num_rows, batch)
                number += batch.num_rows
            if not 0 <= max(read, claimed) <= limit:
                raise FaultError(
                    "archive_bomb", f"{file} holds more than {limit:,} bytes of values; rewrite it if it is honest"
                )
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise FaultError("corrupt_parquet", f"{file}: {error}") from error


def _size(source: Path | BinaryIO) -> int:
    return source.stat().st_size if isinstance(source, Path) else len(source.getbuffer())  # type: ignore[attr-defined]


def cells(block: Cells) -> Iterator[Item]:
    """Yield a dict a row; one whose bytes are not UTF-8 costs itself alone."""
    file, number, batch = block.file, block.number, block.batch
    try:
        values = batch.to_pylist()
    except UnicodeDecodeError:
        for row in range(batch.num_rows):
            try:
                (value,) = batch.slice(row, 1).to_pylist()
            except UnicodeDecodeError:
                yield Bad(file, number + row, "undecodable", "the row holds bytes that are not UTF-8", "")
            else:
                yield Row(file, number + row, value)
        return
    for row, value in enumerate(values, number):
        yield Row(file, row, value)
