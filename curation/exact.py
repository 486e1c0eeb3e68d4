"""Names exact duplicates (equal content_hash) and records with the same prompt, over all sources.

Two phases: the prompt hashes, shard by shard, into small files of keys; then DuckDB groups the keys under a memory limit,
spilling to <root>/work. No text is grouped. Nothing is dropped here: `sql/kept.sql` chooses each cluster's keeper.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from curation import shards
from curation.engine import Engine, place
from curation.identity import code, digest
from curation.record import Turns, flat_turns
from curation.text import fold_hashes

STAGE = "exact"

SCHEMA = pa.schema(
    [
        ("id", pa.uuid()),
        ("keep", pa.bool_()),  # always true
        ("reason", pa.string()),  # always null
        ("cluster_id", pa.uuid()),  # the smallest record id, by bytes, of the cluster; null where alone
        ("cluster_size", pa.int32()),  # records with this content, 1 where alone
        (
            "prompt_group",
            pa.int64(),
        ),  # hash of the folded turns before the last assistant turn; null where there are none
        ("prompt_group_size", pa.int32()),  # records with this prompt; null where there is none
    ]
)
KEYS = pa.schema([("id", pa.uuid()), ("content_hash", pa.uuid()), ("prompt_group", pa.int64())])
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, 2^64 / golden ratio
ROLE = {"system": 1, "user": 2, "assistant": 3, "tool": 4}


class Settings(BaseModel):
    """The resources of the grouping; they do not change its outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    memory_gb: float = Field(4, gt=0, description="DuckDB's memory limit, GB; beyond it, it spills to <root>/work")


@dataclass(frozen=True)
class Unit:
    """One records shard whose keys are to be written."""

    root: Path
    source: str
    file: str
    rows: int
    key: str

    @property
    def path(self) -> Path:
        """Where its keys lie."""
        return shards.folder(self.root, "work", STAGE, self.source) / self.file


def key(root: Path, sources: Sequence[str], settings: Settings) -> str:
    """Return the identity of the verdicts; the order of `sources` is of no account, nor is the memory."""
    inputs = [[source, shards.finished(shards.folder(root, "records", source)).output] for source in sorted(sources)]
    return digest(STAGE, settings.model_dump(exclude={"memory_gb"}), code("curation.exact"), inputs)


def run(root: Path, sources: Sequence[str], settings: Settings, engine: Engine, workers: int) -> int:
    """Write verdicts/exact/<source>/ for every source; returns the records read, 0 where all was done before.

    Raises FileNotFoundError for a source that has no records.
    """
    names = sorted(sources)
    stage_key = key(root, names, settings)
    folders = {name: shards.folder(root, "verdicts", STAGE, name) for name in names}
    if all(shards.is_done(folder, stage_key) for folder in folders.values()):
        return 0
    for folder in folders.values():  # from here until finish() these verdicts count as not done
        (folder / shards.MANIFEST).unlink(missing_ok=True)
    units = [unit for name in names for unit in _units(root, name)]
    stale = sorted((u for u in units if not shards.has_shard(u.path, u.key)), key=lambda u: -u.rows)
    place(stale, write_keys, engine, workers, "exact keys", sum(unit.rows for unit in stale))
    scratch = shards.folder(root, "work", "exact-groups")
    tables = grouped([unit.path for unit in units], [unit.rows for unit in units], settings, scratch)
    for unit, table in zip(units, tables, strict=True):
        shards.write_shard(folders[unit.source] / unit.file, table, stage_key)
    shutil.rmtree(scratch, ignore_errors=True)
    for name, folder in folders.items():
        shards.finish(folder, STAGE, name, stage_key)
    return sum(unit.rows for unit in units)


def _units(root: Path, source: str) -> list[Unit]:
    identity = code("curation.exact")
    records = shards.finished(shards.folder(root, "records", source)).shards
    return [Unit(root, source, s.file, s.rows, digest("exact keys", identity, s.digest)) for s in records]


def write_keys(unit: Unit) -> int:
    """Write the keys of one records shard; returns its rows."""
    source = pq.ParquetFile(shards.folder(unit.root, "records", unit.source) / unit.file)
    groups = [
        keys(source.read_row_group(n, columns=["id", "content_hash", "turns"])) for n in range(source.num_row_groups)
    ]
    shards.write_shard(unit.path, pa.concat_tables(groups) if groups else KEYS.empty_table(), unit.key)
    return unit.rows


