"""Gaussian processes with a Matérn 5/2 kernel for tables of a few dozen runs: hyper-parameters in milliseconds.

The signal variance is profiled out. One length scale is found on a grid of eigen-decompositions (no local optimum);
a length scale for each column starts from it and is held near it by a prior, so that few runs do not overfit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

Array = NDArray[np.float64]
LENGTHS = np.geomspace(0.05, 20.0, 25)  # × the median distance between runs
NOISES = np.geomspace(1e-5, 10.0, 25)  # variance of the noise ÷ variance of the signal
LOG_WIDTH = 1.0  # sd of the prior on log length around the shared one


class Process:
    """A process fitted to (columns, values); `predict` gives the mean and the sd of the mean, without noise."""

    def __init__(self, x: Array, y: Array, *, each: bool = False) -> None:
        self.x, self.centre = x, float(y.mean())
        self.unit = float(y.std()) or 1.0
        z = (y - self.centre) / self.unit
        squares = (x[:, None, :] - x[None, :, :]) ** 2
        length, noise = _grid(squares.sum(axis=2), z)
        self.lengths = np.full(x.shape[1], length)
        if each:
            self.lengths, noise = _climb(squares, z, length, noise)
        kernel = _matern(squares @ self.lengths**-2.0)
        self.factor = cho_factor(kernel + noise * np.eye(len(z)))
        self.coefficients = cho_solve(self.factor, z)
        self.variance = max(float(z @ self.coefficients) / len(z), 1e-12)
        self.noise = float(np.sqrt(self.variance * noise)) * self.unit

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return the mean and the sd of the mean at x (points × domains), both float[points]."""
        a, b = x / self.lengths, self.x / self.lengths
        squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
        cross = _matern(np.maximum(squares, 0.0))
        mean = cross @ self.coefficients
        explained = np.einsum("ij,ji->i", cross, cho_solve(self.factor, cross.T))
        sd = np.sqrt(self.variance * np.maximum(1.0 - explained, 0.0))
        return self.centre + self.unit * mean, self.unit * sd


def _matern(squares: Array) -> Array:
    r = np.sqrt(5.0 * squares)
    return np.asarray((1.0 + r + r**2 / 3.0) * np.exp(-r))


def _grid(squares: Array, z: Array) -> tuple[float, float]:
    """Return the length and the noise ratio of the largest profiled likelihood."""
    n = len(z)
    apart = squares[np.triu_indices(n, 1)]
    middle = np.sqrt(np.median(apart[apart > 0])) if (apart > 0).any() else 1.0
    best, found = np.inf, (middle, 1.0)
    for length in middle * LENGTHS:
        values, vectors = np.linalg.eigh(_matern(squares / length**2))
        spectrum = np.maximum(values, 0.0)[None, :] + NOISES[:, None]
        loss = n * np.log(((vectors.T @ z) ** 2 / spectrum).mean(axis=1) + 1e-12) + np.log(spectrum).sum(axis=1)
        k = int(np.argmin(loss))
        if loss[k] < best:
            best, found = float(loss[k]), (float(length), float(NOISES[k]))
    return found


def _climb(squares: Array, z: Array, length: float, noise: float) -> tuple[Array, float]:
    """Return a length for each column and the noise ratio, by gradient from the shared length."""
    n, columns = len(z), squares.shape[2]
    flat = np.ascontiguousarray(squares.reshape(n * n, columns))
    shared = np.log(length)

    def loss(theta: Array) -> tuple[float, Array]:
        scaled = np.exp(-2 * theta[:-1])
        r = np.sqrt(5.0 * (flat @ scaled)).reshape(n, n)
        decay = np.exp(-r)
        ratio = np.exp(theta[-1])
        inverse = np.linalg.inv((1.0 + r + r**2 / 3.0) * decay + ratio * np.eye(n))
        weights = inverse @ z
        variance = max(float(z @ weights) / n, 1e-12)
        core = np.outer(weights, weights) / variance - inverse
        slope = -(core * (5.0 / 3.0) * (1.0 + r) * decay).ravel() @ flat * scaled
        drift = (theta[:-1] - shared) / LOG_WIDTH**2
        value = n * np.log(variance) - np.linalg.slogdet(inverse)[1] + LOG_WIDTH**2 * float(drift @ drift)
        return value, np.append(slope + 2 * drift, -ratio * np.trace(core))

    start = np.append(np.full(columns, shared), np.log(noise))
    bounds = [(shared - 4, shared + 4)] * columns + [(np.log(NOISES[0]), np.log(NOISES[-1]))]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60}).x
    return np.exp(found[:-1]), float(np.exp(found[-1]))
