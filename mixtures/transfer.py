"""Cheap runs inform dear ones: the cheap surrogate's prediction is what the dear surrogate starts from.

A metric of a dear run is taken as a line in the cheap prediction for its mixture, plus a Gaussian process for what the
line leaves. This is used for a metric only where the cheap prediction ranks the dear runs well enough, and held-out dear
runs are predicted better with it than without; else the cheap runs are ignored for it, and that is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixtures import evidence, ladder, surrogate
from mixtures.evidence import Runs
from mixtures.gp import Process
from mixtures.ladder import Predictor
from mixtures.surrogate import CONSTANT, Fitted, Step

Array = NDArray[np.float64]
GUIDED = "cheap runs + GPs by domain"
LEVEL = "line in the cheap prediction"
FEWEST = 8  # dear runs below which neither rank nor error can be checked
ENOUGH = 0.3  # rank correlation that the dear runs must make sure of: the lower end of its one-sided 95 % interval
SURE = 1.645  # normal quantile of that interval, and standard errors by which its errors must be the smaller ones
FISHER = 1.03  # sd of atanh(Spearman) is 1.03 / sqrt(n − 3) (Fieller, Hartley and Pearson 1957)


@dataclass(frozen=True, eq=False)
class Measured:
    """Runs of one cost: weights (runs × domains), and one value a run for each metric."""

    ratios: Array
    metrics: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Transfer:
    """What became of the cheap runs for one metric."""

    used: bool
    why: str
    correlation: float  # Spearman between cheap predictions and dear values; NaN where there is none


def fit(
    dear: Measured, cheap: Measured, names: tuple[str, ...] = (), *, quick: bool = False
) -> tuple[dict[str, Fitted], dict[str, Transfer]]:
    """Return a surrogate for every dear metric, and whether the cheap runs' metric of the same name went into it.

    Both tables have the same domains in the same order (`names`). Raises ValueError as surrogate.fit does.
    """
    if dear.ratios.shape[1] != cheap.ratios.shape[1]:
        raise ValueError(f"{cheap.ratios.shape[1]} domains in the cheap runs, {dear.ratios.shape[1]} in the dear ones")
    shared = {metric: values for metric, values in cheap.metrics.items() if metric in dear.metrics}
    return guided(dear, guides(Measured(cheap.ratios, shared), names), names, quick=quick)


def guides(cheap: Measured, names: tuple[str, ...] = ()) -> dict[str, Fitted]:
    """Return the surrogates of the cheap runs' metrics, which `guided` takes as often as dear runs are added."""
    some = {metric: v for metric, v in cheap.metrics.items() if np.isfinite(np.asarray(v, float)).any()}
    return surrogate.fit(cheap.ratios, some, names, quick=True)


def guided(
    dear: Measured, guides: Mapping[str, Fitted], names: tuple[str, ...] = (), *, quick: bool = False
) -> tuple[dict[str, Fitted], dict[str, Transfer]]:
    """Return what `fit` does, of cheap runs whose surrogates are known; why they are ignored stands in a surrogate's `why` too."""
    fitted, told = {}, {}
    for metric, own in surrogate.fit(dear.ratios, dear.metrics, names, quick=quick).items():
        found, told[metric] = _one(own, guides.get(metric), dear)
        whose = "the dear runs alone: " if told[metric].used else ""
        fitted[metric] = replace(found, why=f"{whose}{own.why}; cheap runs {told[metric].why}")
    return fitted, told


