"""The demo's own benchmarks: items that no training record holds unless it was planted."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import dataclass

from curation.demo.domains import PLACES_TOLD, en_reasoning, zh_reasoning
from curation.demo.maths import en_math, zh_math
from curation.demo.pieces import fact

_KINDS = ("founded", "people", "craft", "height")
_EN_SHORT = ("{a} × {b} = ?", "What is {a} plus {b}?", "Compute {a} - {b}.")
_ZH_SHORT = ("{a}乘{b}等于几？", "{a}加{b}是多少？", "求{a}减{b}。")


@dataclass(frozen=True)
class Item:
    """One benchmark item; `where` is its file and 1-based row."""

    where: tuple[str, int]
    question: str
    answer: str


def exam(seed: int) -> tuple[dict[str, bytes], list[Item]]:
    """Return the benchmark files by name, and their items."""
    rng = random.Random(f"{seed}/benchmarks")
    english = [(en_math if n % 2 else lambda r: en_reasoning(r)[0])(rng) for n in range(60)]
    chinese = [(zh_math if n % 2 else lambda r: zh_reasoning(r)[0])(rng) for n in range(60)]
    short = [_short(rng, seed, n) for n in range(40)]
    parts = {"en_quiz.jsonl": english, "zh_quiz.jsonl": chinese, "short.csv": short}
    items = [Item((name, row), q, a) for name, pairs in parts.items() for row, (q, a) in enumerate(pairs, start=1)]
    files = {name: _lines(pairs) for name, pairs in parts.items() if name.endswith(".jsonl")}
    return files | {"short.csv": _csv(short)}, items


def _short(rng: random.Random, seed: int, number: int) -> tuple[str, str]:
    """Ask a question too short for a 13-gram: sums, and facts of places that the training text never tells."""
    chinese = number % 2 == 0
    if number % 4 < 2:
        a, b, how = rng.randint(1000, 9999), rng.randint(100, 999), rng.randrange(3)
        return (_ZH_SHORT if chinese else _EN_SHORT)[how].format(a=a, b=b), str((a * b, a + b, a - b)[how])
    kind, place = rng.choice(_KINDS), PLACES_TOLD + number
    name, told = fact(seed, "zh" if chinese else "en", place, kind, rng)
    return (
        f"关于{name}的{number}号问题：它有什么事实？" if chinese else f"Question {number}: one fact about {name}?"
    ), told


def _lines(pairs: list[tuple[str, str]]) -> bytes:
    return "".join(json.dumps({"question": q, "answer": a}, ensure_ascii=False) + "\n" for q, a in pairs).encode()


def _csv(pairs: list[tuple[str, str]]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("question", "answer"))
    writer.writerows(pairs)
    return buffer.getvalue().encode()
