"""What all runs of a corpus share, made once: the split, the vocabulary, the held-out windows, the base.

It lies in one cache folder named by identity (records, settings, code), which counts only with a done.json, written
last, that matches its files. Beside it lie the records' tokens, each record encoded once.
"""

from __future__ import annotations

from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import xxhash
from pydantic import BaseModel, ConfigDict, ValidationError
from tokenizers import Tokenizer

from curation.identity import code, digest, file_digest
from curation.shards import write_atomic
from curation.template import template
from mixtures.evaluate.loss import HeldOut, windows
from mixtures.proxy.packing import Run, packed
from mixtures.proxy.settings import Settings
from mixtures.proxy.tokens import Encoded, encoded, token_bytes, train_tokenizer
from mixtures.sample import Supply, draw, hold_out, read_supply

BASE, HELD_OUT, VOCABULARY, DONE = "model.safetensors", "held_out.npz", "tokenizer.json", "done.json"
RUN_ONLY = {"tokens", "step_tokens", "lr", "final_tokens"}  # settings that nothing shared depends on


class Done(BaseModel):
    """done.json: the digest of each file it vouches for."""

    model_config = ConfigDict(frozen=True)
    files: dict[str, str]
    base_tokens: int  # proxy tokens the base was trained on
    base_loss: float  # nats a token, mean of its last steps


@dataclass(frozen=True)
class Shared:
    """The corpus as the proxies see it, and the folder of what was made from it."""

    catalog: Path
    settings: Settings
    folder: Path
    supply: Supply  # everything
    train: Supply  # what runs draw from
    held_out: Supply  # what they are scored on

    @property
    def measured(self) -> np.ndarray:
        """Domains with enough held-out records for a metric, bool[k]."""
        return self.held_out.records >= self.settings.held_out_min

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The vocabulary of `build`."""
        return Tokenizer.from_file(str(self.folder / VOCABULARY))

    def encoded(self, ids: np.ndarray) -> Encoded:
        """Return these records (V16, any order, repeats allowed) as tokens; their text is read the first time only."""
        folder = self.folder / f"tokens-{file_digest(self.folder / VOCABULARY)}"
        return encoded(folder, self.catalog, ids, self.tokenizer, template(self.settings.template))


def share(catalog: Path, settings: Settings, cache: Path) -> Shared:
    """Read the supply, split off the held-out records, and name the folder; makes nothing yet."""
    supply = read_supply(catalog)
    held = hold_out(supply, settings.held_out_tokens, settings.held_out_records, settings.held_out_share, settings.seed)
    made_with = settings.model_dump(mode="json", exclude=RUN_ONLY)
    key = digest(made_with, _content(supply), code("mixtures.proxy.shared"))
    rows = np.arange(len(held))
    return Shared(catalog, settings, cache / key, supply, supply.take(rows[~held]), supply.take(rows[held]))


def is_built(folder: Path) -> bool:
    """Say whether the folder holds what done.json vouches for, byte for byte."""
    try:
        done = Done.model_validate_json((folder / DONE).read_bytes())
        return all(file_digest(folder / name) == sum_ for name, sum_ in done.files.items())
    except (FileNotFoundError, ValidationError):
        return False


def build(shared: Shared, worker: Executor) -> None:
    """Train the vocabulary, cut the held-out windows and, in a worker, pretrain the base; done.json last."""
    folder, settings = shared.folder, shared.settings
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DONE).unlink(missing_ok=True)
    rows = np.unique(_natural(shared, settings.vocabulary_tokens))
    text = train_tokenizer(shared.catalog, shared.train.ids[rows], template(settings.template), settings.vocabulary)
    write_atomic(folder / VOCABULARY, text.encode())
    cut_held_out(shared).save(folder / HELD_OUT)
    run = base_run(shared)
    try:
        loss = worker.submit(train_base, run, folder / BASE).result()
    except BrokenProcessPool as error:
        raise ChildProcessError(
            "the proxies' base has lost its worker, most likely out of memory; lower proxy.base_step_tokens or free memory"
        ) from error
    files = {name: file_digest(folder / name) for name in (VOCABULARY, HELD_OUT, BASE)}
    done = Done(files=files, base_tokens=run.tokens.size, base_loss=loss)
    write_atomic(folder / DONE, (done.model_dump_json(indent=1) + "\n").encode())


def train_base(run: Run, path: Path) -> float:
    """Pretrain the base in this process, a worker: only workers import torch."""
    from mixtures.proxy import train

    return train.train_base(run, path)


def base_run(shared: Shared) -> Run:
    """Return the base's training: all tokens of a natural sample, questions too."""
    settings = shared.settings
    ids = shared.train.ids[_natural(shared, settings.base_tokens)]
    _, tokens, _ = shared.encoded(ids).gather(ids)
    tokens, learnt = packed(tokens, np.ones(len(tokens), np.bool_), settings.window, settings.seed)
    return Run(settings, tokens, learnt, max(1, tokens.size // settings.base_step_tokens), settings.seed)


def cut_held_out(shared: Shared) -> HeldOut:
    """Return the windows of the held-out records of every measured domain."""
    settings, held = shared.settings, shared.held_out.take(np.flatnonzero(shared.measured[shared.held_out.domain]))
    lengths, tokens, supervised = shared.encoded(held.ids).gather(held.ids)
    ends = np.cumsum(lengths)
    parts = [
        windows(tokens[end - n : end], supervised[end - n : end], settings.window, settings.held_out_most)
        for n, end in zip(lengths, ends, strict=True)
    ]
    cut = np.concatenate([np.empty((0, settings.window), np.int32), *(part[0] for part in parts)])
    scored = np.concatenate([np.empty((0, settings.window), np.bool_), *(part[1] for part in parts)])
    domain = np.repeat(held.domain, [len(part[0]) for part in parts])
    sizes = (token_bytes(shared.tokenizer)[cut] * scored).sum(axis=1)
    n_bytes = np.bincount(domain, weights=sizes, minlength=len(held.names)).astype(np.int64)
    return HeldOut(held.names, domain, cut, scored, n_bytes)


def _natural(shared: Shared, tokens: int) -> np.ndarray:
    return draw(shared.train, shared.train.natural, tokens, shared.settings.seed, None)


def _content(supply: Supply) -> str:
    """Return 32 hex digits of every record's id, domain and tokens."""
    state = xxhash.xxh3_128()
    for column in (supply.ids, supply.domain, supply.n_tokens):
        state.update(np.ascontiguousarray(column).view(np.uint8).data)
    return digest(state.hexdigest(), supply.names)
