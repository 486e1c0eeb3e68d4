"""Items → the index that records are matched against, built once and kept on disk as plain arrays.

The folder of an index holds one .npy an array (opened as a memory map, so that the processes of one machine share it)
and items.parquet (name, benchmark).
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from curation.decontaminate.benchmarks import Benchmark, digests, load
from curation.decontaminate.probes import ANCHOR, Probes, Table, find, powers, prefix, span, spans, table, tokenise
from curation.decontaminate.settings import Settings
from curation.identity import code, digest
from curation.text import Tokens

HAN = 0.25  # of the tokens: from here a text counts as Chinese (mathematics is full of Latin letters)
SAMPLE = 64  # n-grams kept of one text, evenly spaced: a passage of 2,000 tokens needs no more to measure its overlap
COUNTER_BITS = 24  # counters of ANCHOR-grams; two that share one only make for a less rare anchor
MOST = 2 / 3  # share of a user's turn that a short question has to make up: at 1/2 "why the sky is blue" found essays
WEAK = [str(n) for n in range(10_000)] + [chr(c) for c in range(ord("a"), ord("z") + 1)]
PART_PROBES, PART_GRAMS, PART_ANCHORS = "probes", "grams", "anchors"


@dataclass(frozen=True)
class Index:
    """What records are matched against."""

    items: pa.Table  # name, benchmark
    probes: Probes
    grams: Table  # n-gram → probes
    anchors: Table  # ANCHOR tokens → probes
    power: np.ndarray  # uint64, powers of the hash's base


@dataclass(frozen=True)
class Texts:
    """Every distinct text of the benchmarks with its tokens, in the order of the items."""

    tokens: Tokens
    item: np.ndarray  # int32
    answer: np.ndarray  # bool
    backup: np.ndarray  # bool
    whole: np.ndarray  # uint64

    @property
    def length(self) -> np.ndarray:
        """Tokens of each text."""
        return np.diff(self.tokens.offsets)


def open_index(settings: Settings) -> Index:
    """Return the index of settings.benchmarks, from settings.cache where it is there, else built (and kept there)."""
    source = Path(settings.benchmarks)
    found = digests(source)
    if not settings.cache:
        return build(load(source), settings)
    key = digest(found, settings.model_dump(exclude={"benchmarks", "cache"}), code("curation.decontaminate.index"))
    folder = Path(settings.cache) / f"decontaminate-{key}"
    if not folder.is_dir():
        _save(build(load(source), settings), folder)
    return _open(folder)


def build(benchmarks: list[Benchmark], settings: Settings) -> Index:
    """Return the index of benchmarks. Texts held by more than `settings.shared` items are left out."""
    items = [(i.name, b.name) for b in benchmarks for i in b.items]
    texts, power = _distinct(benchmarks, settings.shared)
    cover = _cover(texts, settings)
    anchors, starts = _anchors(texts, np.flatnonzero(np.isfinite(cover)), power)
    probes = _probes(texts, cover, starts)
    within = _containers(texts.tokens.hashes, texts.tokens.offsets, texts.item, probes, anchors, power)
    cover[(within > settings.shared) & ~texts.answer] = np.inf
    cover = _without_backups(texts, cover)
    keys, owner = _grams(texts, settings, power)
    used = (np.isfinite(cover) | (np.bincount(owner, minlength=len(cover)) > 0)) & ~np.isnan(cover)
    position = np.cumsum(used) - 1
    anchors, starts = _anchors(texts, np.flatnonzero(np.isfinite(cover)), power)
    sampled = used[owner]
    grams = table(keys[sampled], position[owner[sampled]])
    probes = _probes(texts, cover, starts)
    counts = np.bincount(grams.postings, minlength=int(used.sum()))
    probes = Probes(*(a[used] for a in probes))._replace(grams=counts.astype(np.int32))
    anchors = anchors._replace(postings=position[anchors.postings].astype(np.int32))
    table_items = pa.table({"name": [n for n, _ in items], "benchmark": [b for _, b in items]})
    return Index(table_items, probes, grams, anchors, power)


def _distinct(benchmarks: list[Benchmark], shared: int) -> tuple[Texts, np.ndarray]:
    rows = [
        (text, number, kind)
        for number, item in enumerate(i for b in benchmarks for i in b.items)
        for kind, held in enumerate((item.questions, item.backups, item.answers))
        for text in held
    ]
    raw = tokenise(pa.array([r[0].encode("utf-8", "replace").decode() for r in rows], pa.large_string()))
    item, kind = np.array([r[1] for r in rows], np.int32), np.array([r[2] for r in rows], np.int8)
    length = np.diff(raw.offsets)
    power = powers(int(length.max(initial=0)) + 64)
    whole = np.zeros(len(rows), np.uint64)
    hashes, owner = spans(raw.hashes, raw.offsets, np.maximum(length, 1), power)
    whole[owner] = hashes
    _, first, inverse = np.unique(whole, return_index=True, return_inverse=True)
    pairs = np.unique(inverse.astype(np.int64) << 32 | item)
    common = np.bincount(pairs >> 32, minlength=len(first)) > shared
    keep = np.sort(first[~common & (length[first] >= ANCHOR)])
    return Texts(_take(raw, keep), item[keep], kind[keep] == 2, kind[keep] == 1, whole[keep]), power


def _take(tokens: Tokens, rows: np.ndarray) -> Tokens:
    parts = [tokens.hashes[tokens.offsets[r] : tokens.offsets[r + 1]] for r in rows]
    offsets = np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int64)
    return Tokens(offsets, np.concatenate([*parts, np.empty(0, np.uint64)]), tokens.han[rows])


def _cover(texts: Texts, settings: Settings) -> np.ndarray:
    """Return the share of a turn each text has to make up to count as found; infinite: it is not looked for whole.

    A question of enough words counts anywhere, a shorter one where it is most of a turn, a tiny one as all of it.
    """
    weak = np.isin(texts.tokens.hashes, np.unique(tokenise(pa.array(WEAK)).hashes))
    strong = np.diff(np.concatenate([[0], np.cumsum(~weak)])[texts.tokens.offsets])
    han = texts.tokens.han >= HAN * texts.length
    enough = np.where(han, settings.short_characters, settings.short_words)
    cover = np.where(strong >= enough, 0.0, np.where(strong * 2 >= enough, MOST, 1.0))
    cover[texts.answer & (strong < settings.answer_tokens)] = np.inf
    return cover


def _anchors(texts: Texts, used: np.ndarray, power: np.ndarray) -> tuple[Table, np.ndarray]:
    """Return the table of each used text's rarest ANCHOR tokens, and where in each text they begin."""
    keys, owner = spans(texts.tokens.hashes, texts.tokens.offsets, np.full(len(texts.item), ANCHOR), power)
    begin = np.searchsorted(owner, np.arange(len(texts.item) + 1))
    counts = np.bincount(keys >> np.uint64(64 - COUNTER_BITS))[keys >> np.uint64(64 - COUNTER_BITS)]
    starts = _rarest(counts, begin)
    return table(keys[begin[used] + starts[used]], used), starts


