"""Several goals at once: the front of mixtures that none beats in one goal without losing another, and runs along it.

A run along the front is aimed in a direction: the goals' augmented Chebyshev distance from the best of each (Knowles 2006,
ParEGO), which has every point of the front, in dents too, as its least for some direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtures.objective import predict
from mixtures.propose import Model, Pool, candidates, improve

Array = NDArray[np.float64]
DRAWS = 64  # of the goals at a point, from which a direction's mean and sd are made
AUGMENT = 0.05  # part of the goals' sum in the distance: of equals in the worst goal the better in the others
BEYOND = 0.1  # of the front's span: how much better than the best known run a goal is taken to become
TOP = 64  # best candidates of a direction, around whose mean more are drawn


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


@dataclass(frozen=True, eq=False)
class Aimed(Model):
    """A model whose composite is the distance in one direction, so that what improves it lies along the front."""

    direction: Array  # a share a goal
    best: Array  # of each goal
    span: Array  # of each goal along the front

    def predict(self, weights: Array) -> tuple[Array, Array]:
        """Return the mean and the sd of the distance, the goals' errors taken as independent."""
        mean, sd = goals(self, weights)
        normal = np.random.default_rng(0).standard_normal((DRAWS, len(self.direction)))  # the same at every point
        drawn = mean[:, None, :] + sd[:, None, :] * normal
        parts = (drawn - self.best) / self.span * self.direction
        distance = parts.max(axis=2) + AUGMENT * parts.sum(axis=2)
        return distance.mean(axis=1), distance.std(axis=1)


def goals(model: Model, weights: Array) -> tuple[Array, Array]:
    """Return the predicted means and sds of the goals, mixtures × goals."""
    pairs = [predict(model.fitted, part, weights) for part in model.goal.parts.values()]
    return np.column_stack([mean for mean, _ in pairs]), np.column_stack([sd for _, sd in pairs])


def along(model: Model, pool: Pool, anchor: Array, taken: Array, count: int, seed: int) -> Array:
    """Return `count` mixtures by expected improvement, each in a random direction of the front; none of them taken."""
    known = goals(model, taken)[0]
    ends = known[front(known)]
    span = np.ptp(ends, axis=0)
    span = np.where(span > 0, span, np.maximum(np.ptp(known, axis=0), 1e-12))  # a front of one run has no span
    picks = taken
    for direction in np.random.default_rng(seed).dirichlet(np.ones(known.shape[1]), count):
        aimed = Aimed(model.fitted, model.goal, direction, ends.min(axis=0) - BEYOND * span, span)
        picks = np.vstack([picks, improve(aimed, candidates(aimed, pool, anchor, taken, TOP)[0], picks, 1)])
    return picks[len(taken) :]
