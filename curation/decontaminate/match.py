"""Records against the index, in compiled code."""

from __future__ import annotations

import numpy as np
from numba import njit

from curation.decontaminate.probes import ANCHOR, find, prefix, span

FULL, NGRAM, PART, ANSWER = 1, 2, 3, 4  # how a record matches; 0: not at all
ANSWER_SHARE = 0.5  # of an answer's n-grams, below which it is not worth a note


@njit(cache=True, nogil=True)
def matches(hashes, turns, records, index, rule):  # type: ignore[no-untyped-def]
    """Return for each record the probe it matches best (-1: none), how, and the overlap.

    turns: (offsets of each turn's tokens, its Han tokens, whether a user says it); records: offsets of each record's
    turns; index: (probes, grams, anchors, powers); rule: (words, characters, overlap).
    """
    offsets, han, user = turns
    probes, grams, anchors, power = index
    count = len(records) - 1
    best, how, share = np.full(count, -1, np.int32), np.zeros(count, np.int8), np.zeros(count, np.float32)
    hits = np.empty(4096, np.int64)
    for record in range(count):
        question, answer, size = -1, -1, 0
        for turn in range(records[record], records[record + 1]):
            prefixes = prefix(hashes, offsets[turn], offsets[turn + 1])
            question, answer = _whole(prefixes, user[turn], (question, answer), probes, anchors, power)
            hits, size = _shared(prefixes, rule[0], (hits, size), grams, power)
            if han[turn] and rule[1] != rule[0]:
                hits, size = _shared(prefixes, rule[1], (hits, size), grams, power)
        if question >= 0:
            best[record], how[record], share[record] = question, FULL, 1.0
            continue
        asked, asked_share, told, told_share = _overlaps(np.sort(hits[:size]), probes)
        if asked_share >= rule[2]:
            best[record], how[record], share[record] = asked, NGRAM, asked_share
        elif answer >= 0:
            best[record], how[record], share[record] = answer, ANSWER, 1.0
        elif told_share >= ANSWER_SHARE:
            best[record], how[record], share[record] = told, ANSWER, told_share
        elif asked >= 0:
            best[record], how[record], share[record] = asked, PART, asked_share
    return best, how, share


@njit(cache=True, nogil=True)
def _whole(prefixes, user, found, probes, anchors, power):  # type: ignore[no-untyped-def]
    """Return the longest question and the longest answer that stand whole in a turn, or what was found before.

    A question too short to be told from ordinary talk counts only in what a user says.
    """
    question, answer = found
    size = len(prefixes) - 1
    for at in range(size - ANCHOR + 1):
        key = find(anchors, span(prefixes, at, at + ANCHOR, power))
        if key < 0:
            continue
        for posting in range(anchors.starts[key], anchors.starts[key + 1]):
            probe = anchors.postings[posting]
            start = at - probes.anchor[probe]
            length = probes.length[probe]
            if start < 0 or start + length > size or length < probes.cover[probe] * size:
                continue
            if probes.cover[probe] > 0 and not user:
                continue
            rival = answer if probes.answer[probe] else question
            if rival >= 0 and probes.length[rival] >= length:
                continue
            if span(prefixes, start, start + length, power) == probes.whole[probe]:
                if probes.answer[probe]:
                    answer = probe
                else:
                    question = probe
    return question, answer


@njit(cache=True, nogil=True)
def _shared(prefixes, n, found, grams, power):  # type: ignore[no-untyped-def]
    """Append probe << 32 | n-gram for each n-gram of the turn that a probe has."""
    hits, size = found
    for at in range(len(prefixes) - n):
        key = find(grams, span(prefixes, at, at + n, power))
        if key < 0:
            continue
        for posting in range(grams.starts[key], grams.starts[key + 1]):
            if size == len(hits):
                hits = np.concatenate((hits, np.empty_like(hits)))
            hits[size] = np.int64(grams.postings[posting]) << 32 | np.int64(key)
            size += 1
    return hits, size


@njit(cache=True, nogil=True)
def _overlaps(hits, probes):  # type: ignore[no-untyped-def]
    """Return the question and the answer with the largest share of their n-grams among the sorted hits, and the shares."""
    best = np.full(2, -1, np.int64)
    share = np.zeros(2, np.float32)
    most = np.zeros(2, np.int64)
    at = 0
    while at < len(hits):
        probe, distinct, previous = hits[at] >> 32, 0, np.int64(-1)
        while at < len(hits) and hits[at] >> 32 == probe:
            distinct += hits[at] != previous
            previous = hits[at]
            at += 1
        overlap = np.float32(distinct / probes.grams[probe])
        side = 1 if probes.answer[probe] else 0
        if overlap > share[side] or (overlap == share[side] and distinct > most[side]):
            best[side], share[side], most[side] = probe, overlap, distinct
    return best[0], share[0], best[1], share[1]
