"""One pass over a source's text for all the shard-local judges that have work to do on it.

A judge is a module with four names: `Settings` (frozen pydantic), `SCHEMA` (id, keep, reason, attributes),
`inputs(settings)` (identities of the files it reads beside the records) and `prepare(settings)`, which opens its
tools once a process and returns the pure function records → verdicts. Each keeps its own key, shards and manifest.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol, cast

import pyarrow as pa
from pydantic import BaseModel

from curation import shards
from curation.engine import Bar, Engine, drawn, place
from curation.identity import code, digest
from curation.record import id_bytes

VERDICT = [("id", pa.uuid()), ("keep", pa.bool_()), ("reason", pa.string())]  # what every SCHEMA begins with
Judgement = Callable[[pa.Table], pa.Table]


class JudgeModule(Protocol):
    """What the module curation.<stage> of a shard-local judge offers."""

    SCHEMA: pa.Schema

    def inputs(self, settings: BaseModel) -> dict[str, str]:
        """Return name → identity of what the judge reads besides records: models, benchmark files."""

    def prepare(self, settings: BaseModel) -> Judgement:
        """Return the judge, its models loaded: a table of records → a table of SCHEMA, row by row."""


@dataclass(frozen=True)
class Unit:
    """One shard and the judges that have not seen it, or made no keys of it: (stage, settings, key) each."""

    root: Path
    source: str
    file: str
    rows: int
    judges: tuple[tuple[str, BaseModel, str], ...]


def module(stage: str) -> JudgeModule:
    """Return the module of a shard-local judge."""
    return cast("JudgeModule", importlib.import_module(f"curation.{stage}"))


def key(stage: str, settings: BaseModel, records: shards.Manifest) -> str:
    """Return the identity of one judge's verdicts on one source."""
    return digest(stage, settings, code(f"curation.{stage}"), _inputs(stage, settings), records.output)


@cache
def _inputs(stage: str, settings: BaseModel) -> dict[str, str]:
    return module(stage).inputs(settings)


def stale(root: Path, source: str, settings: dict[str, BaseModel]) -> dict[str, str]:
    """Return stage → key for the judges whose verdicts on this source are missing or out of date."""
    records = shards.finished(shards.folder(root, "records", source))
    keys = {stage: key(stage, value, records) for stage, value in settings.items()}
    return {s: k for s, k in keys.items() if not shards.is_done(shards.folder(root, "verdicts", s, source), k)}


def judge(
    root: Path, sources: Sequence[str], settings: dict[str, BaseModel], engine: Engine, workers: int
) -> dict[str, int]:
    """Run every stale judge on every source; returns the number of records each judge read (0: all done before).

    Raises ValueError where a judge's verdicts do not line up with its records.
    """
    work = {source: stale(root, source, settings) for source in sources}
    units = [u for source in sources if work[source] for u in _units(root, source, settings, work[source])]
    units.sort(key=lambda u: -u.rows)
    stages = [s for s in settings if any(s in w for w in work.values())]
    with drawn(Bar("preparing judges", len(stages), " judges")) as shown:
        for stage in stages:  # here, not by every worker: an index is built once, a missing model is told early
            shown.set_postfix_str(stage)
            _prepared(stage, settings[stage])
            shown.update()
    title = " + ".join(stages) if len(stages) < 3 else f"{len(stages)} judges"  # room for the bar
    place(units, judge_shard, engine, workers, Bar(title, sum(u.rows for u in units)))
    for source, keys in work.items():
        for stage, stage_key in keys.items():
            shards.finish(shards.folder(root, "verdicts", stage, source), stage, source, stage_key)
    return {s: sum(u.rows for u in units if any(j[0] == s for j in u.judges)) for s in settings}


def _units(root: Path, source: str, settings: dict[str, BaseModel], keys: dict[str, str]) -> list[Unit]:
    records = shards.finished(shards.folder(root, "records", source))
    for stage in keys:  # from here until finish() these verdicts count as not done
        (shards.folder(root, "verdicts", stage, source) / shards.MANIFEST).unlink(missing_ok=True)
    judges = tuple((stage, settings[stage], keys[stage]) for stage in keys)
    return [Unit(root, source, shard.file, shard.rows, judges) for shard in records.shards]


def judge_shard(unit: Unit) -> int:
    """Write the verdicts of one shard; returns its rows."""
    records = shards.read_shard(shards.folder(unit.root, "records", unit.source) / unit.file)
    for stage, settings, stage_key in unit.judges:
        path = shards.folder(unit.root, "verdicts", stage, unit.source) / unit.file
        if not shards.has_shard(path, stage_key):
            shards.write_shard(path, verdicts(stage, settings, records), stage_key)
    return unit.rows


def verdicts(stage: str, settings: BaseModel, records: pa.Table) -> pa.Table:
    """Return one judge's verdicts on a table of records, checked: same ids in the same order, a reason for each drop."""
    table = _prepared(stage, settings)(records).cast(module(stage).SCHEMA)
    if not (id_bytes(table["id"]) == id_bytes(records["id"])).all():
        raise ValueError(f"{stage}: verdicts are not aligned with their records; this is a defect of curation/{stage}")
    unnamed = pa.compute.sum(pa.compute.equal(table["keep"], pa.compute.is_valid(table["reason"]))).as_py()
    if unnamed:
        raise ValueError(
            f"{stage}: {unnamed} verdicts where keep and reason disagree (a drop needs a reason, a keep none)"
        )
    return table


@cache
def _prepared(stage: str, settings: BaseModel) -> Judgement:
    return module(stage).prepare(settings)
