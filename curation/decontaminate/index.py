"""Items → the index that records are matched against, built once and kept on disk as plain arrays.

The folder of an index holds one .npy an array (opened as a memory map, so that the processes of one machine share it)
and items.parquet (name, benchmark, twins).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.decontaminate.benchmarks import Benchmark, digests, load
from curation.decontaminate.fold import Folded, tokenise
from curation.decontaminate.items import Item
from curation.decontaminate.rarity import bits, holders
from curation.decontaminate.seeds import SEED, SHORTEST, plan
from curation.decontaminate.settings import Settings
from curation.decontaminate.spans import Table, powers, prefix, span
from curation.identity import code, digest
from curation.kernels import maker

QUESTION, WHOLE, ANSWER = 0, 1, 2  # a question; with its options, or else its answer; an answer
ANYWHERE, SENTENCE, ASKED, ALONE, NEVER = 0, 1, 2, 3, 4  # where a text counts that stands whole; see _place


LOOK = np.dtype(  # what is read of a text at each of its seeds: a row, which is one read of memory
    [
        ("hash", np.uint64),  # of all its tokens in their order
        ("length", np.int32),  # tokens
        ("slack", np.int32),  # tokens by which a copy may be longer, or its options be moved
        ("least", np.int32),  # its seeds that a turn has to hold for a closer look
        ("place", np.int8),  # ANYWHERE, SENTENCE, ASKED or ALONE
        ("kind", np.int8),  # QUESTION, WHOLE or ANSWER
        ("", np.int16),
    ]
)


class Probes(NamedTuple):
    """The texts looked for, one each."""

    item: np.ndarray  # int32, position of its item in the list of names
    stem: np.ndarray  # int32, its first tokens, which have to stand in order: the question; the options may be shuffled
    bits: np.ndarray  # float32, its information
    look: np.ndarray  # of LOOK
    numbers: np.ndarray  # int32, its tokens with digits
    begin: np.ndarray  # int64, one more than there are probes: where its words are
    first: np.ndarray  # int64, where its tokens are in Words.order


class Words(NamedTuple):
    """The different tokens of each probe, by hash, and the order in which they stand."""

    hash: np.ndarray  # uint64
    times: np.ndarray  # int16, how often it stands in the probe
    bits: np.ndarray  # float32, of one of its occurrences, the mean
    order: np.ndarray  # int32, of every token of each probe, which of the probe's words it is


@dataclass(frozen=True)
class Index:
    """What records are matched against."""

    items: pa.Table  # name, benchmark, twins: names of the items with the same question
    probes: Probes
    words: Words
    seeds: Table  # SEED tokens → probe << 32 | where in it they begin
    power: np.ndarray  # uint64, powers of the hash's base


PARTS: dict[str, type[Probes | Words | Table]] = {"probes": Probes, "words": Words, "seeds": Table}


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
    """Return the index of benchmarks. Texts that more than `settings.shared` items have are left out."""
    names = [(i.name, b.name) for b in benchmarks for i in b.items]
    rows = [(t, n, k) for n, i in enumerate(i for b in benchmarks for i in b.items) for t, k in _texts(i)]
    item, kind = np.array([r[1] for r in rows], np.int32), np.array([r[2] for r in rows], np.int8)
    tokens = tokenise(pa.array([r[0].encode("utf-8", "replace").decode() for r in rows], pa.large_string()))
    length = np.diff(tokens.offsets)
    menu = np.where(kind == WHOLE, length - np.roll(length, 1), 0)  # the question stands one row before
    power = powers(int(length.max(initial=0)) + 64)
    whole = _wholes(tokens.hashes, tokens.offsets, power)
    single = np.isin(np.arange(len(whole)), np.unique(whole, return_index=True)[1])
    has_whole = np.isin(item, item[kind == WHOLE])
    weights = bits(tokens.hashes, tokens.offsets, item, single & ((kind == WHOLE) | ((kind == QUESTION) & ~has_whole)))
    total = np.diff(np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])[tokens.offsets])
    usable = (holders(whole, whole, item) <= settings.shared) & (length >= SHORTEST)
    place = _place(kind, item, np.where(usable, total, 0.0), length, settings)
    kept = np.flatnonzero(single & usable & (place < NEVER))
    tokens, weights = _take(tokens, weights, kept)
    words, begin, numbers = _words(tokens.hashes, tokens.offsets, weights)
    slack = 4 + length // 8 + menu
    seeds, least = plan(tokens, item[kept], (length - menu)[kept], power)
    look = np.zeros(len(kept), LOOK)
    for field, value in (("hash", whole), ("length", length), ("slack", slack), ("place", place), ("kind", kind)):
        look[field] = value[kept]
    look["least"] = least
    probes = Probes(
        item[kept],
        (length - menu)[kept].astype(np.int32),
        total[kept].astype(np.float32),
        look,
        numbers,
        begin,
        tokens.offsets[:-1],
    )
    held = pa.table({"name": [n for n, _ in names], "benchmark": [b for _, b in names]})
    held = held.append_column(
        "twins", _twins(held["name"], whole[kind == QUESTION], item[kind == QUESTION], settings.shared)
    )
    return Index(held, probes, Words(*words), seeds, power)


def _texts(item: Item) -> Iterator[tuple[str, int]]:
    for question in item.questions:
        yield question, QUESTION
        rest = item.options or item.answers[:1]
        if rest:
            yield "\n".join([question, *rest]), WHOLE
    for answer in item.answers:
        yield answer, ANSWER


def _twins(names: pa.ChunkedArray, whole: np.ndarray, item: np.ndarray, shared: int) -> pa.Array:
    """Return for each item the names of the others that ask the same question, at most `shared`."""
    order = np.argsort(whole, kind="stable")
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(whole[order])) + 1, [len(order)]])
    twins: list[list[str]] = [[] for _ in range(len(names))]
    for group in np.flatnonzero(np.diff(bounds) > 1):
        members = np.unique(item[order[bounds[group] : bounds[group + 1]]])
        called = names.take(pa.array(members)).to_pylist()
        if 1 < len(members) <= shared:
            for place, member in enumerate(members.tolist()):
                twins[member] = called[:place] + called[place + 1 :]
    return pa.array(twins, pa.list_(pa.string()))


def _place(kind: np.ndarray, item: np.ndarray, total: np.ndarray, length: np.ndarray, settings: Settings) -> np.ndarray:
    """Return where each text counts that stands whole in a turn, by its bits.

    From twice settings.bits anywhere; from four fifths of them as a sentence of its own, an altered copy too; a question of
    half of them as such a sentence word for word (of fewer than SEED tokens: a user's), of a quarter as all that a user says. A question with its options is looked for where the
    question alone could not bear the loss of half its bits.
    """
    best = np.zeros(int(item.max(initial=0)) + 1)
    np.maximum.at(best, item[kind == QUESTION], total[kind == QUESTION])
    steps = settings.bits * np.array([0.25, 0.5, 0.8, 2.0])
    place = np.array([NEVER, ALONE, ASKED, SENTENCE, ANYWHERE], np.int8)[np.searchsorted(steps, total, side="right")]
    place[(length < SEED) & (place < ASKED)] = ASKED
    place[(length < SEED) & (place == ALONE)] = NEVER  # "Who are you?"
    place[(kind != QUESTION) & (place > SENTENCE)] = NEVER
    place[(kind == WHOLE) & (best[item] >= 4 * settings.bits)] = NEVER
    place[(kind == ANSWER) & (length < settings.answer_tokens)] = NEVER
    return place


def _take(tokens: Folded, weights: np.ndarray, rows: np.ndarray) -> tuple[Folded, np.ndarray]:
    chosen = np.zeros(len(tokens.offsets) - 1, np.bool_)
    chosen[rows] = True
    length = np.diff(tokens.offsets)
    inside = np.repeat(chosen, length)
    offsets = np.concatenate([[0], np.cumsum(length[rows])]).astype(np.int64)
    return Folded(offsets, tokens.hashes[inside], tokens.edges[:-1][inside]), weights[inside]


@maker
def _wholes(hashes, offsets, power):  # type: ignore[no-untyped-def]
    """Return the hash of all the tokens of each text."""
    out = np.empty(len(offsets) - 1, np.uint64)
    for text in range(len(out)):
        prefixes = prefix(hashes, offsets[text], offsets[text + 1])
        out[text] = span(prefixes, 0, len(prefixes) - 1, power)
    return out


@maker
def _words(hashes, offsets, weights):  # type: ignore[no-untyped-def]
    """Return the fields of Words, where each text's begin, and how many tokens with digits each has."""
    texts = len(offsets) - 1
    word, count = np.empty(len(hashes), np.uint64), np.zeros(len(hashes), np.int16)
    weight = np.zeros(len(hashes), np.float32)
    begin, numbers, size = np.zeros(texts + 1, np.int64), np.zeros(texts, np.int32), 0
    ranks = np.empty(len(hashes), np.int32)
    for text in range(texts):
        held = hashes[offsets[text] : offsets[text + 1]]
        own = weights[offsets[text] : offsets[text + 1]]
        order = np.argsort(held)
        for place in range(len(order)):
            at = order[place]
            if place == 0 or held[at] != word[size - 1]:
                word[size] = held[at]
                size += 1
            count[size - 1] += 1
            ranks[offsets[text] + at] = size - 1 - begin[text]
            weight[size - 1] += own[at]
            numbers[text] += held[at] & np.uint64(1)
        begin[text + 1] = size
    for at in range(size):
        weight[at] /= count[at]
    return (word[:size], count[:size], weight[:size], ranks), begin, numbers


def _save(index: Index, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temp = Path(tempfile.mkdtemp(prefix=".decontaminate-", dir=folder.parent))
    try:
        for part in PARTS:
            for field, array in getattr(index, part)._asdict().items():
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
        pq.ParquetFile(folder / "items.parquet").read(),  # read_table would import pandas
        Probes(*(array(f"probes.{f}") for f in Probes._fields)),
        Words(*(array(f"words.{f}") for f in Words._fields)),
        Table(*(array(f"seeds.{f}") for f in Table._fields)),
        array("power"),
    )
