"""Joins the texts of each bucket that are near duplicates: a union-find over candidates, each pair verified on its tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.fuzzy.buckets import HALF, ROW
from curation.fuzzy.minhash import mix
from curation.fuzzy.similar import similarity
from curation.kernels import kernel
from curation.spill import Spill

FAILED = 1 << 20  # pairs remembered as too different, so that the next band does not compare them again: 8 MB


@dataclass(frozen=True)
class Rule:
    """When two texts that share a bucket are joined; see the settings of the same names."""

    ngram: int
    threshold: float
    answer_threshold: float
    exact_numbers_below: int
    leaders: int


def join_all(
    buckets: list[np.ndarray],
    texts: tuple[np.ndarray, np.ndarray],
    rule: Rule,
    found: tuple[np.ndarray, np.ndarray],
    spill: Spill,
) -> None:
    """Join the rows that are near duplicates, bucket by bucket."""
    parts = spill.parts(len(texts[1]))
    longest = max((int(texts[1][first:last]["length"].max()) for first, last in parts), default=1)
    slots = 1 << max(8, (4 * longest + 3).bit_length())
    scratch = (np.zeros(FAILED, np.uint64), np.zeros(slots, np.uint64), np.zeros(slots, np.int64), np.ones(1, np.int64))
    limits = (rule.ngram, rule.threshold, rule.answer_threshold, rule.exact_numbers_below)
    chosen = np.empty(rule.leaders, np.int64)
    for keys in buckets:
        place, most = np.array([0, 0, 1, 0]), spill.looks(*texts, *found)
        while not _join(keys, texts, (rule.leaders, limits), found, scratch, (place, chosen, most)):
            spill.release()


@kernel
def _join(keys, texts, rule, found, scratch, state):  # type: ignore[no-untyped-def]
    """Join the near duplicates of each bucket; says whether that is done, or goes on where it stopped after `most` comparisons.

    In a bucket of at most `leaders` candidates every pair is considered. In a larger one the first `leaders` that no
    earlier leader took into its cluster are compared with all the rest: at most leaders × size comparisons. Pairs that are
    connected already are never compared. state: where the bucket begins, the leader at hand, whom it is compared with next and how
    many leaders there were before; those leaders; most.
    """
    leaders, limits = rule
    parent, _ = found
    place, chosen, most = state
    start, at, other, count = place
    while start < len(keys):
        end = start + 1
        while end < len(keys) and keys[end] >> HALF == keys[start] >> HALF:
            end += 1
        while at < end and count < leaders:
            ours = np.int64(keys[at] & ROW)
            if other > at + 1 or end - start <= leaders or not _taken(parent, chosen[:count], ours):
                while other < end and most > 0:
                    _compare(ours, np.int64(keys[other] & ROW), texts, limits, found, scratch)
                    other += 1
                    most -= 1
                if other < end:
                    place[:] = (start, at, other, count)
                    return False
                chosen[count] = ours
                count += 1
            at += 1
            other = at + 1
        start, at, other, count = end, end, end + 1, 0
    return True


@kernel
def _taken(parent, chosen, ours):  # type: ignore[no-untyped-def]
    """Say whether a row is in the cluster of one of the leaders."""
    root = find(parent, ours)
    for leader in chosen:  # noqa: SIM110 (numba compiles no generator expression)
        if find(parent, leader) == root:
            return True
    return False


@kernel
def _compare(ours, theirs, texts, limits, found, scratch):  # type: ignore[no-untyped-def]
    """Join two rows where they are near duplicates; the smaller root becomes the root of both."""
    failed, table, stamps, clock = scratch
    parent, nearest = found
    a, b = find(parent, ours), find(parent, theirs)
    if a == b:
        return
    pair = (np.uint64(ours) << HALF) | np.uint64(theirs)  # ours < theirs: a bucket is sorted by row
    slot = np.int64(mix(pair) & np.uint64(len(failed) - 1))
    if failed[slot] == pair:
        return
    jaccard = similarity(texts, ours, theirs, limits, (table, stamps, clock))
    if jaccard < limits[1]:
        failed[slot] = pair
        return
    nearest[ours] = max(nearest[ours], jaccard)
    nearest[theirs] = max(nearest[theirs], jaccard)
    parent[max(a, b)] = min(a, b)


@kernel
def find(parent, item):  # type: ignore[no-untyped-def]
    """Return the root of an item, and shorten the way to it."""
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = np.int64(parent[item])
    return item
