"""Tables of finished runs: `ratios.csv` and `metrics.csv` after olmix's contract, and how their rows find each other.

Key columns `run`, `name`, `index` or some of them, then one column a domain (its weight) or a metric (lower is
better); columns without a name, which pandas leaves as row numbers, are passed over.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curation.shards import write_atomic
from mixtures.mixture import check

Array = NDArray[np.float64]
KEYS = ("run", "name", "index")
MISSING = frozenset({"", "nan", "na", "n/a", "none", "null"})


@dataclass(frozen=True, eq=False)
class Table:
    """One of the two CSV files: a row a run, a column a domain or a metric."""

    keys: Mapping[str, tuple[str, ...]]  # of KEYS, those the file has, in its order
    columns: tuple[str, ...]
    values: Array  # runs × columns; NaN where a metric is missing
    where: str = "table"  # the file, for messages

    @property
    def runs(self) -> tuple[str, ...]:
        """What names each row: the first of KEYS that the file has."""
        return next(self.keys[key] for key in KEYS if key in self.keys)


@dataclass(frozen=True, eq=False)
class Joined:
    """Runs with both weights and metrics, in the order of the ratios."""

    ratios: Table
    metrics: Table
    unmeasured: tuple[str, ...]  # runs of the ratios that the metrics do not know: not finished, left out


def read_ratios(path: Path, domains: Sequence[str] = ()) -> Table:
    """Return the weights of a ratios.csv, renormalised; raises ValueError where they are not shares or one of `domains` is missing."""
    table = _read(path)
    _has(table, domains)  # first: without a domain the weights do not sum to 1 either
    if not table.columns:
        raise ValueError(f"{path}: expected a column of weights a domain beside the keys")
    for run, row in zip(table.runs, table.values, strict=True):
        check(row, f"{path}: run {run}")
    return replace(table, values=check(table.values, str(path)))


def read_metrics(path: Path) -> Table:
    """Return the metrics of a metrics.csv; an empty cell, `nan` and infinities are NaN."""
    table = _read(path)
    if not table.columns:
        raise ValueError(f"{path}: expected a column a metric beside the keys")
    return replace(table, values=np.where(np.isfinite(table.values), table.values, math.nan))


def write(path: Path, table: Table) -> None:
    """Write a table; numbers keep all their digits, a missing value is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*table.keys, *table.columns])
    for *keys, row in zip(*table.keys.values(), table.values.tolist(), strict=True):
        writer.writerow([*keys, *("" if math.isnan(v) else repr(v) for v in row)])
    write_atomic(path, text.getvalue().encode())


def join(ratios: Table, metrics: Table) -> Joined:
    """Return the runs that both tables know, joined on the keys they share.

    The first shared key that tells all rows apart in both decides, else all shared keys together. Raises ValueError where
    no key is shared, rows cannot be told apart, or a run has metrics and no weights.
    """
    left, right, key = _shared(ratios, metrics)
    at = {name: row for row, name in enumerate(left)}
    if unknown := [name for name in right if name not in at]:
        raise ValueError(f"{metrics.where}: {_some(unknown)} not in {ratios.where} (joined on {key})")
    found = {name: row for row, name in enumerate(right)}
    rows = [row for row, name in enumerate(left) if name in found]
    unmeasured = tuple(name for name in left if name not in found)
    return Joined(take(ratios, rows), take(metrics, [found[left[row]] for row in rows]), unmeasured)


def take(table: Table, rows: Sequence[int]) -> Table:
    """Return some rows, in the order asked for."""
    keys = {key: tuple(names[row] for row in rows) for key, names in table.keys.items()}
    return replace(table, keys=keys, values=table.values[list(rows)])


def align(table: Table, columns: Sequence[str]) -> Array:
    """Return the weights of a table in the order of other domains' names.

    Raises ValueError where a domain is missing, or one that is not among them has weight.
    """
    _has(table, columns)
    extra = [n for k, n in enumerate(table.columns) if n not in columns and table.values[:, k].any()]
    if extra:
        raise ValueError(f"{table.where}: weights of domains that no run was measured with: {_some(extra)}")
    return table.values[:, [table.columns.index(name) for name in columns]]


def _has(table: Table, columns: Sequence[str]) -> None:
    if lost := [name for name in columns if name not in table.columns]:
        raise ValueError(f"{table.where}: no column for the domains {_some(lost)}")


def choose(table: Table, metrics: Sequence[str]) -> Table:
    """Return the named metrics in the order asked for, all of them where none is named; raises ValueError on an unknown one."""
    if unknown := [name for name in metrics if name not in table.columns]:
        raise ValueError(f"{table.where}: no metric {_some(unknown)}; it has {_some(table.columns, 12)}")
    names = tuple(dict.fromkeys(metrics)) or table.columns
    return replace(table, columns=names, values=table.values[:, [table.columns.index(name) for name in names]])


def _shared(a: Table, b: Table) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    shared = [key for key in KEYS if key in a.keys and key in b.keys]
    if not shared:
        raise ValueError(f"{a.where} has the keys {', '.join(a.keys)}, {b.where} {', '.join(b.keys)}: none is shared")
    for key in shared:
        if not _repeated(a.keys[key]) and not _repeated(b.keys[key]):
            return a.keys[key], b.keys[key], key
    left, right = ([" ".join(row) for row in zip(*(t.keys[k] for k in shared), strict=True)] for t in (a, b))
    key = ", ".join(shared)
    for table, names in ((a, left), (b, right)):
        if repeated := _repeated(names):
            raise ValueError(f"{table.where}: more than one row for {_some(repeated)} (key {key})")
    return tuple(left), tuple(right), key


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _some(names: Iterable[str], most: int = 5) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def _read(path: Path) -> Table:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8, and {error.reason} at byte {error.start}") from None
    rows = csv.reader(io.StringIO(text, newline=""))
    lines = [(number, row) for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]
    header = [name.strip() for name in lines[0][1]] if lines else []
    keys = [name for name in header if name in KEYS]
    if not keys:
        raise ValueError(f"{path}: expected a key column run, name or index, got {', '.join(header[:4])!r:.120}")
    if not lines[1:]:
        raise ValueError(f"{path}: expected at least one row under the header")
    columns = [name for name in header if name and name not in KEYS and not name.startswith("Unnamed: ")]
    if repeated := _repeated([*keys, *columns]):
        raise ValueError(f"{path}: a column is named twice: {_some(repeated)}")
    for line, row in lines[1:]:
        if len(row) != len(header):
            raise ValueError(f"{path} line {line}: expected {len(header)} cells as in the header, got {len(row)}")
    at = [header.index(name) for name in columns]
    values = [[_number(row[k], f"{path} line {line}, column {header[k]!r}") for k in at] for line, row in lines[1:]]
    named = {key: tuple(_key(row[header.index(key)]) for _, row in lines[1:]) for key in keys}
    return Table(named, tuple(columns), np.array(values, np.float64).reshape(len(values), len(columns)), str(path))


def _key(cell: str) -> str:
    """Return a key as text; 7.0, which pandas makes of 7 beside a gap, is 7."""
    cell = cell.strip()
    return cell[:-2] if cell.endswith(".0") and cell[:-2].isdecimal() else cell


def _number(cell: str, where: str) -> float:
    if cell.strip().lower() in MISSING:
        return math.nan
    try:
        return float(cell)
    except ValueError:
        raise ValueError(f"{where}: expected a number, got {cell!r:.60}") from None
