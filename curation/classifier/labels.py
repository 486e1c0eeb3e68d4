"""Label files: which sources teach what, and the records of a corpus root that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from curation import shards
from curation.record import RECORD, id_bytes

COLUMNS = ["id", "source", "source_id", "turns", "meta"]


class LabelError(ValueError):
    """A label file that cannot be used; the message says where and why."""


class Family(BaseModel):
    """Records of known skill. Those of one `family` are held out together: they share records, prompts or a template."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    family: str = Field(description="its name in the tables that the command prints")
    sources: tuple[str, ...] = Field(
        description="shell patterns over source names; the first entry that fits a record takes it"
    )
    skills: tuple[str, ...] = Field(default=(), description="what every record exercises")
    maybe: tuple[str, ...] = Field(default=(), description="what some records exercise: counts neither way in the test")
    where: str = Field(default="", description="regular expression (RE2) that a record's meta must match")
    mixed: bool = Field(default=False, description="mixed sources: labelled by the rules, trained on, never tested on")
    why: str = Field(default="", description="what a look at the records showed")


class Group(BaseModel):
    """Answers known to be good and answers known to be weak, alike in all else as far as may be; held out as one."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    group: str = Field(description="its name in the tables that the command prints")
    good: tuple[str, ...] = Field(description="shell patterns over source names")
    weak: tuple[str, ...] = Field(default=(), description="the same; a conversation that is also good is not weak")
    good_where: str = Field(
        default="", description="regular expression (RE2) that the meta of a good record must match"
    )
    weak_where: str = Field(default="", description="the same for weak ones")
    rejected: bool = Field(default=False, description="the answer under `rejected` in a good record's meta is weak")
    shares: tuple[str, ...] = Field(default=(), description="groups that share text with it: held out beside it")
    why: str = Field(default="", description="who said which are good")

    @model_validator(mode="after")
    def _some_weak(self) -> Group:
        if not self.weak and not self.rejected:
            raise ValueError("expected `weak` patterns, or `rejected: true`")
        return self


Entry = TypeVar("Entry", Family, Group)


def read(path: Path, kind: type[Entry]) -> list[Entry]:
    """Read a label file, a YAML list of entries; raises LabelError saying which entry is wrong and how."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise LabelError(f"cannot read the label file {path}: {' '.join(str(error).split())}") from None
    if not isinstance(data, list) or not data:
        raise LabelError(f"{path} must hold a list of entries, got {'none' if data == [] else type(data).__name__}")
    entries = []
    for number, item in enumerate(data, 1):
        try:
            entries.append(kind.model_validate(item))
        except ValidationError as error:
            first = error.errors()[0]
            raise LabelError(f"{path}, entry {number}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return entries


def fits(source: str, patterns: Sequence[str]) -> bool:
    """Say whether a source's name fits one of the shell patterns."""
    return any(fnmatch(source, pattern) for pattern in patterns)


def records(
    root: Path, names: Sequence[str], where: str, most: int, taken: Mapping[str, Sequence[str]] | None = None
) -> pa.Table:
    """Return up to `most` records (COLUMNS) of the sources, the same ones each time: those of the least ids, which are hashes.

    `where`: regular expression (RE2) that their meta must match; `taken`: such that it must not match, a source.
    """
    tables = [pa.schema([RECORD.field(name) for name in COLUMNS]).empty_table()]
    for name in names:
        for table in shards.read_shards(shards.folder(root, "records", name), COLUMNS):
            here = _matches(table, where)
            for other in (taken or {}).get(name, ()):
                here &= ~_matches(table, other)
            tables.append(sample(table.filter(pa.array(here)), most))
            if sum(map(len, tables)) > 2 * most:  # never more in memory, however many shards there are
                tables = [sample(pa.concat_tables(tables), most)]
    return sample(pa.concat_tables(tables), most)


def sample(table: pa.Table, most: int) -> pa.Table:
    """Return the `most` records of the least ids, in the order of their ids."""
    halves = np.ascontiguousarray(id_bytes(table["id"])).view(">u8").reshape(-1, 2)
    return table.take(pa.array(np.lexsort((halves[:, 1], halves[:, 0]))[:most]))


def _matches(table: pa.Table, where: str) -> np.ndarray:
    found: np.ndarray = pc.fill_null(pc.match_substring_regex(table["meta"], where), not where).to_numpy()
    return found
