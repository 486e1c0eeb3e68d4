"""A mixture: the share of total tokens each domain has; and its files.

`ratios.csv` and `metrics.csv` follow olmix's contract: keys `run,name,index`, then one weight column a domain or one
column a metric (lower is better). `mixture.json` is the chosen mixture by domain name, for people and the hand-off.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.shards import write_atomic
from mixtures.domain import Domains

Array = NDArray[np.float64]
KEYS = ("run", "name", "index")
ROUNDING = 0.02  # published tables miss a sum of 1 by rounding; more than this is another unit


@dataclass(frozen=True, eq=False)
class Mixture:
    """A name and one weight a domain, in the order of the domains, summing to 1."""

    name: str
    weights: Array


@dataclass(frozen=True, eq=False)
class Table:
    """One of the two CSV files: a row a run, a column a domain or a metric."""

    runs: tuple[str, ...]
    names: tuple[str, ...]
    columns: tuple[str, ...]
    values: Array  # runs × columns; NaN where a metric is missing


def natural(domains: Domains) -> Mixture:
    """Return the mixture the corpus has by itself: each domain by its tokens."""
    return Mixture("natural", domains.tokens / domains.tokens.sum())


def epochs(weights: Array, budget: int, domains: Domains) -> Array:
    """Return how often each domain's tokens are read when `budget` tokens are drawn with these weights."""
    return weights * budget / domains.tokens


def check(weights: Array, where: str, tolerance: float = ROUNDING) -> Array:
    """Return the rows renormalised to 1; raises ValueError on NaN, a negative weight, or a sum off by more than `tolerance`."""
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"{where}: expected finite weights of at least 0, got {weights[~(weights >= 0)][:3].tolist()}")
    sums = np.atleast_2d(weights).sum(axis=1)
    worst = sums[np.argmax(abs(sums - 1))] if len(sums) else 1.0
    if abs(worst - 1) > tolerance:
        raise ValueError(f"{where}: expected weights that sum to 1, got {worst:.4f}; give shares of total tokens")
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float64)


def write_table(path: Path, table: Table) -> None:
    """Write ratios.csv or metrics.csv; numbers keep all their digits, a missing metric is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*KEYS, *table.columns])
    for index, (run, name, row) in enumerate(zip(table.runs, table.names, table.values.tolist(), strict=True)):
        writer.writerow([run, name, index, *("" if math.isnan(v) else repr(v) for v in row)])
    write_atomic(path, text.getvalue().encode())


def read_ratios(path: Path) -> Table:
    """Return the weights of a ratios.csv, renormalised; raises ValueError where they are not shares."""
    table = _read(path)
    return Table(table.runs, table.names, table.columns, check(table.values, str(path)))


def read_metrics(path: Path) -> Table:
    """Return the metrics of a metrics.csv; empty cells are NaN."""
    return _read(path)


def _read(path: Path) -> Table:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        header, *rows = list(csv.reader(handle)) or [[]]
    keys = [c for c in KEYS if c in header]
    if not keys:
        raise ValueError(f"{path}: expected a key column run, name or index, got {header[:4]}")
    columns = [c for c in header if c and c not in KEYS]
    if len(set(columns)) != len(columns):
        raise ValueError(f"{path}: a column is named twice")
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(f"{path} line {line}: expected {len(header)} cells as in the header, got {len(row)}")
    at = [header.index(c) for c in columns]
    values = [[_number(row[i], path, line) for i in at] for line, row in enumerate(rows, start=2)]
    runs = tuple(row[header.index(keys[0])] for row in rows)
    names = tuple(row[header.index("name" if "name" in keys else keys[0])] for row in rows)
    return Table(runs, names, tuple(columns), np.array(values, dtype=np.float64).reshape(len(rows), len(columns)))


def _number(cell: str, path: Path, line: int) -> float:
    if not cell.strip():
        return math.nan
    try:
        return float(cell)
    except ValueError:
        raise ValueError(f"{path} line {line}: expected a number, got {cell!r:.60}") from None


def by_name(domains: Domains, values: Array) -> dict[str, float]:
    """Return domain name → value."""
    return dict(zip(domains.names, values.tolist(), strict=True))


def write_mixture(path: Path, mixture: Mixture, domains: Domains, budget: int, provenance: Mapping[str, Any]) -> None:
    """Write mixture.json: name, budget_tokens, weights and epochs by domain name, provenance."""
    content = {
        "name": mixture.name,
        "budget_tokens": budget,
        "weights": by_name(domains, mixture.weights),
        "epochs": by_name(domains, epochs(mixture.weights, budget, domains)),
        "provenance": provenance,
    }
    write_atomic(path, (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_mixture(path: Path, names: Sequence[str]) -> Mixture:
    """Return a mixture.json's weights in the order of `names`; a domain it does not name has weight 0.

    Raises ValueError where it weighs a domain that is not among `names`, or its weights do not sum to 1.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    given = content.get("weights")
    if not isinstance(given, dict) or not given:
        raise ValueError(f"{path}: expected an object `weights` of domain → share, got {type(given).__name__}")
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ValueError(f"{path}: no domain {unknown[0]!r} in this corpus; its domains are {', '.join(names)}")
    weights = np.array([given.get(name, 0.0) for name in names], dtype=np.float64)
    return Mixture(str(content.get("name", path.stem)), check(weights, str(path), 1e-6))
