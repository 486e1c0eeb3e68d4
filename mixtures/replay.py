"""Replays a search over a finished table: the candidates are its rows, and a run is looking a row up.

    python -m mixtures.replay --ratios R.csv --metrics M.csv --objective mean --budget 32 --batch 4 --seeds 16

The search is the one that `mixtures.search` runs (`rounds.spend`), only its pool is another. Beside it, at the same budget:
random rows, and one-shot searches that spend the same last part of the runs on the best rows that one fit predicts. Every
method keeps the best row it has looked up. Regret: that row's objective minus the best of the table, in standard
deviations of the objective over the table. With `--aim pareto` every metric of the objective is a goal, and the regret is the
part that the rows looked up miss of the hypervolume of the table's front.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mixtures import gp, pareto, rounds, surrogate, swarm, transfer
from mixtures.finished import Finished, Lookup, read, with_cheap
from mixtures.ledger import Run
from mixtures.propose import Model
from mixtures.transfer import Measured, Transfer

Array = NDArray[np.float64]
REGMIX = {"objective": "regression", "num_iterations": 1000, "learning_rate": 1e-2, "seed": 42, "verbosity": -1}
"""LightGBM as sail-sg/regmix fits it (regression_fitting notebook), without its early stop on the test table."""


def ours(table: Finished, settings: swarm.Settings) -> list[int]:
    """Return the rows that the search looks up."""
    bench = Lookup(table)
    anchor = table.wide.mean(axis=0)  # where no natural mixture is known, the middle of what was run
    rounds.spend(bench, table, anchor, settings, partial(_fit, table), lambda _model, _best: "")
    return bench.rows


def composite(table: Finished, settings: swarm.Settings) -> list[int]:
    """Return the rows that the search looks up where it minds the goals' sum alone."""
    return ours(replace(table, goal=replace(table.goal, parts={})), settings)


def unguided(table: Finished, settings: swarm.Settings) -> list[int]:
    """Return the rows that the search looks up where it knows no cheaper runs."""
    return ours(replace(table, guides={}), settings)


def guided(table: Finished, rows: Sequence[int]) -> dict[str, Transfer]:
    """Return what becomes of the cheaper runs once these rows are known."""
    columns = {name: values[list(rows)] for name, values in table.metrics.items()}
    return transfer.guided(Measured(table.wide[list(rows)], columns), table.guides, table.domains, quick=True)[1]


def _fit(table: Finished, runs: Sequence[Run]) -> Model:
    weights = np.array([run.weights for run in runs])
    columns = {name: np.array([run.metrics[name] for run in runs]) for name in table.goal.shares}
    if table.guides:
        return Model(
            transfer.guided(Measured(weights, columns), table.guides, table.domains, quick=True)[0], table.goal
        )
    return Model(surrogate.fit(weights, columns, table.domains, quick=True), table.goal)


Predict = Callable[[Array, Array, Array], Array]
"""(weights and objective of the runs, weights of the table) → prediction for the table."""


def one_shot(predict: Predict, table: Finished, settings: swarm.Settings) -> list[int]:
    """Return random rows, then the best predicted of all the others; equal predictions in random order."""
    rng = np.random.default_rng(settings.seed)
    last = max(1, round(settings.runs * settings.finals))
    order = rng.permutation(len(table.wide))
    first, rest = order[: settings.runs - last], order[settings.runs - last :]
    score = predict(table.wide[first], table.value[first], table.wide[rest])
    return [*map(int, first), *map(int, rest[np.argsort(score, kind="stable")[:last]])]


def random(table: Finished, settings: swarm.Settings) -> list[int]:
    """Return random rows."""
    return list(map(int, np.random.default_rng(settings.seed).permutation(len(table.wide))[: settings.runs]))


def regmix(weights: Array, values: Array, pool: Array) -> Array:
    """Predict with RegMix's LightGBM, fitted to the objective."""
    import lightgbm

    data = lightgbm.Dataset(np.ascontiguousarray(weights), values)
    rounds_ = {"num_threads": 1, "deterministic": True}
    return np.asarray(lightgbm.train({**REGMIX, **rounds_}, data).predict(pool))


def process(weights: Array, values: Array, pool: Array) -> Array:
    """Predict with one Gaussian process in √w, fitted to the objective."""
    return gp.Process(weights, values, "root", each=False).predict(pool)[0]


Method = Callable[[Finished, swarm.Settings], list[int]]
METHODS: dict[str, Method] = {
    "random": random,
    "RegMix, one shot": partial(one_shot, regmix),
    "GP, one shot": partial(one_shot, process),
    "Cuvée": ours,
    "composite": composite,
    "unguided": unguided,
}
RIVALS = ("random", "RegMix, one shot", "GP, one shot")


def regret(table: Finished, rows: Sequence[int]) -> float:
    """Return how far the best of these rows is above the best of the table, in sd, or what they miss of the front's volume."""
    value = table.value
    if table.goal.parts:
        values = np.column_stack([table.metrics[m] for m in table.goal.parts])
        ends, some = values[pareto.front(values)], values[list(rows)]
        worst = ends.max(axis=0) + 0.1 * np.ptp(ends, axis=0)  # beyond the front's worst, so that its ends count
        return 1 - pareto.volume(some[pareto.front(some)], worst) / pareto.volume(ends, worst)
    return float((value[list(rows)].min() - value.min()) / value.std())


def _one(table: Finished, job: tuple[str, swarm.Settings]) -> float:
    with threadpool_limits(limits=1):
        return regret(table, METHODS[job[0]](table, job[1]))


