"""Writes data/ and lineage.parquet of a plan.

The text is read from the catalog in Arrow batches, in one pass, and spilled to one file a shard; then each shard is
put in order and written. In memory: the ids and counts of the supply, and the text of one shard.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from curation.catalog import connect
from curation.record import ID, TURNS, Turn, flat_turns
from curation.template import Template, template
from mixtures.handoff.admit import messages
from mixtures.handoff.manifest import DATA, LINEAGE, Settings, Shard
from mixtures.handoff.plan import Plan
from mixtures.sample import Supply

BATCH = 16_384  # records a batch out of DuckDB
OPEN_FILES = 256  # shards spilled in one pass over the text; below the usual limit of open files
MIXED = "mixed"  # channel of a line with records of several domains
SPILL = pa.schema([("position", pa.int64()), ("turns", TURNS)])
SCHEMA = pa.schema(
    [
        ("id", ID),
        ("mix", pa.string()),
        ("domain", pa.string()),
        ("shard", pa.string()),  # file name under data/
        ("row", pa.int64()),  # line of that file, from 1
        ("epoch", pa.int64()),  # which copy of the record this is, from 1
        ("message", pa.int32()),  # where the record begins among the line's messages, from 0
        ("messages", pa.int32()),  # how many of them are the record's
        ("n_tokens", pa.int32()),
        ("n_target_tokens", pa.int32()),
    ]
)


def targets(catalog: Path, supply: Supply, places: Plan) -> np.ndarray:
    """Return the supervised tokens of every drawn row of the supply (int64, 0 for the rows not drawn)."""
    drawn = np.unique(places.rows)
    out = np.zeros(len(supply.ids), np.int64)
    with connect(catalog) as con:
        con.execute("SET arrow_lossless_conversion = true")  # a UUID as 16 bytes, not as text
        con.register("drawn", pa.table({"id": uuids(supply.ids[drawn]), "row": drawn}))
        query = 'SELECT "row", coalesce(n_target_tokens, 0)::BIGINT AS n FROM domains JOIN drawn USING (id)'
        table = con.sql(query).to_arrow_table()
    out[table["row"].to_numpy()] = table["n"].to_numpy()
    return out


def uuids(values: np.ndarray) -> pa.ExtensionArray:
    """Return V16 values as an Arrow column of type ID."""
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(values), [None, pa.py_buffer(values.tobytes())])
    return pa.ExtensionArray.from_storage(ID, storage)


def write(
    catalog: Path, supply: Supply, places: Plan, targets: np.ndarray, settings: Settings, folder: Path
) -> list[Shard]:
    """Write data/ and lineage.parquet under `folder`; returns the shards with what they hold."""
    chat = template(settings.tokens.template)
    bounds = np.searchsorted(places.shards, np.arange(int(places.shards[-1]) + 2))
    count = len(bounds) - 1
    shards: list[Shard] = []
    spilled = folder / "spill"
    (folder / DATA).mkdir()
    with pq.ParquetWriter(folder / LINEAGE, SCHEMA, compression="zstd") as lineage:
        for first in range(0, count, OPEN_FILES):
            group = range(first, min(first + OPEN_FILES, count))
            _spill(catalog, supply, places, bounds, group, spilled)
            for number in group:
                path = folder / DATA / f"part-{number:05d}-of-{count:05d}.jsonl"
                turns = _ordered(spilled / str(number))
                table = _lineage(
                    supply, places, targets, slice(bounds[number], bounds[number + 1]), [len(t) for t in turns]
                )
                table = _named(table, settings.mix, path.name)
                shards.append(_write_shard(path, table, turns, chat))
                lineage.write_table(table)
            shutil.rmtree(spilled)
    return shards


def _spill(catalog: Path, supply: Supply, places: Plan, bounds: np.ndarray, group: range, folder: Path) -> None:
    """Read the text of a group of shards in one pass over the records, each record to the file of its shard."""
    folder.mkdir()
    positions = np.arange(bounds[group.start], bounds[group.stop])
    seen = 0
    with connect(catalog) as con, ExitStack() as stack:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        files = [stack.enter_context(pa.ipc.new_stream(str(folder / str(n)), SPILL, options=options)) for n in group]
        con.execute("SET arrow_lossless_conversion = true")
        con.execute("SET preserve_insertion_order = false")
        con.register("picks", pa.table({"id": uuids(supply.ids[places.rows[positions]]), "position": positions}))
        for batch in con.sql("SELECT position, turns FROM records JOIN picks USING (id)").to_arrow_reader(BATCH):
            shard = places.shards[batch.column("position").to_numpy()]
            order = np.argsort(shard, kind="stable")
            table = pa.Table.from_batches([batch]).take(pa.array(order)).cast(SPILL)
            edges = np.searchsorted(shard[order], np.arange(group.start, group.stop + 1)).tolist()
            for file, start, stop in zip(files, edges[:-1], edges[1:], strict=True):
                if stop > start:
                    file.write_table(table.slice(start, stop - start))
            seen += batch.num_rows
    if seen != len(positions):
        raise ValueError(
            f"{catalog}: {len(positions)} records drawn from the view domains, {seen} found by their ids in the view "
            "records; each should be there once: build the catalog again"
        )


def _ordered(path: Path) -> list[list[Turn]]:
    """Return the turns of a shard's records in the order of the plan."""
    with pa.ipc.open_stream(str(path)) as reader:
        table = reader.read_all()
    flat = flat_turns(table)
    pairs = [(r, c or "") for r, c in zip(flat.roles.to_pylist(), flat.contents.to_pylist(), strict=True)]
    offsets = flat.offsets.tolist()
    return [pairs[offsets[at] : offsets[at + 1]] for at in np.argsort(table["position"].to_numpy()).tolist()]


