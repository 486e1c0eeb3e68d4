"""The proxies' tokens: a small byte-level BPE trained on the corpus, and every record encoded once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from curation.catalog import connect
from curation.identity import digest
from curation.record import ID, id_bytes
from curation.shards import write_atomic
from curation.template import Template, segments

FETCH = 20_000  # records read from the catalog at a time


@dataclass(frozen=True)
class Encoded:
    """Records as tokens, flat: record i holds tokens[offsets[i]:offsets[i + 1]]."""

    ids: np.ndarray  # V16, ascending bytewise
    offsets: np.ndarray  # int64[n + 1]
    tokens: np.ndarray  # uint16
    supervised: np.ndarray  # bool, whether the loss counts the token

    def gather(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return lengths, tokens and supervised flags of these records, in this order; each must be present."""
        rows = np.searchsorted(_sortable(self.ids), _sortable(ids))
        starts, lengths = self.offsets[rows], np.diff(self.offsets)[rows]
        ends = np.cumsum(lengths)
        at = np.arange(int(lengths.sum())) + np.repeat(starts - (ends - lengths), lengths)
        return lengths, self.tokens[at], self.supervised[at]


def read_turns(catalog: Path, ids: np.ndarray) -> Iterator[tuple[np.ndarray, list[list[tuple[str, str]]]]]:
    """Yield ids (V16, ascending) and conversations of these records, FETCH at a time.

    Raises ValueError where the catalog's records lack an id that its domains name.
    """
    storage = pa.Array.from_buffers(pa.binary(16), len(ids), [None, pa.py_buffer(ids.tobytes())])
    wanted = pa.table({"id": pa.ExtensionArray.from_storage(ID, storage)})
    with connect(catalog) as connection:
        connection.execute("SET arrow_lossless_conversion = true")
        connection.register("wanted", wanted)
        query = "SELECT id, turns FROM records SEMI JOIN wanted USING (id) ORDER BY id"
        batches = connection.sql(query).to_arrow_reader(FETCH)
        found = 0
        for batch in batches:
            found += batch.num_rows
            turns = [[(t["role"], t["content"]) for t in row] for row in batch["turns"].to_pylist()]
            yield id_bytes(batch["id"]), turns
    if found != len(ids):
        raise ValueError(
            f"{catalog}: {len(ids)} distinct ids of the view domains asked of the view records, {found} came; rebuild the catalog"
        )


def train_tokenizer(catalog: Path, ids: np.ndarray, chat: Template, size: int) -> str:
    """Return a byte-level BPE of `size` entries trained on these records, as tokenizer.json text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(chat.controls), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    pieces = (
        s.text for _, rows in read_turns(catalog, ids) for turns in rows for s in segments(turns, chat) if not s.control
    )
    tokenizer.train_from_iterator(pieces, trainer)
    return str(tokenizer.to_str())


def token_bytes(tokenizer: Tokenizer) -> np.ndarray:
    """Return the bytes that each token stands for, int64[vocabulary]; a control token stands for none."""
    sizes = np.zeros(tokenizer.get_vocab_size(), np.int64)
    for text, token in tokenizer.get_vocab(with_added_tokens=False).items():
        sizes[token] = len(text)  # a character of the byte-level alphabet a byte
    sizes[list(tokenizer.get_added_tokens_decoder())] = 0
    return sizes


def encode(catalog: Path, ids: np.ndarray, tokenizer: Tokenizer, chat: Template) -> Encoded:
    """Encode these records (V16, ascending), each segment on its own; text that spells a control token stays text."""
    tokenizer.encode_special_tokens = True
    all_ids, parts, flags, lengths = [], [], [], []
    for batch, rows in read_turns(catalog, ids):
        pieces = [segments(turns, chat) for turns in rows]
        flat = [s for record in pieces for s in record]
        found = iter(tokenizer.encode_batch([s.text for s in flat if not s.control], add_special_tokens=False))
        tokens = [[tokenizer.token_to_id(s.text)] if s.control else next(found).ids for s in flat]
        sizes = np.array([len(t) for t in tokens], np.int64)
        owner = np.repeat(np.arange(len(rows)), [len(record) for record in pieces])
        all_ids.append(batch)
        lengths.append(np.bincount(owner, weights=sizes, minlength=len(rows)).astype(np.int64))
        parts.append(np.fromiter((t for piece in tokens for t in piece), np.uint16, count=int(sizes.sum())))
        flags.append(np.repeat(np.array([s.supervised for s in flat], np.bool_), sizes))
    offsets = np.concatenate(([0], np.cumsum(np.concatenate([np.empty(0, np.int64), *lengths]))))
    return Encoded(np.concatenate([np.empty(0, "V16"), *all_ids]), offsets.astype(np.int64),
                   np.concatenate([np.empty(0, np.uint16), *parts]), np.concatenate([np.empty(0, np.bool_), *flags]))  # fmt: skip


def encoded(folder: Path, catalog: Path, ids: np.ndarray, tokenizer: Tokenizer, chat: Template) -> Encoded:
    """Return these records (V16, in any order, repeats allowed) encoded, reading their text only the first time.

    `folder` is this tokenizer's own: what it has encoded lies there in parts, each renamed into place when whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = [_load(path) for path in sorted(folder.glob("part-*.npz"))]
    known = _sortable(np.concatenate([np.empty(0, "V16"), *(part.ids for part in parts)]))
    wanted = np.unique(_sortable(ids))
    missing = np.setdiff1d(wanted, known, assume_unique=True)
    if len(missing):
        part = encode(catalog, missing.view("V16"), tokenizer, chat)
        buffer = io.BytesIO()
        np.savez(buffer, ids=part.ids, offsets=part.offsets, tokens=part.tokens, supervised=part.supervised)
        write_atomic(folder / f"part-{digest(missing.tobytes().hex())}.npz", buffer.getvalue())
        parts.append(part)
    return _union(parts)


def _load(path: Path) -> Encoded:
    with np.load(path, allow_pickle=False) as file:
        return Encoded(file["ids"], file["offsets"], file["tokens"], file["supervised"])


def _union(parts: list[Encoded]) -> Encoded:
    """Return the records of all parts in one, ascending by id; no id is in two parts."""
    ids = np.concatenate([part.ids for part in parts])
    offsets = np.concatenate(([0], np.cumsum(np.concatenate([np.diff(part.offsets) for part in parts]))))
    tokens = np.concatenate([part.tokens for part in parts])
    supervised = np.concatenate([part.supervised for part in parts])
    order = np.argsort(_sortable(ids), kind="stable")
    lengths = np.diff(offsets)[order]
    ends = np.cumsum(lengths)
    at = np.arange(len(tokens)) + np.repeat(offsets[:-1][order] - (ends - lengths), lengths)
    return Encoded(ids[order], np.concatenate(([0], ends)), tokens[at], supervised[at])


def _sortable(ids: np.ndarray) -> np.ndarray:
    """View 16-byte ids as a type that NumPy orders bytewise (it has no order for void)."""
    return np.ascontiguousarray(ids).view("S16")
