"""A tiny catalog for the hand-off's tests: a few hundred conversations in Chinese and English, counted for real."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from curation import record, tokens
from curation.record import RECORD, Turn

NOUNS = {"zh": ("苹果", "河流", "算盘", "长城", "茶叶"), "en": ("apple", "river", "abacus", "wall", "tea")}
MIXTURE = {"zh-math": 0.5, "en-code": 0.3, "en-chat": 0.2}


def conversations() -> list[tuple[str, list[Turn]]]:
    """Return (domain, turns): 120 Chinese sums, 120 English code answers, 60 English chats with systems and tools."""
    found: list[tuple[str, list[Turn]]] = []
    for n in range(120):
        noun = NOUNS["zh"][n % 5]
        sums = f"小明有{n}个{noun}，又买了{n + 7}个，一共有多少个？"
        found.append(
            (
                "zh-math",
                [("user", sums), ("assistant", f"{n} + {n + 7} = {2 * n + 7}，一共{2 * n + 7}个。" * (1 + n % 4))],
            )
        )
        noun = NOUNS["en"][n % 5]
        code = f"def {noun}_{n}():\n    return {n}\n" * (1 + n % 3)
        found.append(
            (
                "en-code",
                [("user", f"Write a function that returns {n} {noun}s."), ("assistant", f"```python\n{code}```")],
            )
        )
    for n in range(60):
        turns = [
            ("user", f"Tell me about {NOUNS['en'][n % 5]} number {n}."),
            ("assistant", "It is one of many. " * (1 + n % 6)),
        ]
        if n % 4 == 0:
            turns = [
                ("system", f"You are guide {n}."),
                *turns,
                ("user", "谢谢，再见"),
                ("assistant", "Goodbye. 🙂\u2028"),
            ]
        elif n % 4 == 1:
            turns = [*turns, ("tool", f'{{"count": {n}}}'), ("assistant", f"The tool says {n}.")]
        found.append(("en-chat", turns))
    return found


def build(folder: Path, rows: list[tuple[str, list[Turn]]] | None = None) -> Path:
    """Write corpus.duckdb with the tables records, domains, funnel, kept, exact, fuzzy and decontaminate; returns its path."""
    rows = conversations() if rows is None else rows
    hashes = [record.content_hash(turns) for _, turns in rows]
    ids = record.ids([record.record_id("made", str(n), h) for n, h in enumerate(hashes)])
    said = pa.array([[{"role": r, "content": c} for r, c in turns] for _, turns in rows], record.TURNS)
    counts = tokens.prepare(tokens.Settings(tokenizer="qwen", template="sus"))(pa.table({"id": ids, "turns": said}))
    none = pa.nulls(len(rows), pa.string())
    parts = pa.table(
        [ids, record.ids(hashes), [record.prompt_group(turns) for _, turns in rows], ["made"] * len(rows), [str(n) for n in range(len(rows))], ["CC0-1.0"] * len(rows), said, none, none],
        names=RECORD.names,
    )  # fmt: skip
    domains = pa.table(
        [ids, [d for d, _ in rows], ["made"] * len(rows), counts["n_tokens"], counts["n_target_tokens"]],
        names=["id", "domain", "source", "n_tokens", "n_target_tokens"],
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "corpus.duckdb"
    with duckdb.connect(str(path), config={"storage_compatibility_version": "v1.5.0"}) as con:
        con.execute("SET arrow_lossless_conversion = true")
        for name, table in (("records", parts), ("domains", domains)):
            con.register("given", table)
            con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
            con.unregister("given")
        con.execute(f"CREATE TABLE funnel AS SELECT 0 AS position, 'ingest' AS stage, {len(rows)} AS records_in, 0 AS dropped, "
                    f"{len(rows)} AS kept")  # fmt: skip
        con.execute(
            "CREATE TABLE kept AS SELECT id, true AS keep, NULL::VARCHAR AS stage, NULL::VARCHAR AS reason FROM records"
        )
        for name in ("exact", "fuzzy"):
            con.execute(f"CREATE TABLE {name} AS SELECT id, NULL::UUID AS cluster_id, 1 AS cluster_size FROM records")
        con.execute("CREATE TABLE decontaminate AS SELECT id, true AS keep, NULL::VARCHAR AS reason, NULL::VARCHAR AS benchmark, "
                    "NULL::VARCHAR AS item FROM records")  # fmt: skip
    return path