def _lineage(supply: Supply, places: Plan, targets: np.ndarray, rows: slice, lengths: list[int]) -> pa.Table:
    at, lines = places.rows[rows], places.lines[rows]
    counts = np.array(lengths, np.int64)
    before = np.cumsum(counts) - counts
    line = lines - lines[0]
    starts = np.flatnonzero(np.diff(line, prepend=-1))
    columns = {
        "id": uuids(supply.ids[at]),
        "domain": pa.array(supply.names).take(pa.array(supply.domain[at])),
        "row": line + 1,
        "epoch": places.epochs[rows] + 1,
        "message": before - before[starts][line],
        "messages": counts,
        "n_tokens": supply.n_tokens[at],
        "n_target_tokens": targets[at],
    }
    return pa.table(columns)


def _named(table: pa.Table, mix: str, shard: str) -> pa.Table:
    for name, value in (("mix", mix), ("shard", shard)):
        table = table.append_column(name, pa.repeat(pa.scalar(value), table.num_rows))
    return table.select(SCHEMA.names).cast(SCHEMA)


def _write_shard(path: Path, lineage: pa.Table, turns: list[list[Turn]], chat: Template) -> Shard:
    """Write one data file, a line after the other; orjson writes the same bytes for the same text."""
    rows = lineage["row"].to_numpy()
    starts = np.append(np.flatnonzero(np.diff(rows, prepend=0)), len(rows)).tolist()
    ids, domains = lineage["id"].to_pylist(), lineage["domain"].to_pylist()
    state, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for start, stop in pairwise(starts):
            channel = domains[start] if len(set(domains[start:stop])) == 1 else MIXED
            said = [m for t in turns[start:stop] for m in messages(t, chat)]
            line = orjson.dumps(
                {"id": str(ids[start]), "channel": channel, "messages": said}, option=orjson.OPT_APPEND_NEWLINE
            )
            state.update(line)
            size += file.write(line)
    sums = [int(lineage[name].to_numpy().sum(dtype=np.int64)) for name in ("n_tokens", "n_target_tokens")]
    return Shard(
        file=path.name, sha256=state.hexdigest(), bytes=size, lines=len(starts) - 1, records=len(rows),
        n_tokens=sums[0], n_target_tokens=sums[1],
    )  # fmt: skip
