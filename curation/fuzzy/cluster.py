"""Clusters over all sources: buckets of equal band hashes, candidate pairs verified on their tokens, connected components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.clusters import Keys, column, equal, nulls, values
from curation.fuzzy.minhash import mix
from curation.fuzzy.similar import TEXT, similarity
from curation.kernels import kernel, maker
from curation.spill import Spill

FAILED = 1 << 20  # pairs remembered as too different, so that the next band does not compare them again: 8 MB
KEY_BYTES = 32  # a row in a pass over a band: its hash, and its packed key three times
MANY = 1 << 40  # comparisons, more than there are
COUNTS = 16  # counters of hashes a row: one row in sixteen that shares its hash with none is sorted all the same
FIELDS = (("tokens", "start", "length"), ("again", "again", "again_length"))  # of keys, of TEXT: where, how long
ROW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


@dataclass(frozen=True)
class Rule:
    """When two texts that share a bucket are joined; see the settings of the same names."""

    ngram: int
    threshold: float
    answer_threshold: float
    exact_numbers_below: int
    leaders: int


def cluster(keys: Keys, bands: int, rule: Rule, spill: Spill) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's root (uint32, a row of its cluster) and its largest verified Jaccard (float32, 0 where alone)."""
    root = equal(keys, "content_hash", spill)  # exact copies are one text: the first of them
    active, nearest = spill.array(np.bool_, keys.total), spill.array(np.float32, keys.total)
    for table, rows in keys.files():
        active[rows] = (root[rows] == np.arange(rows.start, rows.stop)) & (_lengths(table, "tokens") > 0)
    for start, end in spill.steps(keys.total):
        _copies(root, nearest, (start, end))
    candidate = spill.array(np.bool_, keys.total)
    buckets = [shared for band in range(bands) for shared in _buckets(keys, band, (active, candidate), spill)]
    _join_all(buckets, _texts(keys, candidate, spill), rule, (root, nearest), spill)
    for start, end in spill.steps(keys.total):
        _flatten(root, (start, end))
    return root, nearest


@kernel
def _copies(root, nearest, span):  # type: ignore[no-untyped-def]
    for row in range(span[0], span[1]):
        if root[row] != row:
            nearest[row] = nearest[root[row]] = 1.0


def _buckets(keys: Keys, band: int, rows: tuple[np.ndarray, np.ndarray], spill: Spill) -> list[np.ndarray]:
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


def _texts(keys: Keys, candidate: np.ndarray, spill: Spill) -> tuple[np.ndarray, np.ndarray]:
    """Spill what is compared of the candidates: their tokens and rows of TEXT; the other rows have no tokens."""
    texts, total = spill.array(TEXT, keys.total), 0
    for table, rows in keys.files():
        here, answer = texts[rows], column(table, "answer")
        for name, begin, length in FIELDS:
            here[length] = _lengths(table, name) * candidate[rows]
            here[begin] = total + np.cumsum(here[length]) - here[length]
            total += int(here[length].sum())
        here["answer"] = np.where(nulls(answer), -1, values(answer))
        here["again_answer"] = np.where(nulls(answer), -1, values(column(table, "again_answer")))
        here["operators"] = values(column(table, "operators"))
    tokens = spill.array(np.uint16, total)
    for table, rows in keys.files():
        for name, begin, length in FIELDS:
            row = rows.start
            for piece in table[name].chunks:
                where = texts[row : row + len(piece)]
                _copy_tokens(values(piece.values), values(piece.offsets), tokens, (where[begin], where[length]))
                row += len(piece)
    return tokens, texts


def _lengths(table: pa.Table, name: str) -> np.ndarray:
    """Return the length of each list, whose values are not touched."""
    pieces = [np.diff(values(piece.offsets)) for piece in table[name].chunks]
    return np.concatenate([np.empty(0, np.int64), *pieces])


@kernel
def _copy_tokens(every, offsets, tokens, texts):  # type: ignore[no-untyped-def]
    """Write the tokens of the candidates among some rows: row i has every[offsets[i]:offsets[i + 1]]."""
    starts, lengths = texts
    for row in range(len(starts)):
        for token in range(lengths[row]):
            tokens[starts[row] + token] = every[offsets[row] + token]


def _join_all(
    buckets: list[np.ndarray],
    texts: tuple[np.ndarray, np.ndarray],
    rule: Rule,
    found: tuple[np.ndarray, np.ndarray],
    spill: Spill,
) -> None:
    """Join the rows that are near duplicates, bucket by bucket."""
    steps = spill.steps(len(texts[1]))
    longest = max((int(texts[1][first:last]["length"].max()) for first, last in steps), default=1)
    slots = 1 << max(8, (4 * longest + 3).bit_length())
    scratch = (np.zeros(FAILED, np.uint64), np.zeros(slots, np.uint64), np.zeros(slots, np.int64), np.ones(1, np.int64))
    limits = (rule.ngram, rule.threshold, rule.answer_threshold, rule.exact_numbers_below)
    chosen = np.empty(rule.leaders, np.int64)
    for keys in buckets:
        place, most = np.array([0, 0, 1, 0]), spill.looks(MANY)
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
    root = _find(parent, ours)
    for leader in chosen:  # noqa: SIM110 (numba compiles no generator expression)
        if _find(parent, leader) == root:
            return True
    return False


@kernel
def _compare(ours, theirs, texts, limits, found, scratch):  # type: ignore[no-untyped-def]
    """Join two rows where they are near duplicates; the smaller root becomes the root of both."""
    failed, table, stamps, clock = scratch
    parent, nearest = found
    a, b = _find(parent, ours), _find(parent, theirs)
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
def _find(parent, item):  # type: ignore[no-untyped-def]
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = np.int64(parent[item])
    return item


@kernel
def _flatten(root, span):  # type: ignore[no-untyped-def]
    for row in range(span[0], span[1]):
        root[row] = _find(root, row)
