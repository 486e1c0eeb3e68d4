"""Texts → tokens that are equal for copies of one text: numbers in one form, the labels of lists taken out.

On top of curation/text.py (case, width, punctuation and white space do not count): 1,000 and １，０００ are 1000; 四十四 is
44 and twenty-five is 25; `1.`, `2)` or `三、` at the head of a line and `(1)` anywhere are no tokens; an apostrophe parts no
word. Every text is folded alike, so a wrong reading (`一定` is 1 定) does no harm. Where sentences end is kept aside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit

from curation.text import buffers, tokens

NEWLINE, APOSTROPHE, COMMA, ZERO, NINE = 10, 39, 44, 48, 57
MARK = "\u0180"  # a letter of two bytes that no language of the corpus writes: stands where a sentence ends
MYRIAD = 10_000
LONGEST_LIST = 20  # a larger number at the head of a line may be the end of a sentence
GROWTH = 4  # bytes out a byte in, at most: 亿 is three and becomes " 100000000 ", a line feed one and becomes " MARK "
UNITS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
         "seventeen eighteen nineteen").split()  # fmt: skip
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
SLOTS = 1 << 12
NOT_DIGIT = np.uint64(0xFFFFFFFFFFFFFFFE)


def _code_points(text: str, values: list[int]) -> np.ndarray:
    """Return values by the low 15 bits of a code point; -1 for any other."""
    out = np.full(1 << 15, -1, np.int64)
    out[[ord(c) & 0x7FFF for c in text]] = values
    return out


# Digits by their value, units by their power; 4E00-9FFF folded into 15 bits clash with nothing else that is looked up.
NUMERALS = _code_points("零〇一二两三四五六七八九十百千万亿", [0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 1000, 10**4, 10**8])


@dataclass(frozen=True)
class Folded:
    """The tokens of n texts: text i has the hashes[offsets[i]:offsets[i + 1]]."""

    offsets: np.ndarray  # int64[n + 1]
    hashes: np.ndarray  # uint64, one a token; the lowest bit is set where it holds a digit and is not 1: 一 and one say little
    edges: np.ndarray  # bool, whether a sentence or line begins at the token; one more stands after the last


def tokenise(texts: pa.Array | pa.ChunkedArray) -> Folded:
    """Return the folded tokens of a string column; a null counts as empty."""
    data, offsets = buffers(texts)
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
    size = 0
    for text in range(len(offsets) - 1):
        starts[text] = size
        position, end = offsets[text], offsets[text + 1]
        after_digit, line_start, gap, letter = False, True, True, False
        while position < end:
            byte = data[position]
            width = _ends(data, position, end)
            if width:
                out[size : size + 4] = (32, 0xC6, 0x80, 32)
                size += 4
                position += width
                after_digit, gap, letter = False, True, False
                line_start = line_start or byte == NEWLINE
                continue
            if letter and (byte == APOSTROPHE or (byte == 0xE2 and _is_apostrophe(data, position, end))):
                width = 1 if byte == APOSTROPHE else 3
                if position + width < end and _is_letter(data[position + width]):
                    position += width
                    continue
            opens = not letter and not after_digit and (byte == 40 or _is(data, position, end, 0xBC, 0x88))  # not f(2)
            letter = _is_letter(byte)
            if line_start or gap or opens:
                skip = _label(data, position, end, line_start, numerals)
                if skip:
                    position += skip
                    out[size] = 32
                    size += 1
                    after_digit, line_start, gap = False, False, True
                    continue
            if after_digit and (byte == COMMA or byte == 0xEF):
                width = 1 if byte == COMMA else (3 if _is(data, position, end, 0xBC, 0x8C) else 0)
                if width and _three_digits(data, position + width, end):
                    position += width
                    continue
            if byte >= 0xE3 and byte <= 0xE9 and numerals[_low(data, position, end)] >= 0:
                position, size = _numeral(data, position, end, numerals, out, size)
                after_digit, line_start, gap = False, False, False
                continue
            width = _digit(data, position, end)
            after_digit = width > 0
            line_start = line_start and byte <= 32
            gap = byte <= 32
            out[size] = byte if width < 3 else data[position + 2] - 0x90 + ZERO
            size += 1
            position += max(width, 1)
    starts[len(offsets) - 1] = size


@njit(cache=True, nogil=True)
def _label(data, at, end, line_start, numerals):  # type: ignore[no-untyped-def]
    """Return the bytes of a list label at `at`, 0 where there is none: (1), 1) or 1、; at the head of a line 1. and 三、 too."""
    here, opened = at, False
    if data[here] == 40 or _is(data, here, end, 0xBC, 0x88):
        opened = True
        here += 1 if data[here] == 40 else 3
    count, number = 0, 0
    while count < 2:
        width = _digit(data, here, end)
        if width:
            number = number * 10 + (data[here + width - 1] & 0x0F)
        if width == 0 and line_start and numerals[_low(data, here, end)] >= 0:
            width = 3
        if width == 0:
            break
        here += width
        count += 1
    if count == 0 or number > LONGEST_LIST or here >= end:
        return 0
    closes = data[here] == 41 or _is(data, here, end, 0xBC, 0x89)
    listed = data[here] == 0xE3 and here + 2 < end and data[here + 1] == 0x80 and data[here + 2] == 0x81  # 、
    dotted = data[here] == 46 or _is(data, here, end, 0xBC, 0x8E)
    if not (closes or (not opened and (listed or (dotted and line_start)))):
        return 0
    here += 1 if data[here] < 128 else 3
    return 0 if _digit(data, here, end) else here - at


@njit(cache=True, nogil=True)
def _numeral(data, at, end, numerals, out, size):  # type: ignore[no-untyped-def]
    """Write the numeral at `at` in digits between spaces; returns the positions after it in data and out.

    Digits that were written just before belong to it: 150万 is 一百五十万. A unit as large as the one before multiplies
    what stands before it: 七十五千米 is 75 千米.
    """
    digit, power = np.int64(0), np.int64(1)
    begin = size
    while begin > 0 and size - begin < 9 and out[begin - 1] >= ZERO and out[begin - 1] <= NINE:
        begin -= 1
        digit += power * (out[begin] - ZERO)
        power *= 10
    if begin == size or numerals[_low(data, at, end)] < 10:
        out[size] = 32
        size += 1
        begin, digit = size, np.int64(0)
    total, section, last, units = np.int64(0), np.int64(0), np.int64(0), False
    while True:
        value = numerals[_low(data, at, end)]
        if value < 0:
            break
        if value < 10:
            digit = value
            if not units:  # without units the digits stand one after another: 二〇二四
                out[size] = ZERO + value
                size += 1
        elif value >= MYRIAD:
            total = (max(total + section + digit, 1) if value > MYRIAD else max(section + digit, 1)) % value * value + (
                total if value == MYRIAD else 0
            )
            section, digit, last, units = np.int64(0), np.int64(0), np.int64(0), True
        else:
            rising = last > 0 and value >= last
            section = (section + digit) % MYRIAD * value if rising else section + max(digit, 1) * value
            digit, last, units = np.int64(0), value, True
        at += 3
    if units:
        size = _write(total + section + digit, out, begin)
    out[size] = 32
    return at, size + 1


@njit(cache=True, nogil=True)
def _write(number, out, at):  # type: ignore[no-untyped-def]
    width, rest = 1, number // 10
    while rest:
        width, rest = width + 1, rest // 10
    for place in range(width):
        out[at + width - 1 - place] = ZERO + number % 10
        number //= 10
    return at + width


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
def _ends(data, at, end):  # type: ignore[no-untyped-def]
    """Return the bytes of the end of a sentence at `at` (or of a colon, quotation mark or line), 0 where there is none."""
    byte = data[at]
    if byte == NEWLINE or byte == 33 or byte == 34 or byte == 58 or byte == 59 or byte == 63:  # ! " : ; ?
        return 1
    if byte == 46:
        return 1 if at + 1 >= end or data[at + 1] <= 32 else 0
    if byte == 0xE3 and at + 2 < end and data[at + 1] == 0x80:
        return 3 if data[at + 2] == 0x82 or (data[at + 2] >= 0x8A and data[at + 2] <= 0x8F) else 0  # 。 and 《》「」『』
    if byte == 0xE2 and at + 2 < end and data[at + 1] == 0x80:
        return 3 if data[at + 2] == 0x9C or data[at + 2] == 0x9D else 0  # “ ”
    if byte == 0xEF and at + 2 < end and data[at + 1] == 0xBC:
        return 3 if data[at + 2] in (0x81, 0x9A, 0x9B, 0x9F) else 0  # ！ ： ； ？
    return 0


@njit(cache=True, nogil=True, inline="always")
def _is_letter(byte):  # type: ignore[no-untyped-def]
    return (byte >= 97 and byte <= 122) or (byte >= 65 and byte <= 90)


@njit(cache=True, nogil=True, inline="always")
def _is_apostrophe(data, at, end):  # type: ignore[no-untyped-def]
    return at + 2 < end and data[at + 1] == 0x80 and data[at + 2] == 0x99  # ’


@njit(cache=True, nogil=True, inline="always")
def _value(token, keys, values):  # type: ignore[no-untyped-def]
    slot = np.int64(token >> np.uint64(1)) & (SLOTS - 1)
    return values[slot] if keys[slot] == token else np.int64(-1)


@njit(cache=True, nogil=True, inline="always")
def _low(data, at, end):  # type: ignore[no-untyped-def]
    """Return the low 15 bits of the three-byte code point at `at`; those of U+FFFF where there is none."""
    if at + 2 >= end or data[at] < 0xE3 or data[at] > 0xE9:
        return 0x7FFF
    point = (np.int64(data[at] & 0x0F) << 12) | (np.int64(data[at + 1] & 0x3F) << 6) | np.int64(data[at + 2] & 0x3F)
    return point & 0x7FFF


@njit(cache=True, nogil=True, inline="always")
def _is(data, at, end, second, third):  # type: ignore[no-untyped-def]
    """Say whether the full-width form EF `second` `third` stands at `at`."""
    return at + 2 < end and data[at] == 0xEF and data[at + 1] == second and data[at + 2] == third


@njit(cache=True, nogil=True, inline="always")
def _digit(data, at, end):  # type: ignore[no-untyped-def]
    """Return the width in bytes of the digit at `at`, 0 where there is none."""
    if at < end and data[at] >= ZERO and data[at] <= NINE:
        return 1
    if at + 2 < end and data[at] == 0xEF and data[at + 1] == 0xBC and data[at + 2] >= 0x90 and data[at + 2] <= 0x99:
        return 3
    return 0


@njit(cache=True, nogil=True)
def _three_digits(data, at, end):  # type: ignore[no-untyped-def]
    for _ in range(3):
        width = _digit(data, at, end)
        if width == 0:
            return False
        at += width
    return _digit(data, at, end) == 0
