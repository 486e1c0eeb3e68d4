"""Letters by script, and English function words, of UTF-8 text without its markup, in one compiled pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels import inlined, kernel
from curation.language.markup import (
    MARKS,
    SYMBOLS,
    TICK,
    UNDERSCORE,
    after_markup,
    after_quote,
    is_code,
    line_after,
    word_kind,
)
from curation.language.scripts import HAN, HANS, HANT, LATIN, SCRIPTS, script_table, word_table
from curation.utf8 import buffers, column, decode

CODE = len(SCRIPTS) + 5  # column of a measure
LEAST = 4  # letters that must be left beside a quotation, else the quotation is what speaks


@dataclass(frozen=True)
class Letters:
    """What n texts are written in, markup taken out; quotations too, where something else is left."""

    counts: np.ndarray  # int32[n, len(SCRIPTS)], letters by script
    hans: np.ndarray  # int32[n], characters only simplified Chinese has
    hant: np.ndarray  # int32[n], characters only traditional Chinese has
    words: np.ndarray  # int32[n], words of two Latin letters or more
    english: np.ndarray  # int32[n], of these, English function words and the like (scripts.TELLING)
    code: np.ndarray  # int32[n], bytes of code that were taken out
    head: pa.LargeStringArray  # the first characters of the text that was counted, on one line, digits left out


def letters(texts: pa.Array, characters: int) -> Letters:
    """Count the letters of a string column by script; `head` keeps at most `characters` of each text."""
    measures, head = _measure(texts, characters, False)
    spoken = measures[:, 1 : len(SCRIPTS)].sum(axis=1) + measures[:, HAN]
    only = np.flatnonzero((spoken < LEAST) & (measures[:, CODE] == 0) & (measures[:, CODE - 1] > 0))
    if len(only):
        measures[only], quotes = _measure(texts.take(pa.array(only)), characters, True)
        place = np.arange(len(texts))
        place[only] = len(texts) + np.arange(len(only))
        head = pa.concat_arrays([head, quotes]).take(pa.array(place))
    n = len(SCRIPTS)
    hans, hant, words, english, _, code, telling = (measures[:, n + i] for i in range(7))
    english = english + np.where(code == 0, telling, 0)  # beside code, what tells may be a name
    return Letters(measures[:, :n], hans, hant, words, english, code, head)


def _measure(texts: pa.Array, characters: int, quotes: bool) -> tuple[np.ndarray, pa.LargeStringArray]:
    """Return letters by script, hans, hant, words, English words, quoted bytes, code bytes, telling words (int32) and the heads."""
    offsets, data = buffers(texts)
    n = len(offsets) - 1
    measures, heads = np.zeros((n, len(SCRIPTS) + 7), np.int32), np.zeros(n + 1, np.int64)
    head = np.empty(int(np.minimum(np.diff(offsets), characters * 4).sum()) + 1, np.uint8)
    tables = script_table(), SYMBOLS, word_table()
    _scan(data, offsets, tables, (measures, heads, head), (characters, quotes))
    return measures, column(heads, head)


@kernel
def _scan(data, offsets, tables, out, settings):  # type: ignore[no-untyped-def]
    table, symbols, words = tables
    measures, heads, head = out
    characters, quotes = settings
    n, written = len(SCRIPTS), 0
    for text in range(len(offsets) - 1):
        position, end, line_end = offsets[text], offsets[text + 1], offsets[text]
        count = measures[text]
        kept, spaced, packed, size = 0, True, np.uint64(0), 0
        while position < end:
            after, line_end = _after(data, (position, end, line_end), (symbols, words), count, quotes)
            kind, point, width = 0, 32, 1
            if after == position:
                point, width = decode(data, position, end)
                after += width
                kind = table[point] if point < 0x10000 else (HAN if 0x20000 <= point <= 0x323AF else 0)
                count[kind & 63] += 1
                count[n] += (kind & HANS) > 0
                count[n + 1] += (kind & HANT) > 0
            if kind == LATIN or point == UNDERSCORE:  # a name with an underscore is one word
                packed = (packed << np.uint64(8)) | np.uint64(point | 32 if point < 128 else 1)
                size += 1
            elif size:
                _count_word(count, packed, size, words)
                packed, size = np.uint64(0), 0
            blank = kind == 0 and (point <= 32 or 48 <= point <= 57)
            if kept < characters and not (blank and spaced):
                head[written : written + width] = 32 if blank else data[position]
                for byte in range(1, width):
                    head[written + byte] = data[position + byte]
                written += width
                kept += 1
            spaced = blank
            position = after
        _count_word(count, packed, size, words)
        heads[text + 1] = written


@inlined
def _after(data, place, tables, count, quotes):  # type: ignore[no-untyped-def]
    """Return the position after what is no prose here (`position` where it is) and the end of the line it is on."""
    position, end, line_end = place
    n, after = len(SCRIPTS), position
    if position >= line_end:  # a new line: pass over it whole where it is code
        line_end = line_after(data, position, end)
        if is_code(data, position, line_end, tables, count[n + 5] > 0):
            count[n + 5] += line_end - position
            return line_end, line_end
    if not MARKS[data[position]]:
        return position, line_end
    after = after_markup(data, position, end, line_end)
    if data[position] == TICK:
        count[n + 5] += after - position
    if after == position and not quotes:
        after = after_quote(data, position, line_end)
        count[n + 4] += after - position
    if after > line_end:
        line_end = line_after(data, after - 1, end)
    return after, line_end


@inlined
def _count_word(count, packed, size, words):  # type: ignore[no-untyped-def]
    n = len(SCRIPTS)
    if size > 1:
        kind = word_kind(packed, words)
        count[n + 2] += 1
        count[n + 3] += kind == 1 and size <= 8
        count[n + 6] += kind == 3
