"""The composite: what the search minimises, made from the metrics by explicit weights and one explicit scale.

composite = Σ share · metric ÷ scale, shares summing to 1. By default a metric's scale is its mean over the natural
mixture's repeats: natural scores 1, and a gain of 0.02 reads "2 % lower loss, averaged over the metrics".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from mixtures.ledger import Run
from mixtures.plan import Settings
from mixtures.surrogate import Fitted

Array = NDArray[np.float64]
ENOUGH = 6  # runs with all metrics, below which errors of different metrics are taken to move together
ROUNDING = 5e-4  # by which a published composite may miss its components' mean, as a fraction of it


@dataclass(frozen=True)
class Objective:
    """Metric → share (they sum to 1), metric → scale, and metric → the worst value it may take."""

    shares: Mapping[str, float]
    scale: Mapping[str, float]
    guards: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, Objective] = field(default_factory=dict)  # of a Pareto search: each goal by itself

    def of(self, metrics: Mapping[str, float]) -> float:
        """Return the composite of one run; NaN where a metric is missing."""
        return sum(s * metrics.get(m, float("nan")) / self.scale[m] for m, s in self.shares.items())


def objective(runs: Sequence[Run], settings: Settings) -> Objective:
    """Return the objective over the metrics that the natural mixture's runs have.

    A metric takes the weight, scale or guard of the first glob that it matches. Raises ValueError where no metric has a
    weight, where a scale is not above 0, since a share of it would mean nothing, or where a Pareto search has one goal.
    """
    natural = [r.metrics for r in runs if r.kind == "natural" and r.metrics]
    if not natural:
        raise ValueError(
            "no run of the natural mixture finished, so nothing can be compared with it; look at the ledger"
        )
    names = sorted(set.intersection(*(set(m) for m in natural)))
    whole = {name for name, _ in settings.composites}
    used = {n: w for n in names if n not in whole and (w := _first(settings.objective, n, 0.0)) > 0}
    used = used or {n: w for n in names if (w := _first(settings.objective, n, 0.0)) > 0}
    if not used:
        raise ValueError(
            f"no metric matches the objective {[g for g, _ in settings.objective]}; the metrics are {', '.join(names)}"
        )
    level = {name: float(np.mean([m[name] for m in natural])) for name in names}
    scale = {n: _first(settings.scales, n, level[n] if settings.normalise == "natural" else 1.0) for n in names}
    for name in used:
        if not scale[name] > 0:
            raise ValueError(
                f"metric {name!r} of the natural mixture is {level[name]:g}; expected a loss above 0, or give it a scale "
                "(search.scales), or none to any (search.normalise=none)"
            )
    weights = {n: w * _repeating(runs, natural, n) for n, w in used.items()} if settings.reproducible else used
    weights = weights if sum(weights.values()) > 0 else used
    total = sum(weights.values())
    guards = {n: level[n] + x * abs(level[n]) for n in names if (x := _first(settings.guards, n, np.inf)) < np.inf}
    shares = {n: w / total for n, w in weights.items()}
    return Objective(shares, scale, guards, _parts(shares, scale, settings) if settings.aim == "pareto" else {})


def _parts(shares: Mapping[str, float], scale: Mapping[str, float], settings: Settings) -> dict[str, Objective]:
    """Return the goals: each line of the objective that has metrics, their shares within it summing to 1."""
    goals: dict[str, dict[str, float]] = {}
    for name, share in shares.items():
        goals.setdefault(next(g for g, _ in settings.objective if fnmatchcase(name, g)), {})[name] = share
    if len(goals) == 1:
        raise ValueError(
            f"search.aim=pareto needs two goals or more, and all metrics fall under {next(iter(goals))!r}: give search.objective "
            "a line for each goal, a glob and its weight"
        )
    order = [g for g, _ in settings.objective if g in goals]
    return {g: Objective({m: s / sum(goals[g].values()) for m, s in goals[g].items()}, scale) for g in order}


def _first(given: Sequence[tuple[str, float]], name: str, default: float) -> float:
    return next((value for glob, value in given if fnmatchcase(name, glob)), default)


def _repeating(runs: Sequence[Run], natural: Sequence[Mapping[str, float]], name: str) -> float:
    """Return 1 − noise² ÷ spread² of a metric, at least 0: the part of its variance that another seed would repeat."""
    values = np.array([run.metrics.get(name, np.nan) for run in runs])
    spread = float(np.nanvar(values, ddof=1)) if np.isfinite(values).sum() > 1 else 0.0
    noise = float(np.var([m[name] for m in natural], ddof=1)) if len(natural) > 1 else 0.0
    return max(0.0, 1 - noise / spread) if spread > 0 else 0.0


def mismatch(metrics: Mapping[str, float], composites: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    """Say where a composite metric is not the mean of its components, or return nothing."""
    for name, globs in composites:
        parts = [v for m, v in metrics.items() if m != name and any(fnmatchcase(m, glob) for glob in globs)]
        if name in metrics and parts:
            mean = float(np.mean(parts))
            if not abs(metrics[name] - mean) <= ROUNDING * max(abs(mean), abs(metrics[name])):
                return f"{name} is {metrics[name]:.6g}, and the mean of its {len(parts)} components is {mean:.6g}"
    return ""


def predict(fitted: Mapping[str, Fitted], goal: Objective, weights: Array) -> tuple[Array, Array]:
    """Return the composite's mean and sd from the metrics' surrogates.

    Their errors are correlated as their held-out errors were.
    """
    metrics = list(goal.shares)
    scaled = np.array([goal.shares[m] / goal.scale[m] for m in metrics])
    pairs = [fitted[m].predict(weights) for m in metrics]
    mean = sum((k * mean for k, (mean, _) in zip(scaled, pairs, strict=True)), np.zeros(len(weights)))
    spread = np.column_stack([k * sd for k, (_, sd) in zip(scaled, pairs, strict=True)])
    together = _together(fitted, metrics)
    return mean, np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", spread, together, spread), 0.0))


def excess(fitted: Mapping[str, Fitted], goal: Objective, weights: Array) -> Array:
    """Return how far the guarded metrics are predicted beyond what they may reach, summed, each over its limit."""
    over = np.zeros(len(weights))
    for metric, most in goal.guards.items():
        over += np.maximum(fitted[metric].predict(weights)[0] - most, 0.0) / max(abs(most), 1e-12)
    return over


def _together(fitted: Mapping[str, Fitted], metrics: list[str]) -> Array:
    errors = np.column_stack([fitted[m].errors for m in metrics])
    errors = errors[np.isfinite(errors).all(axis=1)]
    count = len(metrics)
    if len(errors) < ENOUGH:
        return np.ones((count, count))
    errors = errors - errors.mean(axis=0)
    size = np.sqrt((errors**2).sum(axis=0))
    errors = errors / np.where(size > 0, size, np.inf)
    together = errors.T @ errors
    np.fill_diagonal(together, 1.0)
    return np.asarray(together)
