"""What a search found, and the files it leaves: tables for SQL, JSON for people and the hand-off, the manifest last."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation import shards
from curation.identity import file_digest
from mixtures import confirm, tables
from mixtures.confirm import Interval, LeftOut
from mixtures.domain import Domains
from mixtures.ledger import Run
from mixtures.limits import Limits
from mixtures.mixture import Mixture, by_name, epochs, supervised, write_mixture
from mixtures.objective import Objective
from mixtures.plan import Plan
from mixtures.propose import Model
from mixtures.surrogate import Fitted
from mixtures.tables import Table

Array = NDArray[np.float64]

OBSERVATIONS = pa.schema(
    [
        ("search", pa.string()),
        ("run", pa.int32()),
        ("name", pa.string()),
        ("kind", pa.string()),  # natural, space_filling, expected_improvement, confirmation
        ("seed", pa.int64()),
        ("metric", pa.string()),
        ("value", pa.float64()),  # lower is better
    ]
)
WEIGHTS = pa.schema([("search", pa.string()), ("run", pa.int32()), ("domain", pa.string()), ("weight", pa.float64())])


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
    def front(self) -> tuple[Run, ...]:
        """The search's runs that no other run beats in one metric of the objective without losing another."""
        metrics = list(self.found.goal.shares)
        whole = [run for run in self.searched if all(m in run.metrics for m in metrics)]
        values = np.array([[run.metrics[m] for m in metrics] for run in whole])
        return tuple(run for run, keep in zip(whole, confirm.front(values), strict=True) if keep)

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
    level = float(np.nanmean([goal.of(r.metrics) for r in pairs[0]] or [1.0]))
    composite = [np.array([goal.of(r.metrics) for r in runs]) / abs(level or 1.0) for runs in pairs]
    gain = confirm.paired(composite[0], composite[1], plan.search.confidence)
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


def with_outlook(outcome: Outcome, nexts: tuple[Next, ...], rows: tuple[LeftOut, ...]) -> Outcome:
    """Return the outcome with the runs to buy next, and with the choices made again without each metric."""
    return replace(outcome, nexts=nexts, left_out=rows)


def _values(runs: Sequence[Run], metric: str) -> Array:
    return np.array([run.metrics.get(metric, np.nan) for run in runs])


def write_tables(folder: Path, domains: Domains, runs: Sequence[Run]) -> None:
    """Write ratios.csv and metrics.csv of the runs so far; a failed run has empty metrics."""
    ids = tuple(str(number) for number in range(len(runs)))
    keys = {"run": ids, "name": tuple(run.name for run in runs), "index": ids}
    metrics = tuple(sorted({metric for run in runs for metric in run.metrics}))
    values = np.array([[run.metrics.get(m, math.nan) for m in metrics] for run in runs])
    weights = np.array([run.weights for run in runs])
    tables.write(folder / "ratios.csv", Table(keys, domains.names, weights))
    tables.write(folder / "metrics.csv", Table(keys, metrics, values.reshape(len(runs), len(metrics))))


def write(outcome: Outcome, folder: Path) -> None:
    """Write everything but the report and the manifest."""
    write_tables(folder, outcome.found.domains, outcome.runs)
    _write_json(
        folder / "surrogates.json", {m: _surrogate(f, outcome.searched) for m, f in outcome.found.fitted.items()}
    )
    budget, domains = outcome.plan.budget_tokens, outcome.found.domains
    write_mixture(folder / "mixture.json", outcome.chosen, domains, budget, _provenance(outcome))
    shards.write_shard(folder / "observations.parquet", _observations(outcome), outcome.name)
    shards.write_shard(folder / "weights.parquet", _weights(outcome), outcome.name)


def finish(outcome: Outcome, folder: Path, key: str) -> None:
    """Write the manifest, which alone says that the folder is finished."""
    files = [shards.Shard(file=f, rows=n, digest=file_digest(folder / f)) for f, n in _files(outcome)]
    facts: dict[str, int | float | str] = {
        "verdict": outcome.verdict,
        "chosen": outcome.chosen.name,
        "gain": outcome.gain.mean,
        "gain_low": outcome.gain.low,
        "gain_high": outcome.gain.high,
        "runs": len(outcome.runs),
        "failed": sum(not run.metrics for run in outcome.runs),
    }
    manifest = shards.Manifest(stage="search", source=outcome.name, key=key, shards=files, facts=facts)
    _write_json(folder / shards.MANIFEST, manifest.model_dump(mode="json"))


