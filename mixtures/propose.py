"""What to run next, and what to propose: read off the surrogates over a pool of candidates.

The pool is all that differs between a search, whose candidates are drawn under limits, and a replay, whose candidates
are the rows of a finished table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mixtures.objective import Objective, excess, predict
from mixtures.surrogate import CONSTANT, Fitted

Array = NDArray[np.float64]
NEAREST = 0.1  # of the pool: where a search starts, in the middle, since a few runs say nothing about far corners
SAME = 1e-12  # squared distance in √w below which two mixtures are one
BROKEN = 1e6  # added to the composite of a mixture that breaks a guard
HOPELESS, SHARP = "hopeless", "sharp"  # why exploring ends early
SURE = 1.645  # standard deviations to either side of a predicted gain: 90 %
CAUTION = 1.0  # standard deviations of the prediction that a proposal has to be worth


class Pool(Protocol):
    """Where mixtures come from."""

    @property
    def wide(self) -> Array:
        """Candidates over the whole space, candidates × domains."""
        ...

    def near(self, centre: Array, turn: int) -> Array:
        """Return more candidates close around a mixture, none where the pool is a finished table."""
        ...

    def between(self, best: Array, anchor: Array) -> Array:
        """Return what could be proposed, given the best candidates: their mean and steps to it, or themselves."""
        ...


@dataclass(frozen=True, eq=False)
class Model:
    """The surrogates of the metrics and the composite made of them."""

    fitted: Mapping[str, Fitted]
    goal: Objective

    def predict(self, weights: Array) -> tuple[Array, Array]:
        """Return the composite's mean and sd."""
        return predict(self.fitted, self.goal, weights)

    def score(self, weights: Array) -> Array:
        """Return the mean, made worse than any where a guarded metric is predicted beyond its limit."""
        over = excess(self.fitted, self.goal, weights)
        return np.asarray(self.predict(weights)[0] + np.where(over > 0, BROKEN * (1 + over), 0.0))

    @property
    def informative(self) -> bool:
        """Say whether any metric of the objective has a surrogate that beats its mean."""
        return any(self.fitted[metric].name != CONSTANT for metric in self.goal.shares)


def start(pool: Array, anchor: Array, taken: Array, count: int, seed: int) -> Array:
    """Return `count` of the tenth of the pool that lies nearest to `anchor` in √w, at random, none of them taken."""
    apart = ((np.sqrt(pool) - np.sqrt(anchor)) ** 2).sum(axis=1)
    free = np.flatnonzero(_gap(pool, taken) > SAME)
    most = max(count, round(len(pool) * NEAREST))
    nearest = free[np.argsort(apart[free], kind="stable")[:most]]
    return np.asarray(pool[np.random.default_rng(seed).choice(nearest, min(count, len(nearest)), replace=False)])


def candidates(model: Model, pool: Pool, anchor: Array, taken: Array, top: int) -> tuple[Array, Array]:
    """Return every candidate looked at, and the `top` best predicted: the wide pool, near the anchor, twice near the best."""
    known = pool.wide[trusted(pool.wide, taken)]
    score = model.score(known)
    for turn in range(3):
        near = pool.near(_first(known, score, top).mean(axis=0) if turn else anchor, turn)
        near = near[trusted(near, taken)]
        known, score = np.vstack([known, near]), np.concatenate([score, model.score(near) if len(near) else score[:0]])
    return known, _first(known, score, top)


def settled(model: Model, anchor: Array, points: Array, hopeless: float, sharp: float) -> str:
    """Return HOPELESS where even the upper end of the predicted gain is below `hopeless`, SHARP where its half is below `sharp`.

    All are fractions of the anchor's composite. Where no surrogate is informative the scatter of the runs is the half: a
    mean knows nothing of where it is wrong.
    """
    mean, sd = model.predict(np.vstack([anchor, careful(model, points)]))
    level, goal = abs(float(mean[0])) or 1.0, model.goal
    scatter = sum(share / goal.scale[m] * model.fitted[m].noise for m, share in goal.shares.items())
    half = SURE * (float(sd[1]) if model.informative else scatter) / level
    if hopeless > 0 and float(mean[0] - mean[1]) / level + half < hopeless:
        return HOPELESS
    return SHARP if half < sharp else ""


