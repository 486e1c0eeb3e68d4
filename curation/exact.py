"""Names exact duplicates (equal content_hash) and records with the same prompt, over all sources.

Nothing is dropped here: `sql/keepers.sql` chooses each cluster's keeper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation.clusters import Keys, column, equal, named, nulls, record_ids, sizes
from curation.identity import code, digest
from curation.spill import Spill
from curation.utf8 import numbers

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
COLUMNS = ["id", "content_hash", "prompt_group"]  # of a record


class Settings(BaseModel):
    """The resources of the grouping; they do not change its outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    memory_gb: float = Field(
        4, gt=0, description="memory that the grouping may take, GiB; beyond it, it spills to <root>/work"
    )


def keys_identity(settings: Settings) -> str:  # noqa: ARG001 - a judge's interface
    """Return the identity of the code that makes the keys."""
    return digest("exact keys", code("curation.exact"))


def identity(settings: Settings) -> str:
    """Return the identity of the settings and the code that make the verdicts; the memory is of no account."""
    return digest(settings.model_dump(exclude={"memory_gb"}), code("curation.exact"))


def prepare(settings: Settings) -> Callable[[pa.Table], pa.Table]:  # noqa: ARG001 - a judge's interface
    """Return the function records → keys (id, content_hash, prompt_group)."""
    return make_keys


def make_keys(records: pa.Table) -> pa.Table:
    """Return what exact duplicates and equal prompts are told by: no text is read."""
    return records.select(COLUMNS)


def group(keys: Keys, settings: Settings, spill: Spill) -> Iterator[pa.Table]:  # noqa: ARG001 - a judge's interface
    """Yield one table of verdicts a keys file, its rows in the file's order."""
    clusters = named(record_ids(keys, spill), equal(keys, "content_hash", spill), spill)
    prompt = equal(keys, "prompt_group", spill)
    asked = sizes(prompt, spill)
    for table, rows in keys.files():
        prompts = column(table, "prompt_group")
        size = numbers(spill.take(asked, prompt[rows]), nulls(prompts))
        yield pa.Table.from_arrays([*clusters.columns(rows.start, rows.stop, spill), prompts, size], schema=SCHEMA)
