"""The ladder: the forms a surrogate may take, from "the mixture does not matter" upwards.

Each rung is a function (weights, metric, own) → predictor; `own` is the column of the domain the metric is about, or
None where nobody says, and then the column that goes with the metric most closely is taken, inside the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixtures.gp import Form, Process

Array = NDArray[np.float64]
SMALL = 0.01  # of log(w + .01): weights below a hundredth matter less and less
RIDGES = np.geomspace(1e-3, 1e3, 19)
FLOORS = np.geomspace(0.02, 10.0, 12)  # how far below the least value the exponential law may end, in ranges
CONSTANT = "constant"
TREES = "LightGBM"
POWER = "GP w^p by domain"
LOG = "GP log(w+c) by domain"
AVERAGE = "mean of the GPs by domain"


@dataclass(frozen=True)
class Predictor:
    """A fitted rung."""

    at: Callable[[Array], tuple[Array, Array]]  # weights → mean, sd of the mean
    noise: float  # sd of a single run around the mean
    covariance: Callable[[Array], Array]  # of the mean between points


Rung = Callable[[Array, Array, int | None], Predictor]


def root(w: Array) -> Array:
    """Return the square root of the weights, a form that flattens large ones."""
    return np.asarray(np.sqrt(w))


def log(w: Array) -> Array:
    """Return the log of the weights plus SMALL, so that a weight of zero stays finite."""
    return np.asarray(np.log(w + SMALL))


def same(w: Array) -> Array:
    """Return the weights as they are."""
    return w


def constant(_w: Array, y: Array, _own: int | None) -> Predictor:
    """Predict the mean of the runs."""
    mean, noise = float(y.mean()), float(y.std(ddof=1)) if len(y) > 1 else 0.0
    error = noise / np.sqrt(len(y))
    return Predictor(
        lambda v: (np.full(len(v), mean), np.full(len(v), error)), noise, lambda v: np.full((len(v), len(v)), error**2)
    )


def own_weight(form: Callable[[Array], Array]) -> Rung:
    """Return a line in one domain's weight, or in its log: the formula −log(w+.01) with slope and level fitted."""

    def fit(w: Array, y: Array, own: int | None) -> Predictor:
        k = _closest(form(w), y) if own is None else own
        return _line(lambda v: form(v)[:, [k]], w, y, np.array([1e-9]))

    return fit


def _closest(features: Array, y: Array) -> int:
    apart = features - features.mean(axis=0)
    size = np.sqrt((apart**2).sum(axis=0))
    return int(np.argmax(abs(apart.T @ (y - y.mean())) / np.where(size > 0, size, np.inf)))


def ridge(form: Callable[[Array], Array]) -> Rung:
    """Return a ridge regression, its penalty chosen by leave-one-out error."""
    return lambda w, y, _own: _line(form, w, y, RIDGES)


def _line(form: Callable[[Array], Array], w: Array, y: Array, penalties: Array) -> Predictor:
    features = form(w)
    middle, level = features.mean(axis=0), float(y.mean())
    unit = (
        float(features.std(axis=0).mean()) or 1.0
    )  # one for all: a column that hardly varies must not weigh as the rest
    u, s, vt = np.linalg.svd((features - middle) / unit, full_matrices=False)
    shrink = s**2 / (s**2 + len(y) * penalties[:, None])
    fitted = (shrink * (u.T @ (y - level))) @ u.T
    hats = shrink @ (u**2).T + 1 / len(y)
    left_out = (y - level - fitted) / np.maximum(1 - hats, 1e-3)
    best = int(np.argmin((left_out**2).mean(axis=1)))
    noise = float(np.sqrt((left_out[best] ** 2).mean()))
    turn = vt.T * (s / (s**2 + len(y) * penalties[best]))
    slopes = turn @ (u.T @ (y - level))

    def place(v: Array) -> Array:
        return np.asarray((form(v) - middle) / unit)

    def at(v: Array) -> tuple[Array, Array]:
        z = place(v)
        return level + z @ slopes, noise * np.sqrt(((z @ turn) ** 2).sum(axis=1) + 1 / len(y))

    def covariance(v: Array) -> Array:
        z = place(v) @ turn
        return np.asarray(noise**2 * (z @ z.T + 1 / len(y)))

    return Predictor(at, noise, covariance)


def exponential(w: Array, y: Array, _own: int | None) -> Predictor:
    """Fit the law of data mixing, level ± exp(line in the weights): a ridge for each level, the one with the least error.

    The exponent is held within the range of the runs and half of it more: beyond, the law explodes.
    """
    spread = float(np.ptp(y)) or 1.0
    options = []
    for sign in (1.0, -1.0):
        for floor in FLOORS * spread:
            level = float((sign * y).min() - floor)
            logs = np.log(sign * y - level)
            line = _line(same, w, logs, RIDGES)
            low, high = float(logs.min() - np.ptp(logs) / 2), float(logs.max() + np.ptp(logs) / 2)
            error = float(np.sqrt((np.exp(2 * logs) * line.noise**2).mean()))
            options.append((error, sign, level, line, low, high))
    error, sign, level, line, low, high = min(options, key=lambda option: option[0])

    def at(v: Array) -> tuple[Array, Array]:
        mean, sd = line.at(v)
        grown = np.exp(np.clip(mean, low, high))
        return sign * (level + grown), grown * sd

    def covariance(v: Array) -> Array:
        grown = np.exp(np.clip(line.at(v)[0], low, high))
        return np.asarray(grown[:, None] * line.covariance(v) * grown[None, :])

    return Predictor(at, error, covariance)


def process(form: Form, *, each: bool) -> Rung:
    """Return a Gaussian process with one length scale or one a domain."""

    def fit(w: Array, y: Array, _own: int | None) -> Predictor:
        fitted = Process(w, y, form, each=each)
        return Predictor(fitted.predict, fitted.noise, fitted.covariance)

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
    error = float(y.std(ddof=1)) / 2 if len(y) > 1 else 0.0  # a start: cross-validation scales it
    return Predictor(
        lambda v: (np.asarray(booster.predict(v)), np.full(len(v), error)), error, lambda v: error**2 * np.eye(len(v))
    )


def average(parts: Sequence[Predictor]) -> Predictor:
    """Return the mean of predictors; where they disagree the sd grows. Their errors are taken to agree, as they share runs."""

    def at(v: Array) -> tuple[Array, Array]:
        return together([part.at(v) for part in parts])

    def covariance(v: Array) -> Array:
        blocks = [part.covariance(v) for part in parts]
        alike = sum(block / np.sqrt(np.outer(np.diagonal(block), np.diagonal(block))) for block in blocks) / len(blocks)
        sd = at(v)[1]
        return np.asarray(sd[:, None] * alike * sd[None, :])

    return Predictor(at, float(np.sqrt(np.mean([part.noise**2 for part in parts]))), covariance)


def together(pairs: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return the mean and the sd of an equal mixture of (mean, sd) pairs."""
    means, sds = np.array([mean for mean, _ in pairs]), np.array([sd for _, sd in pairs])
    return means.mean(axis=0), np.sqrt((sds**2).mean(axis=0) + means.var(axis=0))


RUNGS: dict[str, Rung] = {
    CONSTANT: constant,
    "own weight": own_weight(same),
    "-log(w+.01)": own_weight(log),
    "ridge sqrt(w)": ridge(root),
    "ridge log(w+.01)": ridge(log),
    "exponential law": exponential,
    TREES: trees,
    "GP sqrt(w)": process("root", each=False),
    POWER: process("power", each=True),
    LOG: process("log", each=True),
}
PARTS = (POWER, LOG)  # of AVERAGE
