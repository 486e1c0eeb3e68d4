"""Hashes of spans of tokens, and a table to look them up in; compiled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curation.kernels import inlined, kernel, maker
from curation.text import MIX_1, MIX_2

BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so multiplying by it loses nothing: 2^64 / golden ratio, Knuth vol. 3, 6.4
DIRECTORY_BITS = 20
FILTER_BITS = 19  # 4 MB, which a processor keeps at hand; of the keys that are not there it lets one in forty pass
SIX, LOW_SIX, ONE = np.uint64(6), np.uint64(63), np.uint64(1)


class Table(NamedTuple):
    """Hash → postings: keys[i] has the postings[starts[i]:starts[i + 1]]; directory[h] is where keys of top bits h begin."""

    keys: np.ndarray  # uint64, sorted, unique
    starts: np.ndarray  # int64
    postings: np.ndarray  # int64
    directory: np.ndarray  # int32[2^DIRECTORY_BITS + 1]
    filter: np.ndarray  # uint64[2^FILTER_BITS], two bits set for each key (Bloom 1970)


def table(keys: np.ndarray, values: np.ndarray) -> Table:
    """Return the table of (key, value) pairs."""
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
    unique = keys[starts]
    tops = np.arange(2**DIRECTORY_BITS, dtype=np.uint64) << np.uint64(64 - DIRECTORY_BITS)
    directory = np.append(np.searchsorted(unique, tops), len(unique)).astype(np.int32)
    return Table(
        unique, np.append(starts, len(values)).astype(np.int64), values.astype(np.int64), directory, _filter(unique)
    )


@maker
def _filter(keys):  # type: ignore[no-untyped-def]
    out = np.zeros(1 << FILTER_BITS, np.uint64)
    for key in keys:
        out[key >> np.uint64(64 - FILTER_BITS)] |= _mask(key)
    return out


@inlined
def _mask(key):  # type: ignore[no-untyped-def]
    return (ONE << (key & LOW_SIX)) | (ONE << ((key >> SIX) & LOW_SIX))


@inlined
def may_hold(table, key):  # type: ignore[no-untyped-def]
    """Say whether the table may hold `key`; False is sure."""
    mask = _mask(key)
    return table.filter[key >> np.uint64(64 - FILTER_BITS)] & mask == mask


def powers(length: int) -> np.ndarray:
    """Return BASE to the 0th … `length`th power, modulo 2^64."""
    return np.cumprod(np.concatenate([np.ones(1, np.uint64), np.full(length, BASE, np.uint64)]), dtype=np.uint64)


@maker
def prefix(hashes, start, end):  # type: ignore[no-untyped-def]
    """Return the polynomial hash of every beginning of hashes[start:end], from the empty one on."""
    out = np.empty(end - start + 1, np.uint64)
    fill(hashes[start:end], out)
    return out


@kernel
def fill(hashes, out):  # type: ignore[no-untyped-def]
    """Write the polynomial hash of every beginning of `hashes` into `out`."""
    value = np.uint64(0)
    out[0] = value
    for at in range(len(hashes)):
        value = value * BASE + hashes[at]
        out[at + 1] = value


@inlined
def span(prefixes, first, last, power):  # type: ignore[no-untyped-def]
    """Return the hash of tokens first:last from prefix hashes; equal for equal tokens wherever they stand."""
    value = prefixes[last] - prefixes[first] * power[last - first]
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    return value ^ (value >> np.uint64(31))


@inlined
def find(table, key):  # type: ignore[no-untyped-def]
    """Return the position of `key` in the table, -1 where it is not there."""
    bucket = np.int64(key >> np.uint64(64 - DIRECTORY_BITS))
    for at in range(table.directory[bucket], table.directory[bucket + 1]):
        if table.keys[at] >= key:
            return at if table.keys[at] == key else -1
    return -1


@maker
def spans(hashes, offsets, length, power):  # type: ignore[no-untyped-def]
    """Return the hash of each `length` tokens in a row of each text, in text order, and the text of each."""
    count = 0
    for text in range(len(offsets) - 1):
        count += max(0, offsets[text + 1] - offsets[text] - length + 1)
    out, owner, count = np.empty(count, np.uint64), np.empty(count, np.int32), 0
    for text in range(len(offsets) - 1):
        if offsets[text + 1] - offsets[text] < length:
            continue
        prefixes = prefix(hashes, offsets[text], offsets[text + 1])
        for first in range(len(prefixes) - length):
            out[count] = span(prefixes, first, first + length, power)
            owner[count] = text
            count += 1
    return out, owner
