"""Exact and fuzzy deduplication beside datatrove's MinHash and rensa, on a corpus with planted truth.

python -m benchmarks.dedup [CORPUS] [--large CORPUS] [--work FOLDER] [--subset 20000], or `make bench-dedup CORPUS=<folder>
LARGE=<folder>`. CORPUS is a folder as benchmarks/corpus.py writes it, which a million real sentences fill better than its invented words
do; without one, 100,000 records of those are made under .cuvee/dedup-corpus. LARGE is another, many times as large, for how the cost
grows. datatrove reads whole clusters of about `--subset` records, since it would need hours for all.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from benchmarks import corpus, measure, page, peers
from flows.server import temporary_server

MADE = Path(".cuvee/dedup-corpus")
SCRIPTS = Path(__file__).parent / "scripts"
HEAD = (
    "tool",
    "records",
    "records / CPU-s",
    "CPU-s",
    "wall s",
    "peak MiB",
    "recall en J .8–.9 / ≥ .9",
    "recall zh J .8–.9 / ≥ .9",
    "exact found",
    "precision en / zh",
    "hard negatives removed",
)
RUNS = 3  # of each tool on CORPUS; the cheapest counts
STAGE = "benchmarks.scripts.dedup_stage"
DATATROVE, RENSA = "datatrove[io,processing]==0.10.1", "rensa==0.5.0"
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Row:
    """One tool's figures: `kept` names a SQL relation of the ids that stay, of the records `judged`."""

    tool: str
    records: int
    cost: measure.Cost
    kept: str
    judged: str

    @property
    def rate(self) -> float:
        """Records per CPU-second."""
        return self.records / self.cost.cpu


def main() -> None:
    """Run everything on one corpus, print and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, nargs="?", default=os.environ.get("CORPUS") or MADE)
    parser.add_argument("--large", type=Path, default=os.environ.get("LARGE"))
    parser.add_argument("--work", type=Path, default=Path(".cuvee/bench-dedup"))
    parser.add_argument("--subset", type=int, default=20_000, help="records that datatrove reads")
    chosen = parser.parse_args()
    chosen.corpus = Path(chosen.corpus)
    if not (chosen.corpus / "truth.parquet").is_file():
        if chosen.corpus != MADE:
            sys.exit(f"dedup: no {chosen.corpus}/truth.parquet; a corpus is a folder as benchmarks/corpus.py writes it")
        corpus.make(MADE)
    work = chosen.work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect()
    con.execute(f"CREATE TABLE truth AS SELECT * FROM read_parquet('{chosen.corpus}/truth.parquet')")
    total = con.execute("SELECT count(*) FROM truth").fetchall()[0][0]
    ours = _ours(chosen.corpus, work, total)
    trove = _datatrove(con, chosen, work)
    rows = [*ours, *_rensa(chosen.corpus, work, total), *trove]
    table = page.table(HEAD, [_cells(con, row) for row in rows])
    versions = ["datatrove 0.10.1", "rensa 0.5.0"]
    body = f"{_sentence(con, chosen)}\n\n{table}\n\n{_ratios(rows)}"
    if chosen.large:
        body += f"\n\n{_growth(con, chosen.large, work, rows[0])}"
    page.write("dedup", "Deduplication", body, versions)


def _growth(con: duckdb.DuckDBPyConnection, corpus: Path, work: Path, small: Row) -> str:
    """Return the table of the stage on the large corpus, in the default memory and in a quarter of it."""
    con.execute(f"CREATE TABLE large AS SELECT * FROM read_parquet('{corpus}/truth.parquet')")
    total = con.execute("SELECT count(*) FROM large").fetchall()[0][0]
    root = work / "large"
    _curated(corpus, work, root)
    rows = [small]
    for memory in (4, 1):
        cost = measure.run([sys.executable, "-m", STAGE, root, "exact,fuzzy", str(memory)])
        title = f"{total:,} records, memory_gb {memory}"
        rows.append(Row(title, total, cost, _stored(work, f"large-{memory}", _kept(root)), "large"))
    head = (*HEAD[:6], "CPU a record to the first row's", *HEAD[6:])
    cells = [[*_cells(con, row)[:6], small.rate / row.rate, *_cells(con, row)[6:]] for row in rows]
    cells[0][0] = f"{small.records:,} records, memory_gb 4"
    return page.table(head, cells)


def _curated(corpus: Path, work: Path, root: Path, server: str = "") -> measure.Cost:
    """Run the whole flow on a corpus from nothing; `server` is the address of a Prefect server that runs already."""
    shutil.rmtree(root, ignore_errors=True)
    env = {"DO_NOT_TRACK": "1", "PREFECT_HOME": str(work / "prefect"), "PREFECT_API_URL": server}
    words = ("-m", "flows", "run", "curate", f"root={root}", f"sources={corpus}/alpaca", "stages=exact,fuzzy")
    return measure.run([sys.executable, *words], env)


def _kept(root: Path) -> str:
    """Return SQL of the ids, as the corpus numbers them, of the records that stay."""
    return f"""(SELECT r.source_id::BIGINT AS id FROM read_parquet('{root}/records/*/*.parquet') AS r
        JOIN read_parquet('{root}/keepers.parquet') AS k USING (id) WHERE k.keep)"""


def _ours(corpus: Path, work: Path, total: int) -> list[Row]:
    root, python = work / "root", Path(sys.executable)
    whole = measure.best(RUNS, lambda: _curated(corpus, work, root))
    with temporary_settings({PREFECT_HOME: work / "prefect"}), temporary_server():
        beside = measure.best(RUNS, lambda: _curated(corpus, work, root, PREFECT_API_URL.value()))
    both = measure.best(RUNS, lambda: measure.run([python, "-m", STAGE, root, "exact,fuzzy"]))
    kept = _kept(root)
    rows = [
        Row("Cuvée, exact + fuzzy, clusters and keepers written", total, both, _stored(work, "stage", kept), "truth"),
        Row("Cuvée, `prefect run curate`, ingest included", total, whole, _stored(work, "whole", kept), "truth"),
        Row("the same, a Prefect server running already", total, beside, _stored(work, "beside", kept), "truth"),
    ]
    exact = measure.best(RUNS, lambda: measure.run([python, "-m", STAGE, root, "exact"]))
    limit = measure.best(RUNS, lambda: measure.run([python, "-c", READ, root]))
    return [
        *rows,
        Row("Cuvée, exact alone", total, exact, _stored(work, "exact", kept), "truth"),
        Row("limit: reading the records' turns with one process", total, limit, "", "truth"),
    ]


READ = """
import sys
from pathlib import Path
from curation import shards
root = Path(sys.argv[1])
for name in shards.sources(root):
    for table in shards.read_shards(root / "records" / name, ["id", "content_hash", "turns"]):
        table.nbytes
