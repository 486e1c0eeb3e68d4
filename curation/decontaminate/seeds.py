"""Seeds: the few tokens in a row by which a text is found in a turn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from curation.decontaminate.fold import Folded
from curation.decontaminate.rarity import holders
from curation.decontaminate.spans import Table, spans, table
from curation.kernels import maker

SEED = 4  # tokens by which a text is found
SHORTEST = 3  # tokens of the shortest text that is looked for: where it is a sentence of a user's, by all its tokens
SEEDS = 48  # of a text, evenly spaced where it has more
COMMON = 40  # items: a seed that more share is none, unless a text has no other
SEED_SHARE = 6  # one in so many of a text's seeds has to be there: a word in 20 changed leaves four in five
OPTIONS = 4  # of so many at most every order is foreseen


def plan(tokens: Folded, item: np.ndarray, stem: np.ndarray, power: np.ndarray) -> tuple[Table, np.ndarray]:
    """Return the seeds of texts, each pointing to text << 32 | where in it it begins, and how many of its a text needs.

    item: of each text; stem: tokens before its options. Where no seed lies within the stem or an option, a text has
    those of every order of its options too.
    """
    keys, owner = spans(tokens.hashes, tokens.offsets, SEED, power)
    begin = np.searchsorted(owner, np.arange(len(item) + 1))
    chosen = _chosen(holders(keys, keys, item[owner]), begin)
    place = np.arange(len(keys)) - begin[owner]
    least = np.maximum(1, np.bincount(owner[chosen], minlength=len(item)) // SEED_SHARE).astype(np.int32)
    first = tokens.offsets[owner] + place
    whole = chosen & ~_parted(tokens.edges, first)
    length = np.diff(tokens.offsets)
    lost = (np.bincount(owner[whole], minlength=len(item)) == 0) & (stem < length) & (length >= SEED)
    moved = [_moved(tokens, int(text), int(stem[text]), power) for text in np.flatnonzero(lost)]
    least[lost] = 1
    tiny = _tiny(tokens, power)
    keys, owner, place = (
        np.concatenate([held[chosen], tiny[n], *(m[n] for m in moved)]) for n, held in enumerate((keys, owner, place))
    )
    return table(keys, (owner.astype(np.int64) << 32) | place), least


def _parted(edges: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Say of seeds by their first tokens whether a sentence or an option begins within."""
    within: np.ndarray = np.logical_or.reduce([edges[first + n] for n in range(1, SEED)])
    return within


def _tiny(tokens: Folded, power: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the seeds (keys, owners, places) of the texts of SHORTEST tokens."""
    keys, owner = spans(tokens.hashes, tokens.offsets, SHORTEST, power)
    short = np.diff(tokens.offsets)[owner] == SHORTEST
    return keys[short], owner[short], np.zeros(short.sum(), np.int64)


def _moved(tokens: Folded, text: int, stem: int, power: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the seeds (keys, owners, places) of a text with its options in every other order."""
    start, end = tokens.offsets[text], tokens.offsets[text + 1]
    own, edges = tokens.hashes[start:end], tokens.edges[start:end]
    orders = [np.concatenate([own[:stem], *order]) for order in _orders(own, edges, stem)]
    offsets = np.arange(len(orders) + 1, dtype=np.int64) * len(own)
    keys, owner = spans(np.concatenate([own[:0], *orders]), offsets, SEED, power)
    place = np.arange(len(keys)) - np.searchsorted(owner, owner)
    fresh = np.unique(keys, return_index=True)[1]
    fresh = fresh[place[fresh] + SEED > stem]  # those within the stem are common
    return keys[fresh], np.full(len(fresh), text, owner.dtype), place[fresh]


def _orders(own: np.ndarray, edges: np.ndarray, stem: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield a text's options, from `stem` on, in each order but theirs; nothing where there are more than OPTIONS."""
    parts = np.split(own[stem:], np.flatnonzero(edges[stem:])[1:])
    every = permutations(parts) if len(parts) <= OPTIONS else iter([()])
    next(every)
    yield from every


@maker
def _chosen(counts, begin):  # type: ignore[no-untyped-def]
    """Mark at most SEEDS of each text's spans, evenly spaced, that few items hold; where none is rare, the rarest."""
    out = np.zeros(len(counts), np.bool_)
    for text in range(len(begin) - 1):
        first, last = begin[text], begin[text + 1]
        if first == last:
            continue
        most = max(COMMON, counts[first:last].min())
        rare = 0
        for at in range(first, last):
            rare += counts[at] <= most
        step, seen = max(1.0, rare / SEEDS), 0
        for at in range(first, last):
            if counts[at] <= most:
                out[at] = int(seen / step) != int((seen - 1) / step) or seen == 0
                seen += 1
    return out
