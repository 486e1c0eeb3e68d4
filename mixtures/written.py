"""Written mixtures: steps of 1e-4 that obey the limits and sum to 1 exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from mixtures.body import SOLVER, STEPS, solution
from mixtures.limits import TIGHT, InfeasibleError, Limits

Array = NDArray[np.float64]
SLACK = 1e-6  # of a step: what rounding may add to a sum of weights


def quantise(weights: Array, limits: Limits) -> Array:
    """Return the nearest mixture in steps of 1e-4 that obeys the limits and sums to 1, checked after rounding.

    A domain without weight stays without where the limits allow only some domains. Raises InfeasibleError where the
    limits leave no room for such steps.
    """
    n = len(weights)
    found = _nearest(np.asarray(weights) * STEPS, np.asarray(weights) > TIGHT, limits)
    if found is not None:
        steps = np.round(found[:n]) + 0.0  # no -0.0 in the files
        result = np.asarray(steps / STEPS, dtype=np.float64)
        if steps.sum() == STEPS and limits.holds(result):
            return result
    raise InfeasibleError(
        f"the constraints leave no mixture in steps of {1 / STEPS:g}; give search.bounds, search.distance or "
        "handoff.epoch_cap more room"
    )


def _nearest(aim: Array, used: NDArray[np.bool_], limits: Limits) -> Array | None:
    """Return the solver's answer, its first columns in steps, or None where no steps obey."""
    body, n = limits.body, len(aim)
    eye, none, home = np.eye(n), np.zeros((1, n)), body.home * STEPS
    upper = np.where(used, body.upper, body.lower) if limits.most < n else body.upper
    least, most = np.ceil(body.lower * STEPS - SLACK), np.floor(upper * STEPS + SLACK)
    if (least > most).any():
        return None
    rows, wide = body.matrix, np.zeros_like(body.matrix)
    constraints = [
        LinearConstraint(np.hstack([np.ones((1, n)), none, none]), STEPS, STEPS),
        LinearConstraint(np.hstack([eye, -eye, 0 * eye]), -np.inf, aim),  # the second third: the distance to the aim
        LinearConstraint(np.hstack([eye, eye, 0 * eye]), aim, np.inf),
        LinearConstraint(np.hstack([eye, 0 * eye, -eye]), -np.inf, home),  # the last third: the distance to natural
        LinearConstraint(np.hstack([eye, 0 * eye, eye]), home, np.inf),
        LinearConstraint(np.hstack([none, none, np.ones((1, n))]), 0, 2 * body.distance * STEPS + SLACK),
    ]
    if len(rows):
        sums = np.hstack([rows, wide, wide])
        constraints.append(LinearConstraint(sums, body.low * STEPS - SLACK, body.high * STEPS + SLACK))
    bounds = Bounds(np.concatenate([least, np.zeros(2 * n)]), np.concatenate([most, np.full(2 * n, np.inf)]))
    integral, cost = np.repeat([1.0, 0.0, 0.0], n), np.repeat([0.0, 1.0, 0.0], n)
    return solution(milp(cost, integrality=integral, bounds=bounds, constraints=constraints, options=SOLVER))
