"""The arithmetic signs of a text: sums in the same words with other signs are other problems."""

from __future__ import annotations

import numpy as np

from curation.characters import character
from curation.kernels import inlined, kernel
from curation.utf8 import decode

# Classes of bytes: 0 for what is none of these, an operator is its own class.
NUMERAL, SPACE, LEAD = np.uint8(1), np.uint8(2), np.uint8(3)
_CLASSES = {
    **dict.fromkeys(b"0123456789", 1),
    **dict.fromkeys(b" \t\n\v\f\r", 2),
    **dict.fromkeys(b"\xc3\xe2\xe3\xef", 3),
}
BYTES = np.array([_CLASSES.get(byte, byte if byte in b"+-*/<>^%" else 0) for byte in range(256)], np.uint8)
FNV_PRIME = np.uint32(16777619)  # FNV-1a, 32 bit


@kernel
def operators(data, at, end, numerals):  # type: ignore[no-untyped-def]
    """Return the hash of the operators in data[at:end], in order, that stand next to a digit (white space apart), 0 for none.

    numerals: where the words begin that hold a digit.
    """
    value, seen = np.uint32(0), at  # what lies before `seen` is hashed
    for numeral in numerals:
        at = _digit(data, max(seen, numeral), end)
        while at < end:
            before = _before(data, seen, at)
            if before:
                value = np.uint32(np.uint32(value ^ np.uint32(before)) * FNV_PRIME)
            kind, width = _kind(data, at, end)
            while at < end and kind in (NUMERAL, SPACE):
                at += width
                kind, width = _kind(data, at, end)
            if at < end and kind:
                value = np.uint32(np.uint32(value ^ np.uint32(kind)) * FNV_PRIME)
                at += width
            seen = at
            at = _digit(data, at, end)
    return value


@kernel
def _digit(data, at, end):  # type: ignore[no-untyped-def]
    """Return where in the word at `at` the next digit stands, `end` where there is none or no word."""
    while at < end:
        kind, point, width = character(data, at, end)
        if kind != 1:
            return end
        if point >= 48 and point <= 57:
            return at
        at += width
    return end


@kernel
def _before(data, start, at):  # type: ignore[no-untyped-def]
    """Return the operator that stands before `at`, white space apart, 0 where there is none since `start`."""
    end = at
    while at > start:
        at -= 1
        while at > start and data[at] & 0xC0 == 0x80:  # a character's later bytes
            at -= 1
        kind, _ = _kind(data, at, end)
        if kind != SPACE:
            return kind
    return np.uint8(0)


@kernel
def _kind(data, at, end):  # type: ignore[no-untyped-def]
    """Return the class of the character at `at` and its width in bytes."""
    if at >= end:
        return np.uint8(0), 1
    kind = BYTES[data[at]]
    if kind != LEAD:
        return kind, 1
    point, width = decode(data, at, end)
    return _folded(point), width


@inlined
def _folded(point):  # type: ignore[no-untyped-def]
    """Return the class of a code point above ASCII."""
    if point == 0xD7:
        return np.uint8(42)
    if point == 0xF7:
        return np.uint8(47)
    if point == 0x2212:
        return np.uint8(45)
    if point == 0x3000:
        return SPACE
    if point >= 0xFF01 and point <= 0xFF5E:
        return BYTES[point - 0xFEE0]
    return np.uint8(0)
