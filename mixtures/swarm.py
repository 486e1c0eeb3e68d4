"""Candidates: mixtures spread around the natural one, under all the limits at once, without rejection.

Each candidate is the end of its own Markov chain whose law is a Dirichlet density cut to the polytope. A step takes
a line through the point (between two domains, or in any direction the limits leave), and draws by slice sampling
from the density along the stretch of that line inside the polytope. Both are exact steps of hit-and-run, so the cut
density is what the chains keep, and no point ever leaves the polytope; the mixed directions reach all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from curation.kernels import kernel, maker
from mixtures.limits import InfeasibleError, Limits

Array = NDArray[np.float64]
TINY = 1e-9  # a Dirichlet density with a parameter below 1 is infinite at 0; it is held at its value here
TEMPER = 0.5  # natural shares ** TEMPER are the centre: small domains get a part large enough to learn from
LEAST = 0.02  # smallest Dirichlet parameter: below it a draw is a corner, or 0/0
STEPS_A_DOMAIN = 10
WHOLE = 16  # one step in so many moves all domains at once: pairs alone may not reach everything
SHRINKS = 60
HALVINGS = 40
SUPPORTS = 8  # choices of domains that sparse candidates are shared among, found in so many tries
TRIES = 64


class Settings(BaseModel):
    """How a search spends its runs. It costs `runs` + 2 × `confirm` proxies."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    runs: int = Field(24, ge=6, description="proxy runs of the search, repeats of the natural mixture included")
    natural_repeats: int = Field(3, ge=1, description="of those, runs of the natural mixture with different seeds")
    first: float = Field(
        0.5, gt=0, le=1, description="part of the runs spent near the natural mixture, before any surrogate is trusted"
    )
    batch: int = Field(4, ge=1, description="runs chosen at once, by expected improvement or as the best predicted")
    finals: float = Field(0.25, ge=0, lt=1, description="last part of the runs, spent on the best predicted mixtures")
    confirm: int = Field(4, ge=2, description="fresh seeds for the proposal, and the same for the natural mixture")
    spread: tuple[float, float] = Field((0.3, 4.0), description="Dirichlet concentration of candidates, least and most")
    pool: int = Field(4000, ge=200, description="candidates the surrogates look at")
    top: int = Field(64, ge=1, description="the mean of so many best predicted candidates is proposed")
    seed: int = Field(0, ge=0, description="of candidates and proxies")


@dataclass(frozen=True)
class Spread:
    """How far candidates lie from their centre: the sum of the Dirichlet parameters, log-uniform per candidate, in domains."""

    least: float = 0.3
    most: float = 4.0
    temper: float = TEMPER


def candidates(limits: Limits, centre: Array, count: int, seed: int, spread: Spread | None = None) -> Array:
    """Return `count` mixtures that obey `limits`, spread around `centre`, the same for the same seed.

    Where only some domains may have weight, each share of the candidates lies on domains drawn by their part of the
    centre. Raises InfeasibleError where no such choice of domains obeys the other limits.
    """
    rng = np.random.default_rng(seed)
    if limits.most >= len(centre):
        return _candidates(limits, centre, count, rng, spread or Spread())
    tried = (limits.on(_support(limits, centre, rng)) for _ in range(TRIES))
    faces = list(islice((face for face in tried if face is not None), SUPPORTS))
    if not faces:
        raise InfeasibleError(
            f"no choice of {limits.most} domains was found that obeys the other constraints; raise search.most_domains"
        )
    sizes = np.bincount(np.arange(count) % len(faces), minlength=len(faces))
    parts = [_candidates(f, centre, int(n), rng, spread or Spread()) for f, n in zip(faces, sizes, strict=True) if n]
    return np.concatenate(parts)