"""


def _stored(work: Path, name: str, relation: str) -> str:
    """Write the ids down, since the next run replaces what they come from."""
    path = work / f"{name}.parquet"
    duckdb.connect().execute(f"COPY (SELECT id FROM {relation}) TO '{path}'")
    return f"read_parquet('{path}')"


def _listed(path: Path) -> str:
    return f"read_csv('{path}', header = false, columns = {{'id': 'BIGINT'}})"


def _rensa(corpus: Path, work: Path, total: int) -> list[Row]:
    """Run rensa on the same shingles as everything else, and on `text.split()` as its documentation does."""
    python = peers.python("rensa", [RENSA, "pyarrow"])
    rows = []
    for title, tokens in (
        ("rensa, 128 permutations, 16 bands, word and Han 5-grams", "shingles"),
        ("rensa, the same, tokens as documented: text.split()", "split"),
    ):
        out = work / f"rensa-{tokens}"
        command: list[str | Path] = [python, SCRIPTS / "rensa_minhash.py", corpus / "parquet", out, tokens]
        cost = measure.best(RUNS, partial(measure.run, command))
        rows.append(Row(title, total, cost, _listed(out / "kept.txt"), "truth"))
    return rows


def _datatrove(con: duckdb.DuckDBPyConnection, chosen: argparse.Namespace, work: Path) -> list[Row]:
    """Run datatrove with its English and its Chinese tokenizer on that language, and with one regular expression on all."""
    total = con.execute("SELECT count(*) FROM truth").fetchall()[0][0]
    share = max(1, total // chosen.subset)
    con.execute(f"CREATE TABLE subset AS SELECT * FROM truth WHERE hash(cluster_id) % {share} = 0")
    folder = work / "subset"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for part in range(4):
        con.execute(
            f"""COPY (SELECT p.* FROM read_parquet('{chosen.corpus}/parquet/*.parquet') AS p JOIN subset USING (id)
            WHERE p.id % 4 = {part} ORDER BY id) TO '{folder}/part-{part}.parquet'"""
        )
    python = peers.python("datatrove-spacy", [DATATROVE, "spacy>=3.8,<4"])
    runs: Sequence[tuple[str, str, str]] = (
        ("datatrove MinHash as documented, English (spaCy)", "eng", "en"),
        ("datatrove MinHash as documented, Chinese (`zho`)", "zho", "zh"),
        ("datatrove MinHash, one regular expression as tokenizer", "regex", ""),
    )
    rows = []
    for title, tokenizer, language in runs:
        out = work / f"datatrove-{tokenizer}"
        script: list[str | Path] = [
            python,
            SCRIPTS / "datatrove_minhash.py",
            folder,
            out,
            tokenizer,
            *([language] if language else []),
        ]
        judged = f"(SELECT * FROM subset WHERE lang = '{language}')" if language else "subset"
        cost = measure.best(RUNS, partial(measure.run, script))
        records = con.execute(f"SELECT count(*) FROM {judged}").fetchall()[0][0]
        rows.append(Row(title, records, cost, _listed(out / "kept.txt"), judged))
    return rows


def _cells(con: duckdb.DuckDBPyConnection, row: Row) -> list[object]:
    costs = [row.tool, row.records, row.rate, row.cost.cpu, row.cost.wall, row.cost.peak_mb]
    if not row.kept:
        return [*costs, *["–"] * 5]
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE judged AS
        SELECT t.*, t.id IN (SELECT id FROM {row.kept}) AS kept FROM {row.judged} AS t"""
    )
    con.execute(
        """CREATE OR REPLACE TEMP TABLE groups AS
        SELECT cluster_id, count(*) AS size, count(*) FILTER (NOT kept) AS removed FROM judged GROUP BY cluster_id"""
    )
    recalls = [
        " / ".join(_caught(con, f"kind = 'near' AND lang = '{lang}' AND j_w5 >= {low} AND j_w5 < {high}")
                   for low, high in ((0.8, 0.9), (0.9, 1.1)))
        for lang in LANGUAGES
    ]  # fmt: skip
    precision = " / ".join(
        _share(con, f"""SELECT sum(least(removed, size - 1)) / sum(removed) FROM groups
            SEMI JOIN (SELECT id FROM judged WHERE lang = '{lang}') AS j ON j.id = cluster_id""")
        for lang in LANGUAGES
    )  # fmt: skip
    hard = _share(con, "SELECT count(*) FILTER (NOT kept) / count(*) FROM judged WHERE kind = 'hardneg'", 5)
    return [*costs, *recalls, _caught(con, "kind = 'exact'"), precision, hard]


