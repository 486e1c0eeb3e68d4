"""Records against the index, in compiled code.

A seed (four tokens in a row) that a turn shares with a text points to where a copy of the text would stand. There the
turn either holds the text whole, or the tokens within reach are counted against those of the text, in any order.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from curation.decontaminate.index import ANSWER, SEED
from curation.decontaminate.spans import find, prefix, span

NONE, FULL, NEAR, PART, ANSWERED = 0, 1, 2, 3, 4  # how a record matches
NOTED = 0.5  # share of a text's information from which a match is noted
ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def matches(hashes, turns, records, index, rule):  # type: ignore[no-untyped-def]
    """Return for each record the probe it matches best (-1: none), how, and the overlap.

    turns: (offsets of each turn's tokens, whether a user says it); records: offsets of each record's turns;
    index: (probes, words, seeds, powers); rule: (bits, overlap, numbers), as in Settings.
    """
    offsets, user = turns
    probes, words, seeds, power = index
    count = len(records) - 1
    best, how, share = np.full(count, -1, np.int32), np.zeros(count, np.int8), np.zeros(count, np.float32)
    seen = np.full(len(probes.item), -1, np.int64)  # the token up to which a text has been looked for
    spare = np.zeros(np.max(np.diff(probes.begin)) + 1 if len(probes.item) else 1, np.int16)
    for record in range(count):
        found = (np.int64(-1), NONE, np.float32(0))
        for turn in range(records[record], records[record + 1]):
            prefixes = prefix(hashes, offsets[turn], offsets[turn + 1])
            size = len(prefixes) - 1
            for at in range(size - SEED + 1):
                key = find(seeds, span(prefixes, at, at + SEED, power))
                if key < 0:
                    continue
                for posting in range(seeds.starts[key], seeds.starts[key + 1]):
                    probe = seeds.postings[posting] >> 32
                    start = at - (seeds.postings[posting] & 0xFFFFFFFF)
                    end = start + probes.length[probe]
                    if start >= 0 and end <= size and span(prefixes, start, end, power) == probes.hash[probe]:
                        cover = probes.cover[probe]
                        if cover == 0 or (user[turn] and end - start >= cover * size):
                            made = ANSWERED if probes.kind[probe] == ANSWER else FULL
                            found = _better(found, (probe, made, np.float32(1)), probes)
                        continue
                    if probes.cover[probe] > 0 or seen[probe] > offsets[turn] + at or found[1] == FULL:
                        continue
                    seen[probe] = offsets[turn] + at + max(8, probes.length[probe] // 4)
                    first = offsets[turn] + max(0, start - probes.slack[probe])
                    last = offsets[turn] + min(size, end + probes.slack[probe])
                    close = _share(hashes[first:last], probe, probes, words, spare)
                    found = _better(found, _judged(probe, close, probes, rule), probes)
        best[record], how[record], share[record] = found
    return best, how, share


@njit(cache=True, nogil=True)
def _share(window, probe, probes, words, spare):  # type: ignore[no-untyped-def]
    """Return the shares of a text's information and of its tokens with digits that stand in the window, in any order."""
    begin, end = probes.begin[probe], probes.begin[probe + 1]
    spare[: end - begin] = words.count[begin:end]
    weight, numbers = np.float32(0), 0
    for token in window:
        low, high = begin, end
        while low < high:
            middle = (low + high) // 2
            if words.hash[middle] < token:
                low = middle + 1
            else:
                high = middle
        if low < end and words.hash[low] == token and spare[low - begin] > 0:
            spare[low - begin] -= 1
            weight += words.bits[low]
            numbers += token & ONE
    held = probes.numbers[probe]
    return weight / probes.bits[probe], (np.float32(numbers / held) if held else np.float32(1))


@njit(cache=True, nogil=True)
def _judged(probe, close, probes, rule):  # type: ignore[no-untyped-def]
    """Return (probe, how, share) of a text that stands in a turn in part."""
    share, numbers = close
    if share < NOTED:
        return probe, NONE, np.float32(0)
    if probes.kind[probe] == ANSWER:
        return probe, ANSWERED, share
    if share >= rule[1] and numbers >= rule[2] and share * probes.bits[probe] >= rule[0]:
        return probe, NEAR, share
    return probe, PART, share


@njit(cache=True, nogil=True)
def _better(old, new, probes):  # type: ignore[no-untyped-def]
    """Return the match to name: a whole question before a near one before an answer before a part; then the most bits."""
    if new[1] == NONE:
        return old
    if old[1] == NONE:
        return new
    if old[1] != new[1]:
        rank = (9, 0, 1, 3, 2)
        return new if rank[new[1]] < rank[old[1]] else old
    return new if new[2] * probes.bits[new[0]] > old[2] * probes.bits[old[0]] else old
