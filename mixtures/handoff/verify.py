"""`verify`: says whether a hand-off is what its manifest says, by reading all of it again.

Every check is one sentence. What is wrong is named by file and line, with what was expected and what was found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from curation import tokens
from curation.record import id_bytes
from mixtures.handoff import data, manifest, reread
from mixtures.handoff.manifest import DATA, LINEAGE, Manifest, Shard
from mixtures.handoff.reread import Faults

CHECKS = {
    "manifest": "the manifest is there and adds up",
    "files": "the folder holds the manifest's files and no others",
    "hashes": "every file has the manifest's size and sha256",
    "counts": "lines, records and tokens of every shard are the manifest's",
    "lineage": "every conversation lies where lineage.parquet says, none twice in an epoch",
    "lines": "every line is one object with id, channel and messages",
    "turns": "every conversation is [system] (user assistant)+ with no control token spelled in its text",
    "tokens": "every conversation has as many tokens as lineage.parquet says",
    "lengths": "no line is over max_tokens",
    "masks": "the loss covers the assistant texts with their end tokens, all of them and nothing else",
    "budget": "the total and every domain's share are the budget's, to within one record",
}


class Check(BaseModel):
    """One thing that was checked."""

    model_config = ConfigDict(frozen=True)
    name: str
    passed: bool
    detail: str  # one sentence


def verify(path: Path, retokenise: bool = True) -> list[Check]:
    """Check the hand-off in folder `path`; `retokenise=False` believes lineage.parquet's token counts and is far faster.

    Raises nothing for whatever lies in the folder: a fault is a check that did not pass.
    """
    faults = Faults()
    try:
        told = manifest.load(path)
    except (ValueError, OSError) as error:
        return [Check(name="manifest", passed=False, detail=str(error))]
    _manifest(told, faults)
    _files(path, told, faults)
    lineage = _lineage(path, told, faults)
    if lineage is not None:
        _copies(lineage, told, faults)
        _budget(lineage, told, faults)
    _shards(path, told, lineage, faults, retokenise)
    skipped = {"tokens", "masks"} if not retokenise else set()
    return [_check(name, good, faults) for name, good in CHECKS.items() if name not in skipped]


def _check(name: str, good: str, faults: Faults) -> Check:
    count = faults.count[name]
    if not count:
        return Check(name=name, passed=True, detail=good)
    more = f" (and {count - 1:,} more)" if count > 1 else ""
    return Check(name=name, passed=False, detail=faults.first[name] + more)


def _differ(faults: Faults, check: str, where: str, expected: object, found: object) -> None:
    if expected != found:
        faults.add(check, f"{where}: expected {_said(expected)}, found {_said(found)}")


def _said(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _manifest(told: Manifest, faults: Faults) -> None:
    """Check that the manifest's totals are the sums of its shards and of its domains, and that its shards are among its files."""
    where = manifest.MANIFEST
    for name in ("lines", "records", "n_target_tokens"):
        _differ(
            faults,
            "manifest",
            f"{where}: sum of the shards' {name}",
            getattr(told, name),
            sum(getattr(s, name) for s in told.shards),
        )
    _differ(
        faults, "manifest", f"{where}: sum of the shards' n_tokens", told.achieved, sum(s.n_tokens for s in told.shards)
    )
    for total, name in (
        (told.achieved, "achieved"),
        (told.records, "records"),
        (told.n_target_tokens, "n_target_tokens"),
    ):
        _differ(
            faults,
            "manifest",
            f"{where}: sum of the domains' {name}",
            total,
            sum(getattr(d, name) for d in told.domains),
        )
    listed = {name: (entry.sha256, entry.bytes) for name, entry in told.files.items() if name.startswith(f"{DATA}/")}
    shards = {f"{DATA}/{s.file}": (s.sha256, s.bytes) for s in told.shards}
    for name in sorted(listed.keys() | shards.keys()):
        _differ(faults, "manifest", f"{where}: {name} under files, as under shards", shards.get(name), listed.get(name))


def _files(path: Path, told: Manifest, faults: Faults) -> None:
    present = set(manifest.files(path))
    for name in sorted(set(told.files) - present):
        faults.add("files", f"{name}: expected by the manifest, found no such file")
    for name in sorted(present - set(told.files)):
        faults.add("files", f"{name}: found a file that the manifest does not know; delete it or hand off again")
    for name in sorted(present & set(told.files)):
        entry = manifest.sha256(path / name)
        _differ(faults, "hashes", f"{name}: bytes", told.files[name].bytes, entry.bytes)
        _differ(faults, "hashes", f"{name}: sha256", told.files[name].sha256, entry.sha256)


def _lineage(path: Path, told: Manifest, faults: Faults) -> pa.Table | None:
    """Return lineage.parquet, or None where it is not one."""
    try:
        table = pq.read_table(path / LINEAGE)
    except (OSError, pa.ArrowInvalid) as error:
        faults.add("lineage", f"{LINEAGE}: expected a Parquet file, found {str(error).splitlines()[0]}")
        return None
    wrong = [
        f.name for f in data.SCHEMA if f.name not in table.schema.names or table.schema.field(f.name).type != f.type
    ]
    if wrong or any(table[name].null_count for name in data.SCHEMA.names):
        faults.add(
            "lineage",
            f"{LINEAGE}: expected the columns {data.SCHEMA.names} without nulls, found others: {wrong or 'nulls'}",
        )
        return None
    _differ(faults, "lineage", f"{LINEAGE}: records", told.records, table.num_rows)
    return table


