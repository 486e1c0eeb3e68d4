"""A fastText classifier and the card beside it: trained, written, loaded and asked in batches.

fastText: Joulin et al. 2016, https://arxiv.org/abs/1607.01759. One thread and a fixed seed give the same bytes each time.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curation.classifier.features import Shown
from curation.identity import file_digest
from curation.shards import write_atomic

LABEL = "__label__"  # fastText's own prefix
MAGIC, VERSION, SUPERVISED = 793712314, 12, 3  # fasttext.cc, src/fasttext.cc and args.h of fastText 0.9
HEADER = struct.Struct(
    "<ii12id"
)  # magic, version; dim ws epoch minCount neg wordNgrams loss model bucket minn maxn lrUpdateRate; t
DICTIONARY = struct.Struct("<iiiqq")  # size, words, labels; tokens, pruned
TINY = 1e-12  # keeps 0 / 0 from a label that all or none had
LARGEST = 4 << 30  # bytes of a model's matrix; a header that asks for more is damaged


class Training(BaseModel):
    """How fastText is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    dim: int = Field(default=32, gt=0, description="numbers that stand for a word")
    word_ngrams: int = Field(default=2, gt=0, description="longest run of tokens that counts as one: 2 joins Han pairs")
    subwords: int = Field(
        default=0, ge=0, description="letters of the parts of a word that count beside it; 0: none do"
    )
    bucket: int = Field(
        default=1 << 18, ge=0, description="vectors that runs and parts share; 2^18 of 32 numbers: 34 MB"
    )
    min_count: int = Field(default=3, gt=0, description="times a token must occur")
    epochs: int = Field(default=5, gt=0, description="passes over the examples")
    rate: float = Field(default=0.5, gt=0, description="learning rate at the start")
    seed: int = Field(default=1, description="seed of the order and of the first vectors")


class Card(BaseModel):
    """What `<model>.json` says of a model: what it was made from, how well it does, and what the judge must show it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    task: Literal["skill", "quality"]
    labels: tuple[str, ...]
    shown: Shown
    training: Training
    sure: dict[str, float] = {}  # label → probability from which the judge believes it; a label that is missing never
    shares: dict[str, float] = {}  # label → share of the examples that had it, where probabilities are among equals
    digest: str  # of the model file's bytes
    taught: dict[str, dict[str, int]]  # family → source → records it was trained on
    held_out: dict[str, Any]  # the figures that the training command printed


@dataclass(frozen=True)
class Model:
    """An open classifier: `probabilities` has a column for each of `labels`.

    A label of `shares` was on that share of the examples; its probability is given as if it had been on half of them.
    """

    fast: Any  # fasttext's model
    labels: tuple[str, ...]
    shares: dict[str, float] = field(default_factory=dict)

    def probabilities(self, texts: pa.LargeStringArray) -> np.ndarray:
        """Return float32[texts, labels]; 0 throughout where a text has no token the model knows."""
        found, chances = self.fast.predict(texts.to_pylist(), k=-1)
        out = np.zeros((len(texts), len(self.labels)), np.float32)
        rows = np.repeat(np.arange(len(texts)), [len(row) for row in found])
        names = pa.array([LABEL + name for name in self.labels])
        columns = pc.index_in(pa.array(chain.from_iterable(found), pa.string()), names)
        if len(rows):
            known = columns.is_valid().to_numpy(zero_copy_only=False)
            values = np.concatenate(chances).astype(np.float32)
            out[rows[known], columns.drop_null().to_numpy()] = np.minimum(values[known], 1)  # sums pass one by a hair
        for name, share in self.shares.items():
            column = out[:, self.labels.index(name)]
            column[:] = column * (1 - share) / np.maximum(column * (1 - share) + (1 - column) * share, TINY)
        return out


def train(
    texts: Sequence[str],
    labels: Sequence[Sequence[str]],
    names: Sequence[str],
    training: Training,
    shares: dict[str, float] | None = None,
) -> Model:
    """Train on `texts`, each with its labels (several or none: each label is a question of its own, yes or no)."""
    import fasttext

    if not texts:
        raise ValueError("nothing to train on: no record of the root lies in a source that the label file names")
    order = np.random.default_rng(training.seed).permutation(len(texts))
    with tempfile.TemporaryDirectory(prefix="cuvee-") as folder:
        path = Path(folder) / "examples.txt"
        with path.open("w", encoding="utf-8") as out:
            for at in order:
                out.write(" ".join([*(LABEL + name for name in labels[at] or ("none",)), texts[at]]) + "\n")
        fast = fasttext.train_supervised(
            str(path), loss="ova", thread=1, verbose=0, seed=training.seed, dim=training.dim, epoch=training.epochs,
            lr=training.rate, wordNgrams=training.word_ngrams, bucket=training.bucket, minCount=training.min_count,
            minn=training.subwords, maxn=training.subwords,
        )  # fmt: skip
    return Model(fast, tuple(names), shares or {})


def card_path(path: Path) -> Path:
    """Return where the card of a model file lies."""
    return path.with_name(path.name + ".json")


def write(path: Path, model: Model, card: Card) -> Card:
    """Write the model, then its card with the model's digest; returns that card."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.tmp")
    model.fast.save_model(str(temp))
    temp.replace(path)
    card = card.model_copy(update={"digest": file_digest(path)})
    write_atomic(card_path(path), (card.model_dump_json(indent=1) + "\n").encode())
    return card


