"""The catalog: <root>/corpus.duckdb, a DuckDB file of views over the shards, built beside and swapped in.

The views are the files of sql/, one each. Whoever opens the catalog opens it read-only, so that many can.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import duckdb
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation import shards
from curation.identity import digest
from curation.judge import module
from curation.record import ID, QUARANTINE, RECORD, TRACE, id_bytes

STAGES = (
    "exact",
    "fuzzy",
    "language",
    "quality",
    "skill",
    "decontaminate",
    "tokens",
    "scores",
)  # in the order of the cut
SQL = Path(__file__).parent.parent / "sql"
VIEWS = (
    *("records", "quarantine", "judged", "policy", "ruled", "keepers", "cut", "verdicts", "kept", "funnel"),
    *STAGES,
    *("domains", "traces", "observations", "lineage"),
)
STORAGE = "v1.5.0"  # the newest the packaged DuckDB CLI reads; DuckDB 2.0 would write one it refuses
CARRIED = ("source", "licence", "parent_id")  # what judged/ takes over from the record
OBSERVATION = pa.schema(
    [("search", pa.string()), ("run", pa.string()), ("name", pa.string()), ("kind", pa.string()),
     ("seed", pa.int64()), ("metric", pa.string()), ("value", pa.float64())]
)  # fmt: skip
LINEAGE = pa.schema(
    [("id", ID), ("mix", pa.string()), ("domain", pa.string()), ("shard", pa.string()), ("row", pa.int64()),
     ("epoch", pa.int64())]
)  # fmt: skip


class Policy(BaseModel):
    """The thresholds of the cut: data, applied in sql/ruled.sql, so that moving one re-runs no judge."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    languages: tuple[str, ...] = Field(
        ("zh", "en", "und"), description="kept conversation languages (und: only digits)"
    )
    min_language_prob: float = Field(0.0, description="least confidence in the language")
    require_agreement: bool = Field(False, description="drop answers in another language than the question's")
    min_quality: float = Field(0.0, description="least heuristic quality score, 0 to 1")
    min_model_score: float = Field(0.0, description="least score of quality.model, 0 to 1; no effect without a model")
    max_tokens: int = Field(8192, description="longest conversation, in tokens of the target tokenizer and template")
    min_target_tokens: int = Field(1, description="least supervised tokens of a conversation")
    allow: tuple[str, ...] = Field((), description="reasons that do not drop a record, e.g. refusal,contaminated")
    drop_flags: tuple[str, ...] = Field(
        (), description="quality flags that only annotate by default and shall drop too, e.g. refusal,apology"
    )
    max_ifd: float = Field(0.0, description="greatest ifd of scores; 0: no limit (1: the question must help)")
    max_ppl: float = Field(0.0, description="greatest perplexity of scores; 0: no limit")
    min_domain_records: int = Field(200, description="kept records below which a domain joins its language's other")
    max_drop: float = Field(0.9, description="share of its input that one stage may drop before the run stops")
    max_drop_stages: dict[str, float] = Field({}, description="the same for single stages, e.g. {decontaminate: 1.0}")


def consolidate(root: Path, source: str, keys: dict[str, str]) -> bool:
    """Write judged/<source>/: every verdict of a shard side by side, no join; says whether there was work to do.

    `keys` (stage → key) says which verdicts are up to date; stages that have none under their key are left null.
    """
    records, present, key = _judged_key(root, source, keys)
    folder = shards.folder(root, "judged", source)
    if shards.is_done(folder, key):
        return False
    (folder / shards.MANIFEST).unlink(missing_ok=True)
    for shard in records.shards:
        shards.write_shard(folder / shard.file, _side_by_side(root, source, shard.file, present), key)
    shards.finish(folder, "judged", source, key)
    return True


def _judged_key(root: Path, source: str, keys: dict[str, str]) -> tuple[shards.Manifest, dict[str, str], str]:
    records = shards.finished(shards.folder(root, "records", source))
    done = {stage: shards.read_manifest(shards.folder(root, "verdicts", stage, source)) for stage in STAGES}
    present = {s: m.output for s, m in done.items() if m is not None and m.key == keys.get(s)}
    return records, present, digest("judged", records.output, present, str(judged_schema()))


