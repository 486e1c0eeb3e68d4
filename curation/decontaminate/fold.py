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

from curation.characters import ASCII, character
from curation.decontaminate.forms import (
    BRACKETS,
    NEWLINE,
    NINE,
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
from curation.kernels import inlined, kernel
from curation.text import single, tokens, word
from curation.utf8 import buffers, strings

GROWTH = (
    4  # bytes of a text's number or brackets in one form a byte of it, at most: 亿 is three and becomes " 100000000 "
)
UNITS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
         "seventeen eighteen nineteen").split()  # fmt: skip
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
SLOTS = 1 << 12
NOT_DIGIT = np.uint64(0xFFFFFFFFFFFFFFFE)
ONE = np.uint64(1)
HAN_LOW = 0x2000  # low 15 bits of U+8000 to U+9FFF are less

# What may follow a word that is a token as it stands, by byte: any, not a digit or a letter alone, none.
EVER, LETTERS, NEVER = 0, 1, 2
PLAIN = np.zeros(256, np.uint8)
PLAIN[[*b",.)]:", *range(128, 256)]] = LETTERS
PLAIN[[*b"'", 0xE2]] = NEVER  # or an apostrophe after a space: Al 's pen


@dataclass(frozen=True)
class Folded:
    """The tokens of n texts: text i has the hashes[offsets[i]:offsets[i + 1]]."""

    offsets: np.ndarray  # int64[n + 1]
    hashes: np.ndarray  # uint64, one a token; the lowest bit: it holds a digit and is not 1 (一 and one say little)
    edges: np.ndarray  # bool, whether a sentence or line begins at the token; one more stands after the last


def tokenise(texts: pa.Array | pa.ChunkedArray) -> Folded:
    """Return the folded tokens of a string column; a null counts as empty."""
    offsets, data = buffers(texts)
    most = int(offsets[-1] - offsets[0]) + 1  # a token a byte: brackets in a row
    ends, hashes, edges = np.empty(len(offsets), np.int64), np.empty(most, np.uint64), np.zeros(most, np.bool_)
    scratch = np.empty(int(np.diff(offsets).max(initial=0)) * GROWTH + 16, np.uint8)
    size = _fold(data, offsets, (NUMERALS, PLAIN, _words()), scratch, (ends, hashes, edges))
    return Folded(ends, hashes[:size], edges[: size + 1])


