"""Token arithmetic of the match, compiled: numbers joined, prefix hashes, tables of hashes, hits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from curation.text import MIX_1, MIX_2, Tokens, tokens

BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so multiplying by it loses nothing: 2^64 / golden ratio, Knuth vol. 3, 6.4
ANCHOR = 4  # tokens: a shorter text is never looked for
DIRECTORY_BITS = 20
COMMA, ZERO, NINE = 44, 48, 57
WIDE_COMMA = (0xEF, 0xBC, 0x8C)  # U+FF0C
WIDE_ZERO = (0xEF, 0xBC, 0x90)  # U+FF10, nine more follow


class Table(NamedTuple):
    """Hash → postings: keys[i] has the postings[starts[i]:starts[i + 1]]; directory[h] is where keys of top bits h begin."""

    keys: np.ndarray  # uint64, sorted, unique
    starts: np.ndarray  # int64
    postings: np.ndarray  # int32
    directory: np.ndarray  # int32[2^DIRECTORY_BITS + 1]


class Probes(NamedTuple):
    """The texts looked for, one each."""

    item: np.ndarray  # int32, position of its item in the list of names
    answer: np.ndarray  # bool: an answer; otherwise a question
    length: np.ndarray  # int32, tokens
    whole: np.ndarray  # uint64, hash of all its tokens
    anchor: np.ndarray  # int32, where in it the ANCHOR tokens begin by which it is found
    cover: np.ndarray  # float32, share of a turn it has to make up to count as found whole
    grams: np.ndarray  # int32, its n-grams in the table


def table(keys: np.ndarray, values: np.ndarray) -> Table:
    """Return the table of (key, value) pairs, each pair once. Equal keys need ascending values."""
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    new_key = np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]
    new_pair = new_key | np.concatenate([[True], values[1:] != values[:-1]])[: len(keys)]
    keys, values, new_key = keys[new_pair], values[new_pair], new_key[new_pair]
    starts = np.flatnonzero(new_key)
    unique = keys[starts]
    tops = np.arange(2**DIRECTORY_BITS + 1, dtype=np.uint64) << np.uint64(64 - DIRECTORY_BITS)
    directory = np.searchsorted(unique, tops[:-1]).astype(np.int32)
    return Table(
        unique,
        np.append(starts, len(values)).astype(np.int64),
        values.astype(np.int32),
        np.append(directory, len(unique)).astype(np.int32),
    )


def tokenise(texts: pa.Array) -> Tokens:
    """Return the tokens of texts with thousands separators taken out of their numbers: 1,000 and １，０００ are 1000."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    texts = texts.cast(pa.large_string()).fill_null("")
    if len(texts) == 0:
        return tokens(texts)
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64, count=len(texts) + 1, offset=texts.offset * 8)
    if data_buffer is None or data_buffer.size == 0:
        return tokens(texts)
    data = np.frombuffer(data_buffer, np.uint8)
    joined, starts = np.empty(int(offsets[-1] - offsets[0]), np.uint8), np.empty(len(offsets), np.int64)
    _join_numbers(data, offsets, joined, starts)
    return tokens(pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(starts), pa.py_buffer(joined)))


@njit(cache=True, nogil=True)
def _join_numbers(data, offsets, out, starts):  # type: ignore[no-untyped-def]
    """Copy texts without each comma that stands between a digit and exactly three digits."""
    size = 0
    for text in range(len(offsets) - 1):
        starts[text] = size
        position, end, after_digit = offsets[text], offsets[text + 1], False
        while position < end:
            byte = data[position]
            if after_digit and (byte == COMMA or byte == WIDE_COMMA[0]):
                width = 1 if byte == COMMA else (3 if _is_wide_comma(data, position, end) else 0)
                if width and _three_digits(data, position + width, end):
                    position += width
                    continue
            width = _digit(data, position, end)
            after_digit = width > 0
            for _ in range(max(width, 1)):
                out[size] = data[position]
                size += 1
                position += 1
    starts[len(offsets) - 1] = size


@njit(cache=True, nogil=True, inline="always")
def _is_wide_comma(data, at, end):  # type: ignore[no-untyped-def]
    return at + 2 < end and data[at + 1] == WIDE_COMMA[1] and data[at + 2] == WIDE_COMMA[2]


@njit(cache=True, nogil=True, inline="always")
def _digit(data, at, end):  # type: ignore[no-untyped-def]
    """Return the width in bytes of the digit at `at`, 0 where there is none."""
    if at < end and data[at] >= ZERO and data[at] <= NINE:
        return 1
    if at + 2 < end and data[at] == WIDE_ZERO[0] and data[at + 1] == WIDE_ZERO[1]:
        return 3 if data[at + 2] >= WIDE_ZERO[2] and data[at + 2] <= WIDE_ZERO[2] + 9 else 0
    return 0


@njit(cache=True, nogil=True)
def _three_digits(data, at, end):  # type: ignore[no-untyped-def]
    for _ in range(3):
        width = _digit(data, at, end)
        if width == 0:
            return False
        at += width
    return _digit(data, at, end) == 0


def powers(length: int) -> np.ndarray:
    """Return BASE to the 0th … `length`th power, modulo 2^64."""
    return np.cumprod(np.concatenate([np.ones(1, np.uint64), np.full(length, BASE, np.uint64)]), dtype=np.uint64)


@njit(cache=True, nogil=True)
def prefix(hashes, start, end):  # type: ignore[no-untyped-def]
    """Return the polynomial hash of every beginning of hashes[start:end], from the empty one on."""
    out = np.empty(end - start + 1, np.uint64)
    out[0] = np.uint64(0)
    for at in range(start, end):
        out[at - start + 1] = out[at - start] * BASE + hashes[at]
    return out


@njit(cache=True, nogil=True, inline="always")
def span(prefixes, first, last, power):  # type: ignore[no-untyped-def]
    """Return the hash of tokens first:last from prefix hashes; equal for equal tokens wherever they stand."""
    value = prefixes[last] - prefixes[first] * power[last - first]
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    return value ^ (value >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def find(table, key):  # type: ignore[no-untyped-def]
    """Return the position of `key` in the table, -1 where it is not there."""
    bucket = np.int64(key >> np.uint64(64 - DIRECTORY_BITS))
    for at in range(table.directory[bucket], table.directory[bucket + 1]):
        if table.keys[at] >= key:
            return at if table.keys[at] == key else -1
    return -1


@njit(cache=True, nogil=True)
def spans(hashes, offsets, lengths, power):  # type: ignore[no-untyped-def]
    """Return the hash of each n-gram of each text, n = lengths[text], in text order, and the text of each."""
    count = 0
    for text in range(len(lengths)):
        count += max(0, offsets[text + 1] - offsets[text] - lengths[text] + 1)
    out, owner, count = np.empty(count, np.uint64), np.empty(count, np.int32), 0
    for text in range(len(lengths)):
        if offsets[text + 1] - offsets[text] < lengths[text]:
            continue
        prefixes = prefix(hashes, offsets[text], offsets[text + 1])
        for first in range(len(prefixes) - lengths[text]):
            out[count] = span(prefixes, first, first + lengths[text], power)
            owner[count] = text
            count += 1
    return out, owner
