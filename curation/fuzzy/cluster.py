"""Clusters over all sources: buckets of equal band hashes, candidate pairs verified on their tokens, connected components."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curation.clusters import Keys, column, equal, nulls, singles, values
from curation.fuzzy.buckets import ROW, in_band
from curation.fuzzy.join import Rule, find, join_all
from curation.fuzzy.similar import TEXT
from curation.kernels import kernel
from curation.spill import Spill

FIELDS = (("tokens", "start", "length"), ("again", "again", "again_length"))  # of keys, of TEXT: where, how long


def cluster(keys: Keys, bands: int, rule: Rule, spill: Spill) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's root (uint32, a row of its cluster) and its largest verified Jaccard (float32, 0 where alone)."""
    root = equal(keys, "content_hash", spill)  # exact copies are one text: the first of them
    active, nearest = spill.array(np.bool_, keys.total), spill.array(np.float32, keys.total)
    for table, rows in keys.files():
        active[rows] = (root[rows] == np.arange(rows.start, rows.stop)) & (_lengths(table, "tokens") > 0)
    for start, end in spill.steps(keys.total, root, nearest):
        _copies(root, nearest, (start, end))
    candidate = spill.array(np.bool_, keys.total)
    buckets = [found for band in range(bands) for found in in_band(keys, band, (active, candidate), spill)]
    members = _members(candidate, buckets, spill)
    near = singles(len(members), spill), spill.array(np.float32, len(members))
    join_all(buckets, _texts(keys, candidate, len(members), spill), rule, near, spill)
    for start, end in spill.steps(len(members), members, *near, root, nearest):
        _joined(members, near, (root, nearest), (start, end))
    for start, end in spill.steps(keys.total, root):
        _flatten(root, (start, end))
    return root, nearest


@kernel
def _copies(root, nearest, span):  # type: ignore[no-untyped-def]
    for row in range(span[0], span[1]):
        if root[row] != row:
            nearest[row] = nearest[root[row]] = 1.0


def _members(candidate: np.ndarray, buckets: list[np.ndarray], spill: Spill) -> np.ndarray:
    """Return the rows of the candidates (uint32), and put the number of each among them for its row in the buckets.

    What the joining looks at, here and there, is then as long as the candidates, a quarter of all, and not as the corpus.
    """
    number, members = spill.array(np.uint32, len(candidate)), spill.array(np.uint32, int(np.count_nonzero(candidate)))
    done = 0
    for start, end in spill.parts(len(candidate)):
        done = _number(candidate, (start, end), number, members, done)
    for keys in buckets:
        for start, end in spill.steps(len(keys), number):
            _renumber(keys[start:end], number)
    return members


@kernel
def _number(candidate, span, number, members, done):  # type: ignore[no-untyped-def]
    for row in range(span[0], span[1]):
        if candidate[row]:
            number[row], members[done] = done, row
            done += 1
    return done


@kernel
def _renumber(keys, number):  # type: ignore[no-untyped-def]
    for at in range(len(keys)):
        keys[at] = (keys[at] & ~ROW) | np.uint64(number[keys[at] & ROW])


@kernel
def _joined(members, near, found, span):  # type: ignore[no-untyped-def]
    """Tell the rows what their numbers found: root and largest Jaccard."""
    parent, jaccard = near
    root, nearest = found
    for at in range(span[0], span[1]):
        row = members[at]
        root[row] = members[find(parent, at)]
        nearest[row] = max(nearest[row], jaccard[at])


def _texts(keys: Keys, candidate: np.ndarray, count: int, spill: Spill) -> tuple[np.ndarray, np.ndarray]:
    """Spill what is compared of the candidates, of which there are `count`: their tokens, and a row of TEXT each."""
    texts, total, done = spill.array(TEXT, count), 0, 0
    for table, rows in keys.files():
        chosen, answer = candidate[rows], column(table, "answer")
        here = texts[done : done + np.count_nonzero(chosen)]
        for name, begin, length in FIELDS:
            here[length] = _lengths(table, name)[chosen]
            here[begin] = total + np.cumsum(here[length]) - here[length]
            total += int(here[length].sum())
        here["answer"] = np.where(nulls(answer), -1, values(answer))[chosen]
        here["again_answer"] = np.where(nulls(answer), -1, values(column(table, "again_answer")))[chosen]
        here["operators"] = values(column(table, "operators"))[chosen]
        done += len(here)
    tokens, done = spill.array(np.uint16, total), 0
    for table, rows in keys.files():
        chosen = candidate[rows]
        here = texts[done : done + np.count_nonzero(chosen)]
        for name, begin, _ in FIELDS:
            row = at = 0
            for piece in table[name].chunks:
                wanted = chosen[row : row + len(piece)]
                at = _copy_tokens(values(piece.values), values(piece.offsets), wanted, (here[begin], at), tokens)
                row += len(piece)
        done += len(here)
    return tokens, texts


def _lengths(table: pa.Table, name: str) -> np.ndarray:
    """Return the length of each list, whose values are not touched."""
    pieces = [np.diff(values(piece.offsets)) for piece in table[name].chunks]
    return np.concatenate([np.empty(0, np.int64), *pieces])


@kernel
def _copy_tokens(every, offsets, wanted, texts, tokens):  # type: ignore[no-untyped-def]
    """Write the tokens of the wanted ones among some rows: row i has every[offsets[i]:offsets[i + 1]].

    texts: where to write those of each wanted row, and which of them is the first here; returns which is the first hereafter.
    """
    starts, at = texts
    for row in range(len(wanted)):
        if wanted[row]:
            for token in range(offsets[row + 1] - offsets[row]):
                tokens[starts[at] + token] = every[offsets[row] + token]
            at += 1
    return at


@kernel
def _flatten(root, span):  # type: ignore[no-untyped-def]
    for row in range(span[0], span[1]):
        root[row] = find(root, row)
