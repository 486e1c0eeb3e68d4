"""The search for one mixture: near the natural one first, then where improvement is expected; fresh seeds decide.

The natural mixture is always run, repeated for the noise floor, and confirmed beside the proposal on fresh paired
seeds, so the reported gain carries no winner's curse. Proxies are handed in as a function; a finished run is in the
ledger and is never run twice, whatever kills the search in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation import shards
from curation.identity import code, digest
from mixtures import confirm, files, mixture, outcome, propose, report, rounds, surrogate, swarm, transfer
from mixtures.domain import Domains
from mixtures.ledger import Ledger, Run
from mixtures.limits import Limits, limits
from mixtures.mixture import Mixture
from mixtures.objective import mismatch, objective
from mixtures.outcome import Outcome
from mixtures.plan import Plan, Settings
from mixtures.propose import Model
from mixtures.surrogate import Fitted
from mixtures.transfer import Measured
from mixtures.written import quantise

__all__ = ["Evaluate", "Metrics", "OnDone", "Plan", "Settings", "key", "search"]

Array = NDArray[np.float64]
Metrics = dict[str, float]
OnDone = Callable[[int, Metrics], None]
Evaluate = Callable[[Sequence[tuple[str, Array, int]], OnDone], list[Metrics]]
"""(name, weights in the order of the domains, seed) of each run → its metrics, lower is better; `on_done(i, metrics)`
is called as run i of the batch ends. A run without metrics, or with one that is not finite, counts as failed."""

FRESH = 1_000_003  # confirmation seeds start here, far from those of the search
STEPS = (1.0, 0.75, 0.5, 0.25)  # of the way from the natural mixture to the mean of the best candidates
NEAR = swarm.Spread(least=2.0, most=60.0, temper=1.0)  # candidates close around a mixture


def key(domains: Domains, plan: Plan, proxy: str, folder: Path) -> str:
    """Return the identity of a search: a folder whose manifest has this key needs no run."""
    cheap = [[run.seed, run.weights.tolist(), run.metrics] for run in _cheap_runs(domains, plan, folder)]
    return digest("search", domains.plain(), plan, proxy, cheap, code("mixtures.search"), report.identity())


def _cheap_runs(domains: Domains, plan: Plan, folder: Path) -> list[Run]:
    """Return the finished runs of the search beside this one that search.cheap names; raises ValueError where it has none."""
    if not plan.search.cheap:
        return []
    beside = folder.parent / plan.search.cheap
    if runs := Ledger(beside / "ledger.jsonl", domains.names, "").earlier():
        return runs
    raise ValueError(f"no finished run of these domains in {beside}: search.cheap names a search beside this one")


def _guides(domains: Domains, plan: Plan, folder: Path) -> dict[str, Fitted]:
    """Return the surrogates of the metrics of those runs."""
    runs = _cheap_runs(domains, plan, folder)
    metrics = {metric: None for run in runs for metric in run.metrics}
    return transfer.guides(_measured(runs, metrics), domains.names) if runs else {}


def _measured(runs: Sequence[Run], metrics: Iterable[str]) -> Measured:
    columns = {m: np.array([run.metrics.get(m, np.nan) for run in runs]) for m in metrics}
    return Measured(np.array([run.weights for run in runs]), columns)


def allowed(domains: Domains, plan: Plan) -> Limits:
    """Return the mixtures that the plan allows; raises InfeasibleError where none can be written, before anything is run."""
    goal = plan.search
    space = limits(
        domains, goal.bounds, plan.budget_tokens, plan.epoch_cap, distance=goal.distance, most=goal.most_domains
    )
    quantise(swarm.candidates(space, mixture.natural(domains).weights, 1, plan.swarm.seed)[0], space)
    return space


@dataclass(frozen=True, eq=False)
class _Space:
    """The pool of a search: candidates drawn under its limits."""

    limits: Limits
    wide: Array
    settings: swarm.Settings

    def near(self, centre: Array, turn: int) -> Array:
        return swarm.candidates(self.limits, centre, self.settings.pool // 4, 7919 + turn, NEAR)

    def between(self, best: Array, anchor: Array) -> Array:
        alike = ((best > 0) == (best[0] > 0)).all(axis=1) if self.limits.most < len(anchor) else slice(None)
        top = best[alike].mean(
            axis=0
        )  # the body is convex: a mean of its points obeys it, and so does a step towards one
        steps = STEPS if self.limits.holds(anchor) else STEPS[:1]
        return np.array([quantise(anchor + step * (top - anchor), self.limits) for step in steps])


class _Bench:
    """Runs batches, leaving out what the ledger holds, and keeps the two tables up to date."""

    def __init__(
        self, domains: Domains, plan: Plan, space: Limits, evaluate: Evaluate, folder: Path, proxy: str
    ) -> None:
        self.domains, self.plan, self.limits, self.evaluate, self.folder = domains, plan, space, evaluate, folder
        self.ledger = Ledger(folder / "ledger.jsonl", domains.names, proxy)
        self.runs: list[Run] = self.ledger.earlier() if plan.search.reuse else []

    def ask(self, kind: str, points: Array) -> None:
        """Run mixtures of the search, in written steps, each with a seed of its own."""
        at = len(self.runs)
        written = [quantise(point, self.limits) for point in points]
        label = {"space_filling": "fill", "expected_improvement": "improve"}.get(kind, kind)
        self.run(kind, [(f"{label}-{at + k}", w, self.plan.swarm.seed + at + k) for k, w in enumerate(written)])

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
        files.write_tables(self.folder, self.domains, self.runs)
        return done

    def _note(self, kind: str, job: tuple[str, Array, int], metrics: Metrics) -> None:
        self.ledger.add(Run(job[0], kind, job[2], job[1], metrics), mismatch(metrics, self.plan.search.composites))


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
    report.html. Raises InfeasibleError where the constraints conflict, ValueError where too few runs finish or none of search.cheap.
    """
    space, cheap = allowed(domains, plan), _guides(domains, plan, folder)
    (folder / shards.MANIFEST).unlink(missing_ok=True)
    bench = _Bench(domains, plan, space, evaluate, folder, proxy)
    natural = mixture.natural(domains)
    wide = swarm.candidates(space, natural.weights, plan.swarm.pool, plan.swarm.seed, swarm.Spread(*plan.swarm.spread))
    pool = _Space(space, wide, plan.swarm)
    repeats = range(min(plan.swarm.natural_repeats, plan.swarm.runs - 1))
    bench.run("natural", [(f"natural-{k}", natural.weights, plan.swarm.seed + k) for k in repeats])
    stop = partial(_settled, plan, pool, natural.weights)
    rounds.spend(bench, pool, natural.weights, plan.swarm, partial(_fit, domains, plan, cheap, quick=True), stop)
    model = _fit(domains, plan, cheap, bench.runs)
    searched = list(bench.runs)
    taken = np.array([run.weights for run in searched])
    known, top = propose.candidates(model, pool, natural.weights, taken, plan.swarm.top)
    proposed = Mixture("proposed", propose.careful(model, _final(searched, pool, top, natural.weights)))
    pairs = _confirm(bench, plan, natural, proposed)
    found = outcome.Found(domains, space, natural, proposed, propose.alike(model, known, proposed.weights), model)
    result = outcome.judge(folder.name, found, searched, pairs, plan)

    others = propose.without_each(model, known, plan.swarm.top)
    moved = confirm.left_out(others, top.mean(axis=0), result.signals)
    result = outcome.with_outlook(result, _nexts(model, natural.weights, known, taken, plan.swarm.batch), moved)
    files.write(result, folder)
    shards.write_atomic(folder / "report.html", report.render(result, funnel).encode())
    files.finish(result, folder, key(domains, plan, proxy, folder))
    return result


