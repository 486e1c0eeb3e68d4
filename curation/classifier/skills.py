"""Trains the skill judge's model, and says how well rules, model and both together do on sources neither was trained on."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation import shards, text
from curation.classifier import labels, measure, model
from curation.classifier.features import ANSWER, Shown, features, first
from curation.record import RECORD, flat_turns
from curation.skill import Settings
from curation.skill.rules import findings, narrowed

SHAPE = ("long_text", "multi_turn", "translation", "general")  # rules alone: shape, and what no source is known by
SILENT = 4  # one mixed record in so many is trained on without its answer, so that a missing answer tells of no skill
FOLDS = 8  # the families of a skill are dealt over so many folds; each fold is tested by a model that saw none of it
LEAST, RIGHT = (
    20,
    0.8,
)  # held-out records that the model must add to the rules', and the share of them that must be right
STEPS = tuple(step / 20 for step in range(10, 20))  # probabilities tried, .5 to .95
HAN_SHARE = 0.3  # of the tokens, from which a record counts as Chinese in the tables


@dataclass(frozen=True)
class Examples:
    """Records ready to train on or to test with."""

    texts: list[str]
    rules: np.ndarray  # bool[records, names]
    truth: np.ndarray  # int8[records, names]: 1, 0, or -1 where the record counts neither way
    family: np.ndarray  # int[records], index into the label file's families; -1: hand-labelled
    source: np.ndarray  # str[records]
    chinese: np.ndarray  # bool[records]
    mixed: np.ndarray  # bool[records]: of a weak family

    def take(self, rows: np.ndarray) -> Examples:
        """Return some of them."""
        texts = [self.texts[row] for row in np.arange(len(self.texts))[rows]]
        parts = (self.rules, self.truth, self.family, self.source, self.chinese, self.mixed)
        return Examples(texts, *(part[rows] for part in parts))


def names(families: list[labels.Family]) -> tuple[str, ...]:
    """Return the skills that the families teach, sorted; raises LabelError for one that is no skill of a model."""
    from curation.skill import SKILLS

    known = [s for s in SKILLS if s not in SHAPE]
    told = {skill for family in families for skill in family.skills}
    if wrong := sorted((told | {s for f in families for s in f.maybe}) - set(SKILLS)):
        raise labels.LabelError(f"unknown skill {wrong[0]!r} in the label file; skills are {', '.join(SKILLS)}")
    return tuple(s for s in known if s in told or any(f.weak for f in families))


def examples(root: Path, families: list[labels.Family], own: tuple[str, ...], most: int, shown: Shown) -> Examples:
    """Read up to `most` records of each family (five times as many of a weak one) from a corpus root."""
    parts, taken = [], set[str]()
    for number, family in enumerate(families):
        sources = [s for s in shards.sources(root) if s not in taken and labels.fits(s, family.sources)]
        taken.update(sources)
        found = labels.records(root, sources, family.where, most * 5 if family.weak else most)
        part = _examples(found, own, shown, number)
        if family.weak:
            part.truth[:], part.mixed[:] = part.rules, True
        else:
            part.truth[:] = [1 if n in family.skills else -1 if n in family.maybe else 0 for n in own]
        parts.append(part)
    texts = [t for part in parts for t in part.texts]
    columns = zip(*((p.rules, p.truth, p.family, p.source, p.chinese, p.mixed) for p in parts), strict=True)
    return Examples(texts, *(np.concatenate(column) for column in columns))


def _examples(records: pa.Table, own: tuple[str, ...], shown: Shown, family: int) -> Examples:
    settings, n = Settings(), records.num_rows
    found = findings(records, settings.long_bytes, settings.multi_turns)
    turns = flat_turns(records)
    said = pc.binary_join_element_wise(first(turns, "user"), first(turns, "assistant"), " ")
    tokens = text.tokens(pc.utf8_slice_codeunits(said, 0, 1000))
    return Examples(
        features(records, shown).to_pylist(),
        np.stack([found[name] for name in own], axis=1),
        np.zeros((n, len(own)), np.int8),
        np.full(n, family),
        np.array(records["source"].to_pylist(), object),
        tokens.han >= HAN_SHARE * np.maximum(np.diff(tokens.offsets), 1),
        np.zeros(n, bool),
    )


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
    part = _examples(records, own, shown, -1)
    keys = zip(records["source"].to_pylist(), records["source_id"].to_pylist(), strict=True)
    for row, key in zip(part.truth, keys, strict=True):
        yes, maybe = (set(rows[key][column].split("+")) for column in ("skills", "maybe"))
        row[:] = [1 if n in yes else -1 if n in maybe else 0 for n in own]
    return part


def train(examples: Examples, own: tuple[str, ...], training: model.Training) -> model.Model:
    """Train on examples; what counts neither way is trained on as not so."""
    told = [[own[c] for c in np.flatnonzero(row == 1)] for row in examples.truth]
    texts = list(examples.texts)
    for row in np.flatnonzero(examples.mixed)[::SILENT]:
        texts[row] = " ".join(token for token in texts[row].split(" ") if not token.startswith(ANSWER))
    return model.train(texts, told, own, training)


def folds(families: list[labels.Family]) -> np.ndarray:
    """Return each family's fold, -1 for the weak ones: families of one skill are dealt out one after the other."""
    dealt: Counter[str] = Counter()
    out = np.full(len(families), -1)
    for number, family in enumerate(families):
        if not family.weak:
            skill = family.skills[0] if family.skills else ""
            out[number] = dealt[skill] % FOLDS
            dealt[skill] += 1
    return out


