"""The files that a search leaves: tables for SQL, JSON for people and the hand-off, the manifest last."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation import shards
from curation.identity import file_digest
from mixtures import tables
from mixtures.confirm import Interval
from mixtures.domain import Domains
from mixtures.ledger import Run
from mixtures.mixture import by_name, supervised, write_mixture
from mixtures.outcome import Outcome, weight_range
from mixtures.surrogate import Fitted
from mixtures.tables import Table

OBSERVATIONS = pa.schema(
    [
        ("search", pa.string()),
        ("run", pa.int32()),
        ("name", pa.string()),
        ("kind", pa.string()),  # natural, space_filling, expected_improvement or front, top, confirmation
        ("seed", pa.int64()),
        ("metric", pa.string()),
        ("value", pa.float64()),  # lower is better
    ]
)
WEIGHTS = pa.schema([("search", pa.string()), ("run", pa.int32()), ("domain", pa.string()), ("weight", pa.float64())])


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
    outliers = [{"run": searched[row].name, "why": why} for row, why in fitted.outliers.items()]
    return {"chosen": fitted.name, "why": fitted.why, "runs": fitted.runs, "outliers": outliers, "ladder": steps}


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
        "compromise": outcome.why,
        "goals": {
            name: {
                "weight": sum(found.goal.shares[m] for m in goal.shares),
                "metrics": dict(goal.shares),
                "gain": _interval(outcome.compromise[name]),
            }
            for name, goal in found.goal.parts.items()
        },
        "front": [
            {"run": run.name, "gains": outcome.gains_of(run), "weights": by_name(found.domains, run.weights)}
            for run in outcome.front
        ],
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
