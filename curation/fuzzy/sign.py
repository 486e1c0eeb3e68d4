"""The keys of the fuzzy judge: what the clustering needs of each record, about 2 bytes a token and 100 a record."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit
from pydantic import BaseModel, ConfigDict, Field

from curation.fuzzy.minhash import band_hashes, permutations
from curation.record import flat_turns
from curation.text import buffers, decode, tokens

# Classes of bytes: 0 for what is none of these, an operator is its own class.
NUMERAL, SPACE, LEAD = np.uint8(1), np.uint8(2), np.uint8(3)
_CLASSES = {
    **dict.fromkeys(b"0123456789", 1),
    **dict.fromkeys(b" \t\n\v\f\r", 2),
    **dict.fromkeys(b"\xc3\xe2\xe3\xef", 3),
}
BYTES = np.array([_CLASSES.get(byte, byte if byte in b"+-*/<>^%" else 0) for byte in range(256)], np.uint8)
FNV_PRIME = np.uint32(16777619)  # FNV-1a, 32 bit
HALF = np.uint64(33)


class Signing(BaseModel):
    """The settings on which signatures depend, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ngram: int = Field(5, ge=1, le=32, description="tokens a shingle")
    bands: int = Field(16, ge=1, le=256, description="bands of the signature: two texts meet where one band is equal")
    rows: int = Field(6, ge=1, le=32, description="permutations a band")
    seed: int = Field(1, ge=0, description="draws the permutations")


def sign(records: pa.Table, signing: Signing) -> pa.Table:
    """Return the signatures of a table of records, one row each.

    id, content_hash: 16 bytes. tokens: of all turns, 15 bits of each token's hash and a lowest bit that is set where it
    holds a digit (a replaced token stays unseen once in 32,768). answer: at which token the last assistant turn begins,
    null where there is none. operators: hash of the arithmetic signs next to digits. band_00…: the band hashes.
    """
    turns = flat_turns(records)
    words = tokens(turns.contents)
    starts = words.offsets[turns.offsets]
    small = ((words.hashes >> HALF) & np.uint64(0xFFFE)).astype(np.uint16) | (words.hashes & np.uint64(1)).astype(
        np.uint16
    )
    bands = band_hashes(
        words.hashes, starts, signing.ngram, signing.rows, permutations(signing.bands * signing.rows, signing.seed)
    )
    data, text_offsets = buffers(turns.contents)
    columns = {
        "id": records["id"],
        "content_hash": records["content_hash"],
        "tokens": pa.LargeListArray.from_arrays(starts, small),
        "answer": _answers(turns.roles, turns.offsets, words.offsets, starts),
        "operators": pa.array(_operators(data, text_offsets[turns.offsets])),
        **{f"band_{band:02d}": pa.array(hashes) for band, hashes in enumerate(bands)},
    }
    return pa.table(columns)


def _answers(roles: pa.StringArray, turns: np.ndarray, token_offsets: np.ndarray, starts: np.ndarray) -> pa.Array:
    """Return the token, counted from the record's first, at which its last assistant turn begins (int32)."""
    if len(turns) == 1:
        return pa.array([], pa.int32())
    spoken = np.asarray(pa.compute.equal(roles, "assistant").fill_null(False).to_numpy(zero_copy_only=False), bool)
    latest = np.concatenate([[-1], np.maximum.accumulate(np.where(spoken, np.arange(len(spoken)), -1))])[turns[1:]]
    found = latest >= turns[:-1]
    begins = token_offsets[np.where(found, latest, 0)] - starts[:-1]
    return pa.array(begins.astype(np.int32), mask=~found)


@njit(cache=True, nogil=True)
def _operators(data, starts):  # type: ignore[no-untyped-def]
    """Return a uint32 a record: hash of the operators, in order, that stand next to a digit (white space apart), 0 for none.

    Bytes are looked up, and only a lead byte of ×, ÷, − or a full-width form is decoded.
    """
    out = np.zeros(len(starts) - 1, np.uint32)
    for record in range(len(starts) - 1):
        at, end = starts[record], starts[record + 1]
        value, pending, digit = np.uint32(0), np.uint8(0), False
        while at < end:
            kind = BYTES[data[at]]
            at += 1
            if kind == LEAD:
                point, width = decode(data, at - 1, end)
                kind = _folded(point)
                at += width - 1
            if kind == SPACE:
                continue
            if kind == NUMERAL:
                if pending:
                    value = np.uint32(np.uint32(value ^ np.uint32(pending)) * FNV_PRIME)
                pending, digit = np.uint8(0), True
            elif kind and digit:
                value = np.uint32(np.uint32(value ^ np.uint32(kind)) * FNV_PRIME)
                pending, digit = np.uint8(0), False
            else:
                pending, digit = kind, False
        out[record] = value
    return out


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