def is_current(root: Path, sources: dict[str, dict[str, str]], policy: Policy) -> bool:
    """Say whether judged/ and the catalog stand as `consolidate` and `build` would leave them (source → its keys)."""
    for source, keys in sources.items():
        if not shards.is_done(shards.folder(root, "judged", source), _judged_key(root, source, keys)[2]):
            return False
    parts, texts = _relations(root, list(sources), policy), _texts()
    return identity(root / "corpus.duckdb") == digest(parts, texts)


def judged_schema() -> pa.Schema:
    """Return the schema of judged/: id, what it carries of the record, then <stage>_<attribute> for every stage."""
    fields = [RECORD.field("id"), *(RECORD.field(name) for name in CARRIED)]
    for stage in STAGES:
        fields += [pa.field(f"{stage}_{f.name}", f.type) for f in module(stage).SCHEMA if f.name != "id"]
    return pa.schema(fields)


def _side_by_side(root: Path, source: str, file: str, present: dict[str, str]) -> pa.Table:
    table = shards.read_shard(shards.folder(root, "records", source) / file, ["id", *CARRIED])
    ids = id_bytes(table["id"])
    for stage in STAGES:
        columns = [f for f in module(stage).SCHEMA if f.name != "id"]
        if stage not in present:
            for f in columns:
                table = table.append_column(f"{stage}_{f.name}", pa.nulls(table.num_rows, f.type))
            continue
        verdicts = shards.read_shard(shards.folder(root, "verdicts", stage, source) / file)
        if not (id_bytes(verdicts["id"]) == ids).all():
            raise ValueError(
                f"{root}/verdicts/{stage}/{source}/{file} is not aligned with its records; delete it and rerun"
            )
        for f in columns:
            table = table.append_column(f"{stage}_{f.name}", verdicts[f.name])
    return table.cast(judged_schema())


def build(root: Path, sources: list[str], policy: Policy) -> bool:
    """Build <root>/corpus.duckdb over the finished folders of `sources`; says whether there was anything to change."""
    parts = _relations(root, sources, policy)
    texts = _texts()
    key = digest(parts, texts)
    catalog = root / "corpus.duckdb"
    if identity(catalog) == key:
        return False
    temp = root / f".corpus.{os.getpid()}.tmp"
    temp.unlink(missing_ok=True)
    with duckdb.connect(str(temp), config={"storage_compatibility_version": STORAGE}) as con:
        for view, text in texts.items():
            for name, relation in parts.items():
                text = text.replace("{" + name + "}", relation)  # noqa: PLW2901
            con.execute(f'CREATE VIEW "{view}" AS {text}')
        settings = json.dumps({"sources": sources, "policy": policy.model_dump(mode="json")})
        con.execute(f"CREATE VIEW identity AS SELECT {_literal(key)} AS key, {_literal(settings)} AS settings")
    temp.replace(catalog)
    return True


def _texts() -> dict[str, str]:
    return {view: (SQL / f"{view}.sql").read_text(encoding="utf-8") for view in VIEWS}


def identity(catalog: Path) -> str | None:
    """Return the key the catalog was built under, or None where there is no readable catalog."""
    if not catalog.is_file():
        return None
    try:
        with duckdb.connect(str(catalog), read_only=True) as con:
            return str(con.execute("SELECT key FROM identity").fetchall()[0][0])
    except duckdb.Error:
        return None


def refresh(root: Path) -> bool:
    """Build the catalog again under its own sources and policy, to take in new searches and hand-offs."""
    with connect(root / "corpus.duckdb") as con:
        settings = json.loads(con.execute("SELECT settings FROM identity").fetchall()[0][0])
    return build(root, settings["sources"], Policy.model_validate(settings["policy"]))


