"""Records against the index, in compiled code.

A seed (four tokens in a row) that a turn shares with a text points to where a copy of the text would stand. There the
turn either holds the text whole, or the tokens within reach are counted against those of the text in any order; a short
question, where one other word may make another question, is then aligned with it.
"""

from __future__ import annotations

import numpy as np

from curation.decontaminate.index import ALONE, ANSWER, ANYWHERE, ASKED, QUESTION, SENTENCE, Index
from curation.decontaminate.seeds import SEED, SHORTEST
from curation.decontaminate.spans import fill, find, may_hold, span
from curation.kernels import inlined, kernel

NONE, FULL, NEAR, PART, ANSWERED = 0, 1, 2, 3, 4  # how a record matches
RANK = np.array([9, 0, 1, 3, 2])  # of each, which to name first
NOTED = 0.7  # share of a text's information from which a match is noted
SHORT = 64  # tokens up to which a question's near copy is aligned with it
EDITS = 8  # one token in so many of a near copy may differ
ONE = np.uint64(1)


def matches(
    text: tuple[np.ndarray, np.ndarray],
    turns: tuple[np.ndarray, np.ndarray],
    records: np.ndarray,
    index: Index,
    rule: tuple[float, float, float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each record the probe it matches best (int32, -1: none), how (int8), and the overlap (float32).

    text: (hashes, edges) of the tokens; turns: (offsets of each turn's tokens, whether a user says it); records: offsets
    of each record's turns; rule: (bits, overlap, numbers), as in Settings.
    """
    probes, count = index.probes, len(records) - 1
    found = np.full(count, -1, np.int32), np.zeros(count, np.int8), np.zeros(count, np.float32)
    longest = int(np.diff(turns[0]).max(initial=0)) + 1
    turn = np.zeros(longest, np.uint64), np.empty(longest, np.int64)
    spare = np.zeros(int(np.diff(probes.begin).max(initial=0)) + 1, np.int16)
    seen = np.full((len(probes.item), 2), -(1 << 40), np.int64)  # see _enough
    room = seen, spare, (np.empty(SHORT + 1, np.int64), np.empty(SHORT + 1, np.int64))
    _matches(text, turns, records, (probes, index.words, index.seeds, index.power), (rule, turn, room), found)
    return found


@kernel
def _matches(text, turns, records, index, scratch, out):  # type: ignore[no-untyped-def]
    """Fill `out` as `matches` returns it; scratch: the rule, a turn's prefix hashes and places, and room for the looks."""
    hashes, edges = text
    offsets, user = turns
    probes, words, seeds, power = index
    rule, (prefixes, places), (seen, spare, costs) = scratch
    best, how, share = out
    for record in range(len(records) - 1):
        found = (np.int64(-1), NONE, np.float32(0))
        for turn in range(records[record], records[record + 1]):
            begin = offsets[turn]
            size = offsets[turn + 1] - begin
            fill(hashes[begin : begin + size], prefixes)
            for n in range(_likely(prefixes, edges[begin : begin + size + 1], user[turn], (seeds, power), places)):
                at = places[n]
                sentence = user[turn] and edges[begin + at] and edges[begin + at + SHORTEST]
                key = _key(prefixes, size, at, sentence, (seeds, power))
                if key < 0:
                    continue
                for posting in range(seeds.starts[key], seeds.starts[key + 1]):
                    probe = seeds.postings[posting] >> 32
                    look = probes.look[probe]
                    start = at - (seeds.postings[posting] & 0xFFFFFFFF)
                    end = start + look.length
                    if start >= 0 and end <= size and span(prefixes, start, end, power) == look.hash:
                        delimited = edges[begin + start] and edges[begin + end]
                        if _counts(look.place, delimited, user[turn], end - start == size):
                            made = ANSWERED if look.kind == ANSWER else FULL
                            found = _better(found, (probe, made, np.float32(1)), probes)
                    elif look.place <= SENTENCE and found[1] != FULL and _enough(begin + start, look, seen[probe]):
                        first = begin + max(0, start - look.slack)
                        last = begin + min(size, end + look.slack)
                        window = (hashes[first:last], edges[first : last + 1])
                        made = _near(window, probe, (probes, words), (spare, costs), rule)
                        found = _better(found, made, probes)
        best[record], how[record], share[record] = found


@kernel
def _likely(prefixes, edges, user, index, places):  # type: ignore[no-untyped-def]
    """Write where in a turn a seed may be into `places`; returns how many there are.

    A loop of its own without a branch on what it reads: the processor then waits for many reads of the filter at once.
    """
    seeds, power = index
    size, count = len(edges) - 1, 0
    for at in range(size - SHORTEST + 1):
        likely = at + SEED <= size and may_hold(seeds, span(prefixes, at, at + SEED, power))
        if user and edges[at] and edges[at + SHORTEST]:
            likely |= may_hold(seeds, span(prefixes, at, at + SHORTEST, power))
        places[count] = at
        count += likely
    return count


@inlined
def _key(prefixes, size, at, sentence, index):  # type: ignore[no-untyped-def]
    """Return the position in `seeds` of the tokens at `at`: of SHORTEST that are a sentence, or else of SEED; -1 for none."""
    seeds, power = index
    key = np.int64(find(seeds, span(prefixes, at, at + SHORTEST, power))) if sentence else np.int64(-1)
    if key < 0 and at + SEED <= size:
        key = np.int64(find(seeds, span(prefixes, at, at + SEED, power)))
    return key


@inlined
def _counts(place, delimited, user, alone):  # type: ignore[no-untyped-def]
    """Say whether a text that stands whole in a turn counts there."""
    return place == ANYWHERE or (delimited and (place <= ASKED or (user and place == ALONE and alone)))


@inlined
def _enough(place, look, seen):  # type: ignore[no-untyped-def]
    """Count a seed of a text's copy that would begin at `place`; say whether it is the one that calls for a look.

    seen: where a copy of the text was last expected, the seeds found of it.
    """
    if abs(place - seen[0]) > look.slack:
        seen[0], seen[1] = place, 0
    seen[1] += 1
    return seen[1] == look.least


@kernel
def _near(window, probe, index, room, rule):  # type: ignore[no-untyped-def]
    """Return (probe, how, share) of a text of which some seeds stand in a window: (hashes, edges) of its tokens."""
    probes, words = index
    share, held, numbers = _share(window[0], probe, probes, words, room[0])
    length, kind = probes.look[probe].length, probes.look[probe].kind
    if share < NOTED:
        return probe, NONE, share
    if kind == ANSWER:
        return probe, ANSWERED, share
    if (
        share < rule[1]
        or numbers < rule[2]
        or share * probes.bits[probe] < rule[0]
        or length - held > max(1, length // EDITS)
    ):
        return probe, PART, share
    stem = probes.stem[probe]
    if stem <= SHORT:
        edits, start, end = _aligned(window[0], probe, probes, words, room[1])
        if edits > max(1, stem // EDITS):
            return probe, NONE, share
        if (
            kind == QUESTION
            and probes.look[probe].place == SENTENCE
            and not (_edge(window[1], start) and _edge(window[1], end))
        ):
            return probe, NONE, share
    return probe, NEAR, share


@kernel
def _share(window, probe, probes, words, spare):  # type: ignore[no-untyped-def]
    """Return the share of a text's information that stands in the window in any order, its tokens, the share of its numbers."""
    begin, end = probes.begin[probe], probes.begin[probe + 1]
    for word in range(begin, end):
        spare[word - begin] = words.times[word]
    weight, held, numbers = np.float32(0), 0, 0
    for token in window:
        place = _find_word(token, begin, end, words)
        if place >= 0 and spare[place - begin] > 0:
            spare[place - begin] -= 1
            weight += words.bits[place]
            held += 1
            numbers += token & ONE
    every = probes.numbers[probe]
    return weight / probes.bits[probe], held, (np.float32(numbers / every) if every else np.float32(1))


@inlined
def _find_word(token, begin, end, words):  # type: ignore[no-untyped-def]
    low, high = begin, end
    while low < high:
        middle = (low + high) // 2
        if words.hash[middle] < token:
            low = middle + 1
        else:
            high = middle
    return low if low < end and words.hash[low] == token else np.int64(-1)


@kernel
def _aligned(window, probe, probes, words, room):  # type: ignore[no-untyped-def]
    """Return how few tokens are changed, put in or left out in a copy of the probe's stem, and where in the window it is."""
    length, base, first = probes.stem[probe], probes.begin[probe], probes.first[probe]
    cost, start = room  # of the text's first n tokens against a copy that ends here, and where that copy begins
    for n in range(length + 1):
        cost[n], start[n] = n, 0
    best, begin, end = length + 1, 0, 0
    for at in range(len(window)):
        above, above_start = cost[0], start[0]
        start[0] = at + 1  # a copy may begin anywhere
        for n in range(1, length + 1):
            same = words.hash[base + words.order[first + n - 1]] == window[at]
            change, change_start = above + (0 if same else 1), above_start
            above, above_start = cost[n], start[n]
            if cost[n] + 1 < change:
                change, change_start = cost[n] + 1, start[n]
            if cost[n - 1] + 1 < change:
                change, change_start = cost[n - 1] + 1, start[n - 1]
            cost[n], start[n] = change, change_start
        if cost[length] < best:
            best, begin, end = cost[length], start[length], at + 1
    return best, begin, end


@inlined
def _edge(edges, at):  # type: ignore[no-untyped-def]
    """Say whether a sentence begins or ends within a token of `at`: the edit may be there."""
    return edges[at] or (at > 0 and edges[at - 1]) or (at + 1 < len(edges) and edges[at + 1])


@kernel
def _better(old, new, probes):  # type: ignore[no-untyped-def]
    """Return the match to name: a whole question before a near one before an answer before a part; then the most bits."""
    if new[1] == NONE or old[1] == NONE:
        return old if new[1] == NONE else new
    if old[1] != new[1]:
        return new if RANK[new[1]] < RANK[old[1]] else old
    return new if new[2] * probes.bits[new[0]] > old[2] * probes.bits[old[0]] else old
