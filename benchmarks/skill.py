"""The skill judge's rules, a fastText model alone, and both together, on families of sources that the model never saw.

    python -m benchmarks.skill FOLDER       of instruction dumps; or make bench-skill DATA=<folder>

On families of the dumps as they come, and on three sets of records labelled by hand.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import labelled, page
from benchmarks.given import given
from curation import ingest
from curation.classifier.model import card_path
from curation.classifier.skills import FIVE, WHO, YES

WORK = Path(".cuvee/bench/skill")
MODEL = WORK / "skill.bin"
LABELS = Path("flows/configs/labels/skill.yaml")
HAND = [Path(f"tests/data/skills_{name}.csv") for name in ("seen", "fresh", "unseen")]
DUMPS = "the instruction dumps whose families flows/configs/labels/skill.yaml names"
LANGUAGES = ("en", "zh", "both")


def main(dumps: Path) -> None:
    """Measure, print, and write the section of docs/BENCHMARKS.md."""
    root = labelled.ingested(ingest.resolve([str(dumps)]), WORK / "root")
    card = _trained(root)
    figures = card["held_out"]
    page.write("skill", "Skills", "\n\n".join((_intro(card), _skills(figures), _means(figures), _families(figures))))


def _trained(root: Path) -> dict[str, Any]:
    """Train and test as a user would; return the card."""
    tests = [word for path in HAND for word in ("--test", path)]
    command = ["-m", "curation.classifier", "skill", "--records", root, "--labels", LABELS, *tests]
    subprocess.run([sys.executable, *command, "--out", MODEL], check=True)
    card: dict[str, Any] = json.loads(card_path(MODEL).read_text())
    return card


def _skills(figures: dict[str, Any]) -> str:
    head = ("skill", "records", *(f"{who}, {what}" for who in WHO for what in ("precision", "recall", "F1")))
    rows = [
        [name.removeprefix("both "), *row.values()]
        for name, row in figures["families"].items()
        if name.startswith("both ")
    ]
    return page.table(head, rows)


def _means(figures: dict[str, Any]) -> str:
    """Return the mean F1 of the five skills: of the families, and of each set of hand labels."""
    tests = [("families", figures["families"]), *((path.name, figures[path.name]) for path in HAND)]
    rows = [
        [title, language, *found[f"macro-F1 {language}, five"].values()]
        for title, found in tests
        for language in LANGUAGES
    ]
    return page.table(("mean F1 of the five", "language", *WHO), rows)


def _families(figures: dict[str, Any]) -> str:
    rows = [[*name.split(" "), *row.values()] for name, row in figures["recall"].items() if name.split(" ")[0] in FIVE]
    return page.table(("skill", "family", "records", *(f"{who}, recall" for who in WHO)), rows)


def _intro(card: dict[str, Any]) -> str:
    sure = ", ".join(f"{name} from {least}" for name, least in card["sure"].items()) or "nothing"
    return (
        "A family is what shares records, prompts or a template; each is tested by a model that saw none of it. *rules* are the "
        f"judge's without a model, *model* is fastText alone (a skill from {YES}), *judge* both, as `skill.model=` judges: it believes "
        f"the model on {sure}. Hand labels: records read before any rule or model saw them, tested by a model that saw none of "
        "their sources. The five skills are those told by what is done: mathematics, code, role-play, tool use, safety."
    )


if __name__ == "__main__":
    main(given("DATA", DUMPS, *sys.argv[1:2]))
