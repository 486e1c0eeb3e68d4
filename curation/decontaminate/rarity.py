"""How telling a word is where it stands: its information in bits, from the benchmarks' own texts.

The bits of a token are −log2 of its probability after the token before it, counted over the distinct items of all
benchmarks, the item at hand left out. So the words of a template that many items share carry next to none, a stock phrase
few, and a name or a rare word many; a text's bits say how unlikely it is to meet it by chance.
"""

from __future__ import annotations

import numpy as np

from curation.decontaminate.spans import BASE
from curation.kernels import kernel, maker

PRIOR_BITS = 9.0  # of a token of which the benchmarks tell nothing: a Zipf vocabulary's word, or a Han character
PRIOR_ITEMS = 1000.0  # items that the prior counts for: with fewer benchmark items it decides, with 100,000 it does not
BACK_OFF = 20.0  # sightings of the word before that weigh as much as the frequency of the word alone
FIRST = np.uint64(0x2545F4914F6CDD1D)  # stands before a text's first token


def bits(hashes: np.ndarray, offsets: np.ndarray, items: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the bits of every token, float32; the texts marked in `chosen` are counted, of an item each, items ascending."""
    before = np.concatenate([[FIRST], hashes[:-1]]).astype(np.uint64)
    before[offsets[:-1][offsets[:-1] < len(hashes)]] = FIRST
    pairs = before * BASE + hashes
    owner = np.repeat(items, np.diff(offsets))
    counted = np.repeat(chosen, np.diff(offsets))
    total = float(chosen.sum())
    single = holders(hashes, hashes[counted], owner[counted])
    previous = np.where(before == FIRST, total, holders(before, hashes[counted], owner[counted]))
    both = holders(pairs, pairs[counted], owner[counted])
    alone = (np.maximum(single - 1.0, 0) + PRIOR_ITEMS * 2**-PRIOR_BITS) / (total + PRIOR_ITEMS)
    after = (np.maximum(both - 1.0, 0) + BACK_OFF * alone) / (np.maximum(previous - 1.0, 0) + BACK_OFF)
    return np.maximum(-np.log2(np.minimum(after, 1.0)), 0.0).astype(np.float32)


def holders(asked: np.ndarray, keys: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Return for each asked key how many different owners hold it among (keys, owners); owners ascend."""
    size = 1 << max(4, int(2 * max(len(keys), 1) - 1).bit_length())
    table, counts, last = np.zeros(size, np.uint64), np.zeros(size, np.int32), np.full(size, -1, np.int32)
    _count(keys, owners, table, counts, last)
    found: np.ndarray = _look_up(asked, table, counts)
    return found


@kernel
def _count(keys, owners, table, counts, last):  # type: ignore[no-untyped-def]
    mask = np.uint64(len(table) - 1)
    for n in range(len(keys)):
        key = keys[n]
        slot = ((key * BASE) >> np.uint64(20)) & mask
        while counts[slot] and table[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = key
        if last[slot] != owners[n]:
            counts[slot] += 1
            last[slot] = owners[n]


@maker
def _look_up(asked, table, counts):  # type: ignore[no-untyped-def]
    mask = np.uint64(len(table) - 1)
    out = np.empty(len(asked), np.int32)
    for n in range(len(asked)):
        slot = ((asked[n] * BASE) >> np.uint64(20)) & mask
        while counts[slot] and table[slot] != asked[n]:
            slot = (slot + np.uint64(1)) & mask
        out[n] = counts[slot]
    return out
