"""Whether two texts are near duplicates: the real Jaccard of their shingle sets, and two guards, in compiled code."""

from __future__ import annotations

import numpy as np

from curation.fuzzy.minhash import BASE, mix
from curation.kernels import inlined, kernel

NEW, SEEN, SHARED = 0, 1, 2
ONE = np.uint64(1)
ROUNDING = 1e-6  # of a quotient of counts


# What the comparison reads of a candidate: a row, which is one read of memory.
TEXT = np.dtype(
    [
        ("start", np.int64),  # of its tokens (uint16; bit 0 is set where one holds a digit) among those of all
        ("length", np.int32),
        ("answer", np.int32),  # token at which the last assistant turn begins, -1 where there is none
        ("again", np.int64),  # the same of the other way to read it (see sign), for most of length 0
        ("again_length", np.int32),
        ("again_answer", np.int32),
        ("operators", np.uint32),
        ("", np.uint32),
    ]
)


@kernel
def similarity(texts, a, b, rule, scratch):  # type: ignore[no-untyped-def]
    """Return the Jaccard of two candidates, or -1 where a guard says that they are different all the same.

    `texts` is the tokens of all and the rows of TEXT, `rule` (ngram, threshold, answer_threshold, exact_numbers_below),
    `scratch` (table, stamps, clock): two arrays of a power of two ≥ 4 × the tokens of the longest text, and a counter.
    """
    tokens, rows = texts
    ngram, threshold, answer_threshold, short = rule
    ours, theirs = _first(rows[a]), _first(rows[b])
    whole = _jaccard(tokens, ours, theirs, ngram, threshold, scratch)
    if 0.0 < whole < threshold and rows[a].again_length + rows[b].again_length > 0:
        others = (_other(rows[a]), _other(rows[b]))
        whole, ours, theirs = _read_again(tokens, (ours, theirs), others, whole, rule, scratch)
    if whole < threshold:
        return whole
    if ours[1] - ours[0] <= short and theirs[1] - theirs[0] <= short:
        if whole == 1.0 and rows[a].operators != rows[b].operators:
            return -1.0
        if _other_numbers(tokens, ours, theirs, scratch):
            return -1.0
    if answer_threshold > 0.0 and ours[2] >= 0 and theirs[2] >= 0 and whole < 1.0:
        begin = (ours[0] + ours[2], theirs[0] + theirs[2])
        if _other_answers(tokens, (ours, theirs), begin, (ngram, answer_threshold, threshold), scratch):
            return -1.0
    return whole


@inlined
def _first(row):  # type: ignore[no-untyped-def]
    """Return where the tokens of a text begin and end, and at which of them its answer begins."""
    return row.start, row.start + row.length, np.int64(row.answer)


@inlined
def _other(row):  # type: ignore[no-untyped-def]
    return row.again, row.again + row.again_length, np.int64(row.again_answer)


@kernel
def _read_again(tokens, texts, others, whole, rule, scratch):  # type: ignore[no-untyped-def]
    """Return the Jaccard and the readings of both texts that first reach the threshold; else `whole` and the first ones.

    Either text, or both, are read the other way, where there is one.
    """
    ngram, threshold, _, _ = rule
    for reading in range(1, 4):
        mine = others[0] if reading & 1 else texts[0]
        yours = others[1] if reading & 2 else texts[1]
        if mine[0] < mine[1] and yours[0] < yours[1]:
            found = _jaccard(tokens, mine, yours, ngram, threshold, scratch)
            if found >= threshold:
                return found, mine, yours
    return whole, texts[0], texts[1]


@kernel
def _other_answers(tokens, texts, begin, rule, scratch):  # type: ignore[no-untyped-def]
    """Say whether the answers, which begin at the tokens `begin`, are other ones.

    They are not where one begins like the other, a shingle long or longer, nor where each equals the last tokens of the other
    text: the same conversation, cut at another place.
    """
    ours, theirs = texts
    ngram, threshold, held = rule
    mine, yours = (begin[0], ours[1]), (begin[1], theirs[1])
    if _jaccard(tokens, mine, yours, ngram, threshold, scratch) >= threshold:
        return False
    both = min(mine[1] - mine[0], yours[1] - yours[0])
    if both >= ngram:
        my_head, your_head = (mine[0], mine[0] + both), (yours[0], yours[0] + both)
        if _jaccard(tokens, my_head, your_head, ngram, held, scratch) >= held:
            return False
    my_tail = (max(ours[0], ours[1] - (yours[1] - yours[0])), ours[1])
    your_tail = (max(theirs[0], theirs[1] - (mine[1] - mine[0])), theirs[1])
    return (
        _jaccard(tokens, mine, your_tail, ngram, threshold, scratch) < threshold
        or _jaccard(tokens, my_tail, yours, ngram, threshold, scratch) < threshold
    )


