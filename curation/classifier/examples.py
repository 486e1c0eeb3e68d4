"""What the skill judge's model is trained on and tested with: families of sources of known skill, mixed sources, lessons."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from curation import shards, text
from curation.classifier import labels
from curation.classifier.features import Shown, features, first
from curation.classifier.lessons import KINDS, lessons
from curation.record import RECORD, flat_turns
from curation.skill import Settings
from curation.skill.rules import findings

SHAPE = ("long_text", "multi_turn", "translation", "general")  # rules alone: shape, and what no source is known by
MIXED = 50  # times as many records of a mixed family as of another: few of them show the rarer skills
HAN_SHARE = 0.3  # of the tokens, from which a record counts as Chinese in the tables
SEED = 1  # of the lessons


@dataclass(frozen=True)
class Examples:
    """Records ready to train on or to test with."""

    texts: Sequence[str]  # as fastText reads them
    rules: np.ndarray  # bool[records, names]: what the rules find
    truth: np.ndarray  # int8[records, names]: 1, 0, or -1 where the record counts neither way
    family: np.ndarray  # str[records]: of the label file, or a kind of lesson; "" of hand-labelled ones
    source: np.ndarray  # str[records]
    chinese: np.ndarray  # bool[records]
    mixed: np.ndarray  # bool[records]: of a mixed family or a lesson, so never tested on

    def take(self, rows: np.ndarray) -> Examples:
        """Return some of them, by number or by a mask."""
        rows = np.arange(len(self.texts))[rows]
        columns = (getattr(self, field.name)[rows] for field in fields(self)[1:])
        return Examples([self.texts[row] for row in rows], *columns)


def ordinary(examples: Examples) -> Examples:
    """Return the records of mixed sources as they are, without the lessons."""
    return examples.take(examples.mixed & ~np.isin(examples.family, list(KINDS)))


def names(families: list[labels.Family]) -> tuple[str, ...]:
    """Return the skills that the families teach, sorted; raises LabelError for one that is no skill of a model."""
    from curation.skill import SKILLS

    known = [s for s in SKILLS if s not in SHAPE]
    told = {skill for family in families for skill in family.skills}
    if wrong := sorted((told | {s for f in families for s in f.maybe}) - set(SKILLS)):
        raise labels.LabelError(f"unknown skill {wrong[0]!r} in the label file; skills are {', '.join(SKILLS)}")
    return tuple(s for s in known if s in told or any(f.mixed for f in families))


def read(root: Path, families: list[labels.Family], own: tuple[str, ...], most: int, shown: Shown) -> Examples:
    """Read up to `most` records of each entry (MIXED times as many of a mixed one) and make lessons of the mixed ones.

    Raises LabelError where the root has none.

    A record belongs to the first entry whose patterns its source fits and whose `where` its meta matches.
    """
    parts, questions, taken = [], [], dict[str, list[str]]()
    known = {family.family for family in families if not family.mixed}
    for family in tqdm(families, desc="examples", unit=" families", dynamic_ncols=True):
        sources = [s for s in shards.sources(root) if labels.fits(s, family.sources)]
        found = labels.records(root, sources, family.where, most * MIXED if family.mixed else most, taken)
        for source in sources:
            taken.setdefault(source, []).append(family.where)
        part = _examples(found, own, shown, family.family, family.mixed)
        if family.mixed:
            part.truth[:] = part.rules
        else:
            part.truth[:] = [1 if n in family.skills else -1 if n in family.maybe else 0 for n in own]
        parts.append(part)
        if family.mixed and family.family not in known:  # else it is held out, and what is made of it would not be
            questions.append(labels.sample(found, most))
    if questions:
        for kind, made, told in lessons(pa.concat_tables(questions), SEED):
            part = _examples(made, own, shown, kind, mixed=True)
            part.truth[:] = [told.get(n, -1) for n in own]
            parts.append(part)
    if not any(part.texts for part in parts):
        raise labels.LabelError("nothing to train on: no record of the root lies in a source that the label file names")
    return _joined(parts)


def by_hand(root: Path, path: Path, own: tuple[str, ...], shown: Shown) -> Examples:
    """Read hand labels (CSV: source, source_id, skills, maybe; several joined by +) and the records they name."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = {(row["source"], row["source_id"]): row for row in csv.DictReader(file)}
    tables = [pa.schema([RECORD.field(name) for name in labels.COLUMNS]).empty_table()]
    for source in sorted({source for source, _ in rows} & set(shards.sources(root))):
        wanted = pa.array([number for name, number in rows if name == source])
        parts = shards.read_shards(shards.folder(root, "records", source), labels.COLUMNS)
        tables += [table.filter(pc.is_in(table["source_id"], wanted)) for table in parts]
    records = pa.concat_tables(tables)
    part = _examples(records, own, shown, "", mixed=False)
    keys = zip(records["source"].to_pylist(), records["source_id"].to_pylist(), strict=True)
    for row, key in zip(part.truth, keys, strict=True):
        yes, maybe = (set(rows[key][column].split("+")) for column in ("skills", "maybe"))
        row[:] = [1 if n in yes else -1 if n in maybe else 0 for n in own]
    return part


def _examples(records: pa.Table, own: tuple[str, ...], shown: Shown, family: str, mixed: bool) -> Examples:
    """Return records as examples of which nothing is known yet (`truth` is -1)."""
    settings, n = Settings(), records.num_rows
    found = findings(records, settings.long_bytes, settings.multi_turns)
    turns = flat_turns(records)
    said = pc.binary_join_element_wise(first(turns, "user"), first(turns, "assistant"), " ")
    tokens = text.tokens(pc.utf8_slice_codeunits(said, 0, 1000))
    return Examples(
        features(records, shown).to_pylist(),
        np.stack([found[name] for name in own], axis=1),
        np.full((n, len(own)), -1, np.int8),
        np.full(n, family, object),
        np.array(records["source"].to_pylist(), object),
        tokens.han >= HAN_SHARE * np.maximum(np.diff(tokens.offsets), 1),
        np.full(n, mixed),
    )


def _joined(parts: list[Examples]) -> Examples:
    columns = (np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Examples)[1:])
    return Examples([one for part in parts for one in part.texts], *columns)
