"""Trains the quality judge's model, and says what it is worth on groups of sources that it never saw, beside trivial scores.

A model that only knows long answers from short ones is worth nothing: length stands in every table beside it, the AUC
among pairs of equal length too, and training can draw as many good as weak answers of each length.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from curation import judge, shards, text
from curation.classifier import labels, measure, model
from curation.classifier.features import Shown, features, first
from curation.record import RECORD, flat_turns

ANSWER = Shown(system=0, ask=0, answer=600)  # the answer alone: a prompt says what is asked, not how well it is met
GOOD = ("good",)
HEAD = ("held out", "good", "weak", "model", "length", "rules", "random", "model=", "rules=", "rho model", "rho rules")


@dataclass(frozen=True)
class Answers:
    """The answers of one group."""

    texts: list[str]  # as fastText reads them
    good: np.ndarray  # bool
    length: np.ndarray  # log of the code points
    rules: np.ndarray  # the score of the quality judge's rules
    source: list[str]


def read(root: Path, groups: list[labels.Group], most: int) -> list[Answers]:
    """Read up to `most` good and `most` weak answers of each group from a corpus root."""
    known = shards.sources(root)
    out = []
    for group in groups:
        good = labels.records(root, [s for s in known if labels.fits(s, group.good)], group.good_where, most)
        sources = [s for s in known if labels.fits(s, group.weak)]
        weak = _rejected(good) if group.rejected else labels.records(root, sources, group.weak_where, 2 * most)
        weak = labels.sample(weak.filter(pa.array(~np.isin(_content(weak), _content(good)))), most)
        out.append(_answers(good, weak))
    return out


def _content(records: pa.Table) -> np.ndarray:
    turns = flat_turns(records)
    return text.fold_hashes(pc.binary_join_element_wise(first(turns, "user"), first(turns, "assistant"), "\n"))


def _rejected(good: pa.Table) -> pa.Table:
    """Return the records with the answer that their meta calls rejected, where there is one."""
    rows, turns = [], []
    asked = first(flat_turns(good), "user").to_pylist()
    for row, (question, meta) in enumerate(zip(asked, good["meta"].to_pylist(), strict=True)):
        found = orjson.loads(meta or "{}").get("rejected")
        if isinstance(found, list) and found:
            found = found[-1]
        if isinstance(found, dict):
            found = found.get("value", found.get("content"))
        if isinstance(found, str):
            rows.append(row)
            turns.append([{"role": "user", "content": question}, {"role": "assistant", "content": found}])
    kept = good.take(pa.array(rows, pa.int64()))
    return kept.set_column(kept.schema.get_field_index("turns"), "turns", [pa.array(turns, RECORD.field("turns").type)])


def _answers(good: pa.Table, weak: pa.Table) -> Answers:
    both = pa.concat_tables([good, weak.cast(good.schema)]).combine_chunks()
    answer = first(flat_turns(both), "assistant")
    rules = judge.verdicts("quality", judge.module("quality").Settings(), both)["score"]  # type: ignore[attr-defined]
    return Answers(
        features(both, ANSWER).to_pylist(),
        np.arange(both.num_rows) < good.num_rows,
        np.log1p(pc.utf8_length(answer).to_numpy(zero_copy_only=False)),
        rules.to_numpy(),
        both["source"].to_pylist(),
    )


def balanced(answers: Answers) -> np.ndarray:
    """Return the rows that leave as many good as weak answers in each band of length."""
    edges = np.quantile(answers.length, np.linspace(0, 1, measure.STRATA + 1)[1:-1]) if len(answers.length) else []
    band = np.digitize(answers.length, edges)
    rows = []
    for number in range(measure.STRATA):
        sides = [np.flatnonzero((band == number) & (answers.good == good)) for good in (True, False)]
        rows += [side[: min(map(len, sides))] for side in sides]
    return np.sort(np.concatenate(rows)) if rows else np.zeros(0, np.int64)


def train(groups: list[Answers], by_length: bool, training: model.Training) -> model.Model:
    """Train on groups, balanced by length where asked."""
    texts: list[str] = []
    told: list[tuple[str, ...]] = []
    for group in groups:
        for row in balanced(group) if by_length else range(len(group.texts)):
            texts.append(group.texts[row])
            told.append(GOOD if group.good[row] else ())
    return model.train(texts, told, GOOD, training)


def held_out(
    groups: list[labels.Group], answers: list[Answers], by_length: bool, training: model.Training
) -> list[list[object]]:
    """Return a row of figures (HEAD) for each group that has both sides, from a model that saw none of it."""
    rows: list[list[object]] = []
    for group, here in zip(groups, answers, strict=True):
        if not 0 < here.good.sum() < len(here.good):
            continue
        apart = {group.group, *group.shares}
        others = [a for g, a in zip(groups, answers, strict=True) if g.group not in apart and len(a.texts)]
        if not others:
            continue
        trained = train(others, by_length, training)
        score = trained.probabilities(pa.array(here.texts, pa.large_string()))[:, 0]
        rows.append([group.group, int(here.good.sum()), int((~here.good).sum()), *_figures(here, score)])
    return rows


def _figures(here: Answers, score: np.ndarray) -> list[float]:
    """Return AUC of model, length, rules and chance; AUC at equal length of model and rules; correlations with length."""
    chance = np.random.default_rng(0).random(len(score))
    return [
        *(measure.auc(s, here.good) for s in (score, here.length, here.rules, chance)),
        *(measure.matched_auc(s, here.good, here.length) for s in (score, here.rules)),
        *(measure.spearman(s, here.length) for s in (score, here.rules)),
    ]
