"""What lies beside the data for people: reports/*.json out of the catalog, and DATASHEET.md out of the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from curation.catalog import connect
from mixtures.handoff.data import uuids
from mixtures.handoff.manifest import Manifest
from mixtures.handoff.plan import Plan
from mixtures.sample import Supply

CLUSTERS = """
SELECT count(*) AS records, count(*) FILTER (cluster_id IS NOT NULL) AS in_clusters,
    count(DISTINCT cluster_id) AS clusters, max(cluster_size) AS largest FROM {view}
"""
QUERIES = {
    "funnel": "SELECT stage, records_in, dropped, kept FROM funnel ORDER BY position",
    "dropped": "SELECT stage, reason, count(*) AS records FROM kept WHERE NOT keep GROUP BY ALL ORDER BY ALL",
    "exact": CLUSTERS.format(view="exact"),
    "fuzzy": CLUSTERS.format(view="fuzzy"),
    "decontamination": "SELECT benchmark, reason, count(*) AS records, count(DISTINCT item) AS items FROM decontaminate "
    "WHERE benchmark IS NOT NULL GROUP BY ALL ORDER BY ALL",
}
LICENCES = """
SELECT r.source, coalesce(r.licence, 'unknown') AS licence, count(*) AS records, sum(p.n_tokens)::BIGINT AS n_tokens
FROM records r JOIN picks p USING (id) GROUP BY ALL ORDER BY ALL
"""


USE = (
    "Check it first: `prefect run verify-handoff path=<this folder>`. Then start `launch/ms-swift.sh`, or another of "
    '`launch/`. Without those: `datasets.load_dataset("json", data_files="data/*.jsonl")`. The launch files '
    "follow their tools' documentation and were not run on a GPU by this pipeline: try a few steps first."
)
LINE = (
    "`id` (of the record; of the first one on a shared line), `channel` (its domain; `mixed` where a line has several), "
    "`messages` (`role` system, user or assistant; `content`). A tool's turn reads as a user's, which is how the template "
    "renders it. `lineage.parquet` says for each conversation where it lies: file, line (from 1), first message (from 0)."
)
COUNTED = (
    "TRL and axolotl tokenise the whole text and may count a few tokens more or fewer; another tokenizer counts otherwise. "
    "Supervised: the text of every assistant message with its end token, nothing else."
)
NOT_CAUGHT = (
    "Not caught: paraphrases, translations into another language or script, copies with other numbers, items short enough "
    "to be common phrases unless a user asks just that, items of symbols only (brackets, operators), and items cut over two "
    "turns. A hit without a reason was weaker than the rule and stayed."
)


def reports(catalog: Path) -> dict[str, Any]:
    """Return the catalog's own account of itself: report name → rows, or a sentence where a view is not there."""
    found: dict[str, Any] = {}
    with connect(catalog) as con:
        for name, query in QUERIES.items():
            try:
                found[name] = con.sql(query).to_arrow_table().to_pylist()
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                found[name] = f"not available from this catalog: {str(error).splitlines()[0]}"
    return found


def sources(catalog: Path, supply: Supply, places: Plan) -> list[dict[str, Any]]:
    """Return records and tokens of the hand-off by source and licence, repeats included."""
    picks = pa.table({"id": uuids(supply.ids[places.rows]), "n_tokens": supply.n_tokens[places.rows].astype(np.int64)})
    with connect(catalog) as con:
        con.execute("SET arrow_lossless_conversion = true")  # a UUID as 16 bytes, not as text
        con.register("picks", picks)
        found: list[dict[str, Any]] = con.sql(LICENCES).to_arrow_table().to_pylist()
    return found


def render(manifest: Manifest, reports: Path) -> str:
    """Return DATASHEET.md; `reports` is the folder with the reports already written."""
    s = manifest.settings
    read = {path.stem: json.loads(path.read_bytes()) for path in sorted(reports.glob("*.json"))}
    packing = (
        "isolated: a line is one conversation; a trainer's packing must keep conversations from seeing each other"
        if s.packing == "isolated"
        else "shared: a line is many conversations that share attention; the text of a line is the text of its "
        f"conversations joined. {s.related:.0%} of the records lie among their own domain only. No record stands twice on a line"
    )
    size = (
        f"{manifest.achieved:,} tokens of {manifest.asked:,} asked, {manifest.n_target_tokens:,} of them supervised, in "
        f"{manifest.records:,} conversations on {manifest.lines:,} lines of {len(manifest.shards)} shards. To train {s.model}."
    )
    counted = (
        f"Tokenizer `{s.tokens.tokenizer}` ({manifest.tokenizer}), template `{s.tokens.template}`, count mode "
        f"`{s.tokens.count}`: each template segment by itself, as ms-swift tokenises. No line is over {s.max_tokens:,} tokens. "
        f"{COUNTED}"
    )
    left = ", ".join(f"{name} {n:,}" for name, n in manifest.left_out.items() if n) or "none"
    drawn = f"Seed {s.seed}, at most {s.epoch_cap:g} epochs of a domain. Kept records that no draw may take: {left}."
    parts = [
        *(f"# {s.mix}", size, "## How to use it", USE, "## A line", LINE, f"Packing: {packing}."),
        *(
            "## How tokens are counted",
            counted,
            "## The mixture",
            _table([d.model_dump() for d in manifest.domains]),
            drawn,
        ),
        *("## Where it comes from", _table(read["sources"]), "## What was taken out before", _table(read["funnel"])),
        f"Duplicates: exact {_line(read['exact'])}; near {_line(read['fuzzy'])}.",
        *("## Benchmarks found in the corpus and taken out", _table(read["decontamination"]), NOT_CAUGHT),
    ]
    return "\n\n".join(parts) + "\n"


def _table(rows: list[dict[str, Any]] | str) -> str:
    if isinstance(rows, str) or not rows:
        return rows if isinstance(rows, str) else "None."
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + " --- |" * len(rows[0])]
    return "\n".join(lines + ["| " + " | ".join(_cell(v) for v in row.values()) + " |" for row in rows])


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if abs(value) < 100 else f"{value:,.0f}"


def _line(rows: list[dict[str, Any]] | str) -> str:
    return rows if isinstance(rows, str) else ", ".join(f"{k} {_cell(v)}" for row in rows for k, v in row.items())
