"""The report of a search: one self-contained HTML file, without scripts and without the network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template

from curation.identity import file_digest
from mixtures.outcome import Outcome
from mixtures.report import charts, tables
from mixtures.report.charts import text
from mixtures.surrogate import LOSS

Funnel = Sequence[tuple[str, int, int, int]]
"""Stage, records in, dropped, kept."""

TEMPLATE = Path(__file__).with_name("template.html")


def identity() -> str:
    """Return the identity of the page's frame, which the module's code does not hold."""
    return file_digest(TEMPLATE)


def render(outcome: Outcome, funnel: Funnel | None = None) -> str:
    """Return the page; whatever comes from the data is escaped."""
    parts = {
        "title": text(f"{outcome.name}: mixture search"),
        "name": text(outcome.name),
        "headline": text(outcome.verdict),
        "choice": text(_choice(outcome)),
        "tiles": "".join(
            f'<div class="tile"><span class="soft">{text(k)}</span><b>{text(v)}</b></div>' for k, v in _tiles(outcome)
        ),
        "funnel": _funnel(funnel) if funnel else "",
        "mixture": charts.mixture(outcome),
        "gains": charts.gains(outcome),
        "gains_note": text(_gains_note(outcome)),
        "curves": charts.curves(outcome),
        "observed": charts.observed(outcome),
        "observed_note": text(charts.observed_note(outcome)),
        "ladder": tables.ladder(outcome),
        "reasons": tables.reasons(outcome),
        "signals": tables.signals(outcome),
        "guards": _guards(outcome),
        "front_note": text(_front_note(outcome)),
        "front": charts.front(outcome) + f'<div class="scroll">{tables.front(outcome)}</div>',
        "planner": tables.planner(outcome),
        "nexts": tables.nexts(outcome),
        "constraints": tables.constraints(outcome),
        "ledger": tables.ledger(outcome),
        "runs": str(len(outcome.runs)),
        "caveats": "".join(f"<li>{text(line)}</li>" for line in _caveats(outcome)),
    }
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(parts)


def _choice(outcome: Outcome) -> str:
    objective = f"The composite is the weighted mean of {len(outcome.found.goal.shares)} metrics, each over its mean under the natural mixture."
    if outcome.chosen.name == "proposed":
        free = outcome.found.space.holds(outcome.found.natural.weights)
        since = " since search.without_gain says so" if free else " since the natural one breaks a constraint"
        since = "" if outcome.gain.low > 0 and not outcome.broken else f",{since}"
        return f"Chosen for the final run: the proposed mixture{since}. {outcome.why} {objective}"
    return (
        "Chosen for the final run: the natural mixture, since nothing here shows that another is better. "
        f"{outcome.why} {objective}"
    )


def _tiles(outcome: Outcome) -> list[tuple[str, str]]:
    gain, failed = outcome.gain, sum(not run.metrics for run in outcome.runs)
    return [
        ("gain, confirmed", f"{gain.mean:+.2%}"),
        (f"{gain.confidence:.0%} interval", f"{gain.low:+.2%} … {gain.high:+.2%}"),
        ("proxy runs", f"{len(outcome.runs)}" + (f" ({failed} failed)" if failed else "")),
        ("final run", f"{charts.short(outcome.plan.budget_tokens)} tokens"),
    ]


def _funnel(funnel: Funnel) -> str:
    note = "What each stage of the cut kept, and in colour what it was the first to drop."
    return f'<section><h2>Where the records went</h2><p class="soft">{note}</p>{charts.funnel(funnel)}</section>'


def _guards(outcome: Outcome) -> str:
    if not outcome.found.goal.guards:
        return ""
    note = "How far each guarded metric may get worse than under the natural mixture, and where the proposal's fresh runs put it."
    shown = tables.guards(outcome)
    return f'<section><h2>Guards</h2><p class="soft">{text(note)}</p><div class="scroll">{shown}</div></section>'


def _gains_note(outcome: Outcome) -> str:
    detectable = [g for g in outcome.gains.values() if g.detectable]
    better = sum(g.mean > 0 for g in detectable)
    return (
        f"Natural minus proposed, in per cent of natural: to the right is better. {better} of {len(outcome.gains)} metrics are "
        f"detectably better, {len(detectable) - better} detectably worse. Each interval is its own: among many metrics some "
        "exclude zero by luck."
    )


def _front_note(outcome: Outcome) -> str:
    if not outcome.found.goal.parts:
        return (
            "Runs that no other run beats in one metric without losing another (the Pareto front of what was run, seed noise "
            "included); in each, the metric that gains and the one that loses most against natural."
        )
    return (
        "In colour the front: runs that no other run beats in one goal without losing another, seed noise included; each goal's gain "
        "over natural. Ringed: the proposed mixture, the compromise that the objective's weights choose. Another has its weights in "
        "mixture.json (provenance, front); confirm it before it is used."
    )


def _caveats(outcome: Outcome) -> list[str]:
    unsure = [m for m in outcome.found.goal.shares if outcome.found.fitted[m].note]
    lines = [
        (
            "Proxies are small models. Agreement among them says nothing certain about a model many times larger: where "
            "the final run is dear, confirm the two mixtures once more with the largest proxy you can pay for."
        ),
        (
            "The interval holds for these proxies and this evaluation. It counts the scatter of "
            f"{outcome.gain.pairs} seeds, not the choice of benchmark or of model size."
        ),
        (
            "A domain's loss falls when that domain gets more tokens. The composite weighs the domains as the settings "
            "say; another weighing is another question, and may have another answer."
        ),
        "Confirmation used seeds the search had never seen, so the gain is not flattered by having been picked.",
    ]
    if len(outcome.searched) < outcome.plan.swarm.runs:
        lines.append(
            f"The search ended after {len(outcome.searched)} of {outcome.plan.swarm.runs} runs: the predicted gain was too small "
            "to look on (search.hopeless), known well enough (search.sharp), or no further mixture was left."
        )
    if not outcome.found.space.holds(outcome.found.natural.weights):
        lines.append("The natural mixture breaks a constraint. It is the yardstick all the same, and is not chosen.")
    blind = [name for name in outcome.found.domains.names if LOSS + name not in outcome.found.goal.shares]
    if blind:
        lines.append(
            f"No metric of the composite measures {', '.join(f'“{name}”' for name in blind)}: the search sees only what they cost the others. A floor "
            "on their share keeps them."
        )
    if unsure:
        lines.append(f"The mixture was not seen to matter for {', '.join(unsure)}: their surrogate is a constant.")
    return lines