def _caught(con: duckdb.DuckDBPyConnection, which: str) -> str:
    """Return the share of pairs, in clusters of two, of which at most one record stays."""
    return _share(
        con, f"SELECT avg((removed >= 1)::INT) FROM judged JOIN groups USING (cluster_id) WHERE size = 2 AND {which}"
    )


def _share(con: duckdb.DuckDBPyConnection, query: str, digits: int = 4) -> str:
    value = con.execute(query).fetchall()[0][0]
    return "–" if value is None or value != value else f"{value:.{digits}f}"  # noqa: PLR0124 - NaN is not itself


def _ratios(rows: Sequence[Row]) -> str:
    english, chinese = (
        next(row for row in rows if f"documented, {name}" in row.tool) for name in ("English", "Chinese")
    )
    both = (english.records + chinese.records) / (english.cost.cpu + chinese.cost.cpu)
    lines = [f"| {row.tool} | {rows[0].rate / row.rate:,.1f} × |" for row in rows[4:]]
    lines.append(f"| datatrove MinHash as documented, each language with its own | {rows[0].rate / both:,.1f} × |")
    return "\n".join(["| Cuvée's stage is faster than | by records / CPU-s |", "| --- | --- |", *lines])


def _sentence(con: duckdb.DuckDBPyConnection, chosen: argparse.Namespace) -> str:
    query = f"""SELECT count(*), round(avg(length(text))), avg((lang = 'zh')::INT)
        FROM read_parquet('{chosen.corpus}/parquet/*.parquet')"""
    total, length, chinese = con.execute(query).fetchall()[0]
    made = " The texts are invented (benchmarks/corpus.py)." if chosen.corpus == MADE else ""
    return (
        f"{total:,} records of about {length:.0f} characters, {chinese:.0%} Chinese, with planted exact copies, edited copies of known "
        f"Jaccard and hard negatives.{made} Recall counts pairs in clusters of two; precision and hard negatives count removals. datatrove "
        f"reads whole clusters of about {chosen.subset:,} records (its rate hardly depends on their number), everything else all. Of {RUNS} "
        f"runs of each the cheapest counts. Peak is of the largest process."
    )


if __name__ == "__main__":
    main()