def _first(points: Array, score: Array, count: int) -> Array:
    return np.asarray(points[np.argsort(score, kind="stable")[:count]])


def improve(model: Model, known: Array, taken: Array, count: int) -> Array:
    """Return `count` candidates by expected improvement under noise, apart from one another and not taken."""
    value = improvement(model, known, taken)
    if len(value) and not value.max() > 0:  # less than a float holds, everywhere: the best predicted then
        score = model.score(known)
        value = score.max() - score
    return _spread(known, value, taken, count)


def improvement(model: Model, points: Array, taken: Array) -> Array:
    """Return by how much each point may be expected to beat the best *predicted* mean of the mixtures run so far.

    The best observed one is partly luck.
    """
    target = float(model.score(taken).min())
    mean, sd = model.score(points), np.maximum(model.predict(points)[1], 1e-12)
    z = (target - mean) / sd
    return np.asarray(sd * (z * ndtr(z) + np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)))


def exploit(model: Model, points: Array, taken: Array, count: int) -> Array:
    """Return the `count` points with the best predicted mean that are not taken."""
    free = points[_gap(points, taken) > SAME]
    return _first(free, model.score(free), count) if len(free) else free


def _spread(known: Array, value: Array, taken: Array, count: int) -> Array:
    """Pick the most valuable; one near a pick of this batch loses what that run would tell: its value × 1 − k(distance)."""
    roots, apart = np.sqrt(known), _squares(taken)
    length = float(np.median(apart[apart > 0])) / 4 if (apart > 0).any() else 1.0
    value = np.where(_gap(known, taken) > SAME, value, -1.0)
    chosen: list[int] = []
    while len(chosen) < count and value.max() >= 0:
        pick = int(np.argmax(value))
        chosen.append(pick)
        apart_from = ((roots - roots[pick]) ** 2).sum(axis=1)
        value = np.where(apart_from > SAME, value * (1 - np.exp(-apart_from / (2 * length))), -1.0)
    return np.asarray(known[chosen])


def trusted(points: Array, taken: Array) -> NDArray[np.bool_]:
    """Say which points lie as near to some run as runs lie to one another: beyond, a surrogate only extrapolates.

    With more different runs than domains it is believed so much farther.
    """
    runs = np.unique(taken, axis=0)
    apart = _squares(runs)
    far = float(np.median(apart[apart > SAME])) if (apart > SAME).any() else np.inf
    reach = far * max(1.0, len(runs) / runs.shape[1])
    return np.asarray(_gap(points, taken) <= reach)


def _squares(points: Array) -> Array:
    """Return the squared distance in √w between each two points."""
    roots = np.sqrt(points)
    return np.asarray(((roots[:, None, :] - roots[None, :, :]) ** 2).sum(axis=2))


def _gap(points: Array, taken: Array) -> Array:
    """Return the squared distance in √w from each point to the nearest mixture taken."""
    if not len(taken):
        return np.full(len(points), np.inf)
    gaps = [((np.sqrt(points) - np.sqrt(one)) ** 2).sum(axis=1) for one in np.unique(taken, axis=0)]
    return np.asarray(np.min(gaps, axis=0))


def careful(model: Model, points: Array) -> Array:
    """Return the point with the least mean + CAUTION · sd: a gain that the runs do not support is not proposed."""
    return np.asarray(points[int(np.argmin(model.score(points) + CAUTION * model.predict(points)[1]))])


def alike(model: Model, known: Array, chosen: Array) -> Array:
    """Return the candidates that the runs do not tell from the chosen mixture: predicted within two sd of it, it included."""
    mean, sd = model.predict(np.vstack([chosen, known]))
    same = abs(mean - mean[0]) <= 2 * sd[0]
    return np.asarray(np.vstack([chosen, known])[same])


def without_each(model: Model, known: Array, top: int) -> dict[str, Array]:
    """Return, for each metric of the objective, the mean of the best candidates that the others alone make."""
    goal = model.goal
    parts = {m: share / goal.scale[m] * model.fitted[m].predict(known)[0] for m, share in goal.shares.items()}
    total = sum(parts.values(), np.zeros(len(known)))
    return {m: _first(known, total - part, top).mean(axis=0) for m, part in parts.items()} if len(parts) > 1 else {}
