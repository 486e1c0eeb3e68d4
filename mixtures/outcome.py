"""What a search found: the proposal, what fresh seeds say of it, and the front of what was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixtures import confirm, pareto
from mixtures.confirm import Interval, LeftOut
from mixtures.domain import Domains
from mixtures.ledger import Run
from mixtures.limits import Limits
from mixtures.mixture import Mixture, epochs
from mixtures.objective import Objective
from mixtures.plan import Plan
from mixtures.propose import Model
from mixtures.surrogate import Fitted

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """What the search proposes and why, before confirmation."""

    domains: Domains
    space: Limits
    natural: Mixture
    proposed: Mixture
    alike: Array  # candidates that the runs do not tell from the proposed one
    model: Model

    @property
    def fitted(self) -> Mapping[str, Fitted]:
        """The surrogate of each metric."""
        return self.model.fitted

    @property
    def goal(self) -> Objective:
        """The composite."""
        return self.model.goal


@dataclass(frozen=True, eq=False)
class Next:
    """A run worth buying next: predicted gain over natural, its sd, and the improvement it may be expected to bring."""

    weights: Array
    gain: float
    sd: float
    improvement: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """The end of a search."""

    name: str
    found: Found
    plan: Plan
    searched: tuple[Run, ...]
    pairs: tuple[tuple[Run, ...], tuple[Run, ...]]  # confirmation: natural, proposed; equal places share a seed
    chosen: Mixture
    gain: Interval  # of the composite, as a fraction of the natural mixture's
    gains: Mapping[str, Interval]  # of each metric, in its own unit
    noise: Mapping[str, float]  # sd of each metric over natural's repeats
    signals: Mapping[str, float]  # sd over mixtures ÷ noise
    nexts: tuple[Next, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        """The guarded metrics that the proposed mixture's confirmation runs, on average, put beyond their limit."""
        goal, runs = self.found.goal, [r.metrics for r in self.pairs[1] if r.metrics]
        return tuple(m for m, most in goal.guards.items() if runs and np.mean([r[m] for r in runs]) > most)

    @property
    def planner(self) -> tuple[tuple[int, float], ...]:
        """So many more pairs of confirmation runs → half of the interval on the gain to be expected."""
        return confirm.planner(self.gain, confirm.spread_of(self.gain))

    @property
    def goals(self) -> Mapping[str, Objective]:
        """What the front is a front of: the goals of a Pareto search, else each metric of the objective."""
        goal = self.found.goal
        return goal.parts or {m: Objective({m: 1.0}, goal.scale) for m in goal.shares}

    @property
    def front(self) -> tuple[Run, ...]:
        """The runs of the search that no other beats in one goal without losing another."""
        values = np.array([[goal.of(run.metrics) for goal in self.goals.values()] for run in self.sound])
        return tuple(run for run, keep in zip(self.sound, pareto.front(values), strict=True) if keep)

    @property
    def sound(self) -> tuple[Run, ...]:
        """The runs of the search with every metric of the objective, none of them left out as an outlier."""
        shares, fitted = self.found.goal.shares, self.found.fitted
        strange = {row for m in shares for row in fitted[m].outliers}
        rows = enumerate(self.searched)
        return tuple(run for row, run in rows if row not in strange and all(m in run.metrics for m in shares))

    @property
    def compromise(self) -> Mapping[str, Interval]:
        """The gain of the proposed mixture in each goal of a Pareto search, as a fraction of natural's, on fresh seeds."""
        parts, sure = self.found.goal.parts, self.plan.search.confidence
        return {name: _gain(goal, self.pairs, sure) for name, goal in parts.items()}

    @property
    def why(self) -> str:
        """Which compromise of a Pareto search is proposed, and why this one; nothing of another search."""
        goal = self.found.goal
        weights = {name: sum(goal.shares[m] for m in part.shares) for name, part in goal.parts.items()}
        each = [
            f"{name} (weight {weights[name]:.2f}) {gain.mean:+.2%}, {gain.low:+.2%} to {gain.high:+.2%}"
            for name, gain in self.compromise.items()
        ]
        return (
            f"On the front of the goals the objective's weights choose the proposal: {'; '.join(each)}." if each else ""
        )

    def gains_of(self, run: Run) -> dict[str, float]:
        """Return how much better than the natural mixture's runs a run is in each goal, as a fraction of theirs."""
        natural = [r for r in self.runs if r.metrics and np.array_equal(r.weights, self.found.natural.weights)]
        level = {name: float(np.mean([goal.of(r.metrics) for r in natural])) for name, goal in self.goals.items()}
        return {n: (level[n] - goal.of(run.metrics)) / (abs(level[n]) or 1.0) for n, goal in self.goals.items()}

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run, search first, then both sides of the confirmation."""
        return (*self.searched, *self.pairs[0], *self.pairs[1])

    @property
    def verdict(self) -> str:
        """The result in a sentence or two."""
        said = confirm.verdict(self.gain)
        return f"{said} It is worse than allowed in {', '.join(self.broken)}." if self.broken else said

    def epochs(self, which: Mixture) -> Array:
        """Return the epochs of each domain in the final run under a mixture."""
        return epochs(which.weights, self.plan.budget_tokens, self.found.domains)


def judge(name: str, found: Found, searched: list[Run], pairs: tuple[list[Run], list[Run]], plan: Plan) -> Outcome:
    """Return the outcome: intervals from the pairs, noise from natural's repeats, and which mixture is chosen.

    Without a detectable gain the natural mixture is chosen (unless the plan says otherwise, or it breaks a limit).
    """
    goal, sides = found.goal, [[_values(runs, m) for m in found.goal.scale] for runs in pairs]
    gain = _gain(goal, pairs, plan.search.confidence)
    gains = {
        m: confirm.paired(a, b, plan.search.confidence) for m, a, b in zip(goal.scale, sides[0], sides[1], strict=True)
    }
    repeats = [r for r in (*searched, *pairs[0]) if np.array_equal(r.weights, found.natural.weights)]
    noise = {m: confirm.noise_floor(_values(repeats, m)) for m in goal.scale}
    signals = {m: confirm.signal(_values(searched, m), _values(repeats, m)) for m in goal.scale}
    keep = plan.search.without_gain == "natural" and found.space.holds(found.natural.weights)
    sides_ = tuple(pairs[0]), tuple(pairs[1])
    result = Outcome(name, found, plan, tuple(searched), sides_, found.proposed, gain, gains, noise, signals)
    return replace(result, chosen=found.natural) if keep and (not gain.low > 0 or result.broken) else result


def _gain(goal: Objective, pairs: Sequence[Sequence[Run]], confidence: float) -> Interval:
    """Return natural − proposed of a composite, as a fraction of natural's mean."""
    values = [np.array([goal.of(r.metrics) for r in runs]) for runs in pairs]
    level = abs(float(np.nanmean(values[0]))) if np.isfinite(values[0]).any() else 1.0
    return confirm.paired(values[0] / (level or 1.0), values[1] / (level or 1.0), confidence)


def with_outlook(outcome: Outcome, nexts: tuple[Next, ...], rows: tuple[LeftOut, ...]) -> Outcome:
    """Return the outcome with the runs to buy next, and with the choices made again without each metric."""
    return replace(outcome, nexts=nexts, left_out=rows)


def _values(runs: Sequence[Run], metric: str) -> Array:
    return np.array([run.metrics.get(metric, np.nan) for run in runs])


def weight_range(outcome: Outcome) -> tuple[Array, Array]:
    """Return each domain's 5th and 95th percentile among the candidates that the runs do not tell from the proposed one."""
    low, high = np.quantile(outcome.found.alike, [0.05, 0.95], axis=0)
    return low, high
