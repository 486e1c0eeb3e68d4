"""What each rung of the ladder predicts for runs it has not seen, and which runs no rung should see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mixtures import ladder
from mixtures.gp import Process
from mixtures.ladder import AVERAGE, CONSTANT, PARTS, RUNGS, Predictor, Rung

Array = NDArray[np.float64]
Held = tuple[Array, Array]  # mean and sd of a run, predicted without it
FOLDS = 8
FAR = 6.0  # robust sds of the held-out errors from which a run is looked at
HARM = 0.3  # by how much a run must spoil the prediction of the others to be left out
FEWEST = 10  # runs below which none is called strange
APART = 0.3  # in the root of a weight: a run so far from every other in a domain may well differ, and is given
BEYOND = 3.0  # ranges of the other runs' values before it is called strange


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs with a value of one metric."""

    w: Array
    y: Array
    own: int | None  # column of the domain that the metric is about

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """Which runs repeat a mixture: they are held out together."""
        return np.unique(self.w, axis=0, return_inverse=True)[1].ravel()

    @cached_property
    def processes(self) -> tuple[Process, Process]:
        """The two processes by domain, fitted to all runs."""
        return Process(self.w, self.y, "power", each=True), Process(self.w, self.y, "log", each=True)

    def without(self, rows: Sequence[int]) -> Runs:
        """Return the other runs."""
        return Runs(np.delete(self.w, rows, 0), np.delete(self.y, rows), self.own) if len(rows) else self


def constant(runs: Runs) -> Held:
    """Return the mean of the other mixtures' runs."""
    count = np.bincount(runs.groups)[runs.groups]
    inside = np.bincount(runs.groups, runs.y)[runs.groups]
    others = np.maximum(len(runs.y) - count, 1)
    mean = np.where(len(runs.y) > count, (runs.y.sum() - inside) / others, runs.y.mean())
    return mean, np.full(len(runs.y), float(runs.y.std(ddof=1)) if len(runs.y) > 1 else 0.0)


def quick(runs: Runs) -> dict[str, Held]:
    """Return the constant and the mean of the processes, each run left out in closed form.

    Hyper-parameters have seen the run: the error is a tenth too small where refitted folds, which lack an eighth of the
    runs, say a sixth too much.
    """
    return {CONSTANT: constant(runs), AVERAGE: _left_out(runs)}


def _left_out(runs: Runs) -> Held:
    pairs = [process.left_out(runs.groups) for process in runs.processes]
    return ladder.together([(runs.y - errors, sd) for errors, sd in pairs])


def folds(runs: Runs) -> dict[str, Held]:
    """Return the predictions of every rung, and of the mean of the processes, for folds they were not fitted to."""
    held = refitted(runs, RUNGS)
    held[CONSTANT] = held[CONSTANT][0], constant(runs)[1]
    return {**held, AVERAGE: ladder.together([held[name] for name in PARTS])}


def refitted(runs: Runs, rungs: Mapping[str, Rung]) -> dict[str, Held]:
    """Return each rung's predictions of folds it was not fitted to; repeats of a mixture are never on both sides."""
    different = int(runs.groups.max()) + 1
    fold = np.random.default_rng(0).permutation(different)[runs.groups] % min(FOLDS, different)
    held = {name: (np.empty(len(runs.y)), np.empty(len(runs.y))) for name in rungs}
    for k in range(int(fold.max()) + 1):
        out = fold == k
        for name, rung in rungs.items():
            fitted = rung(runs.w[~out], runs.y[~out], runs.own)
            mean, sd = fitted.at(runs.w[out])
            held[name][0][out], held[name][1][out] = mean, np.hypot(sd, fitted.noise)
    return held


def predictor(name: str, runs: Runs) -> Predictor:
    """Return a rung fitted to all runs."""
    if name != AVERAGE:
        return RUNGS[name](runs.w, runs.y, runs.own)
    return ladder.average([Predictor(p.predict, p.noise, p.covariance) for p in runs.processes])


def outliers(runs: Runs) -> list[int]:
    """Return the runs that spoil the others: far from what these say of them, and without them these are foretold better.

    A run that is merely surprising does not make the others harder to predict, and stays; one that stands apart in a domain
    (the only one without it, say) stays unless it is off by several times their range. Several may hide one another, so the
    next is looked at before the last is judged; at most one in ten is left out.
    """
    gone: list[int] = []
    looked: list[int] = []
    errors = _errors(runs)
    before = errors
    while len(runs.y) >= FEWEST and len(looked) < max(1, len(runs.y) // 10):
        off = abs(errors - np.nanmedian(errors))
        worst = int(np.nanargmax(off))
        if not off[worst] > FAR * 1.4826 * np.nanmedian(off):
            break
        looked.append(worst)
        if _apart(runs.w, worst) and not off[worst] > BEYOND * np.ptp(np.delete(runs.y, looked)):
            break
        errors = np.full(len(runs.y), np.nan)
        rest = np.delete(np.arange(len(runs.y)), looked)
        errors[rest] = _errors(runs.without(looked))
        if (errors[rest] ** 2).mean() < (1 - HARM) ** 2 * (before[rest] ** 2).mean():
            gone, before = list(looked), errors
    return gone


def _errors(runs: Runs) -> Array:
    return runs.y - _left_out(runs)[0]


def _apart(w: Array, row: int) -> bool:
    gaps = abs(np.sqrt(np.delete(w, row, 0)) - np.sqrt(w[row]))
    return bool((gaps.min(axis=0) > APART).any())