def held_out(
    examples: Examples, families: list[labels.Family], own: tuple[str, ...], training: model.Training
) -> tuple[Examples, np.ndarray]:
    """Return the examples of known families and float32[records, names], each from a model that saw none of its fold."""
    of = folds(families)[examples.family]
    known = examples.take(of >= 0)
    out = np.zeros((len(known.texts), len(own)), np.float32)
    for number in sorted(set(of) - {-1}):
        out[of[of >= 0] == number] = ask(train(examples.take(of != number), own, training), examples.take(of == number))
    return known, out


def ask(trained: model.Model, examples: Examples) -> np.ndarray:
    """Return the model's probabilities for examples."""
    return trained.probabilities(pa.array(examples.texts, pa.large_string()))


def sure(examples: Examples, chances: np.ndarray, own: tuple[str, ...]) -> dict[str, float]:
    """Return the least probability, a skill, from which what the model adds to the rules is right on held-out families.

    A skill without one is left to the rules.
    """
    out: dict[str, float] = {}
    for column, name in enumerate(own):
        open_ = ~examples.rules[:, column] & (examples.truth[:, column] >= 0)
        for step in STEPS:
            added = open_ & (chances[:, column] >= step)
            right = int((examples.truth[added, column] == 1).sum())
            if added.sum() >= LEAST and right >= RIGHT * added.sum():
                out[name] = step
                break
    return out


def figures(
    examples: Examples, chances: np.ndarray, own: tuple[str, ...], least: dict[str, float]
) -> list[list[object]]:
    """Return rows for a table: language, skill, true records, then precision, recall and F1 of rules, model (at .5) and judge."""
    rows: list[list[object]] = []
    added = {name: chances[:, column] >= least.get(name, np.inf) for column, name in enumerate(own)}
    judged = narrowed({name: examples.rules[:, column] | added[name] for column, name in enumerate(own)})
    for language, here in (("en", ~examples.chinese), ("zh", examples.chinese)):
        for column, name in enumerate(own):
            truth, told = examples.truth[here, column], chances[here, column] >= 0.5
            if not (truth == 1).any():
                continue
            row: list[object] = [language, name, int((truth == 1).sum())]
            for found in (examples.rules[here, column], told, judged[name][here]):
                right, hits, true = measure.counts(found, truth)
                row += [right / hits if hits else float("nan"), right / true, measure.f1(right, hits, true)]
            rows.append(row)
    return rows