def cut(root: Path) -> str:
    """Return the identity of the cut: which records it keeps, in which domains, and the text they come from."""
    with connect(root / "corpus.duckdb") as con:
        settings = json.loads(con.execute("SELECT settings FROM identity").fetchall()[0][0])
        rows = con.execute(
            "SELECT count(*), bit_xor(hash(id, domain, n_tokens, n_target_tokens))::VARCHAR FROM domains"
        ).fetchall()
    texts = [m.output for s in settings["sources"] if (m := shards.read_manifest(shards.folder(root, "records", s)))]
    return digest([list(row) for row in rows], texts)


def connect(catalog: Path) -> duckdb.DuckDBPyConnection:
    """Open the catalog read-only; raises FileNotFoundError where curation has not built one."""
    if not catalog.is_file():
        raise FileNotFoundError(
            f"no catalog at {catalog}; run `prefect run curate root={catalog.parent} sources=…` first"
        )
    return duckdb.connect(str(catalog), read_only=True)


def _relations(root: Path, sources: list[str], policy: Policy) -> dict[str, str]:
    def files(*stage: str) -> list[Path]:
        folders = [shards.folder(root, *stage, source) for source in sources]
        return [path for folder in folders if shards.read_manifest(folder) for path in shards.shard_paths(folder)]

    samples = [root / "synthesis" / source / "samples" for source in sources]
    observations = sorted(
        p for p in root.glob("search/*/observations.parquet") if (p.parent / shards.MANIFEST).is_file()
    )
    lineage = sorted(p for p in root.glob("handoff/*/lineage.parquet") if (p.parent / shards.MANIFEST).is_file())
    return {
        "records": relation(files("records"), RECORD),
        "quarantine": relation(files("quarantine"), QUARANTINE),
        "judged": relation(files("judged"), judged_schema()),
        "policy": _policy(policy),
        "traces": relation([p for f in samples if shards.read_manifest(f) for p in shards.shard_paths(f)], TRACE),
        "observations": relation(observations, OBSERVATION),
        "lineage": relation(lineage, LINEAGE),
    }


def relation(files: list[Path], schema: pa.Schema) -> str:
    """Return SQL that reads the Parquet files by name, or an empty relation of the same columns where there are none."""
    if files:
        names = ", ".join("'" + _unglob(str(path.resolve())).replace("'", "''") + "'" for path in files)
        return f"read_parquet([{names}], union_by_name = false)"
    nulls = ", ".join(f'NULL::{_sql_type(field.type)} AS "{field.name}"' for field in schema)
    return f"(SELECT {nulls} WHERE false)"


def _sql_type(kind: pa.DataType) -> str:
    """Return DuckDB's name of an Arrow type; raises KeyError for one that no schema here uses."""
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return "STRUCT(" + ", ".join(f'"{f.name}" {_sql_type(f.type)}' for f in kind) + ")"
    names = {
        pa.string(): "VARCHAR", pa.bool_(): "BOOLEAN", pa.int32(): "INTEGER", pa.int64(): "BIGINT",
        pa.float32(): "FLOAT", pa.float64(): "DOUBLE", ID: "UUID",
    }  # fmt: skip
    return names[kind]


def _unglob(path: str) -> str:
    """Escape what DuckDB would read as a glob in a file's own name."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)


def _policy(policy: Policy) -> str:
    return ", ".join(
        f"{_literal(value)} AS {name}" for name, value in policy.model_dump().items() if not isinstance(value, dict)
    )


def _literal(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_literal(v) for v in value) + "]::VARCHAR[]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, (bool, int, float)):
        return repr(value).lower()
    raise TypeError(f"no SQL literal for {type(value).__name__}")


def funnel(catalog: Path) -> list[tuple[str, int, int, int]]:
    """Return (stage, records in, dropped, kept) for each stage in the order of the cut."""
    with connect(catalog) as con:
        return [
            tuple(row)
            for row in con.execute("SELECT stage, records_in, dropped, kept FROM funnel ORDER BY position").fetchall()
        ]
