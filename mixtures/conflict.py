"""Why no mixture obeys the constraints: a smallest set that conflicts, the keys that set it, and each change that would do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mixtures.body import BOUNDS, CAP, DISTANCE, STEPS, Row, shape

Array = NDArray[np.float64]
SHOWN = 12  # constraints of a conflict that are written out
HALVINGS = 40
MORE = 1e6  # times the epoch cap: as good as none


def explain(rows: Sequence[Row], home: Array, budget: int, epoch_cap: float) -> str:
    """Return the conflict in words, with the keys and numbers that make it and those that would end it."""
    left = _smallest(rows, home)
    keys = [f"{CAP}={epoch_cap:g}", f"handoff.budget_tokens={budget:,}"] if any(r.key == CAP for r in left) else []
    keys += [key for key in (BOUNDS, DISTANCE) if any(r.key == key for r in left)]
    ways = _ways(rows, left, home, budget, epoch_cap)
    change = ", or ".join(ways) if ways else "no single change is enough: relax several of them"
    if all(r.key == CAP for r in left):
        supply = sum(r.high for r in left)
        return (
            f"no mixture obeys the constraints: the epoch cap lets all {len(left)} domains supply only {supply:.1%} of the "
            f"token budget ({', '.join(keys)}). To change one thing: {change}, or add data"
        )
    shown = "; ".join(r.label for r in left[-SHOWN:]) + ("; …" if len(left) > SHOWN else "")
    return f"no mixture obeys the constraints: these {len(left)} conflict: {shown} ({', '.join(keys)}). To change one thing: {change}"


def _smallest(rows: Sequence[Row], home: Array) -> list[Row]:
    """Drop each constraint whose absence leaves the rest impossible: what remains is a smallest conflict."""
    left = list(rows)
    for row in rows:
        fewer = [r for r in left if r is not row]
        if not _possible(fewer, home):
            left = fewer
    return left


def _possible(rows: Sequence[Row], home: Array) -> bool:
    return shape(rows, home).solve(np.zeros(len(home))) is not None


def _ways(rows: Sequence[Row], left: Sequence[Row], home: Array, budget: int, epoch_cap: float) -> list[str]:
    """Return each change that by itself leaves a mixture under all the constraints, not only those of the conflict."""
    ways = []
    if any(r.key == CAP for r in left) and (times := _times(rows, home)) is not None:
        times /= 1 - len(home) / STEPS  # room for rounding each weight to a written step
        ways += [f"lower handoff.budget_tokens to {int(budget / times):,}", f"raise {CAP} to {_up(epoch_cap * times)}"]
    for row in left:
        others = [r for r in rows if r is not row]
        if row.key == BOUNDS and row.parts is not None and _possible(others, home):
            ways += _relaxed(row, others, home)
        elif row.key == DISTANCE and (far := _farther(row, others, home)) is not None:
            ways.append(f"raise {DISTANCE} to {_up(far)}")
    return ways


def _times(rows: Sequence[Row], home: Array) -> float | None:
    """Return the least factor on the epoch cap that leaves a mixture, or None where no cap would."""

    def enough(times: float) -> bool:
        return _possible([replace(r, high=min(1.0, r.high * times)) if r.key == CAP else r for r in rows], home)

    if not enough(MORE):
        return None
    low, high = 0.0, np.log(MORE)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(float(np.exp(middle))) else (middle, high)
    return float(np.exp(high))


def _relaxed(row: Row, others: Sequence[Row], home: Array) -> list[str]:
    """Return to what a floor would have to fall, or a ceiling to rise."""
    found = []
    lower = _least(others, home, lambda x: replace(row, low=x), row.low, 0.0) if row.low > 0 else None
    upper = _least(others, home, lambda x: replace(row, high=x), row.high, 1.0) if row.high < 1 else None
    name = row.label.split(" at ")[0]
    if lower is not None:
        found.append(f"lower the floor of {name} ({BOUNDS}) to {_down(lower)}")
    if upper is not None:
        found.append(f"raise the ceiling of {name} ({BOUNDS}) to {_up(upper)}")
    return found


def _farther(row: Row, others: Sequence[Row], home: Array) -> float | None:
    return _least(others, home, lambda x: replace(row, high=x), row.high, 1.0)


def _least(
    others: Sequence[Row], home: Array, changed: Callable[[float], Row], now: float, free: float
) -> float | None:
    """Return the value between `now` and `free` nearest to `now` at which the changed row leaves a mixture, or None."""
    if not _possible([*others, changed(free)], home):
        return None
    bad, good = now, free
    for _ in range(HALVINGS):
        middle = (bad + good) / 2
        bad, good = (bad, middle) if _possible([*others, changed(middle)], home) else (middle, good)
    return float(good)


def _up(value: float) -> str:
    """Return three decimals, rounded up: the change has to be large enough."""
    return f"{np.ceil(value * 1000 - 1e-6) / 1000:g}"


def _down(value: float) -> str:
    return f"{np.floor(value * 1000 + 1e-6) / 1000:g}"
