"""What a mixture may be: supply under the epoch cap, floors and ceilings of groups, distance to natural, sparsity.

All but sparsity is one convex body: lower ≤ w ≤ upper, low ≤ A w ≤ high, Σ w = 1, ½ Σ|w − natural| ≤ distance. Linear
programs say whether it is empty, why, and how far each domain can go; an integer program rounds a mixture to written
steps without leaving it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from mixtures.body import BOUNDS, CAP, DISTANCE, Body, Row, shape
from mixtures.conflict import explain
from mixtures.domain import Domains

Array = NDArray[np.float64]
TIGHT = 1e-9


class InfeasibleError(ValueError):
    """No mixture obeys all the constraints; the message names a smallest set that conflicts, their keys, and what to change."""


class Bound(BaseModel):
    """A floor and a ceiling on the share of some domains, sources or licences."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    domains: str = Field(
        description="glob over domain names (zh-*, *-math), or over source:<name> and licence:<name>, e.g. licence:cc-by-nc*"
    )
    floor: float = Field(0.0, ge=0, le=1, description="smallest share of total tokens")
    ceiling: float = Field(1.0, ge=0, le=1, description="largest share of total tokens")
    each: bool = Field(default=False, description="bound every match by itself instead of their sum")
    of: Literal["tokens", "supervised"] = Field("tokens", description="shares of all tokens, or of the supervised ones")

    @model_validator(mode="after")
    def _ordered(self) -> Bound:
        if self.floor > self.ceiling:
            raise ValueError(f"bound on {self.domains}: floor {self.floor:g} is above ceiling {self.ceiling:g}")
        return self


@dataclass(frozen=True, eq=False)
class Limits:
    """A body that is not empty, with a point inside and the directions that a mixture can move in."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    body: Body
    most: int  # domains with weight, at most
    centre: Array  # in the relative interior
    basis: Array  # domains × degrees of freedom

    def holds(self, weights: Array, tolerance: float = TIGHT) -> bool:
        """Say whether a mixture obeys everything and sums to 1."""
        body = self.body
        sums, away = body.matrix @ weights, abs(weights - body.home).sum() / 2
        inside = (weights >= body.lower - tolerance).all() and (weights <= body.upper + tolerance).all()
        grouped = (sums >= body.low - tolerance).all() and (sums <= body.high + tolerance).all()
        near = away <= body.distance + tolerance and np.count_nonzero(weights > tolerance) <= self.most
        return bool(inside and grouped and near and abs(weights.sum() - 1) <= tolerance)

    def slack(self, weights: Array) -> list[tuple[str, float, float, float]]:
        """Return for each constraint its label, low, the mixture's share, high."""
        return [(r.label, r.low, r.share(weights, self.body.home), r.high) for r in self.rows]

    def on(self, support: NDArray[np.bool_]) -> Limits | None:
        """Return the limits of mixtures with no weight outside `support`, or None where there are none."""
        body = replace(self.body, upper=np.where(support, self.body.upper, 0.0))
        if body.solve(np.zeros(len(support))) is None:
            return None
        centre, basis = _inside(body)
        return replace(self, body=body, centre=centre, basis=basis)


def limits(
    domains: Domains,
    bounds: Sequence[Bound],
    budget: int,
    epoch_cap: float,
    *,
    distance: float = 1.0,
    most: int | None = None,
) -> Limits:
    """Return the mixtures that `budget` tokens allow; raises InfeasibleError, or ValueError for a pattern that matches nothing."""
    n, home = len(domains.names), domains.tokens / domains.tokens.sum()
    rows = [*_caps(domains, budget, epoch_cap), *(row for bound in bounds for row in _rows(bound, domains))]
    if distance < 1:
        rows.append(
            Row(
                f"at most {distance:g} of the tokens moved away from the natural mixture", DISTANCE, None, 0.0, distance
            )
        )
    body = shape(rows, home)
    if body.solve(np.zeros(n)) is None:
        raise InfeasibleError(explain(rows, home, budget, epoch_cap))
    if most is not None and np.sort(body.upper)[::-1][:most].sum() < 1 - TIGHT:
        supply = np.sort(body.upper)[::-1][:most].sum()
        raise InfeasibleError(
            f"no mixture of at most {most} domains (search.most_domains): the {most} largest may hold only {supply:.1%} of "
            f"the tokens; allow more domains, lower handoff.budget_tokens={budget:,} or raise handoff.epoch_cap={epoch_cap:g}"
        )
    centre, basis = _inside(body)
    return Limits(domains.names, tuple(rows), body, n if most is None else most, centre, basis)


def _caps(domains: Domains, budget: int, epoch_cap: float) -> list[Row]:
    shares = epoch_cap * domains.tokens / budget
    label = f"at most {epoch_cap:g} epochs of {{}} ({{:,}} tokens, share {{:.4f}} of the budget)"
    one = np.eye(len(shares))
    return [
        Row(label.format(name, int(tokens), share), CAP, one[i], 0.0, min(1.0, float(share)))
        for i, (name, tokens, share) in enumerate(zip(domains.names, domains.tokens, shares, strict=True))
    ]


def _rows(bound: Bound, domains: Domains) -> list[Row]:
    eye = np.eye(len(domains.names))
    known = {**dict(zip(domains.names, eye, strict=True)), **domains.groups}
    found = {name: parts for name, parts in known.items() if fnmatchcase(name, bound.domains)}
    if not found:
        raise ValueError(f"bound on {bound.domains!r} matches no domain; the domains are {', '.join(known)}")
    parts = found if bound.each else {bound.domains: np.sum(list(found.values()), axis=0)}
    rate = domains.target_tokens / domains.tokens if bound.of == "supervised" else None
    scaled = {name: part if rate is None else part * rate for name, part in parts.items()}
    return [Row(_label(name, bound), BOUNDS, part, bound.floor, bound.ceiling, rate) for name, part in scaled.items()]


def _label(name: str, bound: Bound) -> str:
    words = [f"at least {bound.floor:g}"] if bound.floor > 0 else []
    words += [f"at most {bound.ceiling:g}"] if bound.ceiling < 1 else []
    return f"{name} {' and '.join(words) or 'free'}" + (" of the supervised tokens" if bound.of == "supervised" else "")


def _inside(body: Body) -> tuple[Array, Array]:
    """Return a point inside and the directions that stay possible there.

    The mean of the points that push each domain and each group to its ends lies inside everything that has room.
    """
    n = len(body.lower)
    aims = np.vstack([np.eye(n), body.matrix])
    ends = [body.solve(sign * aim) for aim in aims for sign in (1.0, -1.0)]
    points = np.array([p for p in ends if p is not None])
    reach = points @ aims.T
    fixed = aims[np.ptp(reach, axis=0) < TIGHT]
    _, values, vectors = np.linalg.svd(np.vstack([np.ones((1, n)), fixed]))
    return points.mean(axis=0), vectors[int((values > TIGHT).sum()) :].T.copy()
