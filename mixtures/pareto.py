"""Several goals at once: the front of mixtures that none beats in one goal without losing another, and runs along it.

A run along the front is the best expected under a random weighing of the goals. Since losses are convex in the mixture, so is
the front, and every point of it is the best of some weighing; where a metric is not, a dent of the front is stepped over.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixtures.objective import predict
from mixtures.propose import Model, Pool, candidates, improve

Array = NDArray[np.float64]
TOP = 64  # best candidates of a weighing, around whose mean more are drawn


def front(values: Array) -> NDArray[np.bool_]:
    """Return which rows (mixtures × goals, lower is better) no other row beats in one goal without losing another."""
    keep = np.ones(len(values), np.bool_)
    for k, row in enumerate(values):
        keep[k] = not ((values <= row).all(axis=1) & (values < row).any(axis=1)).any()
    return keep


def volume(values: Array, worst: Array) -> float:
    """Return the hypervolume of rows (mixtures × goals, lower is better): of all that is worse than one and better than `worst`."""
    values = values[(values < worst).all(axis=1)]
    if not len(values):
        return 0.0
    if values.shape[1] == 1:
        return float(worst[0] - values.min())
    values = values[np.argsort(values[:, 0], kind="stable")]
    widths = np.diff(values[:, 0], append=worst[0])
    return sum(float(d) * volume(values[: k + 1, 1:], worst[1:]) for k, d in enumerate(widths) if d > 0)


def weighed(model: Model, weights: Array) -> Model:
    """Return the model whose composite weighs the goals so."""
    parts = zip(model.goal.parts.values(), weights / weights.sum(), strict=True)
    shares = {metric: float(w) * share for part, w in parts for metric, share in part.shares.items()}
    return replace(model, goal=replace(model.goal, shares=shares))


def along(model: Model, pool: Pool, anchor: Array, taken: Array, count: int, seed: int) -> Array:
    """Return `count` mixtures by expected improvement, each under its own weighing of the goals; none of them taken.

    A goal counts in units of its span along the front of the runs, as they are predicted.
    """
    known = np.column_stack([predict(model.fitted, part, taken)[0] for part in model.goal.parts.values()])
    span = np.ptp(known[front(known)], axis=0)
    span = np.where(span > 0, span, np.maximum(np.ptp(known, axis=0), 1e-12))  # a front of one run has no span
    picks = taken
    for weights in np.random.default_rng(seed).dirichlet(np.ones(len(span)), count):
        aimed = weighed(model, weights / span)
        picks = np.vstack([picks, improve(aimed, candidates(aimed, pool, anchor, taken, TOP)[0], picks, 1)])
    return picks[len(taken) :]
