"""Which turns to rewrite: a SQL predicate over the catalog. Reads the views records, kept, skill and language.

Writes the selected prompts as shards of a scratch folder, so that a run holds one shard of them at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from curation import shards
from curation.record import ID, TURNS
from curation.synthesise.answer import reference
from curation.synthesise.prompt import language
from curation.synthesise.settings import Settings

PROMPT = pa.schema(
    [
        ("id", ID),  # of the record
        ("turn", pa.int32()),  # position of the assistant turn that is rewritten, 0 being the first turn
        ("turns", TURNS),  # the conversation before it
        ("reference", pa.string()),  # the answer of the turn as it is, null where none can be told
        ("source", pa.string()),
        ("licence", pa.string()),
        ("skill", pa.string()),
        ("lang", pa.string()),  # zh or en: what it is asked and answered in
    ]
)
SHARD = 4096  # prompts: with 4 samples of 2 kB each, some 40 MB where they are gated
BATCH = 512
SHORT = 120  # characters, on one line: an answer without its reasoning
MEMORY = "1GB"  # of the query; what is selected is sorted by id, and spills

# A function of Python's sits inside: `reference` is computed only for what the cheaper parts of the predicate leave.
_QUERY = """
WITH asked AS (
  SELECT r.id, r.source, r.licence, r.meta, r.turns, k.keep, s.skill, s.skills, l.lang,
    unnest(list_filter(range(1, len(r.turns) + 1), lambda i: r.turns[i].role = 'user' AND trim(r.turns[i].content) <> ''
      AND (i = len(r.turns) OR r.turns[i + 1].role = 'assistant'))[{first}:])::INTEGER AS turn
  FROM records AS r JOIN kept AS k ON k.id = r.id LEFT JOIN skill AS s ON s.id = r.id LEFT JOIN language AS l ON l.id = r.id
  WHERE r.parent_id IS NULL
), candidates AS (
  SELECT *, turns[turn].content AS question, coalesce(turns[turn + 1].content, '') AS response,
    length(response) <= {short} AND NOT contains(trim(response), chr(10)) AS short,
    reference_of(response, CASE WHEN turn + 1 >= len(turns) THEN meta END) AS reference
  FROM asked WHERE len(list_filter(turns[:turn], lambda t: t.role NOT IN ('system', 'user', 'assistant'))) = 0
)
SELECT id, turn, turns[:turn] AS turns, reference, source, licence, skill, lang
FROM candidates WHERE ({where}) ORDER BY id, turn {limit}
"""


def select(catalog: Path, settings: Settings, folder: Path) -> shards.Manifest:
    """Write the prompts to rewrite (schema PROMPT) to `folder`, in the order of their ids; returns its manifest.

    `where` is config, written by a researcher. A turn is passed over where its question is empty or a tool's turn comes
    before it. Raises ValueError for a predicate that DuckDB refuses, or that selects nothing.
    """
    rows = shards.write_streams(folder, "", _shards(_batches(catalog, settings, folder)), PROMPT, level=1)
    if not rows:
        raise ValueError(f"synthesise.where selects no turn with a usable question in {catalog}: {settings.where!r}")
    return shards.finish(folder, "prompts", settings.source, "")


def _batches(catalog: Path, settings: Settings, folder: Path) -> Iterator[pa.Table]:
    if not catalog.is_file():
        raise FileNotFoundError(f"{catalog} is missing: run `curate` first, it builds the catalog")
    query = _QUERY.format(
        where=settings.where, first=-1 if settings.turns == "last" else 1, short=SHORT,
        limit="" if settings.limit is None else f"LIMIT {settings.limit}",
    )  # fmt: skip
    with duckdb.connect(str(catalog), read_only=True) as connection:
        _confine(connection, catalog.resolve().parent, folder)
        try:
            if len(connection.extract_statements(query)) != 1:
                raise ValueError(f"synthesise.where must be one SQL predicate, got {settings.where!r}")
            reader = connection.sql(query).to_arrow_reader(BATCH)
        except duckdb.Error as error:
            raise ValueError(
                f"synthesise.where is no predicate over the catalog: {settings.where!r}: {error}"
            ) from error
        for batch in reader:
            yield _in_language(pa.Table.from_batches([batch]).cast(PROMPT))


def _confine(connection: duckdb.DuckDBPyConnection, root: Path, folder: Path) -> None:
    """Let the predicate read nothing but what lies under the root."""
    connection.execute("SET arrow_lossless_conversion = true")
    connection.execute(f"SET memory_limit = '{MEMORY}'")
    connection.execute(f"SET temp_directory = {_quoted(folder / 'spill')}")
    connection.execute(f"SET allowed_directories = [{_quoted(root)}]")
    connection.execute("SET enable_external_access = false")
    connection.create_function(
        "reference_of", _references, ["VARCHAR", "VARCHAR"], "VARCHAR", type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL, side_effects=True,
    )  # fmt: skip
    connection.execute("SET lock_configuration = true")


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _references(responses: pa.Array, metas: pa.Array) -> pa.Array:
    pairs = zip(responses.to_pylist(), metas.to_pylist(), strict=True)
    return pa.array([reference(response, meta) for response, meta in pairs], pa.string())


def _in_language(table: pa.Table) -> pa.Table:
    """Put zh or en where the record's own language is another, or none."""
    rows = zip(table["turns"].to_pylist(), table["lang"].to_pylist(), strict=True)
    langs = pa.array([language(turns[-1]["content"], lang) for turns, lang in rows], pa.string())
    return table.set_column(PROMPT.get_field_index("lang"), PROMPT.field("lang"), langs)


def _shards(batches: Iterator[pa.Table]) -> Iterator[Iterator[pa.Table]]:
    """Divide a stream of small tables into streams of SHARD rows, but for the last."""
    waiting = next(batches, None)

    def shard() -> Iterator[pa.Table]:
        nonlocal waiting
        rows = 0
        while waiting is not None and rows < SHARD:
            yield waiting
            rows += waiting.num_rows
            waiting = next(batches, None)

    while waiting is not None:
        yield shard()
