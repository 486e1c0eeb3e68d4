"""A JSON array of objects as lines, cut in compiled code: what reads JSONL fast reads arrays too, some megabytes at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import NamedTuple

import numpy as np

from curation.files.lines import BLOCK
from curation.files.row import MAX_ROW, Lines
from curation.kernels import kernel
from curation.swar import HIGHS, load8

SPACE, NEWLINE, QUOTE, BACKSLASH, COMMA = 0x20, 0x0A, 0x22, 0x5C, 0x2C
OPENING, CLOSING = (0x7B, 0x5B), (0x7D, 0x5D)  # { [ and } ]
# What may stand outside strings besides brackets and white space: numbers, true, false, null, NaN, Infinity.
OUTSIDE = np.array([chr(byte) in "0123456789+-.eE,:truefalsnNaInfity" for byte in range(256)])
MORE, CLOSED, OTHER, BROKEN = 0, 1, 2, 3  # the bytes end, the array ends, here is no object that fits a line, no JSON
EACH = np.uint64(0x0101010101010101)
EIGHT = np.uint64(8)


class Rest(NamedTuple):
    """What follows the lines: `data` and the chunks after it, from the `number`-th element on or after the array's end."""

    data: bytes
    number: int
    status: int


def array_lines(head: bytes, chunks: Iterator[bytes], file: str) -> Generator[Lines, None, Rest]:
    """Yield the objects of an array as lines, numbered from 1; returns what follows them.

    `head` begins with the array's bracket.
    """
    data, number, between = bytearray(head.lstrip()[1:]), 1, False
    while True:
        size = max(BLOCK, 2 * len(data))  # of an element that is larger than a block, more each time
        while len(data) < size and (chunk := next(chunks, b"")):
            data += chunk
        begin, end, stop, rows, between, status = _cut(np.frombuffer(data, np.uint8), between)
        if rows:
            yield Lines(file, number, rows, bytes(data[begin:end]) + b"\n")
        exhausted = len(data) < size
        number, data = number + rows, data[stop:]
        if status != MORE or exhausted or len(data) > MAX_ROW:
            return Rest(bytes(data), number, status)


@kernel
def _cut(data, between):  # type: ignore[no-untyped-def]
    """Turn commas between objects into line ends, and white space outside strings into spaces.

    Returns where the first object begins, where the last whole one ends, where to go on, how many there are, whether a comma has to
    come next (`between`, in the end as in the beginning), and the status.
    """
    begin, end, rows, at = np.int64(0), np.int64(0), 0, np.int64(0)
    while at < len(data):
        if data[at] <= SPACE:
            data[at] = SPACE
        elif data[at] == COMMA and between:
            data[at] = NEWLINE
            between = False
        elif data[at] == CLOSING[1]:
            return begin, end, at + between, rows, between, CLOSED if between else BROKEN
        elif between or data[at] != OPENING[0]:
            return begin, end, at, rows, between, BROKEN if between or data[at] == COMMA else OTHER
        else:
            stop, status = _object_end(data, at)
            if status != CLOSED:
                return begin, end, at, rows, between, status
            begin = begin if rows else at
            at, end, rows, between = stop - 1, stop, rows + 1, True
        at += 1
    return begin, end, at, rows, between, MORE


@kernel
def _object_end(data, at):  # type: ignore[no-untyped-def]
    """Return where the object ends that begins at `at`, and CLOSED, or the status that says why it does not end here."""
    depth = 0
    while at < len(data):
        byte = data[at]
        if byte == QUOTE:
            at = _string_end(data, at + 1)
            if at < 0:
                return at, BROKEN
        elif byte == OPENING[0] or byte == OPENING[1]:
            depth += 1
        elif byte == CLOSING[0] or byte == CLOSING[1]:
            depth -= 1
            if depth == 0:
                return at + 1, CLOSED
        elif byte <= SPACE:
            data[at] = SPACE
        elif not OUTSIDE[byte]:
            return at, BROKEN
        at += 1
    return at, MORE


@kernel
def _string_end(data, at):  # type: ignore[no-untyped-def]
    """Return where the closing quote stands, at the earliest the end of the data; -1 where a line ends within the string, which no JSON string may hold."""
    while at < len(data):
        if at + 8 <= len(data):
            block = load8(data, np.uint64(at))
            quote, slash = block ^ (EACH * np.uint64(QUOTE)), block ^ (EACH * np.uint64(BACKSLASH))
            odd = ((quote - EACH) & ~quote) | ((slash - EACH) & ~slash) | ((block - EACH * np.uint64(SPACE)) & ~block)
            if odd & HIGHS == 0:
                at += 8
                continue
        stop = min(at + 8, len(data))
        while at < stop:
            if data[at] == QUOTE:
                return at
            if data[at] < SPACE and data[at] in (NEWLINE, 0x0D):
                return -1
            at += 2 if data[at] == BACKSLASH else 1
    return at
