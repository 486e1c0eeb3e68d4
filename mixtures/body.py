"""Constraints as rows, and the convex body that they leave: lower ≤ w ≤ upper, low ≤ A w ≤ high, Σ w = 1, ½ Σ|w − natural| ≤ distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

Array = NDArray[np.float64]
SOLVER = {
    "presolve": False
}  # with it HiGHS fails on a few bodies that are not empty, or leaves empty and unbounded open
INFEASIBLE = 2  # the status of scipy's solvers where nothing obeys
STEPS = 10_000  # written weights are multiples of 1/STEPS
CAP, BOUNDS, DISTANCE = "handoff.epoch_cap", "search.bounds", "search.distance"  # the keys that set rows


@dataclass(frozen=True, eq=False)
class Row:
    """One constraint as the user would say it: low ≤ parts · w ÷ whole · w ≤ high; without parts, the distance's."""

    label: str
    key: str  # of the configuration, where it is set
    parts: Array | None
    low: float
    high: float
    whole: Array | None = None  # None: all tokens, whose sum is 1

    def share(self, weights: Array, home: Array) -> float:
        """Return the share that a mixture has of what is bounded."""
        if self.parts is None:
            return float(abs(weights - home).sum()) / 2
        return float(self.parts @ weights) / (float(self.whole @ weights) if self.whole is not None else 1.0)


@dataclass(frozen=True, eq=False)
class Body:
    """The convex body of some rows."""

    lower: Array
    upper: Array
    matrix: Array  # groups × domains
    low: Array
    high: Array
    home: Array  # the natural mixture
    distance: float

    def solve(self, cost: Array) -> Array | None:
        """Return the point of least cost, or None where the body is empty."""
        n, eye = len(cost), np.eye(len(cost))
        a, b = np.vstack([self.matrix, -self.matrix]), np.concatenate([self.high, -self.low])
        sums, bounds = np.ones((1, n)), np.column_stack([self.lower, self.upper])
        if self.distance < 1:  # as many more variables: how far each weight is from home
            far = [np.hstack([a, np.zeros_like(a)]), np.hstack([eye, -eye]), np.hstack([-eye, -eye])]
            a = np.vstack([*far, np.concatenate([np.zeros(n), np.ones(n)])[None, :]])
            b = np.concatenate([b, self.home, -self.home, [2 * self.distance]])
            cost, sums = np.concatenate([cost, np.zeros(n)]), np.hstack([sums, np.zeros((1, n))])
            bounds = np.vstack([bounds, np.tile([0.0, 1.0], (n, 1))])
        if (self.lower > self.upper).any():
            return None
        from scipy.optimize import linprog  # a quarter of a second, which runs without a search need not wait

        found = linprog(cost, A_ub=a, b_ub=b, A_eq=sums, b_eq=[1.0], bounds=bounds, method="highs", options=SOLVER)
        x = solution(found)
        return None if x is None else x[:n]


def solution(found: OptimizeResult) -> Array | None:
    """Return what the solver found, or None where nothing obeys; raises RuntimeError where it gave up without an answer."""
    if found.status == INFEASIBLE:
        return None
    if found.x is None:
        raise RuntimeError(f"the solver of the mixture's constraints gave up: {found.message}")
    return np.asarray(found.x, dtype=np.float64)


def shape(rows: Sequence[Row], home: Array) -> Body:
    """Return the body of rows: those on one domain are bounds, and a share of a part of the tokens is homogeneous."""
    n = len(home)
    lower, upper, distance = np.zeros(n), np.ones(n), 1.0
    groups: list[tuple[Array, float, float]] = []
    for row in rows:
        if row.parts is None:
            distance = min(distance, row.high)
        elif row.whole is not None:
            groups += [(row.parts - row.low * row.whole, 0.0, np.inf), (row.parts - row.high * row.whole, -np.inf, 0.0)]
        elif np.count_nonzero(row.parts) == 1:
            i = int(np.argmax(row.parts))
            lower[i] = max(lower[i], row.low / row.parts[i])
            upper[i] = min(upper[i], row.high / row.parts[i])
        else:
            groups.append((row.parts, row.low, row.high))
    matrix = np.array([g for g, _, _ in groups]).reshape(len(groups), n)
    low, high = np.array([a for _, a, _ in groups]), np.array([b for _, _, b in groups])
    low, high = np.maximum(low, -9.0), np.minimum(high, 9.0)  # no sum is beyond ±9
    return Body(lower, upper, matrix, low, high, home, distance)
