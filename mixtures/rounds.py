"""How the runs of a search are spent, round by round: the same loop over new candidates and over a finished table.

A few runs near the anchor, then batches by expected improvement (of the composite, or along the front of several goals),
then the best predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixtures import pareto, propose, swarm
from mixtures.ledger import Run
from mixtures.propose import Model, Pool

Array = NDArray[np.float64]
Fit = Callable[[Sequence[Run]], Model]
Stop = Callable[[Model, Array], str]


class Bench(Protocol):
    """What runs mixtures and remembers them."""

    runs: list[Run]

    def ask(self, kind: str, points: Array) -> None:
        """Run these mixtures and append them to `runs`, failed ones too."""
        ...


def spend(bench: Bench, pool: Pool, anchor: Array, settings: swarm.Settings, fit: Fit, stop: Stop) -> None:
    """Spend `settings.runs`, counting those the bench has already.

    Ends early where the pool holds no further mixture. `stop(model, best candidates)` may say HOPELESS, which ends it too, or
    SHARP, which goes on to the best predicted at once.
    """
    first, last = round(settings.runs * settings.first), settings.runs - round(settings.runs * settings.finals)
    if (count := max(first, 1) - len(bench.runs)) > 0:
        points = propose.start(pool.wide, anchor, _taken(bench), count, settings.seed)
        bench.ask("space_filling", points)
    end = settings.runs
    while (at := len(bench.runs)) < end:
        model = fit(bench.runs)
        taken = _taken(bench)
        known, best = propose.candidates(model, pool, anchor, taken, settings.top)
        if (said := stop(model, best)) == propose.HOPELESS:
            break
        if said == propose.SHARP and at < last:
            end, last = end - (last - at), at
        count = min(settings.batch, (last if at < last else end) - at)
        if not model.informative:  # nothing beats the mean yet: more space is worth more than a guess
            kind, points = "space_filling", swarm.fill(pool.wide, taken, count, settings.seed + at)
        elif at < last:
            if model.goal.parts:
                kind, points = "front", pareto.along(model, pool, anchor, taken, count, settings.seed + at)
            else:
                kind, points = "expected_improvement", propose.improve(model, known, taken, count)
        else:
            kind, points = "top", propose.exploit(model, pool.between(best, anchor), taken, count)
        if not len(points):
            break
        bench.ask(kind, points)


def _taken(bench: Bench) -> Array:
    return np.array([run.weights for run in bench.runs])