@njit(cache=True, nogil=True)
def _rarest(counts, begin):  # type: ignore[no-untyped-def]
    """Return where in each run counts[begin[i]:begin[i + 1]] its first minimum is."""
    out = np.zeros(len(begin) - 1, np.int32)
    for run in range(len(out)):
        for at in range(begin[run], begin[run + 1]):
            if counts[at] < counts[begin[run] + out[run]]:
                out[run] = at - begin[run]
    return out


def _probes(texts: Texts, cover: np.ndarray, starts: np.ndarray) -> Probes:
    length = texts.length.astype(np.int32)
    return Probes(
        texts.item, texts.answer, length, texts.whole, starts, cover.astype(np.float32), np.zeros_like(length)
    )


def _grams(texts: Texts, settings: Settings, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the n-grams looked for and the text of each: none that many items share, at most SAMPLE of one text."""
    lengths = np.where(texts.tokens.han >= HAN * texts.length, settings.characters, settings.words)
    lengths[texts.answer & (texts.length < settings.answer_tokens)] = np.iinfo(np.int32).max
    keys, owner = spans(texts.tokens.hashes, texts.tokens.offsets, lengths, power)
    order = np.argsort(keys, kind="stable")
    rare = np.empty(len(keys), np.bool_)
    rare[order] = _held_by_few(keys[order], texts.item[owner[order]], settings.shared)
    keys, owner = keys[rare], owner[rare]
    counts = np.bincount(owner, minlength=len(texts.item))
    place = np.arange(len(owner)) - (np.cumsum(counts) - counts)[owner]
    held = counts[owner]
    chosen = (place * SAMPLE // held) != ((place - 1) * SAMPLE // held)
    return keys[chosen | (held <= SAMPLE)], owner[chosen | (held <= SAMPLE)]


@njit(cache=True, nogil=True)
def _held_by_few(keys, items, most):  # type: ignore[no-untyped-def]
    """Say for each of the sorted keys whether at most `most` different items have it; items ascend within a key."""
    out = np.empty(len(keys), np.bool_)
    start = 0
    while start < len(keys):
        end, holders = start + 1, 1
        while end < len(keys) and keys[end] == keys[start]:
            holders += items[end] != items[end - 1]
            end += 1
        out[start:end] = holders <= most
        start = end
    return out


def _without_backups(texts: Texts, cover: np.ndarray) -> np.ndarray:
    """Mark by NaN the questions-with-options of items whose question can be looked for anywhere by itself."""
    alone = np.unique(texts.item[(cover == 0) & ~texts.backup & ~texts.answer])
    return np.where(texts.backup & np.isin(texts.item, alone), np.nan, cover)


@njit(cache=True, nogil=True)
def _containers(hashes, offsets, items, probes, anchors, power):  # type: ignore[no-untyped-def]
    """Return for each text how many items hold it whole in one of their texts; `items` ascends."""
    counts, last = np.zeros(len(items), np.int64), np.full(len(items), -1, np.int64)
    for text in range(len(items)):
        prefixes = prefix(hashes, offsets[text], offsets[text + 1])
        size = len(prefixes) - 1
        for at in range(size - ANCHOR + 1):
            key = find(anchors, span(prefixes, at, at + ANCHOR, power))
            if key < 0:
                continue
            for posting in range(anchors.starts[key], anchors.starts[key + 1]):
                probe = anchors.postings[posting]
                start = at - probes.anchor[probe]
                end = start + probes.length[probe]
                if start < 0 or end > size or last[probe] == items[text]:
                    continue
                if span(prefixes, start, end, power) == probes.whole[probe]:
                    counts[probe] += 1
                    last[probe] = items[text]
    return counts


def _save(index: Index, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temp = Path(tempfile.mkdtemp(prefix=".decontaminate-", dir=folder.parent))
    parts: dict[str, Probes | Table] = {PART_PROBES: index.probes, PART_GRAMS: index.grams, PART_ANCHORS: index.anchors}
    try:
        for part, arrays in parts.items():
            for field, array in arrays._asdict().items():
                np.save(temp / f"{part}.{field}.npy", array, allow_pickle=False)
        np.save(temp / "power.npy", index.power, allow_pickle=False)
        pq.write_table(index.items, temp / "items.parquet", compression="zstd")
        if not folder.is_dir():  # another process may have been faster: its index is the same
            temp.replace(folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def _open(folder: Path) -> Index:
    def array(name: str) -> np.ndarray:
        return np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False))

    return Index(
        pq.read_table(folder / "items.parquet"),
        Probes(*(array(f"{PART_PROBES}.{f}") for f in Probes._fields)),
        Table(*(array(f"{PART_GRAMS}.{f}") for f in Table._fields)),
        Table(*(array(f"{PART_ANCHORS}.{f}") for f in Table._fields)),
        array("power"),
    )
