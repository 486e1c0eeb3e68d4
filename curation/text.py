"""Tokens, n-grams and fold hashes shared by the judges that compare texts, in compiled code over Arrow buffers.

A token is a run of Latin (or other alphabetic) letters and digits, or one Han, Kana or Hangul character.
Everything else separates. Case and full-width forms are folded, so punctuation and spacing never matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.characters import IDEOGRAPHS, LETTERS, character, classify
from curation.kernels import inlined, kernel, maker
from curation.swar import (
    EIGHT,
    HIGHS,
    ONE,
    SIXTY_FOUR,
    bits,
    fold8,
    letters8,
    load8,
    lowest,
    trailing_zeros,
    word_bytes,
)
from curation.utf8 import buffers, decode

FNV_OFFSET = np.uint64(14695981039346656037)  # FNV-1a 64 bit, http://www.isthe.com/chongo/tech/comp/fnv/
FNV_PRIME = np.uint64(1099511628211)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64 finaliser, Steele et al. 2014
MIX_2 = np.uint64(0x94D049BB133111EB)
DIGIT = ONE
TWO, OF_A_WORD = np.uint64(2), np.uint64(1)
_ONE_OFF = np.uint64(0xFFFFFFFFFFFFFFFE)


@dataclass(frozen=True)
class Tokens:
    """The tokens of n texts: text i has the hashes[offsets[i]:offsets[i + 1]]."""

    offsets: np.ndarray  # int64[n + 1]
    hashes: np.ndarray  # uint64, one a token; the lowest bit is set where the token holds a digit 0-9
    han: np.ndarray  # int32[n], how many of a text's tokens are Han, Kana or Hangul characters


def tokens(texts: pa.Array | pa.ChunkedArray) -> Tokens:
    """Tokenise a string (or large_string) column; a null counts as empty."""
    offsets, data = buffers(texts)
    count = len(offsets) - 1
    size = most_tokens(int(offsets[-1] - offsets[0]), count)
    room = np.empty(size, np.uint64), np.empty(size, np.int64)
    starts, han = np.empty(count + 1, np.int64), np.zeros(count, np.int32)
    total, _ = tokenise(data, offsets, np.zeros(count, np.bool_), room, (starts, han))
    return Tokens(starts, room[0][:total].copy(), han)


def most_tokens(size: int, texts: int) -> int:
    """Return how many tokens so many bytes in so many texts may hold.

    Two cost at least four bytes ("a b ", or a letter and a Han character), a lone one at least one.
    """
    return (size + texts) // 2 + 1


def fold_hashes(texts: pa.Array | pa.ChunkedArray, wanted: np.ndarray | None = None) -> np.ndarray:
    """Return a uint64 a text, equal for texts that differ in case, full-width forms or white space only; 0 where unwanted.

    Unlike tokens, punctuation counts: "1+1" and "1-1" differ.
    """
    offsets, data = buffers(texts)
    out = np.zeros(len(offsets) - 1, np.uint64)
    _fold_hashes(data, offsets, np.ones(len(out), np.bool_) if wanted is None else wanted, out)
    return out


@inlined
def _mix(value):  # type: ignore[no-untyped-def]
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    return value ^ (value >> np.uint64(31))


@inlined
def single(point):  # type: ignore[no-untyped-def]
    """Return the hash of a character that is a token."""
    return _mix((FNV_OFFSET ^ np.uint64(point)) * FNV_PRIME) & _ONE_OFF


def _singles() -> np.ndarray:
    """Return of each code point of at most three bytes `single` where it is a token, OF_A_WORD in a word, else 0."""
    points = np.arange(1 << 16, dtype=np.uint64)
    hashes = _mix.py_func((FNV_OFFSET ^ points) * FNV_PRIME) & _ONE_OFF  # type: ignore[no-untyped-call]
    return np.where(IDEOGRAPHS, hashes, np.where(LETTERS, OF_A_WORD, np.uint64(0)))


SINGLES = _singles()


@kernel
def tokenise(data, offsets, goes_on, room, out):  # type: ignore[no-untyped-def]
    """Write the tokens of texts; returns how many there are, and how many of them hold a digit.

    data, offsets: as utf8.buffers has them. goes_on: a word at the end of a text runs on into the next one where that does (bool, one
    a text), and is the first one's. room: arrays of `most_tokens` for the hashes (uint64), and for the bytes at which the
    tokens with a digit begin (int64). out: Tokens.offsets and Tokens.han. Positions are unsigned: compiled code then spares
    the test for an index that counts from the end.
    """
    starts, han = out
    counts, position = (np.uint64(0), np.uint64(0)), np.uint64(offsets[0])
    stop = np.uint64(offsets[-1])
    for text in range(len(offsets) - 1):
        starts[text] = counts[0]
        end = np.uint64(offsets[text + 1])
        limit = end  # of its last word
        if text + 1 < len(goes_on) and goes_on[text + 1]:
            limit = np.uint64(offsets[text + 2])
        others = np.uint64(0)  # tokens that are a character each
        while position < end:
            if position + EIGHT + SIXTY_FOUR <= stop and limit == end and load8(data, position) & HIGHS == 0:
                at, counts = _block(data, position, end, room, counts)
                if at > position:
                    position = at
                    continue
            if data[position] >= 128:
                position, counts, found = _ideographs(data, position, end, room, counts)
                others += found
                if position >= end or data[position] < 128:
                    continue
            kind, point, width = character(data, position, end)
            if kind == 1:
                position, counts = _word(data, position, limit, room, counts)
                continue
            position += np.uint64(width)
            if kind == 2:
                room[0][counts[0]] = single(point)
                counts = (counts[0] + ONE, counts[1])
                others += ONE
        han[text] = others
    starts[len(offsets) - 1] = counts[0]
    return counts


@inlined
def _block(data, position, end, room, counts):  # type: ignore[no-untyped-def]
    """Take the words of sixty-four bytes of ASCII; returns where the next token may begin: `position` where one is not ASCII.

    The bits of a uint64 say where words are, so that the next one need not wait for the length of the one before. The bytes have to be
    there, those behind `end` and eight more too. A word at the end of the block is left to the next.
    """
    words, digits, high = np.uint64(0), np.uint64(0), np.uint64(0)
    for part in range(8):
        block = load8(data, position + np.uint64(8 * part))
        letters, numerals = letters8(block)
        words |= bits(letters | numerals) << np.uint64(8 * part)
        digits |= bits(numerals) << np.uint64(8 * part)
        high |= block & HIGHS
    if high:
        return position, counts
    size = min(SIXTY_FOUR, end - position)
    words &= lowest(size)
    count, numeral = counts
    while words:
        first = trailing_zeros(words)
        length = trailing_zeros(~(words >> first))
        if first + length == SIXTY_FOUR:
            return position + first, (count, numeral)
        room[1][numeral] = position + first
        hashed, at, left = FNV_OFFSET, position + first, length
        while left > EIGHT:
            hashed = _absorb(hashed, fold8(load8(data, at), EIGHT))
            at += EIGHT
            left -= EIGHT
        hashed = _absorb(hashed, fold8(load8(data, at), left))
        digit = (digits >> first) & lowest(length)
        room[0][count] = _hashed(hashed, digit)
        count += ONE
        numeral += np.uint64(digit != 0)
        words = (words >> (first + length)) << (first + length)
    return position + size, (count, numeral)


@inlined
def _ideographs(data, position, end, room, counts):  # type: ignore[no-untyped-def]
    """Take a run of characters of three bytes that belong to no word; returns where it ends, and how many are tokens."""
    count, found, byte = counts[0], np.uint64(0), data[position]
    while byte & 0xF0 == 0xE0 and position + TWO < end:
        point = (
            (np.uint64(byte & 0x0F) << np.uint64(12))
            | (np.uint64(data[position + ONE] & 0x3F) << np.uint64(6))
            | np.uint64(data[position + TWO] & 0x3F)
        )
        hashed = SINGLES[point]
        if hashed == OF_A_WORD:
            break
        room[0][count] = hashed  # written over where it is no token's: no branch to foretell
        is_token = np.uint64(hashed != 0)
        count += is_token
        found += is_token
        position += np.uint64(3)
        if position >= end:
            break
        byte = data[position]
    return position, (count, counts[1]), found


@inlined
def _word(data, position, end, room, counts):  # type: ignore[no-untyped-def]
    room[1][counts[1]] = position
    position, hashed = word(data, position, end)
    room[0][counts[0]] = hashed
    return position, (counts[0] + ONE, counts[1] + (hashed & DIGIT))


@inlined
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


@inlined
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
    return position, _hashed(word, digit)


@inlined
def _hashed(word, digit):  # type: ignore[no-untyped-def]
    return (_mix(word) & _ONE_OFF) | np.uint64(digit != 0)


@inlined
def _absorb(word, block):  # type: ignore[no-untyped-def]
    word = (word ^ block) * FNV_PRIME * MIX_1
    return word ^ (word >> np.uint64(32))


@kernel
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


@maker
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
