"""A training job as data: records laid end to end in windows. Light to import: the parent of the workers needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixtures.proxy.settings import Settings


@dataclass(frozen=True)
class Run:
    """One training job, small enough to be sent to a worker whole."""

    settings: Settings
    tokens: np.ndarray  # uint16[w, window], in training order
    supervised: np.ndarray  # bool[w, window], tokens the loss counts
    steps: int  # the windows are dealt out to so many steps
    seed: int


def packed(tokens: np.ndarray, supervised: np.ndarray, window: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Lay records end to end, cut into windows, shuffle them; windows without a token to learn are left out.

    The first token of a window has nothing before it and is not learnt, nor is the padding of the last window.
    """
    count = -(-len(tokens) // window)
    padding = (0, count * window - len(tokens))
    tokens = np.pad(tokens, padding).reshape(count, window)
    supervised = np.pad(supervised, padding).reshape(count, window)
    supervised[:, 0] = False
    order = np.random.default_rng(seed).permutation(np.flatnonzero(supervised.any(axis=1)))
    return tokens[order], supervised[order]
