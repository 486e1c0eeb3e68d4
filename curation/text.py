"""Tokens, n-grams and fold hashes shared by the judges that compare texts, in compiled code over Arrow buffers.

A token is a run of Latin (or other alphabetic) letters and digits, or one Han, Kana or Hangul character.
Everything else separates. Case and full-width forms are folded, so punctuation and spacing never matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numba import njit

FNV_OFFSET = np.uint64(14695981039346656037)  # FNV-1a 64 bit, http://www.isthe.com/chongo/tech/comp/fnv/
FNV_PRIME = np.uint64(1099511628211)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64 finaliser, Steele et al. 2014
MIX_2 = np.uint64(0x94D049BB133111EB)
DIGIT = np.uint64(1)
ASCII = np.array(
    [ord(c.lower()) if (c := chr(n)).isalnum() else 0 for n in range(128)], np.uint8
)  # folded word characters
_ONE_OFF = np.uint64(0xFFFFFFFFFFFFFFFE)


@dataclass(frozen=True)
class Tokens:
    """The tokens of n texts: text i has the hashes[offsets[i]:offsets[i + 1]]."""

    offsets: np.ndarray  # int64[n + 1]
    hashes: np.ndarray  # uint64, one a token; the lowest bit is set where the token holds a digit 0-9
    han: np.ndarray  # int32[n], how many of a text's tokens are Han, Kana or Hangul characters


def buffers(texts: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the UTF-8 bytes and the int64 offsets (one more than texts) of a string column; a null counts as empty.

    The bytes are never an empty array, so that compiled code may index them.
    """
    if isinstance(texts, pa.ChunkedArray):
        texts = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], pa.string())
    if not isinstance(texts, pa.LargeStringArray):
        texts = texts.cast(pa.large_string())
    if texts.null_count:
        texts = texts.fill_null("")
    if len(texts) == 0:
        return np.zeros(1, np.uint8), np.zeros(1, np.int64)
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64, count=len(texts) + 1, offset=texts.offset * 8)
    empty = data_buffer is None or data_buffer.size == 0
    return (np.zeros(1, np.uint8) if empty else np.frombuffer(data_buffer, np.uint8)), offsets


