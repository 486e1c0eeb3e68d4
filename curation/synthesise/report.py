"""The report of a synthesis: one self-contained page with the account and some samples as they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from curation.synthesise.account import Yield
    from curation.synthesise.run import Report

SHOWN = 2  # samples of each reason, and of the accepted ones with and without a hint
LONGEST = 1500  # characters of a sample
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;padding:1rem;color:#222;background:#fff}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}td,th{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f4f4;padding:.7rem;border-radius:.3rem}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}td,th{border-color:#444}pre{background:#242424}}
"""
# The text of an accepted sample is in its record.
_EXAMPLES = """
WITH numbered AS (
  SELECT *, row_number() OVER (PARTITION BY coalesce(reason, ''), hinted ORDER BY id) AS place FROM read_parquet($samples)
)
SELECT n.reason, n.hinted, n.skill, n.lang, n.answer, n.method, coalesce(n.text, r.turns[-1].content) AS text
FROM numbered AS n LEFT JOIN read_parquet($records) AS r USING (id) WHERE n.place <= $shown ORDER BY n.reason NULLS FIRST, n.hinted, n.id
"""


def examples(samples: Path, records: Path) -> list[dict[str, Any]]:
    """Return a few samples of each kind, in a fixed random order."""
    files = {name: [str(p) for p in sorted(folder.glob("part-*.parquet"))] for name, folder in (("samples", samples), ("records", records))}  # fmt: skip
    with duckdb.connect() as con:
        cursor = con.execute(_EXAMPLES, files | {"shown": SHOWN})
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def page(report: Report, some: Iterable[dict[str, Any]]) -> str:
    """Return the page."""
    account = report.account
    body = [
        f"<h1>{escape(report.source)}</h1>",
        f"<p>{_headline(report)}</p>",
        "<h2>Projected and measured</h2>",
        _table(["", "projected for this run", "measured"], _money(report)),
        "<h2>Rejections</h2>",
        _table(["reason", "samples", "share"], [[r, n, _share(n, report.samples)] for r, n in _most(account.reasons)]),
        "<h2>By skill and language</h2>",
        _table(
            ["", "samples", "accepted", "share", "output tokens", "tokens a trace", "most rejected for"],
            [_row(name, y, account.by_skill_and_reason.get(name, {})) for name, y in account.by_skill.items()]
            + [_row(name, y, {}) for name, y in account.by_language.items()]
            + ([_row("with a hint", account.hinted, {})] if account.hinted.samples else []),
        ),
        "<h2>Samples as they came</h2>",
        *(_sample(one) for one in some),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(report.source)}</title>'
    return f"<!doctype html><html><head>{head}<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>"


def _headline(report: Report) -> str:
    share = _share(report.accepted, report.samples)
    return (
        f"{report.records:,} traces from {report.selected:,} prompts; {report.accepted:,} of {report.samples:,} samples accepted "
        f"({share}). {report.unanswered:,} prompts unanswered."
    )


def _money(report: Report) -> list[list[object]]:
    p = report.projected
    return [
        ["prompts answered", p.prompts - p.answered, report.asked],
        ["prompt tokens", p.prompt_tokens, f"{report.prompt_tokens:,} (all runs)"],
        ["output tokens", p.output_tokens, f"{report.output_tokens:,} (all runs)"],
        ["output tokens a second", f"{p.gpus * p.gpu_tokens_per_second:,.0f}", f"{report.tokens_per_second:,.0f}"],
        ["GPU-hours", f"{p.gpu_hours:,.3f}", f"{report.gpu_hours:,.3f} (all runs)"],
        ["cost", f"{p.cost:,.2f}", f"{report.cost:,.2f} (all runs)"],
        ["seconds of asking", f"{p.hours * 3600:,.0f}", f"{report.seconds:,.0f}"],
    ]


def _row(name: str, kind: Yield, reasons: dict[str, int]) -> list[object]:
    most = ", ".join(f"{reason} {number:,}" for reason, number in _most(reasons)[:3])
    each = f"{kind.output_tokens / kind.accepted:,.0f}" if kind.accepted else ""
    return [
        name, kind.samples, kind.accepted, _share(kind.accepted, kind.samples), kind.output_tokens, each, most,
    ]  # fmt: skip


def _most(reasons: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: -item[1])


def _sample(one: dict[str, Any]) -> str:
    verdict = f"rejected: {one['reason']}" if one["reason"] else "accepted"
    facts = (
        f"{verdict}{', with a hint' if one['hinted'] else ''} · {one['skill']} · {one['lang']} · answer {one['answer']}"
    )
    text = str(one["text"] or "")
    more = " …" if len(text) > LONGEST else ""
    return f"<h3>{escape(facts)}</h3><pre>{escape(text[:LONGEST])}{more}</pre>"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def cells(tag: str, row: Sequence[object]) -> str:
        shown = [f"{c:,}" if isinstance(c, int) else str(c) for c in row]
        return "<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in shown) + "</tr>"

    return f"<table>{cells('th', head)}{''.join(cells('td', row) for row in rows)}</table>"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""