def replay(
    table: Finished, plans: Mapping[str, tuple[str, swarm.Settings]], seeds: int, workers: int
) -> dict[str, Array]:
    """Return each plan's regret by seed; a plan is a label with its method and settings."""
    jobs = [(m, s.model_copy(update={"seed": seed})) for m, s in plans.values() for seed in range(seeds)]
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            found = list(pool.map(partial(_one, table), jobs))
    else:
        found = [_one(table, job) for job in jobs]
    return {label: np.array(found[k * seeds : (k + 1) * seeds]) for k, label in enumerate(plans)}


def plans(
    budget: int, batch: int, aim: str = "composite", *, cheap: bool = False
) -> dict[str, tuple[str, swarm.Settings]]:
    """Return what is compared at this budget: rivals and the search, with its own batches too where another was asked."""
    default = swarm.Settings(runs=budget)
    asked = default.model_copy(update={"batch": min(batch, budget)})
    if aim == "pareto":
        return {
            "random": ("random", asked),
            "Cuvée, the composite": ("composite", asked),
            "Cuvée, along the front": ("Cuvée", asked),
        }
    found = {name: (name, asked) for name in RIVALS}
    found[f"Cuvée, batches of {asked.batch}"] = ("Cuvée", asked)
    if cheap:
        found[f"Cuvée, batches of {asked.batch}, no cheap runs"] = ("unguided", asked)
    if asked != default:
        found[f"Cuvée, its defaults: batches of {default.batch}"] = ("Cuvée", default)
    return found


def shown(table: Finished, budget: int, found: Mapping[str, Array]) -> str:
    """Return the table of regrets in words."""
    seeds = len(next(iter(found.values())))
    sd = f"in sd of the objective over the table ({table.value.std():.4g})"
    lines = [
        f"{len(table.wide)} rows, {len(table.domains)} domains, {len(table.goal.shares)} metrics in the objective"
        + (f"; {table.left_out} rows without one of them left out" if table.left_out else ""),
        f"regret after {budget} runs, {'part of the hypervolume missed' if table.goal.parts else sd}; {seeds} seeds",
        f"{'':<36}{'mean':>8}{'sd':>8}{'median':>8}{'worst':>8}{'hits':>6}",
    ]
    for label, r in found.items():
        figures = f"{r.mean():>8.3f}{r.std():>8.3f}{np.median(r):>8.3f}{r.max():>8.3f}{int((r <= 1e-12).sum()):>6}"
        lines.append(f"{label:<36}{figures}")
    return "\n".join([*lines, "hits: seeds that found the best row of all, or the whole front"])


def arguments() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m mixtures.replay", description=__doc__.split("\n", maxsplit=1)[0])
    many = "; several, as repeated flags or after commas, make one pool"
    parser.add_argument("--ratios", action="append", required=True, help="CSV of weights a run" + many)
    parser.add_argument(
        "--metrics", action="append", required=True, help="CSV of metrics a run, lower is better" + many
    )
    words = "mean (of all metrics), the name of one, or names with weights: a=2,b=1"
    parser.add_argument("--objective", default="mean", help=words)
    parser.add_argument("--aim", choices=("composite", "pareto"), default="composite", help="as search.aim")
    more = ", of cheaper proxies (a smaller model, fewer tokens) in the same domains, to start from if they rank alike"
    parser.add_argument("--cheap-ratios", type=Path, help="CSV of weights a run" + more)
    parser.add_argument("--cheap-metrics", type=Path, help="CSV of their metrics, under the same names")
    parser.add_argument("--scaled", action="store_true", help="divide each metric by its sd over the table first")
    parser.add_argument(
        "--budget", type=int, default=32, help="runs, the search's last ones on the best predicted included"
    )
    parser.add_argument("--batch", type=int, default=4, help="runs chosen at once")
    parser.add_argument("--seeds", type=int, default=16, help="replays, each with its own seed")
    parser.add_argument("--workers", type=int, default=1, help="processes at a time")
    return parser


def _check(given: argparse.Namespace, table: Finished) -> None:
    rows = len(table.wide)
    if (given.cheap_ratios is None) != (given.cheap_metrics is None):
        raise ValueError("--cheap-ratios and --cheap-metrics go together")
    if given.aim == "pareto" and len(table.goal.parts) < 2:
        raise ValueError("expected two metrics or more in the objective of --aim pareto")
    if not 6 <= given.budget <= rows:
        raise ValueError(f"expected a budget from 6 to the table's {rows} rows, got {given.budget}")
    if min(given.batch, given.seeds, given.workers) < 1:
        raise ValueError("expected a batch, seeds and workers of at least 1")


def main() -> int:
    """Read, replay, print; returns the exit code: 2 where the tables or the objective cannot be used."""
    given = arguments().parse_args()
    paths = [[Path(p) for flag in flags for p in flag.split(",")] for flags in (given.ratios, given.metrics)]
    try:
        table = read(paths[0], paths[1], given.objective, given.scaled, given.aim)
        _check(given, table)
        if given.cheap_ratios:
            table = with_cheap(table, given.cheap_ratios, given.cheap_metrics)
    except (OSError, ValueError) as error:
        print(f"replay: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return 2
    asked = plans(given.budget, given.batch, given.aim, cheap=bool(table.guides))
    found = replay(table, asked, given.seeds, given.workers)
    print(shown(table, given.budget, found))  # noqa: T201 - a command's output
    if table.guides:
        rows = ours(table, swarm.Settings(runs=given.budget, batch=min(given.batch, given.budget)))
        for metric, told in guided(table, rows).items():
            print(f"{metric}: cheap runs {told.why}")  # noqa: T201 - a command's output
    return 0


if __name__ == "__main__":
    sys.exit(main())
