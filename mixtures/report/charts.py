"""The charts of the report: bars in HTML, so that they fit any width, and curves in SVG."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mixtures.objective import predict
from mixtures.outcome import Outcome, weight_range

Array = NDArray[np.float64]
NINETY = 1.645
POINTS = 33
WIDE, HIGH, LEFT, FOOT = 240.0, 150.0, 38.0, 20.0  # of a curve, in SVG units


def text(value: object) -> str:
    """Return a value as escaped text."""
    return html.escape(str(value), quote=True)


def short(count: float) -> str:
    """Return a count as people say it: 1.4B, 310k."""
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}"


def funnel(rows: Sequence[tuple[str, int, int, int]]) -> str:
    """Return a row a stage: what it kept, and at the end of the bar what it dropped, as shares of all that came in."""
    whole = max(rows[0][1], 1)
    return "".join(
        _row(
            stage,
            f'<div class="track"><i class="fill kept" style="width:{kept / whole:.2%}"></i>'
            f'<i class="fill dropped" style="left:{kept / whole:.2%};width:{dropped / whole:.2%}"></i></div>',
            f"<b>{kept:,}</b> kept<br>{f'{dropped:,} dropped, {dropped / come:.1%}' if dropped else 'none dropped'}",
        )
        for stage, come, dropped, kept in rows
    )


def mixture(outcome: Outcome) -> str:
    """Return a row a domain: two bars, shares and epochs."""
    found = outcome.found
    low, high = weight_range(outcome)
    longest = float(max(found.natural.weights.max(), found.proposed.weights.max(), high.max()))
    before, after = outcome.epochs(found.natural), outcome.epochs(found.proposed)
    rows = []
    for i in np.argsort(-found.proposed.weights, kind="stable"):
        a, b = float(found.natural.weights[i]), float(found.proposed.weights[i])
        whisker = (
            f'<i class="whisker" style="left:{low[i] / longest:.2%};width:{(high[i] - low[i]) / longest:.2%}"></i>'
        )
        bars = _bar("natural", a / longest) + _bar("proposed", b / longest, whisker)
        figures = f"{a:.1%} · {before[i]:.2f} epochs<br><b>{b:.1%} · {after[i]:.2f} epochs</b>"
        rows.append(_row(found.domains.names[i], bars, figures))
    return "".join(rows)


def _bar(kind: str, part: float, more: str = "") -> str:
    return f'<div class="track"><i class="fill {kind}" style="width:{part:.2%}"></i>{more}</div>'


def _row(name: str, bars: str, figures: str) -> str:
    return f'<div class="row"><div>{text(name)}</div><div class="bars">{bars}</div><div class="figures">{figures}</div></div>'


def gains(outcome: Outcome) -> str:
    """Return a row a metric: its interval around zero, in per cent of natural; the composite first."""
    scale = outcome.found.goal.scale
    rows = [("composite", 100 * outcome.gain.mean, 100 * outcome.gain.low, 100 * outcome.gain.high)]
    for metric, g in sorted(outcome.gains.items(), key=lambda item: -item[1].mean / abs(scale[item[0]] or 1.0)):
        unit = 100 / abs(scale[metric] or 1.0)
        rows.append((metric, g.mean * unit, g.low * unit, g.high * unit))
    reach = max(max(abs(low), abs(high)) for _, _, low, high in rows) or 1.0
    return "".join(_gain(name, mean, low, high, reach) for name, mean, low, high in rows)


def _gain(name: str, mean: float, low: float, high: float, reach: float) -> str:
    def at(value: float) -> float:
        return 50 + 49 * value / reach

    kind = "good" if low > 0 else ("bad" if high < 0 else "")
    bars = (
        f'<div class="track"><i class="zero" style="left:50%"></i><i class="span {kind}" style="left:{at(low):.2f}%;'
        f'width:{at(high) - at(low):.2f}%"></i><i class="dot" style="left:{at(mean):.2f}%"></i></div>'
    )
    return _row(name, bars, f"<b>{mean:+.2f} %</b><br>{low:+.2f} … {high:+.2f}")


def curves(outcome: Outcome) -> str:
    """Return a small chart a domain: the predicted gain over natural as its share moves."""
    found = outcome.found
    base = float(predict(found.fitted, found.goal, found.natural.weights[None, :])[0][0])
    lines = [_line(outcome, i, base) for i in range(len(found.domains.names))]
    low = min(float((y - band).min()) for _, y, band in lines)
    high = max(float((y + band).max()) for _, y, band in lines)
    low, high = min(low, 0.0), max(high, low + 1e-6, 0.0)
    marks = zip(found.domains.names, lines, found.proposed.weights, found.natural.weights, strict=True)
    return "".join(_curve(name, line, (low, high), float(b), float(a)) for name, line, b, a in marks)


def _line(outcome: Outcome, domain: int, base: float) -> tuple[Array, Array, Array]:
    found = outcome.found
    proposed, natural = float(found.proposed.weights[domain]), float(found.natural.weights[domain])
    most = max(min(float(found.space.body.upper[domain]), max(2 * proposed, 0.15)), 1.2 * natural, proposed)
    most = min(most, 1.0)
    share = np.linspace(np.sqrt(found.space.body.lower[domain]), np.sqrt(most), POINTS) ** 2
    rest = np.where(np.arange(len(found.proposed.weights)) == domain, 0.0, found.proposed.weights)
    rest = rest / rest.sum() if rest.sum() > 0 else np.full(len(rest), 1 / len(rest))
    weights = rest * (1 - share[:, None])
    weights[:, domain] = share
    mean, sd = predict(found.fitted, found.goal, weights)
    return share, 100 * (base - mean), 100 * NINETY * sd


def _curve(
    name: str, line: tuple[Array, Array, Array], span: tuple[float, float], proposed: float, natural: float
) -> str:
    share, y, band = line
    left, right = float(share[0]), float(share[-1])

    def across(v: float | Array) -> Array:
        return np.asarray(LEFT + (WIDE - LEFT - 6) * (v - left) / max(right - left, 1e-9))

    def up(v: float | Array) -> Array:
        return np.asarray(6 + (HIGH - FOOT - 12) * (span[1] - v) / (span[1] - span[0]))

    top, bottom = _points(across(share), up(y + band)), _points(across(share)[::-1], up(y - band)[::-1])
    marks = "".join(
        f'<line class="at-{kind}" x1="{across(v):.1f}" x2="{across(v):.1f}" y1="6" y2="{HIGH - FOOT - 6:.0f}"/>'
        for kind, v in (("natural", natural), ("proposed", proposed))
        if left <= v <= right
    )
    zero = float(up(0.0))
    ticks = [v for v in (0.0, span[0], span[1]) if v == 0 or abs(float(up(v)) - zero) > 14]
    labels = "".join(
        f'<text x="{LEFT - 4:.0f}" y="{float(up(v)) + 4:.1f}" text-anchor="end">{v:.2g}</text>' for v in ticks
    )
    return (
        f'<figure><figcaption>{text(name)}</figcaption><svg viewBox="0 0 {WIDE:.0f} {HIGH:.0f}" role="img" '
        f'aria-label="{text(name)}: predicted gain against share"><line class="axis" x1="{LEFT:.0f}" x2="{WIDE - 6:.0f}" y1="{zero:.1f}" '
        f'y2="{zero:.1f}"/><polygon class="band" points="{top} {bottom}"/>{marks}<polyline class="curve" '
        f'points="{_points(across(share), up(y))}"/>{labels}<text x="{LEFT:.0f}" y="{HIGH - 4:.0f}">{left:.1%}</text>'
        f'<text x="{WIDE - 6:.0f}" y="{HIGH - 4:.0f}" text-anchor="end">{right:.1%} of tokens</text></svg></figure>'
    )


def _points(x: Sequence[float] | Array, y: Sequence[float] | Array) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _held_out(outcome: Outcome) -> tuple[Array, Array, list[bool]]:
    """Return predicted and observed composite of each run of the search, predicted without having seen it."""
    found = outcome.found
    rows = range(len(outcome.searched))
    predicted = [
        sum(s * found.fitted[m].held_out[i] / found.goal.scale[m] for m, s in found.goal.shares.items()) for i in rows
    ]
    observed = [found.goal.of(run.metrics) for run in outcome.searched]
    known = np.isfinite(predicted) & np.isfinite(observed)
    natural = [run.kind == "natural" for run, k in zip(outcome.searched, known, strict=True) if k]
    return np.array(predicted)[known], np.array(observed)[known], natural


def observed_note(outcome: Outcome) -> str:
    """Say what the scatter shows."""
    predicted, seen, _ = _held_out(outcome)
    error, spread = float(np.sqrt(((predicted - seen) ** 2).mean())), float(seen.std())
    return (
        f"The composite of {len(seen)} runs (1: as good as natural), each predicted by surrogates that had not seen it. Typical error "
        f"{100 * error:.2f} % against a spread of {100 * spread:.2f} % among the runs. Grey: natural."
    )


def observed(outcome: Outcome) -> str:
    """Return the scatter of predicted against observed."""
    predicted, seen, natural = _held_out(outcome)
    both = np.concatenate([predicted, seen])
    kinds = ["seen natural-run" if same else "seen" for same in natural]
    dots = list(zip(predicted.tolist(), seen.tolist(), kinds, strict=True))
    return _scatter(dots, (_ends(both), _ends(both)), ("predicted", "observed"), "{:.3f}", diagonal=True)


def front(outcome: Outcome) -> str:
    """Return a scatter of the runs' gains for each two goals of a Pareto search, nothing for another."""
    goals = list(outcome.found.goal.parts)
    whole = outcome.sound
    ends = {run.name for run in outcome.front}
    gains = [outcome.gains_of(run) for run in whole]
    charts = []
    for a, b in combinations(goals, 2):
        dots = [
            (100 * g[a], 100 * g[b], "seen" if run.name in ends else "seen beaten")
            for run, g in sorted(zip(whole, gains, strict=True), key=lambda pair: pair[0].name in ends)
        ]
        dots.append((100 * outcome.compromise[a].mean, 100 * outcome.compromise[b].mean, "ring"))
        spans = _ends(np.array([x for x, _, _ in dots])), _ends(np.array([y for _, y, _ in dots]))
        charts.append(_scatter(dots, spans, (f"{a}, gain in %", f"{b}, gain in %"), "{:+.2f}"))
    return f'<div class="squares">{"".join(charts)}</div>' if charts else ""


