"""The ladder: the forms a surrogate may take, from "the mixture does not matter" upwards.

Each rung is a function (weights, metric, own) → predictor; `own` is the column of the domain the metric is about, or
None where nobody says, and then the column that goes with the metric most closely is taken, inside the fit.
A predictor returns the mean, the sd of the mean, and carries the sd of one run around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtures.gp import Process

Array = NDArray[np.float64]
OFFSET = 0.01  # of log(w + .01): weights below a hundredth matter less and less
RIDGES = np.geomspace(1e-3, 1e3, 19)
FEW = 24  # runs below which a length scale a domain is not tried
A_DOMAIN = 1.5  # nor below so many runs a domain


@dataclass(frozen=True)
class Predictor:
    """A fitted rung: weights → (mean, sd of the mean); `noise` is the sd of a single run around the mean."""

    at: Callable[[Array], tuple[Array, Array]]
    noise: float


Rung = Callable[[Array, Array, int | None], Predictor]


def root(w: Array) -> Array:
    """Return the square root of the weights, a form that flattens large ones."""
    return np.asarray(np.sqrt(w))


def log(w: Array) -> Array:
    """Return the log of the weights plus OFFSET, so that a weight of zero stays finite."""
    return np.asarray(np.log(w + OFFSET))


def same(w: Array) -> Array:
    """Return the weights as they are."""
    return w


def constant(_w: Array, y: Array, _own: int | None) -> Predictor:
    """Predict the mean of the runs."""
    mean, noise = float(y.mean()), float(y.std(ddof=1)) if len(y) > 1 else 0.0
    error = noise / np.sqrt(len(y))
    return Predictor(lambda v: (np.full(len(v), mean), np.full(len(v), error)), noise)


def own_weight(form: Callable[[Array], Array]) -> Rung:
    """Return a line in one domain's weight, or in its log: the formula −log(w+.01) with slope and level fitted."""

    def fit(w: Array, y: Array, own: int | None) -> Predictor:
        features = form(w)
        k = _closest(features, y) if own is None else own
        return _line(lambda v: form(v)[:, [k]], features[:, [k]], y, np.array([1e-9]))

    return fit


def _closest(features: Array, y: Array) -> int:
    apart = features - features.mean(axis=0)
    size = np.sqrt((apart**2).sum(axis=0))
    return int(np.argmax(abs(apart.T @ (y - y.mean())) / np.where(size > 0, size, np.inf)))


def ridge(form: Callable[[Array], Array]) -> Rung:
    """Return a ridge regression, its penalty chosen by leave-one-out error."""
    return lambda w, y, _own: _line(form, form(w), y, RIDGES)


def _line(form: Callable[[Array], Array], features: Array, y: Array, penalties: Array) -> Predictor:
    middle, unit, level = features.mean(axis=0), features.std(axis=0), float(y.mean())
    unit = np.where(unit > 0, unit, np.inf)
    u, s, vt = np.linalg.svd((features - middle) / unit, full_matrices=False)
    shrink = s**2 / (s**2 + len(y) * penalties[:, None])
    fitted = (shrink * (u.T @ (y - level))) @ u.T
    hats = shrink @ (u**2).T + 1 / len(y)
    left_out = (y - level - fitted) / np.maximum(1 - hats, 1e-3)
    best = int(np.argmin((left_out**2).mean(axis=1)))
    noise = float(np.sqrt((left_out[best] ** 2).mean()))
    turn = vt.T * (s / (s**2 + len(y) * penalties[best]))
    slopes = turn @ (u.T @ (y - level))

    def at(v: Array) -> tuple[Array, Array]:
        z = (form(v) - middle) / unit
        return level + z @ slopes, noise * np.sqrt(((z @ turn) ** 2).sum(axis=1) + 1 / len(y))

    return Predictor(at, noise)


def process(form: Callable[[Array], Array], *, each: bool) -> Rung:
    """Return a Gaussian process, Matérn 5/2, with one length scale or one a domain."""

    def fit(w: Array, y: Array, _own: int | None) -> Predictor:
        fitted = Process(form(w), y, each=each)
        return Predictor(lambda v: fitted.predict(form(v)), fitted.noise)

    return fit


def trees(w: Array, y: Array, _own: int | None) -> Predictor:
    """LightGBM with leaves of a few runs: the published settings (20 a leaf) give a constant below 40 runs."""
    from lightgbm import LGBMRegressor  # here, since it brings scikit-learn and pandas, seconds to import

    model = LGBMRegressor(
        n_estimators=100, learning_rate=0.08, num_leaves=6, min_child_samples=max(2, min(5, len(y) // 8)),
        colsample_bytree=0.7, subsample=0.8, subsample_freq=1, random_state=0, n_jobs=1, verbose=-1, deterministic=True,
        force_row_wise=True, min_data_in_bin=1,
    )  # fmt: skip
    booster = model.fit(np.ascontiguousarray(w), y).booster_
    residual = float(y.std(ddof=1)) / 2 if len(y) > 1 else 0.0  # a start: cross-validation scales it
    return Predictor(lambda v: (np.asarray(booster.predict(v)), np.full(len(v), residual)), residual)


RUNGS: dict[str, Rung] = {
    "constant": constant,
    "own weight": own_weight(same),
    "-log(w+.01)": own_weight(log),
    "ridge sqrt(w)": ridge(root),
    "ridge log(w+.01)": ridge(log),
    "GP sqrt(w)": process(root, each=False),
    "GP log(w+.01) by domain": process(log, each=True),
    "LightGBM": trees,
}


def rungs(runs: int, domains: int) -> dict[str, Rung]:
    """Return the rungs that so many runs can carry."""
    ard = runs >= FEW and runs >= A_DOMAIN * domains
    return {name: rung for name, rung in RUNGS.items() if ard or not name.endswith("by domain")}
