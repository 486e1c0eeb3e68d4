"""Where each drawn record goes: its line, its place in the line, its shard. Arrays only, no text.

The draw comes in a fixed order that interleaves the domains (see mixtures/sample.py), and lines keep it, so every
shard holds the mixture and a prefix of the shards is a smaller draw of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.kernels import kernel, maker
from mixtures.handoff.manifest import Settings
from mixtures.sample import Supply

OPEN = 64  # lines that stay open for a record that fits; more fill the lines better but mix less of the draw's order
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hash, 2**64 / golden ratio


@dataclass(frozen=True)
class Plan:
    """The drawn records, ordered by line and place in it; all arrays have one entry a drawn record."""

    rows: np.ndarray  # int64, row of the supply
    epochs: np.ndarray  # int64, how many times the draw has taken this record before
    lines: np.ndarray  # int64, from 0, ascending
    members: np.ndarray  # int64, place within the line
    shards: np.ndarray  # int64, ascending; a line lies in one shard


def plan(supply: Supply, rows: np.ndarray, opening: np.ndarray | None, settings: Settings) -> Plan:
    """Place drawn `rows`, in their order, on lines and shards.

    opening (bool[len(rows)]) says which records have a system turn: it can only stand first on a line. None: isolated.
    """
    epochs = _epochs(rows)
    if opening is None:
        order, lines = np.arange(len(rows)), np.arange(len(rows))
    else:
        order, lines = _shared(supply, rows, opening, settings)
    starts = np.flatnonzero(np.diff(lines, prepend=-1))  # lines ascend by one
    members = np.arange(len(rows)) - starts[lines]
    shards = starts[lines] // settings.shard_records
    _, shards = np.unique(shards, return_inverse=True)  # a line longer than a shard would leave a number out
    return Plan(rows[order], epochs[order], lines, members, shards)


def _epochs(rows: np.ndarray) -> np.ndarray:
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    first = np.searchsorted(ordered, ordered, side="left")
    epochs = np.empty(len(rows), np.int64)
    epochs[order] = np.arange(len(rows)) - first
    return epochs


def _shared(supply: Supply, rows: np.ndarray, opening: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Return the order of the draw by line, and the line of each record in that order."""
    salt = np.uint64(settings.seed % 2**63)
    chance = (((_word(supply.ids[rows]) ^ salt) * GOLDEN) >> np.uint64(11)) / float(1 << 53)
    stream = np.where(chance < settings.related, supply.domain[rows].astype(np.int64) + 1, 0)
    by_stream = np.argsort(stream, kind="stable")
    bins = np.empty(len(rows), np.int64)
    bins[by_stream] = _pack(
        supply.n_tokens[rows][by_stream], rows[by_stream], stream[by_stream], opening[by_stream], settings.max_tokens
    )
    # Lines stand where their first record stands in the draw, so that each stretch of lines holds the mixture.
    first = np.full(int(bins.max(initial=-1)) + 1, len(rows), np.int64)
    np.minimum.at(first, bins, np.arange(len(rows)))
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    lines = rank[bins]
    order = np.lexsort((np.arange(len(rows)), ~opening, lines))
    return order, lines[order]


def _word(ids: np.ndarray) -> np.ndarray:
    words = np.ascontiguousarray(ids).view("<u8").reshape(-1, 2)
    return words[:, 0] ^ (words[:, 1] * GOLDEN)


@maker
def _pack(lengths, rows, stream, opening, most):  # type: ignore[no-untyped-def]
    """Put each record on the open line it fills best, of its own stream, that lacks it; returns the line of each record.

    A record with a system turn goes on a line that has none yet (there it will stand first).
    """
    n = len(lengths)
    line_of, after = np.empty(n, np.int64), np.full(n, -1, np.int64)  # after: the member before it on its line
    line, left = np.full(OPEN, -1, np.int64), np.zeros(OPEN, np.int64)  # of the open lines
    last, opened = np.full(OPEN, -1, np.int64), np.zeros(OPEN, np.bool_)
    count = 0
    for i in range(n):
        if i > 0 and stream[i] != stream[i - 1]:
            line[:] = -1
        best = -1
        for slot in range(OPEN):
            fits = line[slot] >= 0 and left[slot] >= lengths[i] and not (opening[i] and opened[slot])
            if fits and (best < 0 or left[slot] < left[best]) and not _holds(rows, after, last[slot], rows[i]):
                best = slot
        if best < 0:
            best = _retire(line, left)
            line[best], left[best], last[best], opened[best] = count, most, -1, False
            count += 1
        line_of[i], after[i] = line[best], last[best]
        last[best] = i
        left[best] -= lengths[i]
        opened[best] = opened[best] or opening[i]
    return line_of


@kernel
def _holds(rows, after, at, row):  # type: ignore[no-untyped-def]
    """Say whether the line whose last member is `at` has this record: a copy would give the answer away."""
    while at >= 0 and rows[at] != row:
        at = after[at]
    return at >= 0


@kernel
def _retire(line, left):  # type: ignore[no-untyped-def]
    """Return the slot to use for a new line: a free one, else that of the fullest line."""
    best = 0
    for slot in range(OPEN):
        if line[slot] < 0:
            return slot
        if left[slot] < left[best]:
            best = slot
    return best
