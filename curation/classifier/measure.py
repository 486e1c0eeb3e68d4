"""The figures that training prints, and how they are printed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

STRATA = 20  # bands of equal count of one measure within which another is compared


def counts(found: np.ndarray, truth: np.ndarray) -> tuple[int, int, int]:
    """Return (right, found, true) where `truth` is 1 or 0; -1 counts neither way."""
    known = truth >= 0
    hits, real = found[known], truth[known] == 1
    return int((hits & real).sum()), int(hits.sum()), int(real.sum())


def f1(right: int, found: int, true: int) -> float:
    """Return the harmonic mean of precision and recall; NaN where nothing is true."""
    return 2 * right / (found + true) if true else float("nan")


def auc(score: np.ndarray, good: np.ndarray) -> float:
    """Return the chance that a good record scores above a weak one, ties counting half; NaN where a side is empty."""
    positives, negatives = int(good.sum()), int((~good).sum())
    if not positives or not negatives:
        return float("nan")
    above = rankdata(score)[good].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def matched_auc(score: np.ndarray, good: np.ndarray, length: np.ndarray) -> float:
    """Return the AUC over pairs of about equal length only: within STRATA bands of it, weighted by their pairs."""
    edges = np.quantile(length, np.linspace(0, 1, STRATA + 1)[1:-1])
    band = np.digitize(length, edges)
    total = weight = 0.0
    for number in range(STRATA):
        here = band == number
        pairs = int(good[here].sum()) * int((~good[here]).sum())
        if pairs:
            total, weight = total + auc(score[here], good[here]) * pairs, weight + pairs
    return total / weight if weight else float("nan")


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Return the rank correlation; NaN where either does not vary."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return an aligned text table; floats with two decimals, NaN as a dash."""
    cells = [[str(cell) for cell in head], *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "  ".join(c.ljust(w) if not i else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in cells
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if np.isnan(value) else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
