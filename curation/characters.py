"""Classes of characters: letters and digits, which make words, and the characters that are tokens of their own."""

from __future__ import annotations

import numpy as np

from curation.kernels import inlined
from curation.utf8 import decode

ASCII = np.array(
    [ord(c.lower()) if (c := chr(n)).isalnum() else 0 for n in range(128)], np.uint8
)  # folded word characters
NOTE = "0123456789 -+*/=.,%$()"  # what a calculator's note within a solution, <<48/2=24>>, is made of
WIDE = 0xFF01  # the first of the full-width forms of ASCII, which begin with "!"


@inlined
def character(data, position, end):  # type: ignore[no-untyped-def]
    """Return the class of the character at `position`, its code point folded, and its width."""
    byte = data[position]
    if byte < 128:
        folded = np.int64(ASCII[byte])
        return (1, folded, 1) if folded else (0, np.int64(byte), 1)
    point, width = decode(data, position, end)
    kind, point = classify(point)
    return kind, point, width


@inlined
def classify(point):  # type: ignore[no-untyped-def]
    """Return 1 for a word character, 2 for a character that is a token, else 0; and the code point folded."""
    if point >= WIDE and point < WIDE + 94:
        point -= WIDE - 0x21
    if point < 128:
        folded = np.int64(ASCII[point])
        return (1, folded) if folded else (0, point)
    if _is_ideograph(point):
        return 2, point
    if _is_letter(point):
        if (
            (point >= 0xC0 and point <= 0xDE)
            or (point >= 0x391 and point <= 0x3A9)
            or (point >= 0x410 and point <= 0x42F)
        ):
            return 1, point + 32  # Latin-1, Greek and Cyrillic capitals
        return 1, point
    return 0, point


@inlined
def _is_ideograph(point):  # type: ignore[no-untyped-def]
    """Han (extensions, compatibility forms, 々 and 〇), Hiragana, Katakana, Hangul syllables: Unicode 16 blocks."""
    return (
        ((point >= 0x4E00) & (point <= 0x9FFF))
        | ((point >= 0x3400) & (point <= 0x4DBF))
        | ((point >= 0x3041) & (point <= 0x30FF) & (point != 0x30A0) & (point != 0x30FB))
        | ((point >= 0xAC00) & (point <= 0xD7A3))
        | ((point >= 0xF900) & (point <= 0xFAFF))
        | ((point >= 0x20000) & (point <= 0x323AF))
        | (point == 0x3005)
        | (point == 0x3007)
    )


@inlined
def _is_letter(point):  # type: ignore[no-untyped-def]
    """Alphabets below the general punctuation block, and the Latin extensions after it."""
    return ((point >= 0xC0) & (point < 0x2000) & (point != 0xD7) & (point != 0xF7)) | (
        (point >= 0x2C00) & (point < 0x2E00)
    )


_points = np.arange(1 << 16)
_wide = np.zeros(len(_points), np.bool_)
_wide[WIDE : WIDE + 94] = ASCII[0x21:0x7F] > 0
# Of the code points of at most three bytes beyond ASCII: which are tokens, and which belong to words.
IDEOGRAPHS: np.ndarray = _is_ideograph.py_func(_points)  # type: ignore[no-untyped-call]
LETTERS: np.ndarray = _is_letter.py_func(_points) | _wide  # type: ignore[no-untyped-call]
