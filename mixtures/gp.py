"""Gaussian processes for tables of a few dozen runs, fitted in milliseconds.

Kernel: Matérn 3/2 plus a line, on weights bent by a power or a logarithm, with one length scale or one a domain. The
lengths share one level; a heavy-tailed prior holds each near it, so a domain stands out only where the runs insist. The
shape of the bend, the lengths and the noise are the most probable ones, found by gradient on the marginal
likelihood; the level and the variance of the signal are integrated out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import minimize

Array = NDArray[np.float64]
Form = Literal["root", "power", "log"]
LEARN = 160  # runs that the hyper-parameters are learnt from at most; the process is then conditioned on all
LEVEL = 10.0  # prior variance of the level, in variances of the signal: the level is all but free
STEPS = 60
# Priors, mean and sd, of ln: noise and line (in variances of the signal), shared length (in spreads of the runs), and of
# the bend: the exponent of a power, the offset of a logarithm. Wide: a factor e² either way of noise is one sd.
BENDS = {"root": (np.log(0.5), 1.0), "power": (np.log(0.4), 0.5), "log": (np.log(0.01), 1.0)}
PRIOR = np.array([[np.log(0.02), 2.0], [np.log(0.3), 1.5], [0.0, 1.0]])
BOUNDS = [(np.log(1e-5), np.log(100)), (np.log(1e-3), np.log(100)), (-4.0, 4.0)]
BEND, NOISE, LINE, LENGTH, OWN = 0, 1, 2, 3, 4  # places in theta; from OWN on each domain's own deviation


@dataclass(frozen=True)
class _Data:
    w: Array
    z: Array  # the metric, mean 0, sd 1
    form: Form
    spread: float  # ln of the typical distance between two runs: where the shared length starts


class Process:
    """A process fitted to (weights, metric); all it returns is in the metric's unit."""

    def __init__(self, w: Array, y: Array, form: Form, *, each: bool) -> None:
        self.centre, self.unit = float(y.mean()), float(y.std()) or 1.0
        z = (y - self.centre) / self.unit
        some = np.arange(len(z)) if len(z) <= LEARN else np.random.default_rng(0).permutation(len(z))[:LEARN]
        bent = bend(w, form, BENDS[form][0])
        spread = 0.5 * float(np.log(2 * max(bent.var(axis=0).sum(), 1e-9)))
        self.theta = _climb(_Data(w[some], z[some], form, spread), w.shape[1] if each else 0)
        self.form: Form = form
        self.lengths = np.exp(spread + self.theta[LENGTH] + _own(self.theta, w.shape[1]))
        self.middle = bend(w, form, self.theta[BEND]).mean(axis=0)
        self.x = self._place(w)
        kernel = self._kernel(self.x, self.x)
        kernel[np.diag_indices(len(z))] += np.exp(self.theta[NOISE])
        found = _inverse(kernel)
        if found is None:
            raise ValueError("the runs' weights give no usable distances; look for values far outside 0 … 1")
        self.inverse = found[0]
        self.coefficients = self.inverse @ z
        self.variance = (1 + float(z @ self.coefficients)) / (1 + len(z)) * self.unit**2
        self.noise = float(np.sqrt(self.variance * np.exp(self.theta[NOISE])))

    def _place(self, w: Array) -> Array:
        return np.asarray((bend(w, self.form, self.theta[BEND]) - self.middle) / self.lengths)

    def _kernel(self, a: Array, b: Array) -> Array:
        line = a @ b.T
        q = _far(line, (a**2).sum(axis=1), (b**2).sum(axis=1))
        return np.asarray((1 + q) * np.exp(-q) + np.exp(self.theta[LINE]) * line + LEVEL)

    def predict(self, w: Array) -> tuple[Array, Array]:
        """Return the mean and the sd of the mean, without the noise of a run."""
        x = self._place(w)
        cross = self._kernel(x, self.x)
        before = 1 + np.exp(self.theta[LINE]) * (x**2).sum(axis=1) + LEVEL
        left = before - ((cross @ self.inverse) * cross).sum(axis=1)
        return self.centre + self.unit * (cross @ self.coefficients), np.sqrt(self.variance * np.maximum(left, 1e-12))

    def covariance(self, w: Array) -> Array:
        """Return the covariance of the mean between points."""
        x = self._place(w)
        cross = self._kernel(x, self.x)
        return np.asarray(self.variance * (self._kernel(x, x) - cross @ self.inverse @ cross.T))

    def left_out(self, groups: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return each run's error and its sd when the runs of its group are left out, hyper-parameters kept."""
        errors = self.coefficients / np.diagonal(self.inverse)
        parts = 1 / np.diagonal(self.inverse)
        for group in np.flatnonzero(np.bincount(groups) > 1):
            rows = np.flatnonzero(groups == group)
            block = np.linalg.inv(self.inverse[np.ix_(rows, rows)])
            errors[rows], parts[rows] = block @ self.coefficients[rows], np.diagonal(block)
        return errors * self.unit, np.sqrt(self.variance * parts)


def bend(w: Array, form: Form, shape: float) -> Array:
    """Return √w, w to the power e^shape, or log(w + e^shape) in units of its whole range: from 0 to 1 each, but for a shift."""
    if form == "log":
        return np.asarray(np.log(w + np.exp(shape)) / np.log1p(np.exp(-shape)))
    return np.asarray(np.sqrt(w) if form == "root" else w ** np.exp(shape))


def _prior(form: Form) -> Array:
    return np.vstack([BENDS[form], PRIOR])


def _own(theta: Array, domains: int) -> Array:
    return theta[OWN:] if len(theta) > OWN else np.zeros(domains)


def _far(line: Array, a: Array, b: Array) -> Array:
    """Return √3 times the distances between points, of their products and squares."""
    return np.asarray(np.sqrt(3 * np.maximum(a[:, None] + b[None, :] - 2 * line, 0.0)))


def _inverse(kernel: Array) -> tuple[Array, float] | None:
    """Return the inverse and the ln of the determinant, None where the kernel is not positive."""
    factor, failed = dpotrf(kernel, lower=1)
    if failed:
        return None
    lower, _ = dpotri(factor, lower=1)
    half = np.tril(lower, -1)
    return half + half.T + np.diag(np.diagonal(lower)), 2 * float(np.log(np.diagonal(factor)).sum())


def _climb(data: _Data, own: int) -> Array:
    start = np.concatenate([_prior(data.form)[:, 0], np.zeros(own)])
    start[NOISE] = np.log(0.05)
    middle, width = BENDS[data.form]
    bounds = [(middle - 4 * width, middle + 4 * width), *BOUNDS, *[(-8.0, 8.0)] * own]
    options = {"maxiter": STEPS, "maxcor": 12, "ftol": 1e-5}
    return np.asarray(minimize(_loss, start, (data,), "L-BFGS-B", jac=True, bounds=bounds, options=options).x)


def _loss(theta: Array, data: _Data) -> tuple[float, Array]:
    """Return minus the ln of the posterior of theta, and its gradient."""
    n, domains = data.w.shape
    bent, turn = _bent(data, theta[BEND])
    scale = np.exp(-(data.spread + theta[LENGTH] + _own(theta, domains)))
    x = (bent - bent.mean(axis=0)) * scale
    line = x @ x.T
    squares = np.diagonal(line)
    q = _far(line, squares, squares)
    decay, noise, share = np.exp(-q), np.exp(theta[NOISE]), np.exp(theta[LINE])
    kernel = (1 + q) * decay + share * line + LEVEL
    kernel[np.diag_indices(n)] += noise
    found = _inverse(kernel)
    if found is None:
        return 1e10, np.zeros_like(theta)
    inverse, determinant = found
    weights = inverse @ data.z
    fit = 1 + float(data.z @ weights)
    core = 0.5 * (inverse - (n + 1) / fit * np.outer(weights, weights))  # d(loss)/d(kernel)
    pull = core * (3 * decay)
    by_x = -2 * (pull.sum(axis=1)[:, None] * x - pull @ x) + 2 * share * (core @ x)
    by_length = -(x * by_x).sum(axis=0)
    away, value = theta[OWN:], 0.5 * (n + 1) * np.log(fit) + 0.5 * determinant
    middle, width = _prior(data.form).T
    step = (theta[:OWN] - middle) / width
    slope = np.concatenate([step / width, 4 * away / (1 + away**2)])
    slope[BEND] += ((by_x * scale) * (turn - turn.mean(axis=0))).sum()
    slope[NOISE] += noise * np.trace(core)
    slope[LINE] += share * (core * line).sum()
    slope[LENGTH] += by_length.sum()
    slope[OWN:] += by_length[: len(away)]
    return value + 0.5 * float(step @ step) + 2 * float(np.log1p(away**2).sum()), slope


def _bent(data: _Data, shape: float) -> tuple[Array, Array]:
    """Return the bent weights and their derivative by the shape."""
    bent = bend(data.w, data.form, shape)
    if data.form == "root":
        return bent, np.zeros_like(bent)
    if data.form == "power":
        return bent, bent * np.log(np.maximum(data.w, 1e-300)) * np.exp(shape)
    c, span = np.exp(shape), np.log1p(np.exp(-shape))
    return bent, c / (data.w + c) / span + bent / ((1 + c) * span)
