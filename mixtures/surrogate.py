"""One surrogate a metric, chosen by cross-validation among the rungs of the ladder.

The mean of two Gaussian processes is the choice unless another rung predicts held-out runs better by more than luck
explains; and what does not beat "the mixture does not matter" in the same way is not used: the constant stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mixtures import evidence, ladder
from mixtures.evidence import Held, Runs
from mixtures.ladder import AVERAGE, Predictor

Array = NDArray[np.float64]
LEAST_RUNS = 6  # different mixtures; with fewer nothing but the mean is fitted
BEATS = 1.645  # standard errors by which a form must beat the constant: one side of 5 %
LEAVES = 2.33  # and by which a rung must beat the mean of the processes: 1 %, as many rungs try
WIDER = 1.2  # factor on a process's sd, which takes its hyper-parameters for known, before held-out errors speak
SURE = 8  # runs' worth of trust in it
DIVERGED = 1e100  # a value beyond it is as good as infinite: its square is
LOSS = "loss/"
CONSTANT = ladder.CONSTANT


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
    runs: int  # with a value of this metric that was used
    held_out: Array  # the chosen rung's prediction of each run by a fit that had not seen it; NaN where none was used
    errors: Array  # observed − held out
    predictor: Predictor
    scale: float  # factor on the predictor's sd that makes its held-out errors as large as it says
    why: str  # the choice in a sentence
    note: str = ""  # why the constant was kept, where it was
    outliers: Mapping[int, str] = field(
        default_factory=dict
    )  # row left out → why; the others are predicted much better without

    @property
    def noise(self) -> float:
        """Sd of one run around the mean."""
        return self.predictor.noise * self.scale

    def predict(self, weights: Array) -> tuple[Array, Array]:
        """Return the mean and the sd of the mean; one more run scatters by `noise` beside it."""
        mean, sd = self.predictor.at(weights)
        return mean, sd * self.scale

    def of_a_run(self, weights: Array) -> tuple[Array, Array]:
        """Return the mean and the sd of one more run: mean ± 1.645 sd is a 90 % interval for what it will measure."""
        mean, sd = self.predict(weights)
        return mean, np.hypot(sd, self.noise)

    def sample(self, weights: Array, count: int, rng: np.random.Generator) -> Array:
        """Return `count` joint draws of the mean at these points (draws × points), for choosing batches."""
        mean, _ = self.predictor.at(weights)
        values, vectors = np.linalg.eigh(self.predictor.covariance(weights))
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return np.asarray(mean + self.scale * rng.standard_normal((count, len(values))) @ root.T)


def fit(
    ratios: Array, metrics: Mapping[str, Array], names: tuple[str, ...] = (), *, quick: bool = False
) -> dict[str, Fitted]:
    """Return a surrogate for every metric; missing values (NaN, DIVERGED) leave their run out of that metric only.

    `names` are the domains of the columns: a metric that names one is then about that domain's own weight. `quick` tries
    the mean of the processes against the constant only, by leave-one-out in closed form: 13 metrics of 32 runs in 0.2
    CPU-seconds instead of 4. Raises ValueError on weights that are not finite shares, on a length that does not fit, on a
    metric without values.
    """
    if ratios.ndim != 2 or not np.isfinite(ratios).all() or (ratios < 0).any():
        raise ValueError("expected a table of finite weights of at least 0, one row a run")
    with threadpool_limits(limits=1):  # the matrices are small: threads only wait for one another
        return {m: _fit(m, ratios, np.asarray(values, float), names, quick) for m, values in metrics.items()}


def _fit(metric: str, ratios: Array, values: Array, names: tuple[str, ...], quick: bool) -> Fitted:
    if values.shape != (len(ratios),):
        raise ValueError(f"metric {metric!r}: expected {len(ratios)} values, one a run, got {values.shape}")
    known = abs(values) < DIVERGED
    if not known.any():
        raise ValueError(
            f"metric {metric!r} has no value in any of {len(values)} runs; drop it or look at its evaluation"
        )
    rows = np.flatnonzero(known)
    runs = Runs(ratios[known], values[known], own(metric, names))
    note = _hopeless(runs)
    strange = [] if note else evidence.outliers(runs)
    used = np.delete(rows, strange)
    runs = runs.without(strange)
    held = {CONSTANT: evidence.constant(runs)} if note else (evidence.quick if quick else evidence.folds)(runs)
    errors = {name: runs.y - mean for name, (mean, _) in held.items()}
    chosen, why = (CONSTANT, note) if note else _choose(errors, runs.groups)
    table = tuple(Step(name, rmse(e), rank(runs.y - e, runs.y)) for name, e in errors.items())
    step = next(s for s in table if s.name == chosen)
    every = np.full(len(values), np.nan)
    every[used] = held[chosen][0]
    predictor = evidence.predictor(chosen, runs)
    scale = WIDER if quick and chosen != CONSTANT else scale_of(errors[chosen], held[chosen])
    return Fitted(
        metric, chosen, step.cv_error, step.cv_rank, table, len(used), every, np.where(known, values, np.nan) - every,
        predictor, scale, why, why if chosen == CONSTANT else "", _told(rows[strange], ratios, values, predictor),
    )  # fmt: skip


def _told(strange: NDArray[np.intp], ratios: Array, values: Array, predictor: Predictor) -> dict[int, str]:
    """Return what the runs left out measured, and what the others say of their mixtures."""
    expected: Array = predictor.at(ratios[strange])[0] if len(strange) else np.empty(0)
    pairs = zip(strange.tolist(), values[strange], expected, strict=True)
    return {row: f"measured {value:.4g}, the others say {mean:.4g}" for row, value, mean in pairs}


def _hopeless(runs: Runs) -> str:
    different = int(runs.groups.max()) + 1
    if different < LEAST_RUNS:
        return f"only {different} different mixture{'s have' if different > 1 else ' has'} a value; at least {LEAST_RUNS} are needed"
    if float(np.ptp(runs.y)) <= 1e-12 * float(abs(runs.y).max()):
        return "the metric has the same value in every run"
    return ""


def own(metric: str, names: tuple[str, ...]) -> int | None:
    """Return the place of the domain that a metric names: `loss/<domain>`, or the domain's words within the metric's.

    What all domains begin with (`train_the_pile_`) does not count; of several that fit, the longest does.
    """
    if (domain := metric.removeprefix(LOSS)) in names:
        return names.index(domain)
    words = [_words(name) for name in names]
    shared = next((k for k, column in enumerate(zip(*words, strict=False)) if len(set(column)) > 1), 0)
    fits = [
        (len(part), k) for k, w in enumerate(words) if len(part := " ".join(w[shared:])) > 1 and f" {part} " in
        f" {' '.join(_words(metric))} "
    ]  # fmt: skip
    return max(fits)[1] if fits else None


def _words(name: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in name.lower()).split()


def _choose(errors: Mapping[str, Array], groups: NDArray[np.intp]) -> tuple[str, str]:
    """Return the rung to use and why.

    Repeats of a mixture count as one, so that repeating a run does not make the evidence look larger.
    """
    best = min(errors, key=lambda name: rmse(errors[name]))
    for name, leads in (
        (best, best != AVERAGE and lead(errors, best, AVERAGE, groups) > LEAVES),
        (AVERAGE, True),
        (best, True),
    ):
        if leads and name != CONSTANT and lead(errors, name, CONSTANT, groups) > BEATS:
            share = 1 - (rmse(errors[name]) / rmse(errors[CONSTANT])) ** 2
            why = f"explains {share:.0%} of the variance of held-out runs"
            if name != AVERAGE:
                ahead = lead(errors, name, AVERAGE, groups)
                why += (
                    f"; {ahead:.1f} standard errors ahead of the {AVERAGE}"
                    if ahead > LEAVES
                    else f"; the {AVERAGE} does not beat the constant"
                )
            elif best != name:
                why += f"; the lead of {best} may be luck"
            return name, why
    return CONSTANT, "no form predicts held-out runs better than their mean"


def lead(errors: Mapping[str, Array], ahead: str, behind: str, groups: NDArray[np.intp]) -> float:
    """Return by how many standard errors one rung's squared errors are below another's."""
    gained = np.bincount(groups, errors[behind] ** 2 - errors[ahead] ** 2) / np.bincount(groups)
    error = float(gained.std(ddof=1)) / np.sqrt(len(gained))
    return float(gained.mean()) / error if error > 0 else 0.0


def scale_of(errors: Array, held: Held) -> float:
    """Return the factor that gives held-out errors the size the sd says, held within reason."""
    if not (held[1] > 0).all():
        return 1.0
    squares = float(((errors / held[1]) ** 2).sum())
    return float(np.clip(np.sqrt((squares + SURE * WIDER**2) / (len(errors) + SURE)), 0.5, 3.0))


def rmse(errors: Array) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt((errors**2).mean()))


def rank(a: Array, b: Array) -> float:
    """Return Spearman's rank correlation, NaN where either side is constant."""
    from scipy.stats import rankdata  # here, since scipy.stats takes seconds to import

    x, y = rankdata(a), rankdata(b)
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else float("nan")
