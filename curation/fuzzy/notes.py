"""A calculator's notes within a solution, <<48/2=24>>: some copies of GSM8K have them, others have not."""

from __future__ import annotations

import numpy as np

from curation.characters import NOTE
from curation.kernels import kernel
from curation.swar import EACH_ONE, HIGHS, load8

LESS, MORE = np.uint8(ord("<")), np.uint8(ord(">"))
EACH_LESS = np.uint64(0x3C3C3C3C3C3C3C3C)
NOTED = np.array([chr(byte) in NOTE for byte in range(256)])


@kernel
def has_notes(data):  # type: ignore[no-untyped-def]
    """Say whether "<<" stands in the bytes: without a way out of the loop, which then vectorises."""
    found = False
    for at in range(len(data) - 1):
        found |= (data[at] == LESS) & (data[at + 1] == LESS)
    return found


@kernel
def without_notes(data, offsets, numerals, out):  # type: ignore[no-untyped-def]
    """Copy turns without their notes; says whether there was one.

    out: the bytes, the offsets of the turns in them, and where each of the `numerals`, bytes of `data` in order, has come to stand: -1
    within a note.
    """
    text, ends, places = out
    size, numeral, found = 0, 0, False
    for turn in range(len(offsets) - 1):
        at, end = offsets[turn], offsets[turn + 1]
        while at < end:
            note, after = _next(data, at, end)
            _copy(data[at:note], text[size : size + note - at])
            while numeral < len(numerals) and numerals[numeral] < after:
                inside = numerals[numeral] >= note
                places[numeral] = -1 if inside else size + numerals[numeral] - at
                numeral += 1
            size += note - at
            found |= note < end
            at = after
        ends[turn + 1] = size
    return found


@kernel
def _copy(source, target):  # type: ignore[no-untyped-def]
    """Copy bytes; counted from 0, so that the loop vectorises."""
    for at in range(len(source)):
        target[at] = source[at]


@kernel
def _next(data, at, end):  # type: ignore[no-untyped-def]
    """Return where the next note begins and ends, `end` twice where there is none."""
    while at + 5 <= end:
        if at + 8 <= end:
            block = load8(data, np.uint64(at)) ^ EACH_LESS  # a byte that is "<" becomes 0
            if (block - EACH_ONE) & ~block & HIGHS == 0:
                at += 8
                continue
        stop = min(at + 8, end - 4)
        while at < stop:
            if data[at] == LESS and data[at + 1] == LESS:
                after = at + 2
                while after < end and NOTED[data[after]]:
                    after += 1
                if after > at + 2 and after + 1 < end and data[after] == MORE and data[after + 1] == MORE:
                    return at, after + 2
            at += 1
    return end, end
