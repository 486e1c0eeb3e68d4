"""The skill judge's rules, a fastText model alone, and both together, on families of sources that the model never saw.

    python -m benchmarks.skill FOLDER       of instruction dumps; or make bench-skill DATA=<folder>

Beside the dumps stands one more public family of tool use, the questions, functions and calls of the Berkeley leaderboard
(https://github.com/ShishirPatil/gorilla, Apache 2.0), which come inside a package. The model learns what a call looks like,
no more; a mixture must not hold them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from benchmarks import labelled, page, peers
from benchmarks.given import given
from curation import ingest
from curation.classifier.skills import FIVE, WHO, YES

WORK = Path(".cuvee/bench/skill")
LABELS = Path("flows/configs/labels/skill.yaml")
HAND = [Path(f"tests/data/skills_{name}.csv") for name in ("seen", "fresh", "unseen")]
DUMPS = "the instruction dumps whose families flows/configs/labels/skill.yaml names"
ADDED = "function_leaderboard"  # the family that is added
CALLS = "bfcl-eval==2026.3.23"
LANGUAGES = ("en", "zh", "both")


def calls(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the leaderboard's questions that one answer of calls is known for, as conversations with their functions."""
    for answers in sorted((folder / "possible_answer").glob("*.json")):
        known = {row["id"]: row["ground_truth"] for row in _rows(answers)}
        for row in _rows(folder / answers.name):
            if "function" not in row or len(row["question"]) > 1:  # talks of several turns name classes instead
                continue
            made = [{"type": "function", "function": _call(one)} for one in known[row["id"]]]
            yield {
                "id": row["id"],
                "messages": [*row["question"][0], {"role": "assistant", "content": "", "tool_calls": made}],
                "tools": [{"type": "function", "function": function} for function in row["function"]],
            }


def main(dumps: Path) -> None:
    """Measure, print, and write the section of docs/BENCHMARKS.md."""
    root = _corpus(dumps)
    less = WORK / "labels.yaml"
    less.write_text(yaml.safe_dump([entry for entry in yaml.safe_load(LABELS.read_text()) if entry["family"] != ADDED]))
    without, card = _trained(root, less, "without"), _trained(root, LABELS, "with")
    figures = card["held_out"]
    tables = (_skills(figures), _means(figures, without["held_out"]), _families(figures))
    page.write("skill", "Skills", "\n\n".join((_intro(card), *tables)))


def _trained(root: Path, labels: Path, name: str) -> dict[str, Any]:
    """Train and test as a user would; return the card."""
    tests = [word for path in HAND for word in ("--test", path)]
    command = ["-m", "curation.classifier", "skill", "--records", root, "--labels", labels, *tests]
    subprocess.run([sys.executable, *command, "--out", WORK / f"{name}.bin"], check=True)
    card: dict[str, Any] = json.loads((WORK / f"{name}.bin.json").read_text())
    return card


def _corpus(dumps: Path) -> Path:
    """Ingest the dumps and the leaderboard's calls (nothing, where that is done) and return the root of their records."""
    package = peers.python("bfcl-eval", ["--no-deps", CALLS]).parents[1]  # its data alone: what it runs with is 2 GB
    folder = next(package.glob("lib/python*/site-packages/bfcl_eval/data"))
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / "bfcl_v4_calls.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in calls(folder)), encoding="utf-8")
    return labelled.ingested(ingest.resolve([str(dumps), str(path)]), WORK / "root")


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _call(truth: dict[str, dict[str, list[Any]]]) -> dict[str, str]:
    """Return a call with the first of each argument's accepted values; "" stands for one that may be left out."""
    ((name, arguments),) = truth.items()
    chosen = {key: values[0] for key, values in arguments.items() if values and values[0] != ""}
    return {"name": name, "arguments": json.dumps(chosen, ensure_ascii=False)}


def _skills(figures: dict[str, Any]) -> str:
    head = ("skill", "records", *(f"{who}, {what}" for who in WHO for what in ("precision", "recall", "F1")))
    rows = [
        [name.removeprefix("both "), *row.values()]
        for name, row in figures["families"].items()
        if name.startswith("both ")
    ]
    return page.table(head, rows)


def _means(figures: dict[str, Any], without: dict[str, Any]) -> str:
    """Return the mean F1 of the five skills: of the dumps' own families, with the one that is added, of each set of hand labels."""
    tests = [("the dumps' families", without["families"]), (f"with `{ADDED}`", figures["families"])]
    tests += [(path.name, figures[path.name]) for path in HAND]
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
        "their sources. The five skills are those told by what is done: mathematics, code, role-play, tool use, safety. "
        f"`{ADDED}` is the Berkeley function-calling leaderboard's questions and calls, added after the dumps' own two families "
        "of tool use had turned out to have no word in common. It makes the test easier, since function calls are what the model finds: "
        "what the dumps alone give comes first in the table of means; the other tables are with it."
    )


if __name__ == "__main__":
    main(given("DATA", DUMPS, *sys.argv[1:2]))
