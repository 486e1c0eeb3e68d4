"""Records → verdicts of contamination."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.decontaminate.benchmarks import digests
from curation.decontaminate.fold import tokenise
from curation.decontaminate.index import Index, open_index
from curation.decontaminate.match import FULL, NEAR, matches
from curation.decontaminate.settings import Settings
from curation.record import flat_turns

SCHEMA = pa.schema(
    [
        ("id", pa.uuid()),
        ("keep", pa.bool_()),
        ("reason", pa.string()),  # "contaminated"
        ("benchmark", pa.string()),  # name of the benchmark file without suffixes; null where nothing matches
        ("item", pa.string()),  # <benchmark>/<member of an archive>/<the row's own id or its number>
        ("twins", pa.list_(pa.string())),  # the other items, at most ten, that ask the same question word for word
        ("match", pa.string()),  # one of MATCHES
        ("overlap", pa.float32()),  # share of the text's information that the record has; 1 where it stands there whole
    ]
)
# Only the first two make a record contaminated.
MATCHES = ("question_full", "question_near", "question_part", "answer")
REASON = "contaminated"


def inputs(settings: Settings) -> dict[str, str]:
    """Return the digest of every benchmark file by its name; none where no folder is given."""
    return digests(Path(settings.benchmarks)) if settings.benchmarks else {}


def prepare(settings: Settings) -> Callable[[pa.Table], pa.Table]:
    """Open (or build) the index and return the function records → verdicts."""
    return partial(_judge, open_index(settings), settings) if settings.benchmarks else _keep_all


def _keep_all(records: pa.Table) -> pa.Table:
    rows = records.num_rows
    empty = [pa.nulls(rows, SCHEMA.field(n).type) for n in SCHEMA.names[2:]]
    return pa.table([records.column("id"), pa.repeat(pa.scalar(True), rows), *empty], schema=SCHEMA)


def _judge(index: Index, settings: Settings, records: pa.Table) -> pa.Table:
    turns = flat_turns(records)
    text = tokenise(turns.contents)
    user = pc.fill_null(pc.equal(turns.roles, "user"), False).to_numpy(zero_copy_only=False)
    probe, how, share = matches(
        (text.hashes, text.edges),
        (text.offsets, user),
        turns.offsets,
        index,
        (settings.bits, settings.overlap, settings.numbers),
    )
    none = how == 0
    contaminated = (how == FULL) | (how == NEAR)
    item = pa.array(np.where(none, 0, index.probes.item[np.maximum(probe, 0)]), mask=none)
    columns = [
        records.column("id"),
        pa.array(~contaminated),
        pa.array(np.full(len(how), REASON), pa.string(), mask=~contaminated),
        index.items["benchmark"].take(item),
        index.items["name"].take(item),
        index.items["twins"].take(item),
        pa.array(MATCHES).take(pa.array(how.astype(np.int32) - 1, mask=none)),
        pa.array(share, mask=none),
    ]
    return pa.table(columns, schema=SCHEMA)
