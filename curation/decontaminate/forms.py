"""The forms in which numbers, ends of sentences and sequences of brackets are written, in UTF-8 bytes; compiled."""

from __future__ import annotations

import numpy as np

from curation.kernels import inlined, kernel

NEWLINE, SPACE, QUOTE, APOSTROPHE, COMMA, POINT = 10, 32, 34, 39, 44, 46
ZERO, NINE, SMALL_S = 48, 57, 115
SEQUENCE = 4  # brackets in a row, spaces between them, that ask how to close them: the task, not its punctuation
MYRIAD = 10_000
UNKNOWN = 0x7FFF  # stands for every code point that is no CJK ideograph


def _code_points(text: str, values: list[int]) -> np.ndarray:
    """Return values by the low 15 bits of a code point; -1 for any other."""
    out = np.full(1 << 15, -1, np.int64)
    out[[ord(c) & 0x7FFF for c in text]] = values
    return out


# Digits by their value, units by their power; 4E00-9FFF folded into 15 bits clash with nothing else that is looked up.
NUMERALS = _code_points(
    "零〇一二两三四五六七八九十百千万亿", [0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10, 100, 1000, 10**4, 10**8]
)


# By byte: the second byte of the letter, U+0181 to U+0188, that stands for a bracket in a sequence; 0 for others.
BRACKETS = np.zeros(256, np.int64)
BRACKETS[np.frombuffer(b"()[]{}<>", np.uint8)] = np.arange(0x81, 0x89)


@inlined
def joint(data, at, end, after_digit, after_letter):  # type: ignore[no-untyped-def]
    """Return the bytes at `at` that part no word: a separator of thousands, an apostrophe, the space of Al 's pen; else 0."""
    byte = data[at]
    if after_digit and (byte == COMMA or is_wide(data, at, end, 0xBC, 0x8C)):
        width = 1 if byte == COMMA else 3
        return width if _three_digits(data, at + width, end) else 0
    if after_letter and (byte == APOSTROPHE or _is_apostrophe(data, at, end)):
        width = 1 if byte == APOSTROPHE else 3
        return width if at + width < end and is_letter(data[at + width]) else 0
    return _genitive(data, at, end) if after_letter and byte == SPACE else 0


@inlined
def ending(data, at, end):  # type: ignore[no-untyped-def]
    """Return the bytes of the end of a sentence at `at` (or of a colon, quotation mark or line), 0 where there is none."""
    byte = data[at]
    if byte in (NEWLINE, QUOTE, 33, 58, 59, 63):  # ! : ; ?
        return 1
    if byte == POINT:
        return 1 if at + 1 >= end or data[at + 1] <= SPACE else 0
    if byte == 0xE3 and at + 2 < end and data[at + 1] == 0x80:  # 。 and 《》「」『』
        return 3 if data[at + 2] == 0x82 or (data[at + 2] >= 0x8A and data[at + 2] <= 0x8F) else 0
    if byte == 0xE2 and at + 2 < end and data[at + 1] == 0x80:
        return 3 if data[at + 2] == 0x9C or data[at + 2] == 0x9D else 0  # “ ”
    if byte == 0xEF and at + 2 < end and data[at + 1] == 0xBC:
        return 3 if data[at + 2] in (0x81, 0x9A, 0x9B, 0x9F) else 0  # ！ ： ； ？
    return 0


@kernel
def sequence(data, at, end, out, size):  # type: ignore[no-untyped-def]
    """Write brackets that stand in a row from `at` on, a space between them, as letters; returns their bytes and the new size.

    Fewer than SEQUENCE of them are left alone.
    """
    last = at
    while last < end and BRACKETS[data[last]]:
        last += 1
        if last >= end or data[last] != SPACE:
            break
        last += 1
    if last - at < 2 * SEQUENCE - 1:
        return 0, size
    for place in range(at, last):
        if data[place] != SPACE:
            out[size], out[size + 1], out[size + 2], out[size + 3] = SPACE, 0xC6, BRACKETS[data[place]], SPACE
            size += 4
    return last - at, size


@kernel
def fraction(data, at, end, out, size):  # type: ignore[no-untyped-def]
    """Write the decimals at `at`, a point, without the zeros at their end: 12.50 is 12.5 and 5.00 is 5."""
    last = at
    while at + 1 < end and data[at + 1] >= ZERO and data[at + 1] <= NINE:
        at += 1
        if data[at] != ZERO:
            for place in range(last, at):
                out[size] = data[place]
                size += 1
            last = at
    if data[last] != POINT:
        out[size] = data[last]
        size += 1
    return at + 1, size