def _words() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the hashes of English number words and their values by slot, and the hashes of the numbers below 100."""
    named = tokens(strings([*UNITS, *TENS])).hashes
    keys, values = np.zeros(SLOTS, np.uint64), np.full(SLOTS, -1, np.int8)
    slots = (named >> np.uint64(1)).astype(np.int64) & (SLOTS - 1)
    keys[slots] = named
    values[slots] = [*range(20), *range(20, 100, 10)]
    return keys, values, tokens(strings([str(n) for n in range(100)])).hashes


@kernel
def _fold(data, offsets, tables, out, made):  # type: ignore[no-untyped-def]
    """Fill `made`, the fields of Folded, with the tokens of texts; returns how many there are.

    Most words, and Han that is no numeral, are tokens as they stand. The rest is copied into `out`, its numbers in one form
    and without labels and apostrophes, and read there.
    """
    ends, hashes, edges = made
    numerals, _, words = tables
    count = np.int64(0)
    for text in range(len(offsets) - 1):
        ends[text] = count
        edges[count] = True
        end = offsets[text + 1]
        place = (offsets[text], np.int64(0))  # in data, in out
        state = (count, np.int64(-1))  # tokens, and the tens that a unit may follow (or -1)
        seen = (False, False, True, True)  # after a digit, after a letter, after a gap, only gaps in this line
        while place[0] < end:
            stands, place, state, seen = _as_it_stands((data, end), (place, state, seen), tables, out, hashes)
            if stands:
                continue
            cut, place, seen = _formed((data, end), place, seen, numerals, out)
            if cut:
                state = (_read(out, place[1], state, words, hashes)[0], np.int64(-1))
                edges[state[0]] = True
                place = (place[0], np.int64(0))
        count, _ = _read(out, place[1], state, words, hashes)
    ends[len(offsets) - 1] = count
    edges[count] = True
    return count


@inlined
def _as_it_stands(text, before, tables, out, hashes):  # type: ignore[no-untyped-def]
    """Put the word or Han character at hand into hashes where it is a token as it stands; says whether, and what is then."""
    data, end = text
    place, state, seen = before
    numerals, plain, words = tables
    position, size = place
    byte = data[position]
    if byte < 128:
        if ASCII[byte] == 0 or (size and not _parts(out[size - 1])):
            return False, place, state, seen
        stop, token = word(data, np.uint64(position), np.uint64(end))
        stop = np.int64(stop)
        if not _stands(data, position, stop, end, plain):
            return False, place, state, seen
        if size:
            state = _read(out, size, state, words, hashes)
        state = _put(token, state, words, hashes)
        if stop < end and data[stop] == SPACE:
            return True, (stop + 1, np.int64(0)), state, (False, False, True, False)
        letter = is_letter(data[stop - 1])
        return True, (stop, np.int64(0)), state, (not letter, letter, False, False)
    point = low(data, position, end)
    if byte < 0xE4 or byte > 0xE9 or (byte == 0xE4 and data[position + 1] < 0xB8) or numerals[point] >= 0:
        return False, place, state, seen
    if size:
        state = _read(out, size, state, words, hashes)
    hashes[state[0]] = single(point | 0x8000 if point < HAN_LOW else point)
    return True, (position + 3, np.int64(0)), (state[0] + 1, np.int64(-1)), (False, False, False, False)


@inlined
def _formed(text, place, seen, numerals, out):  # type: ignore[no-untyped-def]
    """Copy what is at hand into `out` in its one form; says whether a sentence or what is labelled begins after it."""
    data, end = text
    position, size = place
    after_digit, after_letter, gap, line_start = seen
    byte = data[position]
    if gap and BRACKETS[byte]:
        width, size = sequence(data, position, end, out, size)
        if width:
            return False, (position + width, size), (after_digit, after_letter, gap, False)
    ended = ending(data, position, end)
    width = ended or label(data, position, end, (gap, line_start, after_digit or after_letter), numerals)
    if width:
        line_start = ended > 0 and (line_start or byte == NEWLINE)
        return True, (position + width, size), (False, False, True, line_start)
    width = joint(data, position, end, after_digit, after_letter)
    if width:
        return False, (position + width, size), seen
    if after_digit and byte == POINT:
        return False, fraction(data, position, end, out, size), (after_digit, after_letter, False, False)
    if low(data, position, end) < UNKNOWN and numerals[low(data, position, end)] >= 0:
        return False, numeral(data, position, numerals, out, (end, 0, size)), (False, False, False, False)
    width = digit(data, position, end)
    out[size] = byte if width < 3 else data[position + 2] - 0x90 + ZERO
    size += 1
    position += max(width, 1)
    while width == 0 and position < end and data[position] & 0xC0 == 0x80:  # the character's later bytes
        out[size] = data[position]
        size += 1
        position += 1
    gap = byte <= SPACE
    return False, (position, size), (width > 0, is_letter(byte), gap, line_start and gap)


@inlined
def _parts(byte):  # type: ignore[no-untyped-def]
    """Say whether a byte parts words."""
    return byte < 128 and ASCII[byte] == 0


@inlined
def _stands(data, start, stop, end, plain):  # type: ignore[no-untyped-def]
    """Say whether the word data[start:stop] is a token as it stands: no label or part of a longer number or word."""
    last = data[stop - 1]
    if last >= 128:
        return False
    if stop == end:
        return True
    after = data[stop]
    if last <= NINE or stop == start + 1:
        if plain[after] != EVER:
            return False
    elif plain[after] == NEVER:
        return False
    return not (after == SPACE and stop + 1 < end and plain[data[stop + 1]] == NEVER)


@kernel
def _read(out, size, state, words, hashes):  # type: ignore[no-untyped-def]
    """Put the tokens of out[:size] into hashes; state, as returned: how many there are, and the tens a unit may follow (or -1)."""
    at, end = np.uint64(0), np.uint64(size)
    while at < end:
        kind, point, width = character(out, at, end)
        if kind == 1:
            at, token = word(out, at, end)
            state = _put(token, state, words, hashes)
            continue
        if kind == 2:
            state = _put(single(point), state, words, hashes)
        at += np.uint64(width)
    return state


@inlined
def _put(token, state, words, hashes):  # type: ignore[no-untyped-def]
    """Put a token into hashes, digits for a number word; twenty five is one token."""
    count, tens = state
    keys, values, numbers = words
    slot = np.int64(token >> ONE) & (SLOTS - 1)
    value = np.int64(values[slot])
    if value >= 0 and keys[slot] == token:
        if tens > 0 and value > 0 and value < 10:
            hashes[count - 1] = numbers[tens + value]
            return count, np.int64(-1)
        token = numbers[value]
        tens = value if value >= 20 else np.int64(-1)
    else:
        tens = np.int64(-1)
    hashes[count] = token if token != numbers[1] else token & NOT_DIGIT
    return count + 1, tens
