"""The composite: what the search minimises, made from the metrics by explicit weights and one explicit scale.

composite = Σ share · metric ÷ (the metric's mean over the natural mixture's repeats), shares summing to 1. The natural
mixture therefore scores 1, and a gain of 0.02 reads "2 % lower loss, averaged over the metrics".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from mixtures.ledger import Run
from mixtures.surrogate import Fitted

Array = NDArray[np.float64]
ENOUGH = 6  # runs with all metrics, below which errors of different metrics are taken to move together


@dataclass(frozen=True)
class Objective:
    """Metric → share (they sum to 1) and metric → scale."""

    shares: Mapping[str, float]
    scale: Mapping[str, float]

    def of(self, metrics: Mapping[str, float]) -> float:
        """Return the composite of one run; NaN where a metric is missing."""
        return sum(s * metrics.get(m, float("nan")) / self.scale[m] for m, s in self.shares.items())


def objective(runs: Sequence[Run], weights: Sequence[tuple[str, float]]) -> Objective:
    """Return the objective over the metrics that the natural mixture's runs have.

    Each metric takes the weight of the first glob of `weights` that it matches. Raises ValueError where none matches,
    or where the natural mixture's mean is not above 0, since a share of it would mean nothing.
    """
    natural = [r.metrics for r in runs if r.kind == "natural" and r.metrics]
    if not natural:
        raise ValueError(
            "no run of the natural mixture finished, so nothing can be compared with it; look at the ledger"
        )
    names = sorted(set.intersection(*(set(m) for m in natural)))
    given = {n: next((w for glob, w in weights if fnmatchcase(n, glob)), 0.0) for n in names}
    used = {name: weight for name, weight in given.items() if weight > 0}
    if not used:
        raise ValueError(
            f"no metric matches the objective {[g for g, _ in weights]}; the metrics are {', '.join(names)}"
        )
    scale = {name: float(np.mean([m[name] for m in natural])) for name in names}
    for name in used:
        if not scale[name] > 0:
            raise ValueError(f"metric {name!r} of the natural mixture is {scale[name]:g}; expected a loss above 0")
    total = sum(used.values())
    return Objective({name: weight / total for name, weight in used.items()}, scale)


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
