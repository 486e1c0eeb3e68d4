"""Loss on held-out answers, in bits per byte, by domain: comparable between tokenizers, languages and model sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

BATCH = 32  # windows a forward pass; on a CPU larger ones fall out of the cache


@dataclass(frozen=True)
class HeldOut:
    """Windows of held-out conversations, cut so that each scored token is predicted once."""

    names: tuple[str, ...]  # the domains, with records or without
    domain: np.ndarray  # int32[w], index into names
    tokens: np.ndarray  # int32[w, length], padded on the right
    scored: np.ndarray  # bool[w, length], the tokens whose prediction counts; never the first of a window
    n_bytes: np.ndarray  # int64[k], UTF-8 bytes of the scored tokens of each domain

    def save(self, path: Path) -> None:
        """Write as .npz; nothing in it needs pickle."""
        names = np.array(self.names, dtype=np.str_)
        with path.open("wb") as file:
            np.savez(
                file, names=names, domain=self.domain, tokens=self.tokens, scored=self.scored, n_bytes=self.n_bytes
            )


def load(path: Path) -> HeldOut:
    """Read what HeldOut.save wrote."""
    with np.load(path, allow_pickle=False) as file:
        names = tuple(str(name) for name in file["names"])
        return HeldOut(names, file["domain"], file["tokens"], file["scored"], file["n_bytes"])


def windows(tokens: np.ndarray, supervised: np.ndarray, length: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut one conversation into windows that overlap by half: tokens int32[w, length], scored bool[w, length].

    Each of the first `most` supervised tokens is scored once, after half a window of context where there is as much.
    Windows without one are left out. The very first token has no context and is never scored.
    """
    scored = supervised & (np.cumsum(supervised) <= most)
    scored[:1] = False
    step = length // 2
    starts = np.arange(0, max(1, len(tokens) - step), step)
    at = starts[:, None] + np.arange(length)
    inside = at < len(tokens)
    at = np.where(inside, at, 0)
    fresh = (np.arange(length) >= step) | (starts[:, None] == 0)  # the first half was scored by the window before
    counts = scored[at] & inside & fresh
    wanted = counts.any(axis=1)
    return np.where(inside, tokens[at], 0).astype(np.int32)[wanted], counts[wanted]


def bits_per_byte(model: PreTrainedModel, held_out: HeldOut, batch: int = BATCH) -> dict[str, float]:
    """Return the mean bits a byte of the scored tokens of each domain that has any, all domains in one batched pass.

    An end token costs bits and has no bytes. Windows of like length go together, so that little padding is computed.
    """
    import torch

    columns = np.arange(held_out.tokens.shape[1])
    lengths = np.where(held_out.scored, columns, 0).max(axis=1, initial=0) + 1  # nothing after the last scored token
    order = np.argsort(lengths, kind="stable")
    nats = np.zeros(len(order))
    with torch.inference_mode():
        model.train(mode=False)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            width = int(lengths[rows].max())
            tokens = torch.from_numpy(held_out.tokens[rows, :width].astype(np.int64))
            scored = torch.from_numpy(held_out.scored[rows, :width])
            losses = answer_losses(model, tokens, scored).double().numpy()
            nats[rows] = np.bincount(np.nonzero(scored.numpy())[0], weights=losses, minlength=len(rows))
    totals = np.bincount(held_out.domain, weights=nats, minlength=len(held_out.names))
    present = np.flatnonzero(held_out.n_bytes)
    return {held_out.names[d]: float(totals[d] / math.log(2) / held_out.n_bytes[d]) for d in present}


def answer_losses(model: PreTrainedModel, tokens: torch.Tensor, scored: torch.Tensor) -> torch.Tensor:
    """Return the negative log-likelihood in nats of each scored token, in row order; column 0 must not be scored.

    Only the hidden states that predict a scored token meet the vocabulary: most of a small model's work is there.
    """
    from torch.nn import functional

    hidden = model.base_model(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state
    logits = model.lm_head(hidden[scored[:, 1:]])
    return functional.cross_entropy(logits.float(), tokens[:, 1:][scored[:, 1:]], reduction="none")