def _settled(plan: Plan, pool: _Space, anchor: Array, model: Model, best: Array) -> str:
    """Say why more exploring has no use, or nothing."""
    return propose.settled(model, anchor, pool.between(best, anchor), plan.search.hopeless, plan.search.sharp)


def _final(runs: Sequence[Run], pool: _Space, top: Array, natural: Array) -> Array:
    """Return what may be proposed at the end: the mean of the best predicted that were run, as good as they on average.

    Where none was run, or where their mean has too many domains, steps to the mean of the best candidates.
    """
    tried = [r.weights for r in runs if r.kind == "top" and r.metrics and (r.weights != natural).any()]
    mean = np.mean(tried, axis=0) if tried else natural
    if tried and np.count_nonzero(mean) <= pool.limits.most:
        return np.array([quantise(mean, pool.limits)])
    return pool.between(top, natural)


def _nexts(model: Model, natural: Array, known: Array, taken: Array, count: int) -> tuple[outcome.Next, ...]:
    """Return the runs that the search would buy next."""
    points = propose.improve(model, known, taken, count)
    mean, sd = model.predict(np.vstack([natural, points]))
    more = propose.improvement(model, points, taken)
    rows = zip(points, mean[1:], sd[1:], more, strict=True)
    return tuple(
        outcome.Next(w, float(1 - m / mean[0]), float(s / abs(mean[0])), float(e / abs(mean[0]))) for w, m, s, e in rows
    )


def _confirm(bench: _Bench, plan: Plan, natural: Mixture, proposed: Mixture) -> tuple[list[Run], list[Run]]:
    seeds = [plan.swarm.seed + FRESH + k for k in range(plan.swarm.confirm)]
    sides = [[(f"confirm-{m.name}-{k}", m.weights, s) for k, s in enumerate(seeds)] for m in (natural, proposed)]
    runs = bench.run("confirmation", [*sides[0], *sides[1]])
    return runs[: len(seeds)], runs[len(seeds) :]


def _fit(
    domains: Domains, plan: Plan, cheap: Mapping[str, Fitted], runs: Sequence[Run], *, quick: bool = False
) -> Model:
    goal = objective(runs, plan.search)
    seen = _measured(runs, goal.scale)
    if cheap:
        return Model(transfer.guided(seen, cheap, domains.names, quick=quick)[0], goal)
    return Model(surrogate.fit(seen.ratios, seen.metrics, domains.names, quick=quick), goal)
