"""Real answer pairs whose truth is known: model solutions marked by their data sets, and answers of other problems.

Nothing of the texts is kept in the project: the pairs are drawn from the dumps that lie beside it, by a fixed seed.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import zipfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


class Pair(NamedTuple):
    """A reference, an answer, whether they are equal, and where they come from."""

    reference: str
    answer: str
    equal: bool
    origin: str


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file, gzipped or not."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.decode("utf-8", "replace").splitlines() if line.strip()]


def pairs(shared: Path, per_origin: int = 120, seed: int = 0) -> list[Pair]:
    """Return up to `per_origin` pairs of every origin, drawn at random."""
    found: dict[str, list[Pair]] = {}
    for source in (gsm8k, gsm8k_unmarked, ape210k, aqua, math, cmath, ceval, gaokao):
        for pair in source(shared, random.Random(seed)):
            found.setdefault(pair.origin, []).append(pair)
    draw = random.Random(seed)
    return [p for _, of in sorted(found.items()) for p in draw.sample(of, min(per_origin, len(of)))]


def gsm8k(shared: Path, _: random.Random) -> Iterator[Pair]:
    """Model solutions, marked right or wrong by OpenAI."""
    for row in lines(shared / "instructions/gsm8k_example_model_solutions.jsonl.gz"):
        for model in MODELS:
            if "\nA:" in row[model]["solution"]:
                yield Pair(row["ground_truth"], row[model]["solution"], row[model]["is_correct"], "gsm8k")


def gsm8k_unmarked(shared: Path, draw: random.Random) -> Iterator[Pair]:
    """Solutions that mark no answer (Alpaca's copy of GSM8K), against the marked ones of the same and of other problems."""
    marked = {row["question"]: row["answer"] for row in lines(shared / "instructions/gsm8k_train.jsonl.gz")}
    rows = json.loads(gzip.decompress((shared / "instructions/alpacacleaned_gsm8k_train.json.gz").read_bytes()))
    rows = [(r["instruction"], r["output"]) for r in rows if r["instruction"] in marked]
    for question, output in rows:
        yield Pair(marked[question], output, equal=True, origin="gsm8k unmarked")
        other = draw.choice(rows)[1]
        if _number(marked[question]) != _last_number(other):
            yield Pair(marked[question], other, equal=False, origin="gsm8k unmarked")


def ape210k(shared: Path, draw: random.Random) -> Iterator[Pair]:
    """Answers of APE210k against the equation they come from, and against answers of other value."""
    rows = lines(shared / "instructions/ape210k_valid.ape.json.gz")
    for row in rows:
        equation = row["equation"].removeprefix("x=")
        if not re.fullmatch(r"[\d+*/().-]{1,60}", equation) or "**" in equation:
            continue
        yield Pair(row["ans"], f"x={equation}={row['ans']}\n答：{row['ans']}。", equal=True, origin="ape210k")
        yield (
            Pair(row["ans"], f"= {equation}", equal=True, origin="ape210k equations")
            if re.fullmatch(r"\d+", row["ans"]) and len(equation) < 20
            else Pair(
                row["ans"],
                row["ans"].replace("(", "").replace(")", ""),
                equal="(" not in row["ans"] or not row["ans"][0].isdigit(),
                origin="ape210k",
            )
        )
        other = draw.choice(rows)["ans"]
        if _number(other) is not None and _number(row["ans"]) not in (None, _number(other)):
            yield Pair(row["ans"], f"所以一共是{other}。", equal=False, origin="ape210k")


def aqua(shared: Path, draw: random.Random) -> Iterator[Pair]:
    """Letters of AQuA against the right and the wrong options, and against rationales that end on a letter."""
    for row in lines(shared / "benchmarks/aqua_test.json"):
        option = draw.choice(row["options"])
        yield Pair(row["correct"], f"The answer is ({option[0]}).", option[0] == row["correct"], "aqua")
        yield Pair(row["correct"], option, option[0] == row["correct"], "aqua")
        if ends := re.search(r"(?:[Aa]nswer|ANSWER|Ans)\W{0,4}(?:is |is option )?\W?([A-E])\W*$", row["rationale"]):
            yield Pair(row["correct"], row["rationale"], ends[1] == row["correct"], "aqua")


def math(shared: Path, draw: random.Random) -> Iterator[Pair]:
    """Solutions of MATH and model solutions of ToRA against the boxed answers of the same and of other problems."""
    rows = lines(shared / "benchmarks/math_test.jsonl.gz")
    boxes = [re.search(r"\\boxed\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", row["solution"]) for row in rows]
    kept = [
        (row, box[1]) for row, box in zip(rows, boxes, strict=True) if box and row["solution"].count("\\boxed") == 1
    ]
    for row, box in kept:
        yield Pair(box, row["solution"], equal=True, origin="math")
        yield Pair(box, f"The answer is ${box}$.", equal=True, origin="math")
        _, other = draw.choice(kept)
        if (a := _number(box)) is not None and (b := _number(other)) is not None and a != b:
            yield Pair(box, other, equal=False, origin="math")
        elif (
            re.sub(r"\W", "", box) != re.sub(r"\W", "", other)
            and (_number(other) is None) != (a is None)
            and "\\" in box + other
        ):
            yield Pair(box, other, equal=False, origin="math expressions")
    for row in lines(shared / "instructions/tora_examples.jsonl"):
        yield Pair(row["gt"], row["messages"][-1]["content"], equal=True, origin="tora")


def cmath(shared: Path, draw: random.Random) -> Iterator[Pair]:
    """Answers of CMATH as sentences, and those of other problems."""
    rows = lines(shared / "benchmarks/cmath_dev.jsonl")
    for row in rows:
        yield Pair(row["golden"], f"先分析题意，再列式计算。\n答：结果是{row['golden']}。", equal=True, origin="cmath")
        other = draw.choice(rows)["golden"]
        if _number(other) != _number(row["golden"]):
            yield Pair(row["golden"], f"所以答案是{other}。", equal=False, origin="cmath")


def ceval(shared: Path, draw: random.Random) -> Iterator[Pair]:
    """Letters of C-Eval against its options."""
    with zipfile.ZipFile(shared / "benchmarks/ceval.zip") as archive:
        for name in archive.namelist():
            if not re.fullmatch(r"(?:dev|val)/.*\.csv", name):
                continue
            for row in csv.DictReader(io.StringIO(archive.read(name).decode("utf-8"))):
                letter = draw.choice("ABCD")
                answer = draw.choice(
                    ["故选{}。", "答案：{}", "选项{}正确", "{}. " + row[letter], "因此本题选{}。", "**{}**"]
                )
                yield Pair(row["answer"], answer.replace("{}", letter), letter == row["answer"], "ceval")


def gaokao(shared: Path, _: random.Random) -> Iterator[Pair]:
    """GPT-4's answers to gaokao questions, its letters as the benchmark's authors read them."""
    with zipfile.ZipFile(shared / "instructions/gaokao_bench_gpt4_obj_results.zip") as archive:
        for name in archive.namelist():
            for row in json.loads(archive.read(name))["example"]:
                if len(row["standard_answer"]) == len(row["model_answer"]) == 1 and row["model_answer"][0]:
                    right = row["standard_answer"] == row["model_answer"]
                    yield Pair(row["standard_answer"][0], row["model_output"], right, "gaokao")


def _number(text: str) -> Fraction | None:
    text = text.rpartition("####")[2].strip().replace(",", "").replace("$", "")
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def _last_number(text: str) -> Fraction | None:
    found = re.findall(r"-?\d+(?:\.\d+)?", text.replace(",", ""))
    return Fraction(found[-1]) if found else None
