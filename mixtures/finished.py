"""The pool of a replay: a finished table, whose rows are its candidates, and a bench that looks them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixtures import tables, transfer
from mixtures.ledger import Run
from mixtures.objective import Objective
from mixtures.surrogate import Fitted
from mixtures.transfer import Measured

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Finished:
    """The rows with every metric of the objective, and what each is worth. As a pool, nothing lies between its rows."""

    domains: tuple[str, ...]
    wide: Array
    metrics: Mapping[str, Array]
    goal: Objective
    left_out: int  # rows without a metric of the objective
    guides: Mapping[str, Fitted] = field(default_factory=dict)  # surrogates of cheaper runs' metrics

    @property
    def value(self) -> Array:
        """The objective of each row."""
        return np.asarray(sum(s * self.metrics[m] / self.goal.scale[m] for m, s in self.goal.shares.items()))

    def near(self, _centre: Array, _turn: int) -> Array:
        """Return nothing: there are no other rows."""
        return self.wide[:0]

    def between(self, best: Array, _anchor: Array) -> Array:
        """Return the best rows themselves."""
        return best


@dataclass(eq=False)
class Lookup:
    """A bench that looks rows up."""

    table: Finished
    runs: list[Run] = field(default_factory=list)

    def ask(self, kind: str, points: Array) -> None:
        """Look the rows of these weights up; of equal rows the first."""
        for point in points:
            row = int(np.flatnonzero((self.table.wide == point).all(axis=1))[0])
            found = {name: float(values[row]) for name, values in self.table.metrics.items()}
            self.runs.append(Run(str(row), kind, 0, point, found))

    @property
    def rows(self) -> list[int]:
        """The rows looked up, in order."""
        return [int(run.name) for run in self.runs]


def read(
    ratios: Sequence[Path], metrics: Sequence[Path], objective: str, scaled: bool, aim: str = "composite"
) -> Finished:
    """Return one pool of pairs of tables; raises ValueError where columns differ, or nothing matches the objective."""
    if len(ratios) != len(metrics):
        raise ValueError(f"{len(ratios)} files of ratios and {len(metrics)} of metrics; expected a pair each")
    pairs = [tables.join(tables.read_ratios(r), tables.read_metrics(m)) for r, m in zip(ratios, metrics, strict=True)]
    domains, names = pairs[0].ratios.columns, pairs[0].metrics.columns
    weights = np.vstack([tables.align(pair.ratios, domains) for pair in pairs])
    values = np.vstack([tables.choose(pair.metrics, names).values for pair in pairs])
    shares = parse(objective, names)
    columns = [names.index(name) for name in shares]
    whole = np.isfinite(values[:, columns]).all(axis=1)
    kept = {name: values[whole, column] for name, column in zip(shares, columns, strict=True)}
    spread = {name: float(column.std()) if scaled else 1.0 for name, column in kept.items()}
    scale = {name: sd if sd > 0 else 1.0 for name, sd in spread.items()}
    parts = {name: Objective({name: 1.0}, scale) for name in shares} if aim == "pareto" else {}
    goal = Objective(shares, scale, parts=parts)
    table = Finished(domains, weights[whole], kept, goal, int((~whole).sum()))
    if not (whole.any() and table.value.std() > 0):
        raise ValueError(
            f"{int(whole.sum())} rows have every metric of the objective, and it is the same in all of them"
        )
    return table


def with_cheap(table: Finished, ratios: Path, metrics: Path) -> Finished:
    """Return the table with the surrogates of cheaper runs; raises ValueError where they share no metric of the objective."""
    cheap = tables.join(tables.read_ratios(ratios, table.domains), tables.read_metrics(metrics))
    shared = {m: cheap.metrics.values[:, k] for k, m in enumerate(cheap.metrics.columns) if m in table.metrics}
    if not shared:
        raise ValueError(f"{metrics} has none of {', '.join(list(table.metrics)[:5])}: cheap runs need the same names")
    measured = Measured(tables.align(cheap.ratios, table.domains), shared)
    return replace(table, guides=transfer.guides(measured, table.domains))


def parse(objective: str, names: Sequence[str]) -> dict[str, float]:
    """Return metric → share of an objective in words: `mean`, a metric, or `a=2,b=1`; raises ValueError naming what is wrong."""
    if objective == "mean":
        return dict.fromkeys(names, 1 / len(names))
    if objective in names:
        return {objective: 1.0}
    given: dict[str, float] = {}
    for part in objective.split(","):
        name, _, weight = part.rpartition("=") if "=" in part else (part, "", "1")
        if name.strip() not in names:
            raise ValueError(f"no metric {name.strip()!r}; expected mean, or some of {', '.join(names)}")
        given[name.strip()] = float(weight)
    total = sum(given.values())
    if not (total > 0 and min(given.values()) >= 0):
        raise ValueError(f"objective {objective!r}: expected weights of at least 0, not all 0")
    return {name: weight / total for name, weight in given.items()}
