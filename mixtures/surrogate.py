"""One surrogate a metric, chosen by cross-validation among the rungs of the ladder.

No form wins everywhere, so each metric chooses its own; a choice that does not beat "the mixture does not matter" by
more than luck explains is not made, and the constant stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mixtures import ladder
from mixtures.ladder import Predictor

Array = NDArray[np.float64]
FOLDS = 8
LEAST_RUNS = 6  # below it nothing but the mean is fitted
MARGIN = 1.645  # standard errors by which a form must beat the constant: one side of 5 %
CONSTANT = "constant"
PAIR = "mean of the best two"
LOSS = "loss/"


@dataclass(frozen=True)
class Step:
    """What cross-validation says of one rung: root mean squared error in the metric's unit, and rank correlation."""

    name: str
    cv_error: float
    cv_rank: float  # Spearman between held-out predictions and observations; NaN where either is constant


@dataclass(frozen=True, eq=False)
class Fitted:
    """The surrogate of one metric."""

    metric: str
    name: str  # the chosen rung
    cv_error: float
    cv_rank: float
    table: tuple[Step, ...]  # every rung tried, in the ladder's order
    runs: int  # with a value of this metric
    held_out: Array  # the chosen rung's prediction of each run by the fold that had not seen it; NaN without a value
    errors: Array  # observed − held out
    predictor: Predictor
    scale: float  # factor on the predictor's sd that makes its held-out errors as large as it says
    note: str = ""  # why the constant was kept, where it was

    @property
    def noise(self) -> float:
        """Sd of one run around the mean."""
        return self.predictor.noise * self.scale

    def predict(self, weights: Array) -> tuple[Array, Array]:
        """Return the mean and the sd of the mean; one more run scatters by `noise` beside it."""
        mean, sd = self.predictor.at(weights)
        return mean, sd * self.scale


def fit(ratios: Array, metrics: Mapping[str, Array], names: tuple[str, ...] = ()) -> dict[str, Fitted]:
    """Return a surrogate for every metric; missing values (NaN, infinite) leave their run out of that metric only.

    `names` are the domains of the columns: the metric `loss/<domain>` is then about that domain's own weight.
    Raises ValueError on weights that are not finite shares, on a length that does not fit, on a metric without values.
    """
    if ratios.ndim != 2 or not np.isfinite(ratios).all() or (ratios < 0).any():
        raise ValueError("expected a table of finite weights of at least 0, one row a run")
    with threadpool_limits(limits=1):  # the matrices are small: threads only wait for one another
        return {metric: _fit(metric, ratios, np.asarray(values, float), names) for metric, values in metrics.items()}


def _fit(metric: str, ratios: Array, values: Array, names: tuple[str, ...]) -> Fitted:
    if values.shape != (len(ratios),):
        raise ValueError(f"metric {metric!r}: expected {len(ratios)} values, one a run, got {values.shape}")
    known = np.isfinite(values)
    if not known.any():
        raise ValueError(
            f"metric {metric!r} has no value in any of {len(values)} runs; drop it or look at its evaluation"
        )
    w, y = ratios[known], values[known]
    own = _own(metric, names)
    _, mixtures = np.unique(w, axis=0, return_inverse=True)
    mixtures = mixtures.ravel()
    different = int(mixtures.max()) + 1
    note = ""
    if different < LEAST_RUNS:
        note = f"only {different} different mixtures have a value; at least {LEAST_RUNS} are needed"
    elif float(np.ptp(y)) <= 1e-12 * max(1.0, float(abs(y).max())):
        note = "the metric has the same value in every run"
    tried = {CONSTANT: ladder.constant} if note else ladder.rungs(len(y), w.shape[1])
    folds = _folds(mixtures, different)
    held = {name: _held_out(rung, w, y, own, folds) for name, rung in tried.items()}
    pair = sorted((name for name in held if name != CONSTANT), key=lambda name: _rmse(y - held[name][0]))[:2]
    if pair:
        (mean, sd), (other, spread) = held[pair[0]], held[pair[1]]
        held[PAIR] = ((mean + other) / 2, (sd + spread) / 2)
    chosen = CONSTANT if note else _choose({name: y - mean for name, (mean, _) in held.items()}, mixtures)
    if chosen == CONSTANT and not note:
        note = "no form predicts held-out runs better than their mean"
    table = tuple(Step(name, _rmse(y - mean), rank(mean, y)) for name, (mean, _) in held.items())
    step = next(s for s in table if s.name == chosen)
    mean, sd = held[chosen]
    predictor = _mean_of([tried[name](w, y, own) for name in (pair if chosen == PAIR else [chosen])])
    every = np.full(len(values), np.nan)
    every[known] = mean
    errors = np.where(known, values, np.nan) - every
    scale = _scale(y - mean, sd)
    return Fitted(metric, chosen, step.cv_error, step.cv_rank, table, len(y), every, errors, predictor, scale, note)


def _mean_of(parts: list[Predictor]) -> Predictor:
    """Return the mean of predictors; their errors are taken to agree, so the sd is the mean of theirs."""

    def at(weights: Array) -> tuple[Array, Array]:
        means, sds = zip(*(part.at(weights) for part in parts), strict=True)
        return np.mean(means, axis=0), np.mean(sds, axis=0)

    return Predictor(at, float(np.mean([part.noise for part in parts])))


def _own(metric: str, names: tuple[str, ...]) -> int | None:
    domain = metric.removeprefix(LOSS)
    return names.index(domain) if domain in names else None


def _folds(mixtures: NDArray[np.intp], different: int) -> NDArray[np.intp]:
    """Return each run's fold: repeats of a mixture are never on both sides."""
    order = np.random.default_rng(0).permutation(different)
    return np.asarray(order[mixtures] % min(FOLDS, different))


def _held_out(rung: ladder.Rung, w: Array, y: Array, own: int | None, folds: NDArray[np.intp]) -> tuple[Array, Array]:
    mean, sd = np.empty(len(y)), np.empty(len(y))
    for fold in np.unique(folds):
        out = folds == fold
        if out.all():  # one mixture only
            return np.full(len(y), y.mean()), np.full(len(y), y.std())
        predictor = rung(w[~out], y[~out], own)
        mean[out], spread = predictor.at(w[out])
        sd[out] = np.hypot(spread, predictor.noise)
    return mean, sd


def _choose(errors: Mapping[str, Array], mixtures: NDArray[np.intp]) -> str:
    """Return the rung with the least error, or the constant where the lead over it may be luck.

    Repeats of a mixture count as one, so that repeating a run does not make the evidence look larger.
    """
    best = min(errors, key=lambda name: _rmse(errors[name]))
    lead = np.bincount(mixtures, errors[CONSTANT] ** 2 - errors[best] ** 2) / np.bincount(mixtures)
    margin = MARGIN * float(lead.std(ddof=1)) / np.sqrt(len(lead))
    return best if float(lead.mean()) > margin else CONSTANT


def _scale(errors: Array, sd: Array) -> float:
    """Return the factor that gives held-out errors the size the sd says, held within reason."""
    if not (sd > 0).all():
        return 1.0
    return float(np.clip(np.sqrt(((errors / sd) ** 2).mean()), 0.5, 3.0))


def _rmse(errors: Array) -> float:
    return float(np.sqrt((errors**2).mean()))


def rank(a: Array, b: Array) -> float:
    """Return Spearman's rank correlation, NaN where either side is constant."""
    from scipy.stats import rankdata  # here, since scipy.stats takes seconds to import

    x, y = rankdata(a), rankdata(b)
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else float("nan")
