"""Phase two, over all sources: buckets of equal band hashes, verified pairs, connected components.

Resident at a time: 16 bytes a record of ids, 16 of content hashes while exact copies are set aside, one band's keys
(8 bytes a record) and a few integers a record: 64 bytes in all. Bucketed keys of each band and the candidates' tokens
(2 bytes a token) are spilled to files and mapped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numba import njit

from curation.fuzzy.minhash import mix
from curation.fuzzy.similar import Texts, similarity

BYTES_A_RECORD = 64
FAILED = 1 << 20  # pairs remembered as too different, so that the next band does not compare them again: 8 MB
ROW = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Rule:
    """When two texts that share a bucket are joined; see the settings of the same names."""

    ngram: int
    threshold: float
    answer_threshold: float
    exact_numbers_below: int
    leaders: int


@dataclass(frozen=True)
class Clusters:
    """The clusters of n records."""

    ids: np.ndarray  # uint64[n, 2], the record ids as two big-endian halves
    root: np.ndarray  # uint32[n]: equal in a cluster; the row of its smallest id
    size: np.ndarray  # int32[n]: records in the row's cluster
    nearest: np.ndarray  # float32[n]: largest verified Jaccard to another record, 0 where alone


def cluster(paths: list[Path], rule: Rule, scratch: Path) -> Clusters:
    """Cluster the records of the signature files, whose rows count on from file to file; `scratch` is an empty folder."""
    files = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in paths]
    if not files:
        return Clusters(
            np.empty((0, 2), np.uint64), np.empty(0, np.uint32), np.empty(0, np.int32), np.empty(0, np.float32)
        )
    ids = _halves(files, "id")
    owner, nearest = _owners(_halves(files, "content_hash"), ids)
    active = owner == np.arange(len(owner), dtype=np.uint32)
    active &= np.concatenate([np.diff(_flat(file["tokens"]).offsets.to_numpy()) > 0 for file in files])
    bands = [name for name in files[0].column_names if name.startswith("band_")]
    candidate = _bucket(files, bands, active, scratch)
    rows = np.flatnonzero(candidate).astype(np.uint32)
    parent, closest = _join_bands(
        _texts(files, candidate, scratch), candidate, [scratch / f"{b}.npy" for b in bands], rule
    )
    nearest[rows] = np.maximum(nearest[rows], closest)
    root = np.arange(len(owner), dtype=np.uint32)
    root[rows] = rows[parent]
    root = root[owner]
    nearest = np.maximum(nearest, nearest[owner])
    size = np.bincount(root, minlength=len(root)).astype(np.int32)[root]
    return Clusters(ids, _smallest(root, ids), size, nearest)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _halves(files: list[pa.Table], name: str) -> np.ndarray:
    parts = []
    for file in files:
        chunk = _flat(file[name])
        parts.append(np.frombuffer(chunk.buffers()[1] or b"", ">u8", count=2 * len(chunk), offset=16 * chunk.offset))
    return np.concatenate(parts).astype(np.uint64).reshape(-1, 2)


def _owners(hashes: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row the row that stands for all its exact copies (smallest id), and 1.0 where there are copies."""
    owner, nearest = np.arange(len(ids), dtype=np.uint32), np.zeros(len(ids), np.float32)
    _own(np.argsort(hashes[:, 0], kind="stable"), hashes, ids, owner, nearest)
    return owner, nearest


@njit(cache=True, nogil=True)
def _own(order, hashes, ids, owner, nearest):  # type: ignore[no-untyped-def]
    start = 0
    while start < len(order):
        head, end = order[start], start + 1
        # Where 128-bit hashes agree in the first half only, the later rows stay alone here and meet again as texts.
        while (
            end < len(order) and hashes[order[end], 0] == hashes[head, 0] and hashes[order[end], 1] == hashes[head, 1]
        ):
            end += 1
        if end > start + 1:
            least = head
            for at in range(start + 1, end):
                if _before(ids, order[at], least):
                    least = order[at]
            for at in range(start, end):
                owner[order[at]] = least
                nearest[order[at]] = 1.0
        start = end


@njit(cache=True, nogil=True, inline="always")
def _before(ids, a, b):  # type: ignore[no-untyped-def]
    return ids[a, 0] < ids[b, 0] or (ids[a, 0] == ids[b, 0] and ids[a, 1] < ids[b, 1])


def _bucket(files: list[pa.Table], bands: list[str], active: np.ndarray, scratch: Path) -> np.ndarray:
    """Write each band's keys (hash << 32 | row) that share their hash, sorted, to <band>.npy; return which rows do in any."""
    rows = np.flatnonzero(active).astype(np.uint64)
    candidate = np.zeros(len(active), np.bool_)
    for band in bands:
        keys = np.concatenate([_flat(file[band]).to_numpy() for file in files])[active].astype(np.uint64)
        keys <<= np.uint64(32)
        keys |= rows
        keys.sort()
        shared = np.zeros(len(keys), np.bool_)
        same = (keys[1:] >> np.uint64(32)) == (keys[:-1] >> np.uint64(32))
        shared[1:] |= same
        shared[:-1] |= same
        keys = keys[shared]
        candidate[keys & ROW] = True
        np.save(scratch / f"{band}.npy", keys)
    return candidate


