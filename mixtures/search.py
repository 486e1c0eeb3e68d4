"""The search for one mixture: half of the runs fill space, the rest go where improvement is expected, fresh seeds decide.

The natural mixture is always run, repeated for the noise floor, and confirmed beside the proposal on fresh paired
seeds, so the reported gain carries no winner's curse. Proxies are handed in as a function; a finished run is in the
ledger and is never run twice, whatever kills the search in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from curation import shards
from curation.identity import code, digest
from mixtures import confirm, mixture, outcome, propose, report, surrogate, swarm
from mixtures.domain import Domains
from mixtures.ledger import Ledger, Run
from mixtures.limits import Bound, Limits, limits, quantise
from mixtures.mixture import Mixture
from mixtures.objective import Objective, objective
from mixtures.outcome import Outcome
from mixtures.swarm import Settings as Swarm

Array = NDArray[np.float64]
Metrics = dict[str, float]
OnDone = Callable[[int, Metrics], None]
Evaluate = Callable[[Sequence[tuple[str, Array, int]], OnDone], list[Metrics]]
"""(name, weights in the order of the domains, seed) of each run → its metrics, lower is better; `on_done(i, metrics)`
is called as run i of the batch ends. A run without metrics, or with one that is not finite, counts as failed."""

FRESH = 1_000_003  # confirmation seeds start here, far from those of the search


class Settings(BaseModel):
    """What is searched for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(
        "search", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="the search lies in <root>/search/<name>/"
    )
    objective: tuple[tuple[str, float], ...] = Field(
        (("loss/*", 1.0),), description="metric glob → weight in the composite"
    )
    bounds: tuple[Bound, ...] = Field((), description="floors and ceilings of domains and groups of domains")
    confidence: float = Field(0.9, gt=0.5, lt=1, description="of the interval on the gain")
    without_gain: Literal["natural", "proposed"] = Field(
        "natural", description="what is chosen when no gain is detectable"
    )