def identity(path: str) -> dict[str, str]:
    """Return the identities of a model file and its card, none where `path` is empty.

    Raises FileNotFoundError where either is missing.
    """
    if not path:
        return {}
    file = Path(path).expanduser()
    for needed in (file, card_path(file)):
        if not needed.is_file():
            raise FileNotFoundError(
                f"no {needed}: `python -m curation.classifier` writes a model and its card beside it"
            )
    return {"model": file_digest(file), "card": file_digest(card_path(file))}


def load(path: str, task: Literal["skill", "quality"]) -> tuple[Model, Card]:
    """Open a model for a task; raises ValueError where the file is not the one its card describes.

    fastText reads sizes from the file and allocates them unseen, so the header is checked before it is handed over.
    """
    import fasttext

    identity(path)  # says what is missing
    file = Path(path).expanduser()
    try:
        card = Card.model_validate_json(card_path(file).read_bytes())
    except ValidationError as error:
        raise ValueError(f"{card_path(file)} is no card of a classifier: {error.errors()[0]['msg']}") from None
    if card.task != task:
        raise ValueError(f"{path} was trained for {card.task}, not for {task}")
    if card.digest != file_digest(file):
        raise ValueError(f"{path} is not the file that its card describes (other bytes); train it again")
    _check(file)
    return Model(fasttext.load_model(str(file)), card.labels, card.shares), card


def _check(path: Path) -> None:
    """Raise ValueError unless the file starts as a supervised fastText model whose matrix fits in the file."""
    with path.open("rb") as file:
        head = file.read(HEADER.size + DICTIONARY.size)
    if len(head) < HEADER.size + DICTIONARY.size or HEADER.unpack_from(head)[:2] != (MAGIC, VERSION):
        raise ValueError(f"{path} is no fastText model (of version {VERSION})")
    _, _, dim, _, _, _, _, _, _, kind, bucket, *_ = HEADER.unpack_from(head)
    size, words, labels, _, pruned = DICTIONARY.unpack_from(head, HEADER.size)
    whole = min(dim, bucket + 1, size, words + 1, labels) > 0 and size == words + labels and pruned == -1
    matrix = 4 * dim * (words + bucket)
    if kind != SUPERVISED or not whole or matrix > min(LARGEST, path.stat().st_size):
        raise ValueError(f"{path} is damaged, or quantised: its header asks for {matrix} bytes that it does not hold")
