"""Tokens, n-grams and fold hashes shared by the judges that compare texts, in compiled code over Arrow buffers.

A token is a run of Latin (or other alphabetic) letters and digits, or one Han, Kana or Hangul character.
Everything else separates. Case and full-width forms are folded, so punctuation and spacing never matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels import njit
from curation.utf8 import buffers, decode

FNV_OFFSET = np.uint64(14695981039346656037)  # FNV-1a 64 bit, http://www.isthe.com/chongo/tech/comp/fnv/
FNV_PRIME = np.uint64(1099511628211)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64 finaliser, Steele et al. 2014
MIX_2 = np.uint64(0x94D049BB133111EB)
DIGIT = ONE = np.uint64(1)
EIGHT = np.uint64(8)
HIGHS = np.uint64(0x8080808080808080)
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


def tokens(texts: pa.Array | pa.ChunkedArray, goes_on: np.ndarray | None = None) -> Tokens:
    """Tokenise a string (or large_string) column; a null counts as empty.

    A word at the end of a text runs on into the next one where that `goes_on` (bool, one a text), and is the first one's.
    """
    offsets, data = buffers(texts)
    count = len(offsets) - 1
    # Two tokens cost at least four bytes ("a b ", or a letter and a Han character), a lone one at least one.
    hashes = np.empty((int(offsets[-1] - offsets[0]) + count) // 2 + 1, np.uint64)
    starts, han = np.empty(count + 1, np.int64), np.zeros(count, np.int32)
    total = _tokenise(data, offsets, np.zeros(count, np.bool_) if goes_on is None else goes_on, hashes, (starts, han))
    return Tokens(starts, hashes[:total].copy(), han)


def fold_hashes(texts: pa.Array | pa.ChunkedArray, wanted: np.ndarray | None = None) -> np.ndarray:
    """Return a uint64 a text, equal for texts that differ in case, full-width forms or white space only; 0 where unwanted.

    Unlike tokens, punctuation counts: "1+1" and "1-1" differ.
    """
    offsets, data = buffers(texts)
    out = np.zeros(len(offsets) - 1, np.uint64)
    _fold_hashes(data, offsets, np.ones(len(out), np.bool_) if wanted is None else wanted, out)
    return out


@njit(cache=True, nogil=True)
def _tokenise(data, offsets, goes_on, hashes, out):  # type: ignore[no-untyped-def]
    """Positions are unsigned: compiled code then spares the test for an index that counts from the end."""
    starts, han = out
    count, position = np.uint64(0), np.uint64(offsets[0])
    for text in range(len(offsets) - 1):
        starts[text] = count
        end = np.uint64(offsets[text + 1])
        limit = end  # of its last word
        if text + 1 < len(goes_on) and goes_on[text + 1]:
            limit = np.uint64(offsets[text + 2])
        while position < end:
            byte = data[position]
            if byte < 128:  # the table first: it is all that most English needs
                if ASCII[byte]:
                    position, hashes[count] = word(data, position, limit)
                    count += ONE
                else:
                    position += ONE
                continue
            point, width = _han(data, position, end)
            if width == 0:
                point, width = decode(data, position, end)
                kind, point = classify(point)
                if kind == 1:
                    position, hashes[count] = word(data, position, limit)
                    count += ONE
                    continue
                if kind == 0:
                    position += np.uint64(width)
                    continue
            position += np.uint64(width)
            hashes[count] = single(point)
            count += ONE
            han[text] += 1
    starts[len(offsets) - 1] = count
    return count


@njit(cache=True, nogil=True, inline="always")
def single(point):  # type: ignore[no-untyped-def]
    """Return the hash of a character that is a token."""
    return _mix((FNV_OFFSET ^ np.uint64(point)) * FNV_PRIME) & _ONE_OFF


@njit(cache=True, nogil=True, inline="always")
def word(data, position, end):  # type: ignore[no-untyped-def]
    """Return where the word that begins at `position` ends, and its hash: of its folded ASCII eight at a time, packed."""
    word, block, filled, digit = FNV_OFFSET, np.uint64(0), np.uint64(0), np.uint64(0)
    while position + EIGHT <= end:
        block, digits, count = word_bytes(load8(data, position))
        digit |= digits
        position += count
        if count < EIGHT:
            filled = count
            break
        word, block = _absorb(word, block), np.uint64(0)
    return _word_rest(data, position, end, (word, block, filled, digit))


@njit(cache=True, nogil=True, inline="always")
def _word_rest(data, position, end, state):  # type: ignore[no-untyped-def]
    """Go on with a word character by character: at the end of a text, and for letters beyond ASCII."""
    word, block, filled, digit = state
    while position < end:
        kind, point, width = character(data, position, end)
        if kind != 1:
            break
        position += np.uint64(width)
        if point < 128:
            block |= np.uint64(point) << (filled * EIGHT)
            filled += ONE
            digit |= np.uint64(point <= 57)  # the only folded word characters so low are digits
        if filled and (filled == EIGHT or point >= 128):
            word, block, filled = _absorb(word, block), np.uint64(0), np.uint64(0)
        if point >= 128:
            word = _absorb(word, np.uint64(point))
    if filled:
        word = _absorb(word, block)
    return position, (_mix(word) & _ONE_OFF) | np.uint64(digit != 0)


@njit(cache=True, nogil=True, inline="always")
def character(data, position, end):  # type: ignore[no-untyped-def]
    """Return the class of the character at `position`, its code point folded, and its width."""
    byte = data[position]
    if byte < 128:
        folded = np.int64(ASCII[byte])
        return (1, folded, 1) if folded else (0, np.int64(byte), 1)
    point, width = decode(data, position, end)
    kind, point = classify(point)
    return kind, point, width


@njit(cache=True, nogil=True, inline="always")
def _absorb(word, block):  # type: ignore[no-untyped-def]
    word = (word ^ block) * FNV_PRIME * MIX_1
    return word ^ (word >> np.uint64(32))


@njit(cache=True, nogil=True, inline="always")
def load8(data, position):  # type: ignore[no-untyped-def]
    """Return eight bytes as a little-endian uint64; the compiler makes one load of them."""
    value = np.uint64(0)
    for at in range(8):
        value |= np.uint64(data[position + np.uint64(at)]) << np.uint64(8 * at)
    return value


@njit(cache=True, nogil=True, inline="always")
def word_bytes(block):  # type: ignore[no-untyped-def]
    """Return the first ASCII letters and digits of eight bytes, folded, whether they hold a digit, and how many they are.

    All eight at a time: the high bit of a byte is set where a sum passes 127.
    """
    low = block & ~HIGHS
    lower = low | np.uint64(0x2020202020202020)
    letters = (lower + np.uint64(0x1F1F1F1F1F1F1F1F)) & ~(lower + np.uint64(0x0505050505050505))  # a to z
    digits = (low + np.uint64(0x5050505050505050)) & ~(low + np.uint64(0x4646464646464646))  # 0 to 9
    letters, digits = letters & ~block & HIGHS, digits & ~block & HIGHS
    others = ~(letters | digits) & HIGHS
    folded = block | (letters >> np.uint64(2))
    if others == 0:
        return folded, digits, EIGHT
    first = (others & (~others + ONE)) >> np.uint64(7)  # 1 in the lowest bit of the first other byte
    count = (first * np.uint64(0x0001020304050607)) >> np.uint64(56)
    return folded & (first - ONE), digits & (first - ONE), count


@njit(cache=True, nogil=True, inline="always")
def _han(data, position, end):  # type: ignore[no-untyped-def]
    """Return the code point and width 3 of one of the common Han characters, width 0 for anything else."""
    first = data[position]
    if first < 0xE4 or first > 0xE9 or position + np.uint64(2) >= end:
        return np.int64(0), 0
    point = (
        ((np.int64(first) & 0x0F) << 12)
        | ((np.int64(data[position + ONE]) & 0x3F) << 6)
        | (np.int64(data[position + np.uint64(2)]) & 0x3F)
    )
    return point, 3 if point >= 0x4E00 else 0


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
            _, point = classify(point)
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
def classify(point):  # type: ignore[no-untyped-def]
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
