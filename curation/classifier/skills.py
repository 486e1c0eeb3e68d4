"""Trains the skill judge's model, and says how well rules, model and both together do on sources neither was trained on."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from curation.classifier import labels, measure, model
from curation.classifier.examples import Examples
from curation.classifier.features import ANSWER, Shown
from curation.skill.rules import narrowed

# Short texts: what is asked stands at the start, and each word weighs more. Few numbers a word and one pass: the draws
# below show most examples several times, and more of either learns the sources. Parts of words: a notation that was never
# seen is made of some that were (docs/DECISIONS.md).
SHOWN = Shown(system=200, ask=200, answer=200)
TRAINING = model.Training(dim=16, bucket=1 << 18, epochs=1, subwords=5)
EACH = 500  # records of a family that a draw takes of each language, with a skill and without
EACH_MIXED = 2000  # the same of a mixed family or a kind of lesson
REPEATS = 10  # times at most that a draw shows one record
SILENT = 4  # one mixed record in so many is trained on without its answer, so that a missing answer tells of no skill
FOLDS = 8  # the families of a skill are dealt over so many folds; each fold is tested by a model that saw none of it
LEAST, RIGHT = 20, 0.9  # held-out records that the model must add to the rules', and the share that must be right
MORE = 0.25  # of what the rules find in mixed sources is what the model may add there: of what it added beyond, most was wrong
YES = 0.5  # the probability from which the model alone says that a record has a skill
WHO = ("rules", "model", "judge")  # who answers in the tables
FIVE = ("math", "code", "role_play", "tool_use", "safety")  # told by what is done; the others overlap
STEPS = (*(step / 20 for step in range(10, 20)), 0.98)  # probabilities tried


def train(examples: Examples, own: tuple[str, ...], training: model.Training) -> model.Model:
    """Train on examples; what a label leaves open is taught as the rules find it.

    Each skill brings a draw of its own: of each language as many records with it as without, of each family a part, so that
    neither the language nor one large source stands for the skill. The model's probabilities are those among such equals.
    """
    truth = np.where(examples.truth < 0, examples.rules, examples.truth).astype(bool)
    rng = np.random.default_rng(training.seed)
    rows = np.concatenate([_draw(examples, column, rng) for column in range(len(own))])
    texts = list(examples.texts)
    for row in np.flatnonzero(examples.mixed)[::SILENT]:
        texts[row] = " ".join(token for token in texts[row].split(" ") if not token.startswith(ANSWER))
    told = [[own[column] for column in np.flatnonzero(truth[row])] for row in rows]
    shares = dict(zip(own, truth[rows].mean(axis=0).tolist(), strict=True)) if len(rows) else {}
    return model.train([texts[row] for row in rows], told, own, training, shares)


def _draw(examples: Examples, column: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows that teach one skill: with it and without, evenly in each language that has both."""
    rows = [np.zeros(0, np.int64)]
    for chinese in (False, True):
        sides = [
            _side(examples, np.flatnonzero((examples.chinese == chinese) & (examples.truth[:, column] == so)), rng)
            for so in (1, 0)
        ]
        size = max(map(len, sides))
        rows += [np.resize(side, min(size, REPEATS * len(side))) for side in sides]
    return np.concatenate(rows)


