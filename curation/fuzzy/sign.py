"""The keys of the fuzzy judge: what the clustering needs of each record, about 2 bytes a token and 100 a record."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from curation.characters import character
from curation.clusters import values
from curation.fuzzy.minhash import band_hashes, permutations
from curation.kernels import njit
from curation.record import Turns, flat_turns
from curation.text import CALCULATOR, most_tokens, tokenise, tokens
from curation.utf8 import buffers, decode, numbers

# Classes of bytes: 0 for what is none of these, an operator is its own class.
NUMERAL, SPACE, LEAD = np.uint8(1), np.uint8(2), np.uint8(3)
_CLASSES = {
    **dict.fromkeys(b"0123456789", 1),
    **dict.fromkeys(b" \t\n\v\f\r", 2),
    **dict.fromkeys(b"\xc3\xe2\xe3\xef", 3),
}
BYTES = np.array([_CLASSES.get(byte, byte if byte in b"+-*/<>^%" else 0) for byte in range(256)], np.uint8)
FNV_PRIME = np.uint32(16777619)  # FNV-1a, 32 bit
HALF, HIGH_15, ONE = np.uint64(33), np.uint64(0xFFFE), np.uint64(1)
CONTINUED = 16  # bytes of the shortest turn that may go on with a word


class Signing(BaseModel):
    """The settings on which signatures depend, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ngram: int = Field(5, ge=1, le=32, description="tokens a shingle")
    bands: int = Field(12, ge=1, le=256, description="bands of the signature: two texts meet where one band is equal")
    rows: int = Field(5, ge=1, le=32, description="permutations a band")
    seed: int = Field(1, ge=0, description="draws the permutations")
    exact_numbers_below: int = Field(256, ge=0, description="tokens of the longest text whose operators are told")


def sign(records: pa.Table, signing: Signing) -> pa.Table:
    """Return the signatures of a table of records, one row each.

    id, content_hash: 16 bytes. tokens: of all turns, without a calculator's notes, 15 bits of each token's hash and a lowest bit that is set where it
    holds a digit (a replaced token stays unseen once in 32,768). length: how many they are. answer: at which token the last
    assistant turn begins, null where there is none. operators: of a text of at most exact_numbers_below tokens, hash of the
    arithmetic signs next to digits. halves: where the last assistant turn may go on with the word before it, two tokens in one
    number, that word's beginning and its end, for whoever reads them apart; null elsewhere. band_00…: the band hashes.
    """
    turns = flat_turns(records)
    contents = _without_notes(turns.contents)
    offsets, data = buffers(contents)
    cut, latest = _cut_words(data, offsets, turns.offsets), _latest(turns)
    perms = permutations(signing.bands * signing.rows, signing.seed)
    limits = (signing.ngram, signing.rows, signing.exact_numbers_below)
    found = Found.empty(records.num_rows, most_tokens(int(offsets[-1] - offsets[0]), len(cut)), signing.bands)
    count = _sign(data, (offsets, cut), (turns.offsets, latest), perms, limits, found)
    columns = {
        "id": records["id"],
        "content_hash": records["content_hash"],
        "tokens": pa.LargeListArray.from_arrays(numbers(found.starts), numbers(found.tokens[:count])),
        "length": numbers(np.diff(found.starts).astype(np.int32)),
        "answer": numbers(found.answer, latest < 0),
        "operators": numbers(found.operators),
        "halves": _halves(contents, latest, cut),
        **{f"band_{band:02d}": numbers(hashes) for band, hashes in enumerate(found.bands.T)},
    }
    return pa.table(columns)


def _without_notes(contents: pa.Array) -> pa.Array:
    """Return the texts without a calculator's notes, which some copies of a solution have and others have not."""
    noted = pc.match_substring(contents, "<<")
    if not pc.any(noted).as_py():
        return contents
    return pc.replace_with_mask(contents, noted, pc.replace_substring_regex(contents.filter(noted), CALCULATOR, ""))


class Found(NamedTuple):
    """What is found of n records."""

    starts: np.ndarray  # int64[n + 1]: where the tokens of each begin
    tokens: np.ndarray  # uint16
    answer: np.ndarray  # int32[n]
    operators: np.ndarray  # uint32[n]
    bands: np.ndarray  # uint32[n, bands]

    @classmethod
    def empty(cls, count: int, tokens: int, bands: int) -> Found:
        """Return room for `count` records with no more than so many tokens."""
        return cls(
            np.zeros(count + 1, np.int64),
            np.empty(tokens, np.uint16),
            np.zeros(count, np.int32),
            np.zeros(count, np.uint32),
            np.zeros((count, bands), np.uint32),
        )


