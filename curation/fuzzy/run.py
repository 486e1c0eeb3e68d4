"""Names near duplicates over all sources: cluster_id, cluster_size and the Jaccard to the nearest.

Two conversations are compared as the tokens of all their turns, roles apart. Those with equal content_hash are one
text here, and its cluster is given to every copy, so fuzzy clusters contain the exact ones. Nothing is dropped here:
`sql/kept.sql` chooses each cluster's keeper.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation import shards
from curation.engine import Engine, place
from curation.fuzzy.cluster import BYTES_A_RECORD, Clusters, Rule, cluster
from curation.fuzzy.sign import Signing, sign_shard, signature_path, stale_units
from curation.identity import code, digest

STAGE = "fuzzy"

SCHEMA = pa.schema(
    [
        ("id", pa.uuid()),
        ("keep", pa.bool_()),  # always true
        ("reason", pa.string()),  # always null
        ("cluster_id", pa.uuid()),  # the smallest record id, by bytes, of the cluster; null where alone
        ("cluster_size", pa.int32()),  # records in the cluster, 1 where alone
        ("jaccard", pa.float32()),  # the largest verified Jaccard to another member; null where alone
    ]
)


class Settings(BaseModel):
    """When two records are near duplicates."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    threshold: float = Field(
        0.8, gt=0, le=1, description="Jaccard of the shingle sets from which two records are joined"
    )
    ngram: int = Field(5, ge=1, le=32, description="tokens a shingle: Latin words, Han characters")
    bands: int = Field(16, ge=1, le=256, description="bands of the signature: records meet where one band is equal")
    rows: int = Field(6, ge=1, le=32, description="permutations a band")
    seed: int = Field(1, ge=0, description="draws the permutations")
    exact_numbers_below: int = Field(
        256,
        ge=0,
        description="two records of at most this many tokens stay apart where each has a number that the other lacks, or "
        "their arithmetic signs differ: templated sums are different problems; 0 turns it off",
    )
    answer_threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="two records stay apart where their last assistant turns have a lower Jaccard than this: one long "
        "prompt with two answers is two examples; 0 turns it off",
    )
    leaders: int = Field(32, ge=1, description="records of one bucket that are compared with all the rest of it")
    memory_gb: float = Field(8, gt=0, description="memory that the clustering may take, at 64 bytes a record")

    @property
    def signing(self) -> Signing:
        """Return the part on which signatures depend."""
        return Signing(ngram=self.ngram, bands=self.bands, rows=self.rows, seed=self.seed)

    @property
    def rule(self) -> Rule:
        """Return the part on which the joining depends."""
        return Rule(self.ngram, self.threshold, self.answer_threshold, self.exact_numbers_below, self.leaders)


def key(root: Path, sources: Sequence[str], settings: Settings) -> str:
    """Return the identity of the verdicts; the order of `sources` is of no account."""
    inputs = [[source, shards.finished(shards.folder(root, "records", source)).output] for source in sorted(sources)]
    return digest(STAGE, settings.model_dump(exclude={"memory_gb"}), code("curation.fuzzy.run"), inputs)


def run(root: Path, sources: Sequence[str], settings: Settings, engine: Engine, workers: int) -> int:
    """Write verdicts/fuzzy/<source>/ for every source; returns the records read, 0 where all was done before.

    Raises FileNotFoundError for a source that has no records, ValueError where memory_gb is too small for them.
    """
    names = sorted(sources)
    stage_key = key(root, names, settings)
    folders = {name: shards.folder(root, "verdicts", STAGE, name) for name in names}
    if all(shards.is_done(folder, stage_key) for folder in folders.values()):
        return 0
    manifests = {name: shards.finished(shards.folder(root, "records", name)) for name in names}
    total = sum(manifest.rows for manifest in manifests.values())
    _check_memory(total, settings)
    for folder in folders.values():  # from here until finish() these verdicts count as not done
        (folder / shards.MANIFEST).unlink(missing_ok=True)
    units = sorted((u for name in names for u in stale_units(root, name, settings.signing)), key=lambda u: -u.rows)
    place(units, sign_shard, engine, workers, "fuzzy signatures", sum(unit.rows for unit in units))
    parts = [(name, shard) for name in names for shard in manifests[name].shards]
    scratch = shards.folder(root, "work", "fuzzy-clusters")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    clusters = cluster([signature_path(root, name, shard.file) for name, shard in parts], settings.rule, scratch)
    shutil.rmtree(scratch)
    row = 0
    for name, shard in parts:
        shards.write_shard(folders[name] / shard.file, verdicts(clusters, row, row + shard.rows), stage_key)
        row += shard.rows
    for name, folder in folders.items():
        shards.finish(folder, STAGE, name, stage_key)
    return total


def verdicts(clusters: Clusters, start: int, end: int) -> pa.Table:
    """Return the verdicts on the records start:end."""
    size = clusters.size[start:end]
    alone = size == 1
    columns = [
        _uuids(clusters.ids[start:end], np.zeros(end - start, np.bool_)),
        pa.array(np.ones(end - start, np.bool_)),
        pa.nulls(end - start, pa.string()),
        _uuids(clusters.ids[clusters.root[start:end]], alone),
        pa.array(size),
        pa.array(clusters.nearest[start:end], mask=alone),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _uuids(halves: np.ndarray, null: np.ndarray) -> pa.ExtensionArray:
    data = pa.py_buffer(np.ascontiguousarray(halves, ">u8"))
    valid = pa.py_buffer(np.packbits(~null, bitorder="little"))
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.Array.from_buffers(pa.binary(16), len(null), [valid, data]))


def _check_memory(total: int, settings: Settings) -> None:
    need = total * BYTES_A_RECORD / 1e9
    if need > settings.memory_gb:
        raise ValueError(
            f"fuzzy: {total:,} records need {need:.1f} GB at {BYTES_A_RECORD} bytes each, memory_gb is "
            f"{settings.memory_gb:g}; raise memory_gb or judge fewer sources together"
        )