def tokens(texts: pa.Array | pa.ChunkedArray) -> Tokens:
    """Tokenise a string (or large_string) column; a null counts as empty."""
    data, offsets = buffers(texts)
    count = len(offsets) - 1
    # Two tokens cost at least four bytes ("a b ", or a letter and a Han character), a lone one at least one.
    hashes = np.empty((int(offsets[-1] - offsets[0]) + count) // 2 + 1, np.uint64)
    starts, han = np.empty(count + 1, np.int64), np.zeros(count, np.int32)
    total = _tokenise(data, offsets, hashes, starts, han)
    return Tokens(starts, hashes[:total].copy(), han)


def fold_hashes(texts: pa.Array | pa.ChunkedArray, wanted: np.ndarray | None = None) -> np.ndarray:
    """Return a uint64 a text, equal for texts that differ in case, full-width forms or white space only; 0 where unwanted.

    Unlike tokens, punctuation counts: "1+1" and "1-1" differ.
    """
    data, offsets = buffers(texts)
    out = np.zeros(len(offsets) - 1, np.uint64)
    _fold_hashes(data, offsets, np.ones(len(out), np.bool_) if wanted is None else wanted, out)
    return out


@njit(cache=True, nogil=True)
def _tokenise(data, offsets, hashes, starts, han):  # type: ignore[no-untyped-def]
    count = 0
    for text in range(len(offsets) - 1):
        starts[text] = count
        position, end = offsets[text], offsets[text + 1]
        word, inside, digit = FNV_OFFSET, False, np.uint64(0)
        while position < end:
            byte = data[position]
            if byte < 128:  # the table first: it is all that most English needs
                position += 1
                point = np.int64(ASCII[byte])
                kind = 1 if point else 0
            else:
                point, width = decode(data, position, end)
                position += width
                kind, point = _classify(point)
            if kind == 1:
                word = (word ^ np.uint64(point)) * FNV_PRIME
                if point <= 57:  # the only folded word characters so low are digits
                    digit = DIGIT
                inside = True
                continue
            if inside:
                hashes[count] = (_mix(word) & _ONE_OFF) | digit
                count += 1
                word, inside, digit = FNV_OFFSET, False, np.uint64(0)
            if kind == 2:
                hashes[count] = _mix((FNV_OFFSET ^ np.uint64(point)) * FNV_PRIME) & _ONE_OFF
                count += 1
                han[text] += 1
        if inside:
            hashes[count] = (_mix(word) & _ONE_OFF) | digit
            count += 1
    starts[len(offsets) - 1] = count
    return count


@njit(cache=True, nogil=True)
def _fold_hashes(data, offsets, wanted, out):  # type: ignore[no-untyped-def]
    for text in range(len(offsets) - 1):
        if not wanted[text]:
            continue
        position, end = offsets[text], offsets[text + 1]
        value, gap, begun = FNV_OFFSET, False, False
        while position < end:
            point, width = decode(data, position, end)
            position += width
            _, point = _classify(point)
            if (point >= 9 and point <= 13) or point in (32, 0xA0, 0x3000):
                gap = begun
                continue
            if gap:
                value = (value ^ np.uint64(32)) * FNV_PRIME
                gap = False
            value = (value ^ np.uint64(point)) * FNV_PRIME
            begun = True
        out[text] = _mix(value)


@njit(cache=True, nogil=True, inline="always")
def _classify(point):  # type: ignore[no-untyped-def]
    """Return 1 for a word character, 2 for a character that is a token, else 0; and the code point folded."""
    if point >= 0xFF01 and point <= 0xFF5E:
        point -= 0xFEE0  # full-width forms
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


@njit(cache=True, nogil=True, inline="always")
def decode(data, position, end):  # type: ignore[no-untyped-def]
    """Return the code point at `position` and its width; Arrow strings are valid UTF-8."""
    first = np.int64(data[position])
    if first < 0x80 or position + 1 >= end:
        return first, 1
    if first < 0xE0:
        return ((first & 0x1F) << 6) | (np.int64(data[position + 1]) & 0x3F), 2
    if position + 2 >= end:
        return first, 1
    high = ((first & 0x0F) << 12) | ((np.int64(data[position + 1]) & 0x3F) << 6) | (np.int64(data[position + 2]) & 0x3F)
    if first < 0xF0 or position + 3 >= end:
        return high, 3
    return ((high & 0x7FFF) << 6) | (np.int64(data[position + 3]) & 0x3F), 4


@njit(cache=True, nogil=True, inline="always")
def _is_ideograph(point):  # type: ignore[no-untyped-def]
    """Han (extensions, compatibility forms, 々 and 〇), Hiragana, Katakana, Hangul syllables: Unicode 16 blocks."""
    return (
        (point >= 0x4E00 and point <= 0x9FFF)
        or (point >= 0x3400 and point <= 0x4DBF)
        or (point >= 0x3041 and point <= 0x30FF and point not in (0x30A0, 0x30FB))
        or (point >= 0xAC00 and point <= 0xD7A3)
        or (point >= 0xF900 and point <= 0xFAFF)
        or (point >= 0x20000 and point <= 0x323AF)
        or point in (0x3005, 0x3007)
    )


@njit(cache=True, nogil=True, inline="always")
def _is_letter(point):  # type: ignore[no-untyped-def]
    """Alphabets below the general punctuation block, and the Latin extensions after it."""
    return (point >= 0xC0 and point < 0x2000 and point not in (0xD7, 0xF7)) or (point >= 0x2C00 and point < 0x2E00)


@njit(cache=True, nogil=True, inline="always")
def _mix(value):  # type: ignore[no-untyped-def]
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True)
def ngrams(hashes, start, end, n):  # type: ignore[no-untyped-def]
    """Return the hash of each n-gram of hashes[start:end], uint64[max(0, end - start - n + 1)], in text order."""
    count = max(0, end - start - n + 1)
    out = np.empty(count, np.uint64)
    for first in range(count):
        value = FNV_OFFSET
        for at in range(first, first + n):
            value = (value ^ hashes[start + at]) * FNV_PRIME
            value ^= value >> np.uint64(32)
        out[first] = _mix(value)
    return out