@njit(cache=True, nogil=True)
def _sign(data, texts, records, perms, limits, found):  # type: ignore[no-untyped-def]
    """Sign record after record, each while its tokens lie in the processor's cache; returns the tokens of all.

    texts: offsets of the turns into `data`, and which of them begin within a word; records: offsets of the records' turns, and
    the last assistant turn of each; limits: ngram, rows a band, exact_numbers_below.
    """
    offsets, cut = texts
    turns, latest = records
    ngram, rows, short = limits
    size, most = 1, 1
    for record in range(len(latest)):
        first, last = turns[record], turns[record + 1]
        size = max(size, (offsets[last] - offsets[first] + last - first) // 2 + 1)
        most = max(most, last - first)
    room = np.empty(size, np.uint64), np.empty(size, np.int64)
    begins, han, lowest = np.empty(most + 1, np.int64), np.empty(most, np.int32), np.empty(len(perms[0]), np.uint32)
    total = 0
    for record in range(len(latest)):
        first, last = turns[record], turns[record + 1]
        count, digits = tokenise(data, offsets[first : last + 1], cut[first:last], room, (begins, han))
        hashes = room[0][:count]
        _small(hashes, found.tokens[total : total + len(hashes)])
        total += len(hashes)
        found.starts[record + 1] = total
        if latest[record] >= 0:
            found.answer[record] = begins[latest[record] - first]
        if digits and len(hashes) <= short:
            found.operators[record] = _operators(data, offsets[first], offsets[last], room[1][:digits])
        band_hashes(hashes, ngram, rows, perms, lowest, found.bands[record])
    return total


@njit(cache=True, nogil=True)
def _small(hashes, out):  # type: ignore[no-untyped-def]
    """Write 16 bits of each token's hash: 15 of the higher ones, and the lowest."""
    for token in range(len(hashes)):
        out[token] = np.uint16((hashes[token] >> HALF) & HIGH_15) | np.uint16(hashes[token] & ONE)


@njit(cache=True, nogil=True)
def _cut_words(data, offsets, turns):  # type: ignore[no-untyped-def]
    """Return where a turn begins within a word that the turn before began: text and continuation, cut by length.

    It does where a small letter follows a letter, a capital a capital or a digit a digit, unless it is as short as a casual reply.
    """
    cut = np.zeros(len(offsets) - 1, np.bool_)
    for record in range(len(turns) - 1):
        for turn in range(turns[record] + 1, turns[record + 1]):
            at = offsets[turn]
            if offsets[turn - 1] < at <= offsets[turn + 1] - CONTINUED:
                before, after = data[at - 1], data[at]
                letter = (before | 32) >= 97 and (before | 32) <= 122
                capitals = after >= 65 and after <= 90 and before >= 65 and before <= 90
                digits = after >= 48 and after <= 57 and before >= 48 and before <= 57
                cut[turn] = (letter and after >= 97 and after <= 122) or capitals or digits
    return cut


def _latest(turns: Turns) -> np.ndarray:
    """Return each record's last assistant turn (int64), -1 where it has none."""
    if not len(turns.roles):
        return np.full(len(turns.offsets) - 1, -1)
    coded = turns.roles.dictionary_encode()  # comparing with a scalar would import pandas
    spoken = np.array([name == "assistant" for name in coded.dictionary.to_pylist()])[values(coded.indices)]
    latest = np.concatenate([[-1], np.maximum.accumulate(np.where(spoken, np.arange(len(spoken)), -1))])[
        turns.offsets[1:]
    ]
    return np.where(latest >= turns.offsets[:-1], latest, -1)


def _halves(contents: pa.Array, latest: np.ndarray, cut: np.ndarray) -> pa.Array:
    """Return the two tokens of each word that is cut before the last assistant turn (uint32, the first in the higher half)."""
    found = np.zeros(len(latest), np.uint32)
    at = np.flatnonzero((latest >= 0) & cut[latest]) if len(cut) else np.empty(0, np.int64)
    if len(at):
        before, after = (tokens(contents.take(numbers(latest[at] - step))) for step in (1, 0))
        ends = np.stack([before.hashes[before.offsets[1:] - 1], after.hashes[after.offsets[:-1]]])
        small = np.empty(ends.size, np.uint16)
        _small(ends.ravel(), small)
        first, second = small.astype(np.uint32).reshape(2, -1)
        found[at] = first << np.uint32(16) | second
    return numbers(found, found == 0)


@njit(cache=True, nogil=True)
def _operators(data, at, end, numerals):  # type: ignore[no-untyped-def]
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _kind(data, at, end):  # type: ignore[no-untyped-def]
    """Return the class of the character at `at` and its width in bytes."""
    if at >= end:
        return np.uint8(0), 1
    kind = BYTES[data[at]]
    if kind != LEAD:
        return kind, 1
    point, width = decode(data, at, end)
    return _folded(point), width


@njit(cache=True, nogil=True, inline="always")
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
