"""Which records to rewrite: a SQL predicate over the catalog. Reads the views records, kept, skill and language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from curation.record import ID, ROLES, TURNS, Turn
from curation.synthesise.answer import reference

SELECTED = pa.schema(
    [
        ("id", ID),
        ("turns", TURNS),
        ("source", pa.string()),
        ("licence", pa.string()),
        ("meta", pa.string()),
        ("lang", pa.string()),
    ]
)
BATCH = 2048

_QUERY = """
WITH candidates AS (
  SELECT r.id, r.source, r.licence, r.meta, r.parent_id, r.turns, k.keep, s.skill, s.skills, l.lang
  FROM records r JOIN kept k ON k.id = r.id JOIN skill s ON s.id = r.id JOIN language l ON l.id = r.id
)
SELECT id, turns, source, licence, meta, lang FROM candidates WHERE ({where}) ORDER BY id
"""


def select(catalog: Path, where: str, limit: int | None = None, *, need_reference: bool = True) -> pa.Table:
    """Return the records to rewrite (schema SELECTED), in the order of their ids.

    `where` is config, written by a researcher. A record is passed over where it has no question, or has tool turns,
    or where a reference answer is needed and none can be told. Raises ValueError for a predicate DuckDB refuses.
    """
    tables, count = [SELECTED.empty_table()], 0
    for batch in _candidates(catalog, where):
        table = batch.filter(
            pa.array([_usable(*row, need_reference=need_reference) for row in _rows(batch)], pa.bool_())
        )
        tables.append(table)
        count += table.num_rows
        if limit is not None and count >= limit:
            break
    return pa.concat_tables(tables).slice(0, limit)


def _candidates(catalog: Path, where: str) -> Iterator[pa.Table]:
    query = _QUERY.format(where=where)
    if not catalog.is_file():
        raise FileNotFoundError(f"{catalog} is missing: run `curate` first, it builds the catalog")
    with duckdb.connect(str(catalog), read_only=True) as connection:
        connection.execute("SET arrow_lossless_conversion = true")
        connection.execute(
            f"SET allowed_directories = ['{str(catalog.resolve().parent).replace(chr(39), chr(39) * 2)}']"
        )
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            if len(connection.extract_statements(query)) != 1:
                raise ValueError(f"synthesise.where must be one SQL predicate, got {where!r}")
            reader = connection.sql(query).to_arrow_reader(BATCH)
        except duckdb.Error as error:
            raise ValueError(f"synthesise.where is no predicate over the catalog: {where!r}: {error}") from error
        for batch in reader:
            yield pa.Table.from_batches([batch]).cast(SELECTED)


def _rows(table: pa.Table) -> Iterator[tuple[list[Turn], str | None]]:
    for turns, meta in zip(table["turns"].to_pylist(), table["meta"].to_pylist(), strict=True):
        yield [(t["role"], t["content"]) for t in turns], meta


def _usable(turns: list[Turn], meta: str | None, *, need_reference: bool) -> bool:
    history, response = split(turns)
    if not history or not history[-1][1].strip() or any(role not in ROLES[:3] for role, _ in history):
        return False
    return not need_reference or reference(response, meta) is not None


def split(turns: list[Turn]) -> tuple[list[Turn], str]:
    """Split a conversation into its history up to the last user turn, and the response to it ("" where it has none)."""
    last = max((i for i, (role, _) in enumerate(turns) if role == "user"), default=-1)
    return turns[: last + 1], "\n".join(content for role, content in turns[last + 1 :] if role == "assistant")