def _support(limits: Limits, centre: Array, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the domains that may have weight: those with a floor, then others at random by the root of their share."""
    chance = np.where(limits.body.upper > 0, np.log(np.maximum(centre, TINY)) * TEMPER, -np.inf)
    order = np.argsort(-np.where(limits.body.lower > 0, np.inf, chance + rng.gumbel(size=len(centre))), kind="stable")
    return np.isin(np.arange(len(centre)), order[: limits.most])


def _candidates(limits: Limits, centre: Array, count: int, rng: np.random.Generator, spread: Spread) -> Array:
    n, body = len(centre), limits.body
    middle = np.maximum(centre, TINY) ** spread.temper
    width = np.exp(rng.uniform(np.log(spread.least), np.log(spread.most), (count, 1))) * n
    alpha = np.maximum(width * middle / middle.sum(), LEAST)
    draws = rng.gamma(alpha)
    draws = np.where(draws.sum(axis=1, keepdims=True) > 0, draws, middle)
    start = _pull(draws / draws.sum(axis=1, keepdims=True), limits)
    if not limits.basis.shape[1]:
        return start
    bounds = (body.lower, body.upper, body.matrix, body.low, body.high, body.home, 2 * body.distance)
    return np.asarray(_walk(start, alpha - 1.0, limits.basis, *bounds, STEPS_A_DOMAIN * n, int(rng.integers(2**31))))


def _pull(points: Array, limits: Limits) -> Array:
    """Move each point straight towards the centre until it is inside."""
    body = limits.body
    moves = (points - limits.centre) @ limits.basis @ limits.basis.T
    sums, group = moves @ body.matrix.T, body.matrix @ limits.centre
    with np.errstate(divide="ignore", invalid="ignore"):
        room = [
            np.where(moves > TINY, (body.upper - limits.centre) / moves, np.inf),
            np.where(moves < -TINY, (body.lower - limits.centre) / moves, np.inf),
            np.where(sums > TINY, (body.high - group) / sums, np.inf),
            np.where(sums < -TINY, (body.low - group) / sums, np.inf),
        ]
    far = np.clip(np.concatenate(room, axis=1).min(axis=1, keepdims=True) * (1 - TINY), 0.0, 1.0)
    if body.distance < 1:  # convex along the line, and the centre is inside: halve towards the last point that is
        inside, outside = np.zeros_like(far), far
        for _ in range(HALVINGS):
            away = abs(limits.centre + outside * moves - body.home).sum(axis=1, keepdims=True)
            good = away <= 2 * body.distance
            step = (outside - inside) / 2
            inside, outside = (
                np.where(good, outside, inside),
                np.where(good, np.minimum(outside + step, far), inside + step),
            )
        far = inside
    return np.asarray(limits.centre + far * moves)


@maker
def _walk(points, power, basis, lower, upper, matrix, low, high, home, radius, steps, seed):  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917 - arrays, since numba takes no objects
    np.random.seed(seed)  # noqa: NPY002 - numba has this generator only
    count, n = points.shape
    out = points.copy()
    members = matrix.T.copy()  # a row a domain
    everything, pair = np.arange(n), np.zeros(2, dtype=np.int64)
    opposite = np.array([1.0, -1.0])
    for c in range(count):
        w, sums = out[c], matrix @ out[c]
        for step in range(steps):
            if step % WHOLE == WHOLE - 1:
                at, move = everything, basis @ np.random.normal(0.0, 1.0, basis.shape[1])  # noqa: NPY002
                sums = matrix @ w  # afresh, so that rounding does not add up
            else:
                pair[0], pair[1] = np.random.randint(n), np.random.randint(n)  # noqa: NPY002
                if pair[0] == pair[1]:
                    continue
                at, move = pair, opposite
            speed = np.zeros(len(low))
            for k in range(len(at)):
                speed += move[k] * members[at[k]]
            first, last = _stretch(w, at, move, lower, upper)
            first, last = _narrow(first, last, sums, speed, low, high)
            if radius < 2.0:
                room = radius - np.abs(w - home).sum()
                for k in range(len(at)):
                    room += abs(w[at[k]] - home[at[k]])
                first, last = _ball(w, at, move, home, room, first), _ball(w, at, move, home, room, last)
            if last - first > TINY:
                t = _slice(w, at, move, power[c], first, last)
                for k in range(len(at)):
                    w[at[k]] = min(max(w[at[k]] + t * move[k], lower[at[k]]), upper[at[k]])
                sums += t * speed
    return out


@kernel
def _stretch(w, at, move, lower, upper):  # type: ignore[no-untyped-def]
    first, last = -np.inf, np.inf
    for k in range(len(at)):
        if abs(move[k]) > TINY:
            a, b = (lower[at[k]] - w[at[k]]) / move[k], (upper[at[k]] - w[at[k]]) / move[k]
            first, last = max(first, min(a, b)), min(last, max(a, b))
    return first, last


@kernel
def _narrow(first, last, sums, speed, low, high):  # type: ignore[no-untyped-def]
    for g in range(len(low)):
        if abs(speed[g]) > TINY:
            a, b = (low[g] - sums[g]) / speed[g], (high[g] - sums[g]) / speed[g]
            first, last = max(first, min(a, b)), min(last, max(a, b))
    return min(first, 0.0), max(last, 0.0)


@kernel
def _ball(w, at, move, home, room, end):  # type: ignore[no-untyped-def]
    """Return how far towards `end` the moved weights stay within `room` of home; the way is convex and begins inside."""
    inside, outside = 0.0, end
    for turn in range(HALVINGS):
        t = end if turn == 0 else (inside + outside) / 2
        away = 0.0
        for k in range(len(at)):
            away += abs(w[at[k]] + t * move[k] - home[at[k]])
        if away <= room:
            inside = t
            if turn == 0:
                return end
        else:
            outside = t
    return inside


@kernel
def _slice(w, at, move, power, first, last):  # type: ignore[no-untyped-def]
    level = _density(w, at, move, power, 0.0) + np.log(np.random.random() + 1e-300)  # noqa: NPY002
    for _ in range(SHRINKS):
        t = first + (last - first) * np.random.random()  # noqa: NPY002
        if _density(w, at, move, power, t) >= level:
            return t
        if t < 0:
            first = t
        else:
            last = t
    return 0.0


@kernel
def _density(w, at, move, power, t):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(len(at)):
        total += power[at[k]] * np.log(max(w[at[k]] + t * move[k], TINY))
    return total


def fill(pool: Array, taken: Array, count: int, seed: int) -> Array:
    """Return rows of `pool` apart from `taken` and from one another: each the farthest of a random few, in √w.

    The farthest of all would be corners only; the farthest of a few are spread like the pool.
    """
    rng = np.random.default_rng(seed)
    roots, seen = np.sqrt(pool), np.sqrt(np.atleast_2d(taken))
    gap = ((roots[:, None, :] - seen[None, :, :]) ** 2).sum(axis=2).min(axis=1)
    chosen: list[int] = []
    for _ in range(count):
        few = rng.choice(len(pool), size=min(len(pool), 64), replace=False)
        best = int(few[np.argmax(gap[few])])
        chosen.append(best)
        gap = np.minimum(gap, ((roots - roots[best]) ** 2).sum(axis=1))
    return np.asarray(pool[chosen])