def _ends(values: Array) -> tuple[float, float]:
    pad = max(float(np.ptp(values)), 1e-6) * 0.06
    return float(values.min()) - pad, float(values.max()) + pad


def _scatter(
    dots: Sequence[tuple[float, float, str]],
    spans: tuple[tuple[float, float], tuple[float, float]],
    names: tuple[str, str],
    form: str,
    *,
    diagonal: bool = False,
) -> str:
    """Return a square of (x, y, class) dots."""
    size, left, foot = 320.0, 46.0, 34.0
    (west, east), (south, north) = spans

    def x(v: float) -> float:
        return left + (size - left - 8) * (v - west) / (east - west)

    def y(v: float) -> float:
        return size - foot - (size - foot - 8) * (v - south) / (north - south)

    marks = "".join(f'<circle class="{kind}" cx="{x(a):.1f}" cy="{y(b):.1f}" r="4.5"/>' for a, b, kind in dots)
    ends = "".join(
        f'<text x="{x(v):.0f}" y="{size - foot + 14:.0f}" text-anchor="{anchor}">{form.format(v)}</text>'
        f'<text x="{left - 5:.0f}" y="{y(u) + shift:.0f}" text-anchor="end">{form.format(u)}</text>'
        for v, u, anchor, shift in ((west, south, "start", 0), (east, north, "end", 8))
    )
    corner = f'<line class="axis" x1="{x(west):.0f}" y1="{y(south):.0f}" x2="{x(east):.0f}" y2="{y(north):.0f}"/>'
    return (
        f'<svg class="square" viewBox="0 0 {size:.0f} {size:.0f}" role="img" aria-label="{text(names[1])} against {text(names[0])}">'
        f'{corner if diagonal else ""}<line class="axis" x1="{left}" x2="{left}" y1="8" y2="{size - foot}"/>'
        f'<line class="axis" x1="{left}" x2="{size - 8}" y1="{size - foot}" y2="{size - foot}"/>{marks}{ends}'
        f'<text x="{size / 2:.0f}" y="{size - 5:.0f}" text-anchor="middle">{text(names[0])}</text>'
        f'<text x="14" y="{size / 2:.0f}" text-anchor="middle" transform="rotate(-90 14 {size / 2:.0f})">{text(names[1])}</text></svg>'
    )
