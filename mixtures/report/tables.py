"""The tables of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mixtures.outcome import Outcome
from mixtures.report.charts import text
from mixtures.surrogate import CONSTANT, Fitted

WORD, WRAP, PICK = "word", "wrap", "pick"
Cell = str | tuple[str, str]
"""Text, or text and its class."""


def table(header: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> str:
    """Return an HTML table of escaped text."""
    head = "".join(_cell("th", cell) for cell in header)
    body = "".join(f"<tr>{''.join(_cell('td', cell) for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(tag: str, cell: Cell) -> str:
    content, kind = cell if isinstance(cell, tuple) else (cell, "")
    return f"<{tag} class={kind}>{text(content)}</{tag}>" if kind else f"<{tag}>{text(content)}</{tag}>"


def number(value: float, digits: int = 3) -> str:
    """Return a number for reading, a dash where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else ("∞" if value > 0 else "–")


def ladder(outcome: Outcome) -> str:
    """Return metric × form: the cross-validated error over the constant's; then the chosen form's rank correlation."""
    fitted = outcome.found.fitted
    names = list(dict.fromkeys(step.name for f in fitted.values() for step in f.table if step.name != CONSTANT))
    rows: list[list[Cell]] = []
    for metric, f in fitted.items():
        base = next(s.cv_error for s in f.table if s.name == CONSTANT)
        errors = {s.name: s.cv_error / base if base > 0 else float("nan") for s in f.table}
        cells: list[Cell] = [
            (number(errors[n], 2), PICK) if n == f.name else (number(errors[n], 2) if n in errors else "–")
            for n in names
        ]
        rows.append([metric, *cells, number(f.cv_rank, 2), (number(base, 4), PICK if f.name == CONSTANT else "")])
    shown = [name.replace("-log", "−log") for name in names]
    return table(["metric", *shown, "rank ρ of the chosen", "constant's error"], rows)


def reasons(outcome: Outcome) -> str:
    """Return metric → why its form was chosen, and which runs were left out."""
    rows: list[list[Cell]] = [[metric, (_why(f, outcome), WRAP)] for metric, f in outcome.found.fitted.items()]
    return table(["metric", ("why it was chosen", WRAP)], rows)


def _why(fitted: Fitted, outcome: Outcome) -> str:
    """Say why this form, and which runs were left out since the others are predicted much better without them."""
    left = ", ".join(f"{outcome.searched[row].name} ({why})" for row, why in fitted.outliers.items())
    return f"{fitted.name}: {fitted.why}" + (f". Left out as outliers: {left}" if left else "")


def signals(outcome: Outcome) -> str:
    """Return metric, weight, noise, signal, and how far the choice moves without it."""
    moved = {row.metric: row.moved for row in outcome.left_out}
    rows = [
        [
            metric,
            f"{outcome.found.goal.shares.get(metric, 0.0):.3f}",
            number(outcome.found.goal.scale[metric], 4),
            number(outcome.noise[metric], 5),
            number(outcome.signals[metric], 1),
            f"{moved[metric]:.1%}" if metric in moved else "–",
        ]
        for metric in outcome.found.goal.scale
    ]
    return table(["metric", "weight", "natural", "noise", "signal", "moved"], rows)


def constraints(outcome: Outcome) -> str:
    """Return each constraint with the shares of both mixtures and the room the proposal has left."""
    space, found = outcome.found.space, outcome.found
    natural = [share for _, _, share, _ in space.slack(found.natural.weights)]
    rows: list[list[Cell]] = []
    for (label, low, share, high), before in zip(space.slack(found.proposed.weights), natural, strict=True):
        room = min(share - low if low > 0 else math.inf, high - share if high < 1 else math.inf)
        left = "cannot bind" if math.isinf(room) else ("binds" if room < 1e-4 else f"{room:.4f}")
        rows.append([(label, WRAP), f"{before:.4f}", f"{share:.4f}", left])
    return table(["constraint", "natural", "proposed", "room left"], rows)