class Plan(BaseModel):
    """What is searched for, how the runs are spent, and what the final run allows."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    search: Settings = Settings()
    swarm: Swarm = Swarm()
    budget_tokens: int = Field(gt=0, description="tokens of the final run: sets supply and epochs")
    epoch_cap: float = Field(4.0, gt=0, description="most epochs of a domain in the final run")


def key(domains: Domains, plan: Plan, proxy: str) -> str:
    """Return the identity of a search: a folder whose manifest has this key needs no run."""
    return digest("search", domains.plain(), plan, proxy, code("mixtures.search"), report.identity())


class _Bench:
    """Runs batches, leaving out what the ledger holds, and keeps the two tables up to date."""

    def __init__(self, domains: Domains, evaluate: Evaluate, folder: Path, proxy: str) -> None:
        self.domains, self.evaluate, self.folder = domains, evaluate, folder
        self.ledger = Ledger(folder / "ledger.jsonl", domains.names, proxy)
        self.runs: list[Run] = []

    def run(self, kind: str, named: Sequence[tuple[str, Array, int]]) -> list[Run]:
        todo = [job for job in named if self.ledger.find(job[1], job[2]) is None]
        if todo:
            results = self.evaluate(todo, lambda i, metrics: self._note(kind, todo[i], metrics))
            if len(results) != len(todo):
                raise ValueError(f"the proxies returned {len(results)} results for {len(todo)} runs")
            for job, metrics in zip(todo, results, strict=True):
                if self.ledger.find(job[1], job[2]) is None:
                    self._note(kind, job, metrics)
        done = [Run(name, kind, seed, w, self.ledger.find(w, seed) or {}) for name, w, seed in named]
        self.runs += done
        outcome.write_tables(self.folder, self.domains, self.runs)
        return done

    def _note(self, kind: str, job: tuple[str, Array, int], metrics: Metrics) -> None:
        self.ledger.add(Run(job[0], kind, job[2], job[1], metrics))


def search(
    domains: Domains,
    plan: Plan,
    evaluate: Evaluate,
    folder: Path,
    proxy: str,
    funnel: Sequence[tuple[str, int, int, int]] | None = None,
) -> Outcome:
    """Search, confirm, and write everything into `folder`, manifest last; `proxy` is the identity of the proxies.

    Writes ratios.csv, metrics.csv, ledger.jsonl, mixture.json, surrogates.json, observations.parquet, weights.parquet and
    report.html. Raises InfeasibleError where the constraints conflict, ValueError where too few runs finish.
    """
    space = limits(domains, plan.search.bounds, plan.budget_tokens, plan.epoch_cap)
    (folder / shards.MANIFEST).unlink(missing_ok=True)
    bench = _Bench(domains, evaluate, folder, proxy)
    natural = mixture.natural(domains)
    wide = swarm.candidates(space, natural.weights, plan.swarm.pool, plan.swarm.seed, _spread(plan))
    _fill(bench, plan, space, natural, wide)
    while (left := plan.swarm.runs - len(bench.runs)) > 0:
        _improve(bench, plan, space, wide, min(plan.swarm.batch, left))
    searched = list(bench.runs)
    fitted, goal = _fit(searched, domains, plan)
    pool = propose.Pool(plan.swarm.pool, plan.swarm.top)
    known, top = propose.best(fitted, goal, wide, space, pool)
    proposed = Mixture("proposed", quantise(top.mean(axis=0), space))
    pairs = _confirm(bench, plan, natural, proposed)
    found = outcome.Found(domains, space, natural, proposed, top, fitted, goal)
    result = outcome.judge(folder.name, found, searched, pairs, plan)

    others = propose.without_each(fitted, goal, known, pool.top)
    result = outcome.with_left_out(result, confirm.left_out(others, top.mean(axis=0), result.signals))
    outcome.write(result, folder)
    shards.write_atomic(folder / "report.html", report.render(result, funnel).encode())
    outcome.finish(result, folder, key(domains, plan, proxy))
    return result


def _spread(plan: Plan) -> swarm.Spread:
    return swarm.Spread(*plan.swarm.spread)


def _fill(bench: _Bench, plan: Plan, space: Limits, natural: Mixture, wide: Array) -> None:
    repeats = min(plan.swarm.natural_repeats, plan.swarm.runs - 1)
    first = max(repeats + 1, round(plan.swarm.runs * plan.swarm.first))
    points = swarm.fill(wide, natural.weights, first - repeats, plan.swarm.seed)
    jobs = [(f"natural-{k}", natural.weights, plan.swarm.seed + k) for k in range(repeats)]
    fills = [(f"fill-{k}", w, plan.swarm.seed + k) for k, w in enumerate(propose.written(points, space), start=repeats)]
    bench.run("natural", jobs)
    bench.run("space_filling", fills)


def _improve(bench: _Bench, plan: Plan, space: Limits, wide: Array, count: int) -> None:
    fitted, goal = _fit(bench.runs, bench.domains, plan)
    taken = np.array([run.weights for run in bench.runs])
    at = len(bench.runs)
    if propose.informative(fitted, goal):
        known, _ = propose.best(fitted, goal, wide, space, propose.Pool(plan.swarm.pool, plan.swarm.top))
        points, kind = propose.improve(fitted, goal, known, taken, count), "expected_improvement"
    else:  # nothing beats the mean yet: more space is worth more than a guess
        points, kind = swarm.fill(wide, taken, count, plan.swarm.seed + at), "space_filling"
    label = "improve" if kind == "expected_improvement" else "fill"
    written = propose.written(points, space)
    bench.run(kind, [(f"{label}-{k}", w, plan.swarm.seed + k) for k, w in enumerate(written, start=at)])


def _confirm(bench: _Bench, plan: Plan, natural: Mixture, proposed: Mixture) -> tuple[list[Run], list[Run]]:
    seeds = [plan.swarm.seed + FRESH + k for k in range(plan.swarm.confirm)]
    sides = [[(f"confirm-{m.name}-{k}", m.weights, s) for k, s in enumerate(seeds)] for m in (natural, proposed)]
    runs = bench.run("confirmation", [*sides[0], *sides[1]])
    return runs[: len(seeds)], runs[len(seeds) :]


def _fit(runs: Sequence[Run], domains: Domains, plan: Plan) -> tuple[dict[str, surrogate.Fitted], Objective]:
    goal = objective(runs, plan.search.objective)
    ratios = np.array([run.weights for run in runs])
    columns = {m: np.array([run.metrics.get(m, np.nan) for run in runs]) for m in goal.scale}
    return surrogate.fit(ratios, columns, domains.names), goal