def _files(outcome: Outcome) -> list[tuple[str, int]]:
    runs = outcome.runs
    observed, weighed = sum(len(run.metrics) for run in runs), len(runs) * len(outcome.found.domains.names)
    rows = {
        "observations.parquet": observed,
        "weights.parquet": weighed,
        "ratios.csv": len(runs),
        "metrics.csv": len(runs),
    }
    return [*rows.items(), ("mixture.json", 1), ("surrogates.json", len(outcome.found.fitted)), ("report.html", 1)]


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    shards.write_atomic(path, text.encode())


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _interval(interval: Interval) -> dict[str, float | int]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "pairs": interval.pairs, "confidence": interval.confidence}  # fmt: skip


def _surrogate(fitted: Fitted, searched: Sequence[Run]) -> dict[str, Any]:
    steps = [{"name": s.name, "cv_error": _finite(s.cv_error), "cv_rank": _finite(s.cv_rank)} for s in fitted.table]
    outliers = [searched[row].name for row in fitted.outliers]
    return {"chosen": fitted.name, "why": fitted.why, "runs": fitted.runs, "outliers": outliers, "ladder": steps}


def weight_range(outcome: Outcome) -> tuple[Array, Array]:
    """Return each domain's 5th and 95th percentile among the candidates that the runs do not tell from the proposed one."""
    low, high = np.quantile(outcome.found.alike, [0.05, 0.95], axis=0)
    return low, high


def _provenance(outcome: Outcome) -> dict[str, Any]:
    found = outcome.found
    low, high = weight_range(outcome)
    return {
        "search": outcome.name,
        "verdict": outcome.verdict,
        "gain": {**_interval(outcome.gain), "unit": "fraction of the natural mixture's composite"},
        "natural": by_name(found.domains, found.natural.weights),
        "natural_epochs": by_name(found.domains, outcome.epochs(found.natural)),
        "proposed": by_name(found.domains, found.proposed.weights),
        "proposed_low": by_name(found.domains, low),
        "proposed_high": by_name(found.domains, high),
        "objective": dict(found.goal.shares),
        "scale": dict(found.goal.scale),
        "guards": dict(found.goal.guards),
        "broken_guards": list(outcome.broken),
        "supervised_natural": by_name(found.domains, supervised(found.domains, found.natural.weights)),
        "supervised": by_name(found.domains, supervised(found.domains, outcome.chosen.weights)),
        "next_runs": [
            {"weights": by_name(found.domains, n.weights), "gain": n.gain, "sd": n.sd, "improvement": n.improvement}
            for n in outcome.nexts
        ],
        "planner": [{"more_pairs": k, "runs": 2 * k, "half_interval": half} for k, half in outcome.planner],
        "pareto_runs": [run.name for run in outcome.front],
        "plan": outcome.plan.model_dump(mode="json"),
        "runs": len(outcome.runs),
    }


def _observations(outcome: Outcome) -> pa.Table:
    rows = [
        (outcome.name, number, run.name, run.kind, run.seed, metric, value)
        for number, run in enumerate(outcome.runs)
        for metric, value in sorted(run.metrics.items())
    ]
    columns = list(zip(*rows, strict=True))
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, OBSERVATIONS, strict=True)], schema=OBSERVATIONS)


def _weights(outcome: Outcome) -> pa.Table:
    names, runs = outcome.found.domains.names, outcome.runs
    return pa.table(
        {
            "search": pa.array([outcome.name] * (len(runs) * len(names)), pa.string()),
            "run": pa.array(np.repeat(np.arange(len(runs), dtype=np.int32), len(names))),
            "domain": pa.array(list(names) * len(runs), pa.string()),
            "weight": pa.array(np.concatenate([run.weights for run in runs])),
        },
        schema=WEIGHTS,
    )
