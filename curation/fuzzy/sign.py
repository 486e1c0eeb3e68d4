"""The keys of the fuzzy judge: what the clustering needs of each record, about 2 bytes a token and 100 a record."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation.clusters import values
from curation.fuzzy.minhash import band_hashes, permutations
from curation.fuzzy.notes import has_notes, without_notes
from curation.fuzzy.operators import operators
from curation.kernels import inlined, kernel, maker
from curation.record import Turns, flat_turns
from curation.text import most_tokens, tokenise
from curation.utf8 import buffers, numbers

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

    id, content_hash: 16 bytes. tokens: of all turns, 15 bits of each token's hash and a lowest bit that is set where it
    holds a digit (a replaced token stays unseen once in 32,768). answer: at which token the last assistant turn begins, null
    where there is none. again, again_answer: the same of the other way to read the record, none for most: without a
    calculator's notes, which some copies of a solution have and others have not, and with the halves apart of a word that the
    end of the turn before the last assistant turn may have cut. operators: of a text of at most exact_numbers_below tokens,
    hash of the arithmetic signs next to digits, notes left out. band_00…: the band hashes, notes left out.
    """
    turns = flat_turns(records)
    offsets, data = buffers(turns.contents)
    cut, latest = _cut_words(data, offsets, turns.offsets), _latest(turns)
    perms = permutations(signing.bands * signing.rows, signing.seed)
    rule = perms, np.empty(len(perms[0]), np.uint32), (signing.ngram, signing.rows, signing.exact_numbers_below)
    found = Found.empty(records.num_rows, most_tokens(int(offsets[-1] - offsets[0]), len(cut)), signing.bands)
    room = _room(offsets, turns.offsets)
    count, again = _sign(data, (offsets, cut), (turns.offsets, latest), rule, room, found)
    columns = {
        "id": records["id"],
        "content_hash": records["content_hash"],
        "tokens": pa.LargeListArray.from_arrays(numbers(found.starts), numbers(found.tokens[:count])),
        "answer": numbers(found.answer, latest < 0),
        "again": pa.LargeListArray.from_arrays(numbers(found.again_starts), numbers(found.again[:again])),
        "again_answer": numbers(found.again_answer, latest < 0),
        "operators": numbers(found.operators),
        **{f"band_{band:02d}": numbers(hashes) for band, hashes in enumerate(found.bands.T)},
    }
    return pa.table(columns)


class Found(NamedTuple):
    """What is found of n records."""

    starts: np.ndarray  # int64[n + 1]: where the tokens of each begin
    tokens: np.ndarray  # uint16
    answer: np.ndarray  # int32[n]
    again_starts: np.ndarray
    again: np.ndarray
    again_answer: np.ndarray
    operators: np.ndarray  # uint32[n]
    bands: np.ndarray  # uint32[n, bands]

    @classmethod
    def empty(cls, count: int, tokens: int, bands: int) -> Found:
        """Return room for `count` records with no more than so many tokens."""
        begin, once, answer = np.zeros(count + 1, np.int64), np.empty(tokens, np.uint16), np.zeros(count, np.int32)
        signs, bands_of = np.zeros(count, np.uint32), np.zeros((count, bands), np.uint32)
        return cls(begin, once, answer, begin.copy(), np.empty_like(once), answer.copy(), signs, bands_of)


def _room(offsets: np.ndarray, turns: np.ndarray) -> tuple[object, ...]:
    """Return room for the largest of some records: for two readings, for its bytes without notes, and for which turns are cut."""
    starts = offsets[turns]
    size, most = int(np.diff(starts).max(initial=0)), int(np.diff(turns).max(initial=1))
    count = most_tokens(size, most)

    def reading() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        room = np.empty(count, np.uint64), np.empty(count, np.int64)
        return room, (np.empty(most + 1, np.int64), np.empty(most, np.int32))

    bare = np.empty(size + 1, np.uint8), np.zeros(most + 1, np.int64), np.empty(count, np.int64)
    return reading(), reading(), bare, np.empty(most, np.bool_)


@kernel
def _sign(data, texts, records, rule, room, found):  # type: ignore[no-untyped-def]
    """Sign record after record, each while its tokens lie in the processor's cache; returns the tokens of all, read once and again.

    texts: offsets of the turns into `data`, and which of them begin within a word; records: offsets of the records' turns, and
    the last assistant turn of each; rule: permutations, a value's room for each, and (ngram, rows a band, exact_numbers_below).
    """
    offsets, cut = texts
    turns, latest = records
    perms, lowest, (ngram, rows, short) = rule
    once, twice, bare, parts = room
    total, again = 0, 0
    for record in range(len(latest)):
        first, last = turns[record], turns[record + 1]
        said, text, answer = data, offsets[first : last + 1], max(0, latest[record] - first)
        hashes, numerals, begin = _read(data, text, cut[first:last], once, answer)
        _small(hashes, found.tokens[total : total + len(hashes)])
        total += len(hashes)
        found.starts[record + 1], found.answer[record] = total, begin
        noted = has_notes(data[text[0] : text[-1]]) and without_notes(data, text, numerals, bare)
        if noted:
            said, text = bare[0], bare[1][: len(text)]
            hashes, numerals, begin = _drop(hashes, bare[2][: len(numerals)], begin, twice[0])
        if len(numerals) and len(hashes) <= short:
            found.operators[record] = operators(said, text[0], text[-1], numerals)
        band_hashes(hashes, ngram, rows, perms, lowest, found.bands[record])
        apart = first < last and cut[first + answer]
        if apart:
            for turn in range(first, last):
                parts[turn - first] = cut[turn] and turn - first != answer
            hashes, _, begin = _read(said, text, parts[: last - first], twice, answer)
        if noted or apart:
            _small(hashes, found.again[again : again + len(hashes)])
            again += len(hashes)
            found.again_answer[record] = begin
        found.again_starts[record + 1] = again
    return total, again


@inlined
def _drop(hashes, places, answer, room):  # type: ignore[no-untyped-def]
    """Leave out the tokens within notes: those with a digit whose place is -1; returns as `_read` does."""
    count, numeral, digits, begin = 0, 0, 0, answer
    for token in range(len(hashes)):
        if hashes[token] & ONE:
            place = places[numeral]
            numeral += 1
            if place < 0:
                begin -= token < answer
                continue
            room[1][digits] = place
            digits += 1
        room[0][count] = hashes[token]
        count += 1
    return room[0][:count], room[1][:digits], begin


@inlined
def _read(data, offsets, cut, reading, answer):  # type: ignore[no-untyped-def]
    """Return the hashes of a record's tokens, where those with a digit begin, and at which token the turn `answer` does."""
    room, out = reading
    count, digits = tokenise(data, offsets, cut, room, out)
    return room[0][:count], room[1][:digits], out[0][answer]


@kernel
def _small(hashes, out):  # type: ignore[no-untyped-def]
    """Write 16 bits of each token's hash: 15 of the higher ones, and the lowest."""
    for token in range(len(hashes)):
        out[token] = np.uint16((hashes[token] >> HALF) & HIGH_15) | np.uint16(hashes[token] & ONE)


@maker
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
