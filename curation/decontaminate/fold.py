"""Texts → tokens that are equal for copies of one text: numbers in one form, the labels of lists taken out.

On top of curation/text.py (case, width, punctuation and white space do not count): 1,000 and １，０００ are 1000; 12.50 is
12.5; 四十四 is 44 and twenty-five is 25; `1.`, `2)` or `三、` at the head of a line and `(1)` anywhere are no tokens; an
apostrophe parts no word. Every text is folded alike, so a wrong reading (`一定` is 1 定) does no harm. Where sentences end
is kept aside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit

from curation.decontaminate.forms import (
    BRACKETS,
    NEWLINE,
    NUMERALS,
    POINT,
    SPACE,
    UNKNOWN,
    ZERO,
    digit,
    ending,
    fraction,
    is_letter,
    joint,
    low,
    numeral,
    sequence,
)
from curation.decontaminate.labels import label
from curation.text import tokens
from curation.utf8 import buffers

MARK = "\u0180"  # a letter of two bytes that no language of the corpus writes: stands where a sentence ends
SPACED_MARK = (32, 0xC6, 0x80, 32)  # its bytes, between spaces
GROWTH = 4  # bytes out a byte in, at most: 亿 is three and becomes " 100000000 ", a line feed one and becomes " MARK ", as two bytes of a label do
UNITS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
         "seventeen eighteen nineteen").split()  # fmt: skip
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
SLOTS = 1 << 12
NOT_DIGIT = np.uint64(0xFFFFFFFFFFFFFFFE)


@dataclass(frozen=True)
class Folded:
    """The tokens of n texts: text i has the hashes[offsets[i]:offsets[i + 1]]."""

    offsets: np.ndarray  # int64[n + 1]
    hashes: np.ndarray  # uint64, one a token; the lowest bit: it holds a digit and is not 1 (一 and one say little)
    edges: np.ndarray  # bool, whether a sentence or line begins at the token; one more stands after the last


def tokenise(texts: pa.Array | pa.ChunkedArray) -> Folded:
    """Return the folded tokens of a string column; a null counts as empty."""
    offsets, data = buffers(texts)
    folded = np.empty(int(offsets[-1] - offsets[0]) * GROWTH + 1, np.uint8)
    starts = np.empty(len(offsets), np.int64)
    _fold(data, offsets, NUMERALS, folded, starts)
    made = tokens(pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(starts), pa.py_buffer(folded)))
    ends, edges = np.empty_like(made.offsets), np.zeros(len(made.hashes) + 1, np.bool_)
    size = _read(made.hashes, made.offsets, _words(), ends, edges)
    return Folded(ends, made.hashes[:size], edges[: size + 1])


def _words() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.uint64]:
    """Return the hashes of English number words and their values by slot, those of the numbers below 100, and MARK's."""
    named = tokens(pa.array([*UNITS, *TENS])).hashes
    keys, values = np.zeros(SLOTS, np.uint64), np.full(SLOTS, -1, np.int64)
    slots = (named >> np.uint64(1)).astype(np.int64) & (SLOTS - 1)
    keys[slots] = named
    values[slots] = [*range(20), *range(20, 100, 10)]
    return keys, values, tokens(pa.array([str(n) for n in range(100)])).hashes, tokens(pa.array([MARK])).hashes[0]


@njit(cache=True, nogil=True)
def _fold(data, offsets, numerals, out, starts):  # type: ignore[no-untyped-def]
    """Copy texts with their numbers in one form, without labels and apostrophes, a MARK for each end of a sentence."""
    size = 0
    for text in range(len(offsets) - 1):
        starts[text] = size
        position, end = offsets[text], offsets[text + 1]
        after_digit, after_letter, gap, line_start = False, False, True, True
        while position < end:
            byte = data[position]
            if gap and BRACKETS[byte]:
                width, size = sequence(data, position, end, out, size)
                position += width
                line_start = line_start and width == 0
                if width:
                    continue
            width = ending(data, position, end)
            if width:
                out[size : size + 4] = SPACED_MARK
                size += 4
                position += width
                after_digit, after_letter, gap, line_start = False, False, True, line_start or byte == NEWLINE
                continue
            width = joint(data, position, end, after_digit, after_letter)
            if width:
                position += width
                continue
            width = label(data, position, end, (gap, line_start, after_digit or after_letter), numerals)
            if width:
                out[size : size + 4] = SPACED_MARK  # what is labelled begins
                size += 4
                position += width
                after_digit, after_letter, gap, line_start = False, False, True, False
                continue
            if after_digit and byte == POINT:
                position, size = fraction(data, position, end, out, size)
                gap = line_start = False
                continue
            if low(data, position, end) < UNKNOWN and numerals[low(data, position, end)] >= 0:
                position, size = numeral(data, position, numerals, out, (end, starts[text], size))
                after_digit = after_letter = gap = line_start = False
                continue
            width = digit(data, position, end)
            out[size] = byte if width < 3 else data[position + 2] - 0x90 + ZERO
            size += 1
            position += max(width, 1)
            after_digit, after_letter, gap = width > 0, is_letter(byte), byte <= SPACE
            line_start = line_start and gap
    starts[len(offsets) - 1] = size


@njit(cache=True, nogil=True)
def _read(hashes, offsets, words, ends, edges):  # type: ignore[no-untyped-def]
    """Put digits for number words and take the marks out, in place; fills `ends`, the new offsets, and `edges`.

    Returns the number of tokens.
    """
    keys, values, numbers, mark = words
    size = 0
    for text in range(len(offsets) - 1):
        ends[text] = size
        edges[size] = True
        at = offsets[text]
        while at < offsets[text + 1]:
            if hashes[at] == mark:
                edges[size] = True
                at += 1
                continue
            value = _value(hashes[at], keys, values)
            if value >= 20 and at + 1 < offsets[text + 1]:
                unit = _value(hashes[at + 1], keys, values)
                if unit > 0 and unit < 10:
                    value += unit
                    at += 1
            token = hashes[at] if value < 0 else numbers[value]
            hashes[size] = token if token != numbers[1] else token & NOT_DIGIT
            size += 1
            at += 1
    ends[len(offsets) - 1] = size
    edges[size] = True
    return size


@njit(cache=True, nogil=True, inline="always")
def _value(token, keys, values):  # type: ignore[no-untyped-def]
    slot = np.int64(token >> np.uint64(1)) & (SLOTS - 1)
    return values[slot] if keys[slot] == token else np.int64(-1)
