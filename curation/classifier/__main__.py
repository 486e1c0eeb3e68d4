"""`python -m curation.classifier skill|quality`: train a judge's model on a corpus root and a label file."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from curation.classifier import examples, labels, measure, model, qualities, skills

DESCRIPTION = """Train the fastText model of a judge, and test it on sources that it never saw.

skill     learns what each record exercises, from families of sources of known skill
quality   learns good answers from weak ones, from groups of sources with both sides

  1. curate once, so that there are records:   prefect run curate root=corpus sources=dumps
  2. say which sources teach what:             flows/configs/labels/{skill,quality}.yaml are examples to copy
  3. train:   python -m curation.classifier skill --records corpus --labels my.yaml --out models/skill.bin
  4. use it:  prefect run curate root=corpus sources=dumps skill.model=models/skill.bin

It prints its figures and writes them, with everything the model was made from, to <out>.json. Both files belong together:
the judge refuses a model that is not the one of its card. Without --out it only tests. The same records, labels and settings
give the same bytes. A model made from data that may not be passed on may not be passed on either."""
SKILL_HEAD = ("", "skill", "true", *(f"{who} {what}" for who in skills.WHO for what in ("P", "R", "F1")))
RECALL_HEAD = ("skill", "family", "true", *(f"{who} R" for who in skills.WHO))
TRAINING = {"skill": skills.TRAINING, "quality": model.Training()}  # where no flag says otherwise


def main(arguments: list[str]) -> int:
    """Run the command; returns the exit code."""
    given = _parser().parse_args(arguments)
    chosen = {name: getattr(given, name) for name in model.Training.model_fields if getattr(given, name) is not None}
    training = model.Training(**TRAINING[given.task].model_dump() | chosen)
    try:
        (_skill if given.task == "skill" else _quality)(given, training)
    except labels.LabelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m curation.classifier", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("task", choices=("skill", "quality"), help="the judge to train for")
    parser.add_argument("--records", type=Path, required=True, help="root of a curated corpus")
    parser.add_argument("--labels", type=Path, required=True, help="YAML: which sources teach what")
    parser.add_argument("--out", type=Path, help="where to write the model; its card goes to <out>.json")
    parser.add_argument(
        "--test",
        type=Path,
        action="append",
        default=[],
        help="skill: hand labels to test on as well (CSV: source,source_id,skills,maybe); may be given again",
    )
    parser.add_argument("--most", type=int, default=2000,
        help=f"records a family ({examples.MIXED} times as many of a mixed one), or a side of a group (default 2000)",
    )  # fmt: skip
    parser.add_argument(
        "--any-length", action="store_true", help="quality: train on answers as they come, not balanced by length"
    )
    for name, field in model.Training.model_fields.items():
        defaults = ", ".join(f"{task} {getattr(training, name)}" for task, training in TRAINING.items())
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(field.default), help=f"{field.description} (default: {defaults})"
        )
    return parser


def _skill(given: argparse.Namespace, training: model.Training) -> None:
    families = labels.read(given.labels, labels.Family)
    own = examples.names(families)
    data = examples.read(given.records, families, own, given.most, skills.SHOWN)
    known, chances = skills.held_out(data, families, own, training)
    trained, ordinary = skills.train(data, own, training), examples.ordinary(data)
    sure = skills.sure(known, chances, ordinary, skills.ask(trained, ordinary), own)
    figures = {
        "families": _show(
            "Families, each from a model that saw none of its fold", skills.figures(known, chances, own, sure)
        )
    }
    recall = skills.by_family(known, chances, own, sure)
    print(f"\nRecall on each family\n{measure.table(RECALL_HEAD, recall)}")
    figures["recall"] = {f"{row[0]} {row[1]}": dict(zip(RECALL_HEAD[2:], row[2:], strict=True)) for row in recall}
    print("the judge believes the model from:", ", ".join(f"{name} {least}" for name, least in sure.items()) or "never")
    for path in given.test:
        hand = examples.by_hand(given.records, path, own, skills.SHOWN)
        apart = skills.train(data.take(~np.isin(data.source, hand.source)), own, training)
        title = f"{path.name}: {len(hand.texts)} hand-labelled records, from a model that saw none of their sources"
        figures[path.name] = _show(title, skills.figures(hand, skills.ask(apart, hand), own, sure))
    if given.out:
        card = model.Card(
            task="skill",
            labels=own,
            shown=skills.SHOWN,
            training=training,
            sure=sure,
            shares=trained.shares,
            digest="",
            taught=_taught(zip(data.family, data.source, strict=True)),
            held_out=figures,
        )
        _write(given.out, trained, card)


def _quality(given: argparse.Namespace, training: model.Training) -> None:
    groups = labels.read(given.labels, labels.Group)
    answers = qualities.read(given.records, groups, given.most)
    rows = qualities.held_out(groups, answers, not given.any_length, training)
    print(
        "\nAUC on each group from a model that saw none of it; = among answers of equal length; rho: rank correlation with length"
    )
    print(measure.table(qualities.HEAD, rows))
    if given.out:
        taught = _taught((g.group, s) for g, a in zip(groups, answers, strict=True) for s in a.source)
        figures = {str(row[0]): dict(zip(qualities.HEAD[1:], row[1:], strict=True)) for row in rows}
        card = model.Card(
            task="quality",
            labels=qualities.GOOD,
            shown=qualities.ANSWER,
            training=training,
            digest="",
            taught=taught,
            held_out=figures,
        )
        _write(given.out, qualities.train([a for a in answers if a.texts], not given.any_length, training), card)


def _show(title: str, rows: list[list[object]]) -> dict[str, object]:
    """Print a table of skills and the mean F1 of each language, of all and of the five; return both for the card."""
    print(f"\n{title}\n{measure.table(SKILL_HEAD, rows)}")
    told: dict[str, object] = {f"{row[0]} {row[1]}": dict(zip(SKILL_HEAD[2:], row[2:], strict=True)) for row in rows}
    for language in ("en", "zh", "both"):
        here = [row for row in rows if row[0] == language]
        for what, chosen in (("all", here), ("five", [row for row in here if row[1] in skills.FIVE])):
            if chosen:
                scores = np.nan_to_num(np.array([[row[5], row[8], row[11]] for row in chosen], float)).mean(axis=0)
                means = dict(zip(skills.WHO, scores.tolist(), strict=True))
                told[f"macro-F1 {language}, {what}"] = means
                said = ", ".join(f"{who} {mean:.3f}" for who, mean in means.items())
                print(f"macro-F1 {language}, {what} ({len(chosen)} skills): {said}")
    return told


def _taught(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    out: dict[str, dict[str, int]] = {}
    for (family, source), count in sorted(Counter(pairs).items()):
        out.setdefault(family, {})[source] = count
    return out


def _write(path: Path, trained: model.Model, card: model.Card) -> None:
    card = model.write(path, trained, card)
    print(f"\nmodel  {path}  ({path.stat().st_size / 1e6:.0f} MB, {card.digest})\ncard   {model.card_path(path)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
