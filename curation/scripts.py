"""Letters by script in UTF-8 text, code, LaTeX, markup and links taken out, in one compiled pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
from numba import njit

from curation.utf8 import buffers, column, decode

# ISO 15924 names; the index is the column of Letters.counts. Column 0 counts what is no letter.
SCRIPTS = ("Zyyy", "Latn", "Hani", "Kana", "Hang", "Cyrl", "Arab", "Hebr", "Grek", "Thai", "Deva", "Zzzz")
LATIN, HAN, KANA, HANGUL, HEBREW, GREEK, THAI = 1, 2, 3, 4, 7, 8, 9
BLOCKS = (  # first and last code point, script: Unicode 16
    (0x41, 0x5A, 1), (0x61, 0x7A, 1), (0xC0, 0xD6, 1), (0xD8, 0xF6, 1), (0xF8, 0x24F, 1), (0x1E00, 0x1EFF, 1),
    (0x370, 0x3FF, 8), (0x1F00, 0x1FFF, 8), (0x400, 0x52F, 5), (0x531, 0x58F, 11), (0x591, 0x5FF, 7),
    (0x620, 0x6FF, 6), (0x750, 0x77F, 6), (0xFB50, 0xFDFF, 6), (0xFE70, 0xFEFC, 6), (0x700, 0x74F, 11),
    (0x900, 0x97F, 10), (0x980, 0xDFF, 11), (0xE00, 0xE7F, 9), (0xE80, 0x10FF, 11), (0x1100, 0x11FF, 4),
    (0x1200, 0x1DBF, 11), (0x3041, 0x309F, 3), (0x30A1, 0x30FA, 3), (0x3131, 0x318E, 4), (0xAC00, 0xD7A3, 4),
    (0x3400, 0x4DBF, 2), (0x4E00, 0x9FFF, 2), (0xF900, 0xFAFF, 2), (0xFF21, 0xFF3A, 1), (0xFF41, 0xFF5A, 1),
    (0xFF66, 0xFF9D, 3),
)  # fmt: skip
HANS, HANT = 64, 128  # flags beside the script number in the table

FENCE, TICK, DOLLAR, BACKSLASH, LESS, NEWLINE = 96, 96, 36, 92, 60, 10
SYMBOLS = np.frombuffer(b"{}[]();=<>_\\|&^$@~`", np.uint8)  # rare in prose, dense in code and formulae


@dataclass(frozen=True)
class Letters:
    """What n texts are written in."""

    counts: np.ndarray  # int32[n, len(SCRIPTS)], letters by script
    hans: np.ndarray  # int32[n], characters only simplified Chinese has
    hant: np.ndarray  # int32[n], characters only traditional Chinese has
    head: pa.LargeStringArray  # the first characters of the text that was counted, on one line, digits left out


def letters(texts: pa.Array, characters: int) -> Letters:
    """Count the letters of a string column by script; `head` keeps at most `characters` of each text."""
    offsets, data = buffers(texts)
    n = len(offsets) - 1
    counts = np.zeros((n, len(SCRIPTS)), np.int32)
    variants = np.zeros((n, 2), np.int32)
    heads = np.zeros(n + 1, np.int64)
    head = np.empty(int(np.minimum(np.diff(offsets), characters * 4).sum()) + 1, np.uint8)
    _scan(data, offsets, _table(), _is_symbol(), (counts, variants, heads, head, characters))
    return Letters(counts, variants[:, 0], variants[:, 1], column(heads, head))


@cache
def _table() -> np.ndarray:
    """Return the script number of each code point below 65536, with HANS or HANT where one variant alone has it.

    Simplified alone: in GB 2312 and not in Big5. Traditional alone: the reverse.
    """
    table = np.zeros(0x10000, np.uint8)
    for first, last, script in BLOCKS:
        table[first : last + 1] = script
    for point in range(0x4E00, 0xA000):
        simplified, traditional = _encodes(chr(point), "gb2312"), _encodes(chr(point), "big5")
        if simplified != traditional:
            table[point] |= HANS if simplified else HANT
    return table


def _encodes(character: str, encoding: str) -> bool:
    return bool(character.encode(encoding, "ignore"))


@cache
def _is_symbol() -> np.ndarray:
    flags = np.zeros(256, np.bool_)
    flags[SYMBOLS] = True
    return flags


@njit(cache=True, nogil=True)
def _scan(data, offsets, table, symbols, out):  # type: ignore[no-untyped-def]
    counts, variants, heads, head, characters = out
    written = 0
    for text in range(len(offsets) - 1):
        position, end, line_end = offsets[text], offsets[text + 1], offsets[text]
        kept, spaced = 0, True
        while position < end:
            if position >= line_end:  # a new line: pass over it whole where it is code
                line_end = _line(data, position, end)
                if _is_code(data, position, line_end, symbols) and not _is_fence(data, position, line_end):
                    position = line_end
                    continue
            skipped = _skip(data, position, end, line_end)
            if skipped > position:
                position = skipped
                line_end = max(line_end, position if position == end else _line(data, position, end))
                continue
            point, width = decode(data, position, end)
            kind = table[point] if point < 0x10000 else (HAN if 0x20000 <= point <= 0x323AF else 0)
            counts[text, kind & 63] += 1
            if kind >= HANS:
                variants[text, 0 if kind & HANS else 1] += 1
            if kept < characters:
                blank = kind == 0 and (point <= 32 or 48 <= point <= 57)
                if not (blank and spaced):
                    for byte in range(width):
                        head[written] = 32 if blank else data[position + byte]
                        written += 1
                    kept += 1
                spaced = blank
            position += width
        heads[text + 1] = written


@njit(cache=True, nogil=True, inline="always")
def _line(data, position, end):  # type: ignore[no-untyped-def]
    """Return the position after the line's end."""
    while position < end and data[position] != NEWLINE:
        position += 1
    return min(position + 1, end)