def _one(alone: Fitted, guide: Fitted | None, dear: Measured) -> tuple[Fitted, Transfer]:
    nan = float("nan")
    if guide is None:
        return alone, Transfer(False, "ignored: the cheap runs do not have this metric", nan)
    if guide.name == CONSTANT:
        return alone, Transfer(False, f"ignored: among the cheap runs {guide.note}", nan)
    values = np.asarray(dear.metrics[alone.metric], float)
    used = np.isfinite(alone.held_out)  # outliers and gaps are left out of both
    runs = Runs(dear.ratios[used], values[used], None)
    cheap = guide.predict(runs.w)[0]
    if len(runs.y) < FEWEST:
        return alone, Transfer(False, f"ignored: {len(runs.y)} dear runs cannot show that it carries over", nan)
    found = surrogate.rank(cheap, runs.y)
    least = _least(found, int(runs.groups.max()) + 1)
    if not least >= ENOUGH:
        return alone, Transfer(
            False, f"ignored: rank correlation {found:.2f}, at least {least:.2f} is sure, {ENOUGH} needed", found
        )
    rungs = {LEVEL: _guided(guide, bare=True), GUIDED: _guided(guide, bare=False)}
    held = evidence.refitted(runs, rungs)
    errors = {name: runs.y - mean for name, (mean, _) in held.items()} | {"alone": alone.errors[used]}
    best = min(rungs, key=lambda name: surrogate.rmse(errors[name]))
    lead = _signed_ranks(errors[best], errors["alone"], runs.groups)
    steps = (*alone.table, *(Step(n, surrogate.rmse(errors[n]), surrogate.rank(held[n][0], runs.y)) for n in rungs))
    ratio = surrogate.rmse(errors[best]) / max(surrogate.rmse(errors["alone"]), 1e-300)
    told = f"rank correlation {found:.2f}; held-out error {ratio:.2f} of that of the dear runs alone"
    if not (lead > SURE and ratio < 1):
        why = f"ignored: {told}, {lead:.1f} standard errors ahead by signed ranks, {SURE} needed"
        return replace(alone, table=steps), Transfer(False, why, found)
    step = next(s for s in steps if s.name == best)
    every = np.full(len(values), np.nan)
    every[used] = held[best][0]
    why = f"used: {told}"
    return replace(
        alone, name=best, cv_error=step.cv_error, cv_rank=step.cv_rank, table=steps, held_out=every,
        errors=values - every, predictor=rungs[best](runs.w, runs.y, None),
        scale=surrogate.scale_of(errors[best], held[best]), why=why, note="",
    ), Transfer(True, why, found)  # fmt: skip


def _least(rank: float, runs: int) -> float:
    """Return the rank correlation that so many runs make sure of."""
    return float(np.tanh(np.arctanh(np.clip(rank, -0.9999, 0.9999)) - SURE * FISHER / np.sqrt(max(runs - 3, 1))))


def _signed_ranks(errors: Array, others: Array, groups: NDArray[np.intp]) -> float:
    """Return by how many standard errors the first absolute errors are the smaller ones: Wilcoxon's signed ranks over mixtures.

    Squared errors would ask one run that is foretold badly without the cheap ones to speak for all.
    """
    from scipy.stats import rankdata  # here, since scipy.stats takes seconds to import

    gain = np.bincount(groups, abs(others) - abs(errors)) / np.bincount(groups)
    ranks = rankdata(abs(gain)) * np.sign(gain)
    return float(ranks.sum() / max(np.sqrt((ranks**2).sum()), 1e-300))


def _guided(guide: Fitted, *, bare: bool) -> ladder.Rung:
    """Return a rung: a line in the cheap prediction, alone or with the mean of the processes on what it leaves."""

    def fit(w: Array, y: Array, _own: int | None) -> Predictor:
        cheap = guide.predict(w)[0]
        middle, level = float(cheap.mean()), float(y.mean())
        size = float(((cheap - middle) ** 2).sum())
        slope = max(float((cheap - middle) @ (y - level)) / size, 0.0) if size > 0 else 0.0
        left = y - level - slope * (cheap - middle)
        if bare:
            part = ladder.constant(w, left, None)
        else:
            forms = [Process(w, left, "power", each=True), Process(w, left, "log", each=True)]
            part = ladder.average([Predictor(p.predict, p.noise, p.covariance) for p in forms])

        def at(v: Array) -> tuple[Array, Array]:
            mean, sd = part.at(v)
            return level + slope * (guide.predict(v)[0] - middle) + mean, sd

        return Predictor(at, part.noise, part.covariance)

    return fit
