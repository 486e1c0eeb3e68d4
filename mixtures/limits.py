"""What a mixture may be: supply under the epoch cap, floors and ceilings of domains and of groups of domains.

All of it is one polytope: lower ≤ w ≤ upper, low ≤ A w ≤ high, Σ w = 1. Linear programs say whether it is empty, and
why, and how far each domain can go; an integer program rounds a mixture to written steps without leaving it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from mixtures.domain import Domains

Array = NDArray[np.float64]
STEPS = 10_000  # written weights are multiples of 1/STEPS
TIGHT = 1e-9


class InfeasibleError(ValueError):
    """No mixture obeys all the constraints; the message names a smallest set of them that conflict."""


class Bound(BaseModel):
    """A floor and a ceiling on the share of some domains."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    domains: str = Field(description="glob over domain names, e.g. zh-* or en-math")
    floor: float = Field(0.0, ge=0, le=1, description="smallest share of total tokens")
    ceiling: float = Field(1.0, ge=0, le=1, description="largest share of total tokens")
    each: bool = Field(default=False, description="bound every matching domain by itself instead of their sum")

    @model_validator(mode="after")
    def _ordered(self) -> Bound:
        if self.floor > self.ceiling:
            raise ValueError(f"bound on {self.domains}: floor {self.floor:g} is above ceiling {self.ceiling:g}")
        return self


@dataclass(frozen=True)
class Row:
    """One constraint as the user would say it: low ≤ members · w ≤ high."""

    label: str
    members: tuple[int, ...]
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Limits:
    """A polytope that is not empty, with a point inside and the range each domain and group can reach."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    lower: Array
    upper: Array
    matrix: Array  # groups × domains, 0 or 1
    low: Array
    high: Array
    centre: Array  # in the relative interior
    basis: Array  # domains × degrees of freedom: the directions a mixture can move in

    def holds(self, weights: Array, tolerance: float = TIGHT) -> bool:
        """Say whether a mixture obeys everything and sums to 1."""
        sums = self.matrix @ weights
        inside = (weights >= self.lower - tolerance).all() and (weights <= self.upper + tolerance).all()
        grouped = (sums >= self.low - tolerance).all() and (sums <= self.high + tolerance).all()
        return bool(inside and grouped and abs(weights.sum() - 1) <= tolerance)

    def slack(self, weights: Array) -> list[tuple[str, float, float, float]]:
        """Return for each constraint its label, low, the mixture's share, high."""
        return [(r.label, r.low, float(weights[list(r.members)].sum()), r.high) for r in self.rows]


def limits(domains: Domains, bounds: Sequence[Bound], budget: int, epoch_cap: float) -> Limits:
    """Return the mixtures that `budget` tokens allow; raises InfeasibleError, or ValueError for a pattern that matches nothing."""
    rows = [*_caps(domains, budget, epoch_cap), *(row for bound in bounds for row in _rows(bound, domains.names))]
    n = len(domains.names)
    lower, upper = np.zeros(n), np.ones(n)
    groups = []
    for row in rows:
        if len(row.members) == 1:
            i = row.members[0]
            lower[i], upper[i] = max(lower[i], row.low), min(upper[i], row.high)
        else:
            groups.append(row)
    matrix = np.zeros((len(groups), n))
    for g, row in enumerate(groups):
        matrix[g, list(row.members)] = 1
    low, high = np.array([r.low for r in groups]), np.array([r.high for r in groups])
    if (lower > upper).any() or _solve(np.zeros(n), lower, upper, matrix, low, high) is None:
        raise InfeasibleError(_conflict(rows, n))
    centre, basis = _inside(lower, upper, matrix, low, high)
    return Limits(domains.names, tuple(rows), lower, upper, matrix, low, high, centre, basis)


def _caps(domains: Domains, budget: int, epoch_cap: float) -> list[Row]:
    shares = epoch_cap * domains.tokens / budget
    label = f"at most {epoch_cap:g} epochs of {{}} ({{:,}} tokens, share {{:.4f}} of the budget)"
    return [
        Row(label.format(name, int(tokens), share), (i,), 0.0, min(1.0, float(share)))
        for i, (name, tokens, share) in enumerate(zip(domains.names, domains.tokens, shares, strict=True))
    ]


def _rows(bound: Bound, names: Sequence[str]) -> list[Row]:
    members = tuple(i for i, name in enumerate(names) if fnmatchcase(name, bound.domains))
    if not members:
        raise ValueError(f"bound on {bound.domains!r} matches no domain; the domains are {', '.join(names)}")
    parts = [(i,) for i in members] if bound.each else [members]
    shown = [names[p[0]] if bound.each else bound.domains for p in parts]
    return [Row(_label(s, bound), part, bound.floor, bound.ceiling) for s, part in zip(shown, parts, strict=True)]


