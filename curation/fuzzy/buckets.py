"""Buckets: the rows of all sources that share a band hash."""

from __future__ import annotations

import numpy as np

from curation.clusters import Keys, column, values
from curation.kernels import kernel, maker
from curation.spill import Spill

KEY_BYTES = 32  # a row in a pass over a band: its hash, and its packed key three times
COUNTS = 16  # counters of hashes a row: one row in sixteen that shares its hash with none is sorted all the same
ROW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def in_band(keys: Keys, band: int, rows: tuple[np.ndarray, np.ndarray], spill: Spill) -> list[np.ndarray]:
    """Return the keys (hash << 32 | row) of one band that share their hash, sorted; marks their rows as candidates."""
    active, candidate = rows
    name, found = f"band_{band:02d}", []
    seen, shift = _seen(keys, name, active, spill)
    passes = spill.passes(keys.total, KEY_BYTES)
    for number in range(passes):
        span = (number << 32) // passes, ((number + 1) << 32) // passes
        parts = [np.empty(0, np.uint64)]
        for table, here in keys.files():
            parts.append(_often(values(column(table, name)), active[here], here.start, (seen, shift), span))
        packed = np.concatenate(parts)
        packed.sort()
        same, is_shared = (packed[1:] >> HALF) == (packed[:-1] >> HALF), np.zeros(len(packed), np.bool_)
        is_shared[1:] |= same
        is_shared[:-1] |= same
        packed = packed[is_shared]
        candidate[packed & ROW] = True
        shared = spill.array(np.uint64, len(packed))
        shared[:] = packed
        found.append(shared)
        spill.release()
    return found


def _seen(keys: Keys, name: str, active: np.ndarray, spill: Spill) -> tuple[np.ndarray, int]:
    """Return how often the first bits of a hash have been seen in the active rows, and how many bits are left out.

    Four counts a byte, two bits each: 0, 1, or 3 for more. Most rows share their hash with none, and a count of one says so:
    few are left to be sorted.
    """
    most = (spill.share // 2).bit_length() - 1  # an eighth of a share
    bits = min(32, (keys.total * COUNTS).bit_length(), most)
    seen = np.zeros(-(-(1 << bits) // 4), np.uint8)
    for table, rows in keys.files():
        _see(values(column(table, name)), active[rows], (seen, 32 - bits))
    return seen, 32 - bits


@kernel
def _see(hashes, active, counts):  # type: ignore[no-untyped-def]
    seen, shift = counts
    for row in range(len(hashes)):
        if active[row]:
            place = np.uint64(hashes[row]) >> np.uint64(shift)
            low = (place & np.uint64(3)) << np.uint64(1)
            byte = np.uint64(seen[place >> np.uint64(2)])
            once = (byte >> low) & np.uint64(1)
            seen[place >> np.uint64(2)] = byte | ((once << np.uint64(1) | np.uint64(1)) << low)


@maker
def _often(hashes, active, first, counts, span):  # type: ignore[no-untyped-def]
    """Return the keys of the active rows whose hash lies in span[0]:span[1] and may have been seen more than once."""
    seen, shift = counts
    out, count = np.empty(len(hashes), np.uint64), 0
    for row in range(len(hashes)):
        place = np.uint64(hashes[row]) >> np.uint64(shift)
        twice = (seen[place >> np.uint64(2)] >> ((place & np.uint64(3)) << np.uint64(1))) & np.uint8(2)
        if twice and active[row] and span[0] <= np.int64(hashes[row]) < span[1]:
            out[count] = np.uint64(hashes[row]) << HALF | np.uint64(first + row)
            count += 1
    return out[:count]