def _side(examples: Examples, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a part of each family's rows, shuffled."""
    parts = [np.zeros(0, np.int64)]
    for mixed, most in ((False, EACH), (True, EACH_MIXED)):
        here = rng.permutation(rows[examples.mixed[rows] == mixed])
        families = examples.family[here]
        parts += [here[families == family][:most] for family in sorted(set(families))]
    return rng.permutation(np.concatenate(parts))


def folds(families: list[labels.Family]) -> dict[str, int]:
    """Return the fold of each family that is tested: families of one skill are dealt out one after the other."""
    dealt: Counter[str] = Counter()
    fold: dict[str, int] = {}
    for family in families:
        if not family.mixed and family.family not in fold:
            skill = family.skills[0] if family.skills else ""
            fold[family.family] = dealt[skill] % FOLDS
            dealt[skill] += 1
    return fold


def held_out(
    examples: Examples, families: list[labels.Family], own: tuple[str, ...], training: model.Training
) -> tuple[Examples, np.ndarray]:
    """Return the examples of known families and float32[records, names], each from a model that saw none of its fold.

    A mixed entry under the name of a known family is held out with it.
    """
    dealt = folds(families)
    fold = np.array([dealt.get(family, -1) for family in examples.family])
    tested = (fold >= 0) & ~examples.mixed
    out = np.zeros((len(fold), len(own)), np.float32)
    for number in tqdm(sorted(set(fold[tested])), desc="held out", unit=" folds", dynamic_ncols=True):
        here = tested & (fold == number)
        out[here] = ask(train(examples.take(fold != number), own, training), examples.take(here))
    return examples.take(tested), out[tested]


def ask(trained: model.Model, examples: Examples) -> np.ndarray:
    """Return the model's probabilities for examples."""
    return trained.probabilities(pa.array(examples.texts, pa.large_string()))


def sure(
    known: Examples, chances: np.ndarray, ordinary: Examples, there: np.ndarray, own: tuple[str, ...]
) -> dict[str, float]:
    """Return the least probability, a skill, from which what the model adds to the rules is right; others are left to the rules.

    Right: on `known`, held-out families, as their labels say; and on `ordinary`, mixed sources, by being few, since a source
    made for a skill says nothing of how often the model sees it where it is rare.
    """
    out: dict[str, float] = {}
    for column, name in enumerate(own):
        told, found = known.truth[:, column], ordinary.rules[:, column]
        open_ = ~known.rules[:, column] & (told >= 0)
        for step in STEPS:
            added = open_ & (chances[:, column] >= step)
            right = (added & (told == 1)).sum() >= RIGHT * added.sum()
            few = (~found & (there[:, column] >= step)).sum() <= MORE * found.sum() or not len(found)
            if added.sum() >= LEAST and right and few:
                out[name] = step
                break
    return out


def answers(examples: Examples, chances: np.ndarray, own: tuple[str, ...], least: dict[str, float]) -> list[np.ndarray]:
    """Return bool[records, names] of each of WHO: the rules' findings, the model's from YES on, and the rules' with what it adds."""
    added = {name: chances[:, column] >= least.get(name, np.inf) for column, name in enumerate(own)}
    judged = narrowed({name: examples.rules[:, column] | added[name] for column, name in enumerate(own)})
    return [examples.rules, chances >= YES, np.stack([judged[name] for name in own], axis=1)]


def figures(
    examples: Examples, chances: np.ndarray, own: tuple[str, ...], least: dict[str, float]
) -> list[list[object]]:
    """Return rows for a table: language, skill, true records, then precision, recall and F1 of rules, model (from YES) and judge."""
    rows: list[list[object]] = []
    said = answers(examples, chances, own, least)
    every = np.ones(len(examples.chinese), bool)
    for language, here in (("en", ~examples.chinese), ("zh", examples.chinese), ("both", every)):
        for column, name in enumerate(own):
            truth = examples.truth[here, column]
            if not (truth == 1).any():
                continue
            row: list[object] = [language, name, int((truth == 1).sum())]
            for answer in said:
                right, hits, true = measure.counts(answer[here, column], truth)
                row += [right / hits if hits else float("nan"), right / true, measure.f1(right, hits, true)]
            rows.append(row)
    return rows


def by_family(
    examples: Examples, chances: np.ndarray, own: tuple[str, ...], least: dict[str, float]
) -> list[list[object]]:
    """Return rows for a table: skill, family that has it, its records, then recall of rules, model (from YES) and judge."""
    rows: list[list[object]] = []
    said = answers(examples, chances, own, least)
    for column, name in enumerate(own):
        true = examples.truth[:, column] == 1
        for family in sorted(set(examples.family[true])):
            here = true & (examples.family == family)
            rows.append([name, family, int(here.sum()), *(float(answer[here, column].mean()) for answer in said)])
    return rows
