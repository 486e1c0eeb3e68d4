"""What to run next, and what to propose: both are read off the surrogates over many candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mixtures import swarm
from mixtures.limits import Limits, quantise
from mixtures.objective import Objective, predict
from mixtures.surrogate import CONSTANT, Fitted

Array = NDArray[np.float64]
NEAR = swarm.Spread(least=2.0, most=60.0, temper=1.0)  # candidates close around a mixture


@dataclass(frozen=True)
class Pool:
    """How many candidates are looked at, and the mean of how many of the best is proposed."""

    size: int
    top: int


def informative(fitted: Mapping[str, Fitted], goal: Objective) -> bool:
    """Say whether any metric of the objective has a surrogate that beats its mean."""
    return any(fitted[metric].name != CONSTANT for metric in goal.shares)


def best(fitted: Mapping[str, Fitted], goal: Objective, wide: Array, limits: Limits, pool: Pool) -> tuple[Array, Array]:
    """Return every candidate looked at and the best of them, whose mean is the proposal.

    Once over the wide candidates, then twice around the best so far. The polytope is convex: the mean obeys the limits.
    """
    known, score = wide, predict(fitted, goal, wide)[0]
    for turn in range(2):
        near = swarm.candidates(limits, _first(known, score, pool.top).mean(axis=0), pool.size // 4, 7919 + turn, NEAR)
        known = np.vstack([known, near])
        score = np.concatenate([score, predict(fitted, goal, near)[0]])
    return known, _first(known, score, pool.top)


def _first(points: Array, score: Array, count: int) -> Array:
    return np.asarray(points[np.argsort(score, kind="stable")[:count]])


def without_each(fitted: Mapping[str, Fitted], goal: Objective, known: Array, top: int) -> dict[str, Array]:
    """Return, for each metric of the objective, the proposal that the others alone make among the same candidates."""
    parts = {m: share / goal.scale[m] * fitted[m].predict(known)[0] for m, share in goal.shares.items()}
    total = sum(parts.values(), np.zeros(len(known)))
    return {m: _first(known, total - part, top).mean(axis=0) for m, part in parts.items()} if len(parts) > 1 else {}


def improve(fitted: Mapping[str, Fitted], goal: Objective, pool: Array, taken: Array, count: int) -> Array:
    """Return `count` candidates by expected improvement under noise, apart from one another.

    Improvement is over the best *predicted* mean of the mixtures run so far: the best observed one is partly luck. A
    candidate near one already picked in this batch loses what that run would tell: its improvement times 1 − k(distance).
    """
    target = float(predict(fitted, goal, taken)[0].min())
    mean, sd = predict(fitted, goal, pool)
    sd = np.maximum(sd, 1e-12)
    z = (target - mean) / sd
    value = sd * (z * ndtr(z) + np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))
    roots, seen = np.sqrt(pool), np.sqrt(taken)
    apart = ((seen[:, None, :] - seen[None, :, :]) ** 2).sum(axis=2)
    length = float(np.median(apart[apart > 0])) / 4 if (apart > 0).any() else 1.0
    chosen: list[int] = []
    for _ in range(count):
        pick = int(np.argmax(value))
        chosen.append(pick)
        value = value * (1 - np.exp(-((roots - roots[pick]) ** 2).sum(axis=1) / (2 * length)))
    return np.asarray(pool[chosen])


def written(points: Array, limits: Limits) -> list[Array]:
    """Return each mixture in written steps, still inside the limits."""
    return [quantise(point, limits) for point in points]
