"""A text as fastText reads it: tokens parted by spaces, zh and en alike, made in compiled code over Arrow buffers.

A token is a run of letters and digits, folded as in curation/text.py, every digit a 0 (so that amounts are one word); one Han,
Kana or Hangul character (fastText's own word bigrams join two); or one mark of punctuation, a row of the same mark being one
token, since ``` and $ and ？ tell code, mathematics and questions apart. A line break is the token `_n`.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curation.characters import classify
from curation.kernels import inlined, kernel
from curation.utf8 import buffers, decode

SPACE, ZERO, UNDERSCORE, LINE = 32, 48, 95, 10
WIDEST = 4  # bytes out for a byte in: a line break becomes " >_n"


def words(texts: pa.Array, sign: str = "") -> pa.LargeStringArray:
    """Return each text of a string column as its tokens, one space between two; a null gives "".

    `sign`, one ASCII character, stands before every token where given: an answer's words are other words than a prompt's.
    """
    offsets, data = buffers(texts)
    room = WIDEST * int(offsets[-1] - offsets[0]) + 1
    out, ends = np.empty(room, np.uint8), np.zeros(len(offsets), np.int64)
    total = _words(data, offsets, out, ends, ord(sign) if sign else 0)
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(ends), pa.py_buffer(out[:total].copy()))


@kernel
def _words(data, offsets, out, ends, sign):  # type: ignore[no-untyped-def]
    at = 0
    for text in range(len(offsets) - 1):
        position, end, begin = offsets[text], offsets[text + 1], at
        before = -1  # the mark just written; 0 inside a word, -1 where the next token needs no care
        while position < end:
            point, width = decode(data, position, end)
            position += width
            kind, folded = classify(point)
            if kind == 0 and folded != LINE and (folded <= SPACE or folded in (0x7F, 0xA0, 0x3000, 0xFEFF)):
                before = -1
                continue
            if kind == 0 and folded == before:
                continue
            if not (kind == 1 and before == 0):  # a new token
                if at > begin:
                    out[at] = SPACE
                    at += 1
                if sign:
                    out[at] = sign
                    at += 1
            if folded == LINE:
                out[at], out[at + 1] = UNDERSCORE, 110
                at += 2
            else:
                at = _encode(out, at, ZERO if kind == 1 and folded >= 48 and folded <= 57 else folded)
            before = 0 if kind == 1 else (-1 if kind == 2 else folded)
        ends[text + 1] = at
    return at


@inlined
def _encode(out, at, point):  # type: ignore[no-untyped-def]
    """Write one code point as UTF-8; returns the position after it."""
    if point < 0x80:
        out[at] = point
        return at + 1
    if point < 0x800:
        out[at], out[at + 1] = 0xC0 | (point >> 6), 0x80 | (point & 0x3F)
        return at + 2
    if point < 0x10000:
        out[at], out[at + 1], out[at + 2] = 0xE0 | (point >> 12), 0x80 | ((point >> 6) & 0x3F), 0x80 | (point & 0x3F)
        return at + 3
    out[at], out[at + 1] = 0xF0 | (point >> 18), 0x80 | ((point >> 12) & 0x3F)
    out[at + 2], out[at + 3] = 0x80 | ((point >> 6) & 0x3F), 0x80 | (point & 0x3F)
    return at + 4