def _copies(lineage: pa.Table, told: Manifest, faults: Faults) -> None:
    """Check that each record's epochs are 1, 2, … with none twice, and no more than the cap allows."""
    ids, epochs = id_bytes(lineage["id"]), lineage["epoch"].to_numpy()
    order = np.lexsort((epochs, np.unique(ids, return_inverse=True)[1]))
    ids, epochs = ids[order], epochs[order]
    first = np.append(True, ids[1:] != ids[:-1])[: len(ids)]
    due = np.where(first, 1, np.append(0, epochs[:-1] + 1)[: len(epochs)])
    for at in np.flatnonzero(epochs != due):
        where = f"{LINEAGE}: record {lineage['id'][int(order[at])]}"
        _differ(
            faults, "lineage", f"{where}: its copy after epoch {due[at] - 1}", f"epoch {due[at]}", f"epoch {epochs[at]}"
        )
    most = math.ceil(told.settings.epoch_cap) + 1  # a domain may round up by a record
    if len(epochs) and epochs.max() > most:
        faults.add("lineage", f"{LINEAGE}: expected at most {most} copies of a record, found {epochs.max()}")


def _budget(lineage: pa.Table, told: Manifest, faults: Faults) -> None:
    where = LINEAGE
    total, longest = pc.sum(lineage["n_tokens"]).as_py() or 0, pc.max(lineage["n_tokens"]).as_py() or 0
    _differ(faults, "budget", f"{where}: tokens", told.achieved, total)
    _differ(faults, "budget", f"{where}: tokens of the longest record", told.longest, longest)
    if told.asked != told.settings.budget_tokens or abs(total - told.asked) > longest:
        faults.add(
            "budget",
            f"{where}: expected {told.settings.budget_tokens:,} tokens to within its longest record ({longest:,}), found {total:,}",
        )
    grouped = lineage.group_by("domain").aggregate([("n_tokens", "sum"), ("n_target_tokens", "sum"), ("id", "count")])
    sums = {
        row["domain"]: (row["n_tokens_sum"], row["n_target_tokens_sum"], row["id_count"]) for row in grouped.to_pylist()
    }
    share = {d.domain: told.mixture.get(d.domain, 0.0) for d in told.domains}
    scale = sum(told.mixture.values())
    for d in told.domains:
        _differ(faults, "budget", f"{where}: tokens, supervised tokens, records of {d.domain}",
                (d.achieved, d.n_target_tokens, d.records), sums.pop(d.domain, (0, 0, 0)))  # fmt: skip
        asked = share[d.domain] / scale * told.asked if scale else 0.0
        if abs(d.achieved - asked) > longest * (1 + len(told.domains) * share[d.domain]):
            faults.add(
                "budget",
                f"{manifest.MANIFEST}: {d.domain}: expected {asked:,.0f} tokens to within a record, found {d.achieved:,}",
            )
    for name in sums:
        faults.add("budget", f"{where}: expected the mixture's domains only, found {name}")


def _shards(path: Path, told: Manifest, lineage: pa.Table | None, faults: Faults, retokenise: bool) -> None:
    tokenizer = None
    if retokenise:
        tokenizer = _tokenizer(told, faults)
    for shard, members in _members(told, lineage, faults):
        file = path / DATA / shard.file
        if not file.is_file():
            faults.add("counts", f"{DATA}/{shard.file}: expected {shard.lines:,} lines, found no such file")
            continue
        reread.shard(file, shard, members, told.settings, tokenizer, faults)


def _tokenizer(told: Manifest, faults: Faults) -> tokens.Tokenizer | None:
    """Return the tokenizer that the hand-off was counted with; a fault where it cannot be had or is another."""
    name = told.settings.tokens.tokenizer
    try:
        found = tokens.inputs(told.settings.tokens)["tokenizer"]
        _differ(faults, "tokens", f"tokenizer {name}: identity", told.tokenizer, found)
        return _open(name, found)
    except (OSError, ValueError) as error:
        faults.add(
            "tokens", f"tokenizer {name}: expected to open it and count again, found {str(error).splitlines()[0]}"
        )
        return None


@cache
def _open(name: str, identity: str) -> tokens.Tokenizer:  # noqa: ARG001  another vocabulary under the name opens anew
    return tokens.open_tokenizer(name)


def _members(told: Manifest, lineage: pa.Table | None, faults: Faults) -> Iterator[tuple[Shard, pa.Table | None]]:
    """Yield each shard with its rows of the lineage, in order."""
    for shard in told.shards:
        if lineage is None:
            yield shard, None
            continue
        members = lineage.filter(pc.equal(lineage["shard"], shard.file))
        where = f"{LINEAGE}: {shard.file}"
        _differ(faults, "counts", f"{where}: records", shard.records, members.num_rows)
        for name in ("n_tokens", "n_target_tokens"):
            _differ(faults, "counts", f"{where}: {name}", getattr(shard, name), pc.sum(members[name]).as_py() or 0)
        yield shard, members
    if lineage is not None:
        for name in set(lineage["shard"].unique().to_pylist()) - {s.file for s in told.shards}:
            faults.add("lineage", f"{LINEAGE}: expected the manifest's shards only, found {name}")
