"""Names exact duplicates (equal content_hash) and records with the same prompt, over all sources.

Nothing is dropped here: `sql/keepers.sql` chooses each cluster's keeper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation.clusters import Keys, equal, named, nulls, numeric, record_ids, sizes
from curation.identity import code, digest
from curation.record import Turns, flat_turns
from curation.spill import Spill
from curation.text import fold_hashes

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
MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, 2^64 / golden ratio
ROLE = {"system": 1, "user": 2, "assistant": 3, "tool": 4}


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
    """Return id, content_hash and prompt_group of a table of records."""
    hashes, empty = prompt_groups(flat_turns(records))
    return records.select(["id", "content_hash"]).append_column("prompt_group", numeric(hashes, empty))


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
    is_prompt = position < np.repeat(ends, np.diff(turns.offsets))  # answers, most of the text, are not read
    values = (fold_hashes(turns.contents, is_prompt) + numbers) * (
        MIX * (2 * place_in_record.astype(np.uint64) + np.uint64(1))
    )
    values ^= values >> np.uint64(29)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values * MIX, dtype=np.uint64)])  # modulo 2^64
    return (sums[ends] - sums[turns.offsets[:-1]]).view(np.int64), ends == turns.offsets[:-1]


def group(keys: Keys, settings: Settings, spill: Spill) -> Iterator[pa.Table]:  # noqa: ARG001 - a judge's interface
    """Yield one table of verdicts a keys file, its rows in the file's order."""
    clusters = named(record_ids(keys, spill), equal(keys, "content_hash", spill), spill)
    prompt = equal(keys, "prompt_group", spill)
    asked = sizes(prompt, spill)
    row = 0
    for number, count in enumerate(keys.rows):
        ids, cluster, size = clusters.columns(row, row + count, spill)
        prompts = keys.column(number, "prompt_group")
        columns = [
            ids,
            pa.repeat(True, count),
            pa.nulls(count, pa.string()),
            cluster,
            size,
            prompts,
            numeric(spill.take(asked, prompt[row : row + count]), nulls(prompts)),
        ]
        yield pa.Table.from_arrays(columns, schema=SCHEMA)
        row += count
