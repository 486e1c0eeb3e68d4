"""Fit surrogates to finished runs and predict others.

    python -m mixtures.fit --ratios R.csv --metrics M.csv --test-ratios T.csv --out P.csv [--metric NAME …]
                           [--cheap-ratios CR.csv --cheap-metrics CM.csv]

Tables after olmix's contract (see mixtures/tables.py), lower is better. P.csv has the key columns of T, then `<metric>`
and `<metric>_sd` for every metric: the mean, and the sd of one more *run* there, its noise included, so that mean ± 1.645
sd is a 90 % interval for what a run of that mixture measures. Exit 0, or 2 with a sentence where the tables are refused.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixtures import surrogate, tables, transfer
from mixtures.surrogate import CONSTANT, Fitted
from mixtures.tables import Joined, Table

Array = NDArray[np.float64]


def main(words: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    given = _arguments().parse_args(words)
    if (given.cheap_ratios is None) != (given.cheap_metrics is None):
        _arguments().error("--cheap-ratios and --cheap-metrics go together")
    try:
        _run(given)
    except (ValueError, OSError) as error:
        print(f"refused: {error}", file=sys.stderr)
        return 2
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m mixtures.fit", description="Fit surrogates to finished runs, predict others."
    )
    parser.add_argument("--ratios", type=Path, required=True, help="weights of the finished runs, a column a domain")
    parser.add_argument("--metrics", type=Path, required=True, help="their metrics, lower is better, a column a metric")
    parser.add_argument("--test-ratios", type=Path, required=True, help="weights of the mixtures to predict")
    parser.add_argument("--out", type=Path, required=True, help="where the predictions are written")
    parser.add_argument("--metric", nargs="+", action="extend", default=[], help="fit these only (all by default)")
    parser.add_argument("--cheap-ratios", type=Path, help="weights of cheaper runs that may inform the fit")
    parser.add_argument("--cheap-metrics", type=Path, help="their metrics, under the same names")
    return parser


def _run(given: argparse.Namespace) -> None:
    joined = tables.join(tables.read_ratios(given.ratios), tables.read_metrics(given.metrics))
    names = joined.ratios.columns
    test = tables.read_ratios(given.test_ratios, names)
    points = tables.align(test, names)
    metrics = _columns(tables.choose(joined.metrics, given.metric))
    if joined.unmeasured:
        print(f"{len(joined.unmeasured)} runs have no metrics and are left out: {', '.join(joined.unmeasured[:5])} …\n")
    empty = [name for name, values in metrics.items() if not np.isfinite(values).any()]
    if empty:
        raise ValueError(
            f"{joined.metrics.where}: no run has a value of {', '.join(map(repr, empty[:5]))}; name the others by --metric"
        )
    if given.cheap_ratios is None:
        fitted = surrogate.fit(joined.ratios.values, metrics, names)
    else:
        cheap = tables.join(tables.read_ratios(given.cheap_ratios), tables.read_metrics(given.cheap_metrics))
        measured = transfer.Measured(tables.align(cheap.ratios, names), _columns(cheap.metrics))
        fitted, _ = transfer.fit(transfer.Measured(joined.ratios.values, metrics), measured, names)
    tables.write(given.out, predictions(fitted, test, points))
    for found in fitted.values():
        print(told_of(found, joined), _best(found, test, points), sep="\n", end="\n\n")
    unsure = [name for name, found in fitted.items() if found.name == CONSTANT]
    if unsure:
        print(f"Nothing beats the constant for {', '.join(unsure)}: no mixture is proposed there.")


def _columns(table: Table) -> dict[str, Array]:
    return dict(zip(table.columns, table.values.T, strict=True))


def predictions(fitted: Mapping[str, Fitted], test: Table, points: Array) -> Table:
    """Return the table of predictions: keys of the test mixtures, then mean and sd of a run for each metric."""
    pairs = [found.of_a_run(points) for found in fitted.values()]
    columns = tuple(label for name in fitted for label in (name, f"{name}_sd"))
    return Table(test.keys, columns, np.column_stack([column for pair in pairs for column in pair]))


def told_of(found: Fitted, joined: Joined) -> str:
    """Return the ladder of a metric, what was chosen and why, and which runs were left out."""
    lines = [f"{found.metric}: {found.name}, {found.runs} runs. {found.why}"]
    if found.outliers:
        strange = ", ".join(f"{joined.ratios.runs[row]} ({why})" for row, why in found.outliers.items())
        lines.append(f"  left out as strange, the others are predicted much better without: {strange}")
    wide = max(len(step.name) for step in found.table)
    lines.append(f"  {'rung':{wide}}  held-out error  rank correlation")
    for step in found.table:
        mark = "  ← chosen" if step.name == found.name else ""
        rank = "–" if np.isnan(step.cv_rank) else f"{step.cv_rank:.3f}"
        lines.append(f"  {step.name:{wide}}  {step.cv_error:14.5g}  {rank:>16}{mark}")
    return "\n".join(lines)


def _best(found: Fitted, test: Table, points: Array) -> str:
    if found.name == CONSTANT:
        return "  no proposal: the mixture was not seen to matter; the mean of the runs and its sd are written"
    mean, sd = found.predict(points)
    best = int(np.argmin(mean))
    return f"  least predicted of the test mixtures: {test.runs[best]}, {mean[best]:.5g} ± {sd[best]:.2g}, mean of all {mean.mean():.5g}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