def ledger(outcome: Outcome) -> str:
    """Return every run with its composite and its largest shares."""
    names = outcome.found.domains.names
    rows: list[list[Cell]] = []
    for count, run in enumerate(outcome.runs):
        most = sorted(zip(run.weights, names, strict=True), key=lambda pair: -pair[0])[:3]
        score = number(outcome.found.goal.of(run.metrics), 4) if run.metrics else "failed"
        shown = ", ".join(f"{name} {weight:.0%}" for weight, name in most)
        rows.append(
            [str(count), (run.name, WORD), (run.kind.replace("_", " "), WORD), str(run.seed), score, (shown, WORD)]
        )
    return table(["run", ("name", WORD), ("kind", WORD), "seed", "composite", ("largest shares", WORD)], rows)


def guards(outcome: Outcome) -> str:
    """Return each guarded metric: the worst it may be, what the proposal's confirmation runs showed, and whether it holds."""
    rows: list[list[Cell]] = []
    for metric, most in outcome.found.goal.guards.items():
        seen = [run.metrics[metric] for run in outcome.pairs[1] if run.metrics]
        mean = sum(seen) / len(seen) if seen else math.nan
        rows.append([metric, number(most, 4), number(mean, 4), "broken" if metric in outcome.broken else "holds"])
    return table(["metric", "may reach", "proposed reached", ""], rows)


def planner(outcome: Outcome) -> str:
    """Return what more confirmation runs would make of the interval on the gain."""
    half = outcome.gain.high - outcome.gain.mean
    more = [[f"{k} more pairs", str(2 * k), f"± {width:.2%}"] for k, width in outcome.planner]
    return table(["confirmation", "runs to buy", "interval on the gain"], [["as it is", "0", f"± {half:.2%}"], *more])


def nexts(outcome: Outcome) -> str:
    """Return the runs the search would buy next: how they differ from natural, and what they are predicted to bring."""
    found = outcome.found
    rows: list[list[Cell]] = []
    for k, run in enumerate(outcome.nexts, start=1):
        moves = run.weights - found.natural.weights
        most = sorted(zip(moves, found.domains.names, strict=True), key=lambda pair: -abs(pair[0]))[:4]
        shown = ", ".join(f"{name} {move:+.1%}" for move, name in most)
        rows.append([str(k), (shown, WRAP), f"{run.gain:+.2%} ± {run.sd:.2%}", f"{run.improvement:.2%}"])
    return table(["run", ("against natural", WRAP), "predicted gain", "expected improvement"], rows)


def front(outcome: Outcome) -> str:
    """Return the runs that no other beats in every goal: the gain in each, or in the best and worst of many metrics."""
    goal = outcome.found.goal
    rows: list[list[Cell]] = []
    if goal.parts:
        fresh = [f"{g.mean:+.2%} ({g.low:+.2%} … {g.high:+.2%})" for g in outcome.compromise.values()]
        rows.append([("proposed, on fresh seeds", WORD), f"{outcome.gain.mean:+.2%}", *fresh])
        for run in sorted(outcome.front, key=lambda run: list(outcome.gains_of(run).values()), reverse=True):
            total = number(goal.of(run.metrics), 4)
            rows.append([(run.name, WORD), total, *(f"{gain:+.2%}" for gain in outcome.gains_of(run).values())])
        return table([("run", WORD), "composite", *goal.parts], rows)
    for run in sorted(outcome.front, key=lambda run: goal.of(run.metrics)):
        gains = sorted((gain, m) for m, gain in outcome.gains_of(run).items())
        (low, worst), (high, best) = gains[0], gains[-1]
        cells: list[Cell] = [(run.name, WORD), number(goal.of(run.metrics), 4), (f"{best} {high:+.1%}", WRAP)]
        rows.append([*cells, (f"{worst} {low:+.1%}", WRAP)])
    return table([("run", WORD), "composite", ("gains most", WRAP), ("loses most", WRAP)], rows)