def keys(records: pa.Table) -> pa.Table:
    """Return id, content_hash and prompt_group of a table of records."""
    hashes, empty = prompt_groups(flat_turns(records))
    return records.select(["id", "content_hash"]).append_column("prompt_group", pa.array(hashes, mask=empty)).cast(KEYS)


def prompt_groups(turns: Turns) -> tuple[np.ndarray, np.ndarray]:
    """Return the prompt hash of each record (int64), and where there is no turn before the last assistant turn.

    Without an assistant turn, every turn is prompt. Roles count, case, width and white space do not.
    """
    count = len(turns.offsets) - 1
    if not len(turns.contents):
        return np.zeros(count, np.int64), np.ones(count, np.bool_)
    encoded = turns.roles.dictionary_encode()
    roles = np.frombuffer(encoded.indices.buffers()[1], np.int32, len(encoded), 4 * encoded.indices.offset)
    numbers = np.array([ROLE.get(name, 0) for name in encoded.dictionary.to_pylist()], np.uint64)[roles]
    position = np.arange(len(roles))
    spoken = np.maximum.accumulate(np.where(numbers == ROLE["assistant"], position, -1))
    latest = np.concatenate([[-1], spoken])[turns.offsets[1:]]
    ends = np.where(latest >= turns.offsets[:-1], latest, turns.offsets[1:])
    place_in_record = position - np.repeat(turns.offsets[:-1], np.diff(turns.offsets))
    values = (fold_hashes(turns.contents) + numbers) * (MIX * (2 * place_in_record.astype(np.uint64) + np.uint64(1)))
    values ^= values >> np.uint64(29)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values * MIX, dtype=np.uint64)])  # modulo 2^64
    return (sums[ends] - sums[turns.offsets[:-1]]).view(np.int64), ends == turns.offsets[:-1]


def grouped(paths: Sequence[Path], rows: Sequence[int], settings: Settings, scratch: Path) -> Iterator[pa.Table]:
    """Yield one table of verdicts a keys file, its rows in the file's order; spills to `scratch`."""
    if not paths:
        return
    scratch.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"memory_limit": f"{settings.memory_gb}GB", "temp_directory": str(scratch)}) as base:
        base.sql("SET arrow_lossless_conversion = true")  # UUIDs as 16 bytes, not as text
        base.sql("SET preserve_insertion_order = false")
        reader = base.sql(QUERY.format(files=", ".join("'" + str(p).replace("'", "''") + "'" for p in paths)))
        yield from _cut(reader.to_arrow_reader(shards.ROW_GROUP), rows)


QUERY = """
WITH keys AS (
    SELECT file_index, file_row_number, id, content_hash, prompt_group FROM read_parquet([{files}])
),
contents AS (
    SELECT content_hash, min(id) AS cluster_id, count(*)::INTEGER AS cluster_size
    FROM keys GROUP BY content_hash HAVING count(*) > 1
),
prompts AS (
    SELECT prompt_group, count(*)::INTEGER AS prompt_group_size
    FROM keys WHERE prompt_group IS NOT NULL GROUP BY prompt_group HAVING count(*) > 1
)
SELECT id, true AS keep, NULL::VARCHAR AS reason, cluster_id, coalesce(cluster_size, 1) AS cluster_size, prompt_group,
    CASE WHEN prompt_group IS NOT NULL THEN coalesce(prompt_group_size, 1) END AS prompt_group_size
FROM keys LEFT JOIN contents USING (content_hash) LEFT JOIN prompts USING (prompt_group)
ORDER BY file_index, file_row_number
"""


def _cut(batches: pa.RecordBatchReader, rows: Sequence[int]) -> Iterator[pa.Table]:
    """Yield the stream's rows again as tables of the given lengths."""
    pending: list[pa.Table] = []
    held = 0
    for size in rows:
        while held < size:
            batch = pa.Table.from_batches([batches.read_next_batch()])
            pending, held = [*pending, batch], held + batch.num_rows
        table = pa.concat_tables(pending) if pending else pa.Table.from_batches([], batches.schema)
        yield table.slice(0, size).cast(SCHEMA)
        pending, held = [table.slice(size)], held - size