@kernel
def numeral(data, at, numerals, out, place):  # type: ignore[no-untyped-def]
    """Write the numeral at `at` in digits between spaces; returns the positions after it in data and out.

    place: (where the text ends in data, where it begins and how far it has come in out).
    Digits that were written just before belong to it: 150万 is 一百五十万. A unit as large as the one before multiplies
    what stands before it: 七十五千米 is 75 千米.
    """
    end, floor, size = place
    ones, power = np.int64(0), np.int64(1)
    begin = size
    while begin > floor and size - begin < 9 and out[begin - 1] >= ZERO and out[begin - 1] <= NINE:
        begin -= 1
        ones += power * (out[begin] - ZERO)
        power *= 10
    if begin == size or numerals[low(data, at, end)] < 10:
        out[size] = SPACE
        size += 1
        begin, ones = size, np.int64(0)
    total, section, last, units = np.int64(0), np.int64(0), np.int64(0), False
    while True:
        value = numerals[low(data, at, end)]
        if value < 0:
            break
        if value < 10:
            ones = value
            if not units:  # without units the digits stand one after another: 二〇二四
                out[size] = ZERO + value
                size += 1
        elif value >= MYRIAD:
            if value == MYRIAD:
                total += max(section + ones, 1) % value * value
            else:
                total = max(total + section + ones, 1) % value * value
            section, ones, last, units = np.int64(0), np.int64(0), np.int64(0), True
        else:
            rising = last > 0 and value >= last
            section = (section + ones) % MYRIAD * value if rising else section + max(ones, 1) * value
            ones, last, units = np.int64(0), value, True
        at += 3
    if units:
        size = _write(total + section + ones, out, begin)
    out[size] = SPACE
    return at, size + 1


@kernel
def _write(number, out, at):  # type: ignore[no-untyped-def]
    width, rest = 1, number // 10
    while rest:
        width, rest = width + 1, rest // 10
    for place in range(width):
        out[at + width - 1 - place] = ZERO + number % 10
        number //= 10
    return at + width


@inlined
def is_letter(byte):  # type: ignore[no-untyped-def]
    """Say whether a byte is a Latin letter."""
    return (byte >= 97 and byte <= 122) or (byte >= 65 and byte <= 90)


@inlined
def _genitive(data, at, end):  # type: ignore[no-untyped-def]
    """Return the bytes before the s that stands by itself at `at`, as tokenised corpora write it: Al 's pen, Al ’ s pen."""
    here = at + 1
    if here < end and data[here] == APOSTROPHE:
        here += 1
    elif _is_apostrophe(data, here, end):
        here += 3
    else:
        return 0
    here += here < end and data[here] == SPACE
    return here - at if here + 1 < end and data[here] | 32 == SMALL_S and not is_letter(data[here + 1]) else 0


@inlined
def _is_apostrophe(data, at, end):  # type: ignore[no-untyped-def]
    return at + 2 < end and data[at] == 0xE2 and data[at + 1] == 0x80 and data[at + 2] == 0x99  # ’


@inlined
def low(data, at, end):  # type: ignore[no-untyped-def]
    """Return the low 15 bits of the three-byte code point at `at`; those of U+FFFF where there is none."""
    if at + 2 >= end or data[at] < 0xE3 or data[at] > 0xE9:
        return UNKNOWN
    point = (np.int64(data[at] & 0x0F) << 12) | (np.int64(data[at + 1] & 0x3F) << 6) | np.int64(data[at + 2] & 0x3F)
    return point & 0x7FFF


@inlined
def is_wide(data, at, end, second, third):  # type: ignore[no-untyped-def]
    """Say whether the full-width form EF `second` `third` stands at `at`."""
    return at + 2 < end and data[at] == 0xEF and data[at + 1] == second and data[at + 2] == third


@inlined
def digit(data, at, end):  # type: ignore[no-untyped-def]
    """Return the width in bytes of the digit at `at`, 0 where there is none."""
    if at < end and data[at] >= ZERO and data[at] <= NINE:
        return 1
    if at + 2 < end and data[at] == 0xEF and data[at + 1] == 0xBC and data[at + 2] >= 0x90 and data[at + 2] <= 0x99:
        return 3
    return 0


@kernel
def _three_digits(data, at, end):  # type: ignore[no-untyped-def]
    for _ in range(3):
        width = digit(data, at, end)
        if width == 0:
            return False
        at += width
    return digit(data, at, end) == 0