def _label(name: str, bound: Bound) -> str:
    words = [f"at least {bound.floor:g}"] if bound.floor > 0 else []
    words += [f"at most {bound.ceiling:g}"] if bound.ceiling < 1 else []
    return f"{name} {' and '.join(words) or 'free'}"


def _solve(cost: Array, lower: Array, upper: Array, matrix: Array, low: Array, high: Array) -> Array | None:
    n = len(cost)
    limits = {"A_ub": np.vstack([matrix, -matrix]), "b_ub": np.concatenate([high, -low])} if len(matrix) else {}
    found = linprog(
        cost, **limits, A_eq=np.ones((1, n)), b_eq=[1.0], bounds=np.column_stack([lower, upper]), method="highs"
    )
    return np.asarray(found.x, dtype=np.float64) if found.status == 0 else None


def _possible(rows: Sequence[Row], n: int) -> bool:
    matrix = np.zeros((len(rows), n))
    for g, row in enumerate(rows):
        matrix[g, list(row.members)] = 1
    low, high = np.array([r.low for r in rows]), np.array([r.high for r in rows])
    return _solve(np.zeros(n), np.zeros(n), np.ones(n), matrix, low, high) is not None


def _conflict(rows: Sequence[Row], n: int) -> str:
    """Drop each constraint whose absence leaves the rest impossible: what remains is a smallest conflict."""
    left = list(rows)
    for row in rows:
        fewer = [r for r in left if r is not row]
        if not _possible(fewer, n):
            left = fewer
    if all(r.label.startswith("at most") for r in left):
        total = sum(r.high for r in left)
        return (
            f"no mixture obeys the constraints: the epoch cap lets all {len(left)} domains supply only {total:.1%} of the "
            "token budget; lower the budget, raise the epoch cap or add data"
        )
    shown = "; ".join(r.label for r in left[-12:]) + ("; …" if len(left) > 12 else "")
    return f"no mixture obeys the constraints: these {len(left)} conflict: {shown}; relax one of them"


def _inside(lower: Array, upper: Array, matrix: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return a point inside and the directions that stay possible there.

    The mean of the points that push each domain and each group to its ends lies inside everything that has room.
    """
    n = len(lower)
    aims = np.vstack([np.eye(n), matrix])
    ends = [_solve(sign * aim, lower, upper, matrix, low, high) for aim in aims for sign in (1.0, -1.0)]
    points = np.array([p for p in ends if p is not None])
    reach = points @ aims.T
    fixed = aims[np.ptp(reach, axis=0) < TIGHT]
    _, values, vectors = np.linalg.svd(np.vstack([np.ones((1, n)), fixed]))
    return points.mean(axis=0), vectors[int((values > TIGHT).sum()) :].T.copy()


def quantise(weights: Array, limits: Limits) -> Array:
    """Return the nearest mixture in steps of 1e-4 that obeys the limits and sums to 1.

    Raises InfeasibleError where the limits leave no room for such steps.
    """
    n = len(weights)
    eye = np.eye(n)
    aim = np.asarray(weights) * STEPS
    constraints = [
        LinearConstraint(np.hstack([np.ones((1, n)), np.zeros((1, n))]), STEPS, STEPS),
        LinearConstraint(np.hstack([eye, -eye]), -np.inf, aim),  # the second half is the distance to the aim
        LinearConstraint(np.hstack([eye, eye]), aim, np.inf),
    ]
    if len(limits.matrix):
        rows = np.hstack([limits.matrix, np.zeros_like(limits.matrix)])
        constraints.append(LinearConstraint(rows, limits.low * STEPS - 1e-6, limits.high * STEPS + 1e-6))
    least, most = np.ceil(limits.lower * STEPS - 1e-6), np.floor(limits.upper * STEPS + 1e-6)
    bounds = Bounds(np.concatenate([least, np.zeros(n)]), np.concatenate([most, np.full(n, np.inf)]))
    integral = np.concatenate([np.ones(n), np.zeros(n)])
    cost = np.concatenate([np.zeros(n), np.ones(n)])
    found = milp(cost, integrality=integral, bounds=bounds, constraints=constraints) if (least <= most).all() else None
    if found is None or found.x is None:
        raise InfeasibleError(f"the constraints leave no mixture in steps of {1 / STEPS:g}; give them more room")
    steps = np.round(found.x[:n]) + 0.0  # no -0.0 in the files
    result = np.asarray(steps / STEPS, dtype=np.float64)
    if steps.sum() != STEPS or not limits.holds(result):
        raise InfeasibleError(f"the constraints leave no mixture in steps of {1 / STEPS:g}; give them more room")
    return result