@njit(cache=True, nogil=True, inline="always")
def _is_code(data, start, end, symbols):  # type: ignore[no-untyped-def]
    """Say whether an ASCII line ends as code does, or has two symbols or more, one in ten of its visible bytes."""
    found, visible, last = 0, 0, 0
    for position in range(start, end):
        byte = data[position]
        if byte >= 128:
            return False
        if byte > 32:
            visible += 1
            found += symbols[byte]
            last = byte
    return last in (59, 123, 125) or (found >= 2 and found * 10 >= visible)  # ; { }


@njit(cache=True, nogil=True, inline="always")
def _is_fence(data, position, end):  # type: ignore[no-untyped-def]
    while position < end and data[position] == 32:
        position += 1
    return (
        position + 2 < end and data[position] == FENCE and data[position + 1] == FENCE and data[position + 2] == FENCE
    )


@njit(cache=True, nogil=True)
def _skip(data, position, end, line_end):  # type: ignore[no-untyped-def]  # noqa: C901, PLR0911 - a branch a mark
    """Return the position after the code, LaTeX, tag or link that starts here, or `position` where none does."""
    byte = data[position]
    following = data[position + 1] if position + 1 < end else 0
    if byte == TICK:
        if following == TICK and position + 2 < end and data[position + 2] == TICK:
            return _after(data, position + 3, end, TICK, 3, end)
        return _after(data, position + 1, line_end, TICK, 1, position)
    if byte == DOLLAR:
        if following == DOLLAR:
            return _after(data, position + 2, end, DOLLAR, 2, position)
        close = _after(data, position + 1, line_end, DOLLAR, 1, position)
        return close if close > position and _is_formula(data, position + 1, close - 1) else position
    if byte == BACKSLASH:
        if following in (40, 91):  # \( and \[
            return _after_escape(data, position + 2, end, following + (1 if following == 40 else 2), position)
        position += 1
        while position < end and _is_ascii_letter(data[position]):
            position += 1
        return position
    if byte == LESS and (_is_ascii_letter(following) or following in (47, 33)):
        return _after(data, position + 1, min(line_end, position + 300), 62, 1, position)
    if byte in (104, 119) and _is_link(data, position, end):
        while position < end and 32 < data[position] < 128:
            position += 1
    return position


@njit(cache=True, nogil=True, inline="always")
def _after(data, position, end, byte, times, otherwise):  # type: ignore[no-untyped-def]
    """Return the position after the next run of `times` bytes, `otherwise` where there is none before `end`."""
    run = 0
    while position < end:
        run = run + 1 if data[position] == byte else 0
        position += 1
        if run == times:
            return position
    return otherwise


@njit(cache=True, nogil=True, inline="always")
def _after_escape(data, position, end, byte, otherwise):  # type: ignore[no-untyped-def]
    while position + 1 < end:
        if data[position] == BACKSLASH and data[position + 1] == byte:
            return position + 2
        position += 1
    return otherwise + 2


@njit(cache=True, nogil=True, inline="always")
def _is_formula(data, start, end):  # type: ignore[no-untyped-def]
    """Say whether there is more than an amount of money between two dollar signs: a letter alone, or an operator."""
    if end - start <= 2:
        return end > start
    for position in range(start, end):
        byte = data[position]
        if byte in (BACKSLASH, 94, 95, 61, 43, 123, 60, 62):  # \ ^ _ = + { < >
            return True
    return False


@njit(cache=True, nogil=True, inline="always")
def _is_link(data, position, end):  # type: ignore[no-untyped-def]
    """Say whether http://, https:// or www. starts here."""
    if position + 7 < end and data[position] == 104 and data[position + 1] == 116 and data[position + 2] == 116:
        return data[position + 4] == 58 or (data[position + 4] == 115 and data[position + 5] == 58)
    return position + 4 < end and data[position] == 119 and data[position + 1] == 119 and data[position + 3] == 46


@njit(cache=True, nogil=True, inline="always")
def _is_ascii_letter(byte):  # type: ignore[no-untyped-def]
    return 65 <= byte <= 90 or 97 <= byte <= 122