@kernel
def _jaccard(tokens, ours, theirs, ngram, least, scratch):  # type: ignore[no-untyped-def]
    """Return the Jaccard of two spans; where it is below `least`, something between the two."""
    if ours[0] == ours[1] or theirs[0] == theirs[1]:
        return 1.0 if ours[0] == ours[1] and theirs[0] == theirs[1] else 0.0
    left, right, both = _overlap(tokens, ours, theirs, ngram, least, scratch)
    return both / (left + right - both)


@kernel
def _overlap(tokens, ours, theirs, ngram, least, scratch):  # type: ignore[no-untyped-def]
    """Return how many distinct shingles the first text has, the second, and both.

    The second is read only while a Jaccard of `least` is possible; then all of the first are counted as shared.
    """
    table, stamps, clock = scratch
    slots = 16  # of the table: a short text stays in the processor's cache
    while slots < 4 * max(ours[1] - ours[0], theirs[1] - theirs[0]):
        slots *= 2
    scratch = (table[:slots], stamps[:slots], clock)
    left, _ = _walk(tokens, ours, ngram, (-1, 0), scratch)
    most = ROUNDING + left * (1.0 - least) / least if least > 0.0 else np.inf  # shingles of the second alone
    right, both = _walk(tokens, theirs, ngram, (left, most), scratch)
    return left, right, both


@kernel
def _walk(tokens, span, ngram, before, scratch):  # type: ignore[no-untyped-def]
    """Enter a text's shingles in the hash table; return how many are distinct and how many the text before had too.

    before: the distinct shingles of the text before, -1 where this is the first, and how many others this one may have. A slot is
    the first text's while its stamp is now - 1, the second's once it is now, free otherwise.
    """
    left, most = before
    start, end = span[0], span[1]
    table, stamps, clock = scratch
    clock[0] += 1
    now, second = clock[0], left >= 0
    distinct, both = 0, 0
    power = np.uint64(1)
    for _ in range(ngram):
        power *= BASE
    width = min(ngram, end - start)
    rolling = np.uint64(end - start) if width < ngram else np.uint64(0)
    for at in range(start, start + width):
        rolling = rolling * BASE + np.uint64(tokens[at])
    at = start + width
    while True:
        kind = _enter(rolling, now, second, table, stamps)
        distinct += kind != SEEN
        both += kind == SHARED
        if second and distinct - both > most:
            return left + distinct - both, left
        if at == end:
            return distinct, both
        rolling = rolling * BASE + np.uint64(tokens[at]) - np.uint64(tokens[at - ngram]) * power
        at += 1


@inlined
def _enter(shingle, now, second, table, stamps):  # type: ignore[no-untyped-def]
    """Enter a shingle in the hash table; return whether it is NEW, SEEN in this text, or SHARED with the text before."""
    mask = np.uint64(len(table) - 1)
    slot = (mix(shingle) >> np.uint64(32)) & mask
    while True:
        if stamps[slot] == now:
            if table[slot] == shingle:
                return SEEN
        elif second and stamps[slot] == now - 1:
            if table[slot] == shingle:
                stamps[slot] = now
                return SHARED
        else:
            table[slot] = shingle
            stamps[slot] = now
            return NEW
        slot = (slot + ONE) & mask


@kernel
def _other_numbers(tokens, ours, theirs, scratch):  # type: ignore[no-untyped-def]
    """Say whether the texts differ by their numbers: another sum in the same words, not an edited copy.

    So it is where each has a number that the other lacks, and numbers are a third or more of the words they do not share.
    """
    here, there = _numbers_lacking(tokens, ours, theirs), _numbers_lacking(tokens, theirs, ours)
    if here == 0 or there == 0:
        return False
    left, right, both = _overlap(tokens, ours, theirs, 1, 0.0, scratch)
    return 3 * (here + there) >= left + right - 2 * both


@kernel
def _numbers_lacking(tokens, ours, theirs):  # type: ignore[no-untyped-def]
    """Return how many distinct numbers of the first text the second lacks."""
    count = 0
    for at in range(ours[0], ours[1]):
        token = tokens[at]
        if token & 1 and not _holds(tokens, (ours[0], at), token) and not _holds(tokens, theirs, token):
            count += 1
    return count


@kernel
def _holds(tokens, span, token):  # type: ignore[no-untyped-def]
    for at in range(span[0], span[1]):  # noqa: SIM110 (numba compiles no generator expression)
        if tokens[at] == token:
            return True
    return False