def _texts(files: list[pa.Table], candidate: np.ndarray, scratch: Path) -> Texts:
    """Spill the candidates' tokens, file by file, and map them."""
    path = scratch / "tokens.u16"
    lengths, answers, operators, row = [], [], [], 0
    with path.open("wb") as spill:
        for file in files:
            chosen = pa.array(np.flatnonzero(candidate[row : row + file.num_rows]))
            row += file.num_rows
            texts = _flat(file["tokens"]).take(chosen)
            lengths.append(np.diff(texts.offsets.to_numpy()))
            texts.flatten().to_numpy().tofile(spill)
            answers.append(_flat(file["answer"]).take(chosen).fill_null(-1).to_numpy())
            operators.append(_flat(file["operators"]).take(chosen).to_numpy())
    starts = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    tokens = np.memmap(path, np.uint16, "r") if starts[-1] else np.empty(0, np.uint16)
    return Texts(np.asarray(tokens), starts, np.concatenate(answers), np.concatenate(operators))


def _join_bands(texts: Texts, candidate: np.ndarray, bands: list[Path], rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Return each candidate's root (a candidate) and its largest verified Jaccard."""
    count = len(texts.starts) - 1
    parent, closest = np.arange(count, dtype=np.uint32), np.zeros(count, np.float32)
    number = (np.cumsum(candidate, dtype=np.uint32) - np.uint32(1)).astype(np.uint32)  # row → candidate
    longest = int(np.diff(texts.starts).max(initial=1))
    slots = 1 << max(8, (4 * longest - 1).bit_length())
    scratch = (np.zeros(FAILED, np.uint64), np.zeros(slots, np.uint64), np.zeros(slots, np.int64), np.ones(1, np.int64))
    arrays = (texts.tokens, texts.starts, texts.answers, texts.operators)
    limits = (rule.ngram, rule.threshold, rule.answer_threshold, rule.exact_numbers_below)
    for path in bands:
        _join(np.load(path), number, arrays, (rule.leaders, limits), (parent, closest), scratch)
    _flatten(parent)
    return parent, closest


@njit(cache=True, nogil=True)
def _join(keys, number, texts, rule, found, scratch):  # type: ignore[no-untyped-def]
    """Join the candidates of each bucket that are near duplicates.

    In a bucket of at most `leaders` candidates every pair is considered. In a larger one the first `leaders` that no
    earlier leader took into its cluster are compared with all the rest: at most leaders × size comparisons. Pairs that are
    connected already are never compared.
    """
    leaders, limits = rule
    parent, _ = found
    chosen = np.empty(leaders, np.int64)
    start = 0
    while start < len(keys):
        end = start + 1
        while end < len(keys) and keys[end] >> np.uint64(32) == keys[start] >> np.uint64(32):
            end += 1
        count = 0
        for at in range(start, end):
            ours = np.int64(number[keys[at] & ROW])
            taken = False
            if end - start > leaders:
                for leader in range(count):
                    taken = taken or _find(parent, chosen[leader]) == _find(parent, ours)
            if taken:
                continue
            chosen[count] = ours
            count += 1
            for other in range(at + 1, end):
                _compare(ours, np.int64(number[keys[other] & ROW]), texts, limits, found, scratch)
            if count == leaders:
                break
        start = end


@njit(cache=True, nogil=True)
def _compare(ours, theirs, texts, limits, found, scratch):  # type: ignore[no-untyped-def]
    """Join two candidates where they are near duplicates; the smaller root becomes the root of both."""
    failed, table, stamps, clock = scratch
    parent, closest = found
    a, b = _find(parent, ours), _find(parent, theirs)
    if a == b:
        return
    pair = (np.uint64(ours) << np.uint64(32)) | np.uint64(theirs)  # ours < theirs: a bucket is sorted by row
    slot = np.int64(mix(pair) & np.uint64(len(failed) - 1))
    if failed[slot] == pair:
        return
    jaccard = similarity(texts, ours, theirs, limits, (table, stamps, clock))
    if jaccard < limits[1]:
        failed[slot] = pair
        return
    closest[ours] = max(closest[ours], jaccard)
    closest[theirs] = max(closest[theirs], jaccard)
    parent[max(a, b)] = min(a, b)


@njit(cache=True, nogil=True)
def _find(parent, item):  # type: ignore[no-untyped-def]
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = np.int64(parent[item])
    return item


@njit(cache=True, nogil=True)
def _flatten(parent):  # type: ignore[no-untyped-def]
    for item in range(len(parent)):
        parent[item] = _find(parent, item)


@njit(cache=True, nogil=True)
def _smallest(root, ids):  # type: ignore[no-untyped-def]
    """Return for each row the row of the smallest id among those with the same root."""
    least = np.arange(len(root)).astype(np.uint32)
    for row in range(len(root)):
        if _before(ids, row, least[root[row]]):
            least[root[row]] = row
    out = np.empty(len(root), np.uint32)
    for row in range(len(root)):
        out[row] = least[root[row]]
    return out
