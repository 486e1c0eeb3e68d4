"""The comparison that decides whether a trace is verified."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from equal_real import Pair, pairs

from curation.synthesise.answer import final_answer, reference
from curation.synthesise.equal import equal
from curation.synthesise.equal.arithmetic import arithmetic
from curation.synthesise.equal.symbolic import Symbolic

CASES = [json.loads(line) for line in (Path(__file__).parent / "equal_cases.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def symbolic() -> Iterator[Symbolic]:
    """One math-verify process for the module."""
    with Symbolic() as compare:
        yield compare


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['reference']}~{c['answer']}".replace("\n", " ")[:60])
def test_ways_to_write_one_answer_are_equal_and_near_misses_are_not(case: dict[str, Any], symbolic: Symbolic) -> None:
    assert equal(case["reference"], case["answer"], symbolic).equal is case["equal"]


def test_a_percentage_equals_a_bare_number_only_where_the_reference_is_one_above_one(symbolic: Symbolic) -> None:
    assert equal("5%", "0.05", symbolic) == (True, "percent")
    assert equal("5%", "5", symbolic) == (False, "percent")
    assert equal("25", "25%", symbolic) == (True, "percent")
    assert equal("25 kg", "25%", symbolic) == (False, "percent")
    assert equal("0.25", "0.25%", symbolic) == (False, "percent")
    assert equal("1", "1%", symbolic) == (False, "percent")


def test_a_rounded_reference_takes_the_exact_answer_but_an_exact_one_no_coarse_rounding(symbolic: Symbolic) -> None:
    assert equal("3.33", "10/3", symbolic).equal
    assert equal("6.28", r"2\pi", symbolic).equal
    assert not equal("10/3", "3.33", symbolic).equal
    assert equal("10/3", "3.333", symbolic).equal


def score(found: list[Pair], symbolic: Symbolic) -> tuple[float, float, list[str]]:
    """Return precision, recall and the mistakes, as origins and rules."""
    count, wrong = Counter[tuple[bool, bool]](), []
    for pair in found:
        got = equal(pair.reference, pair.answer, symbolic)
        count[got.equal, pair.equal] += 1
        wrong += [f"{pair.origin}: {got.method}"] if got.equal != pair.equal else []
    right = count[True, True]
    return right / (right + count[True, False]), right / (right + count[False, True]), wrong


@pytest.mark.parametrize("seed", [11, 12])
def test_real_answers_are_told_right_from_wrong(instructions: Path, seed: int, symbolic: Symbolic) -> None:
    found = pairs(instructions.parent, 60, seed)
    assert len(found) >= 400
    assert {p.origin.split()[0] for p in found} == {
        "gsm8k",
        "ape210k",
        "aqua",
        "math",
        "tora",
        "cmath",
        "ceval",
        "gaokao",
    }
    precision, recall, wrong = score(found, symbolic)
    assert precision >= 0.99, wrong
    assert recall >= 0.97, wrong


def test_the_symbolic_comparison_works_off_the_main_thread(symbolic: Symbolic) -> None:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(equal(r"\sqrt{8}", r"2\sqrt{2}", symbolic).equal))
    thread.start()
    thread.join()
    assert found == [True]


def test_an_expression_that_never_ends_times_out_and_the_next_pair_is_still_judged() -> None:
    with Symbolic(seconds=1.0) as compare:
        assert compare("1", "1")  # started before the clock matters
        late = equal("1", r"\sum_{n=1}^{10^{12}} \frac{1}{n^{1.5}}", compare)
        assert late == (False, "timeout")
        assert equal("x", "9^{9^{9^{9}}}+x", compare) == (False, "timeout")  # not even tried
        compare.seconds = 30.0
        assert equal(r"\sqrt{8}", r"2\sqrt{2}", compare).equal
        assert compare.timeouts == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [("3*(4+5)/2", 13.5), ("2^10", 1024), ("-(3-5)", 2), ("8400/12/70", 10), ("9^9^9", None), ("1/0", None), ("2x", None), ("1 2", None), ("(1", None), ("__import__", None)],
)  # fmt: skip
def test_calculations_are_worked_out_exactly_and_nothing_else_is(text: str, value: float | None) -> None:
    assert arithmetic(text) == value


@pytest.mark.parametrize(
    ("solution", "expected"),
    [
        ("48/2 = 24\n48+24 = 72\n#### 72", "72"),
        (r"so we get $\boxed{\frac{9}{7}}$.", r"\frac{9}{7}"),
        (
            r"it matches \boxed{D: \left\{\begin{array}{l}{x=1}\\{y=2}\end{array}\right.}",
            r"D: \left\{\begin{array}{l}{x=1}\\{y=2}\end{array}\right",
        ),
        (r"First \boxed{3}. Then we find $\boxed{5}$ and $\boxed{6}$", "5, 6"),
        ("Adding up, the answer is 3.5. That was easy", "3.5"),
        ("2240-1120 = 1120 The final answer: (C).", "C"),
        ("先求总数。答案是45。", "45"),
        ("135÷3=45\n答：每班45本。", "每班45本"),
        ("所以选项C是正确的。", "C是正确的"),
        ("【解析】…… <eoe>\n【答案】 D <eoa>", "D"),
        ("18 - 9 = 9\nA: 9", "9"),
        ("<think>The answer is 4.</think>\n**Answer:** 5", "5"),
        ("## Answer\n18", "18"),
        ("We must answer the question with care", None),
        ("没有任何结论", None),
    ],
)
def test_the_final_answer_is_the_last_one_marked(solution: str, expected: str | None) -> None:
    assert final_answer(solution) == expected


def test_the_reference_comes_from_the_response_or_from_its_meta() -> None:
    assert reference("#### 42") == "42"
    assert reference("x=135/3", '{"ans": "45", "id": "491547"}') == "45"
    assert reference("B") == "B"
    assert reference("A long story about a fox that went to the sea and never came back.") is None
    assert reference("Write it down", "not json") is None


HOSTILE = [
    "9^9^9^9", "9^{9^{9^9}}", "(x+1)^{99999}", "9!!!!!!!!!", "1e999999999", "x" * 1_000_000, " " * 1_000_000 + "12", "answer " * 150_000,
    "answer is " * 100_000, "1," * 500_000, "(" * 500_000, "\\boxed{" * 150_000, "答案是" * 300_000, "\n" * 1_000_000, "#" * 1_000_000,
    "=" * 1_000_000, "十" * 1_000_000, "[" * 150 + "]" * 150, "{" * 300, "\ud800", "1\x00", "__import__('os')",
]  # fmt: skip


def test_the_command_line_answers_a_line_for_a_line_whatever_comes() -> None:
    good = [
        b'{"reference": "1/2", "answer": "0.5"}',
        b'{"reference": "C", "answer": "(D)"}',
        b'{"reference": 12, "answer": 12.0}',
    ]
    bad = [b"", b"garbage", b"[]", b"null", b'{"answer": 3}', b"\xff\xfe", b'{"reference": ' + b"[" * 100_000]
    hostile = [json.dumps({"reference": "7", "answer": text}).encode() for text in HOSTILE]
    lines = [*good, *bad, *hostile, b'{"reference": null, "answer": "1"}']
    command = [sys.executable, "-m", "curation.synthesise.equal"]
    done = subprocess.run(command, input=b"\n".join(lines) + b"\n", capture_output=True, check=True)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(said) == len(lines)
    assert said[:3] == [
        {"equal": True, "method": "number"},
        {"equal": False, "method": "choice"},
        {"equal": True, "method": "number"},
    ]
    assert [s["method"] for s in said[3:10]] == ["invalid"] * 7
    assert not any(s["equal"] for s in said[3:])
    assert said[-1]["method"] == "empty"
    assert b"7 lines were no pairs" in done.stderr
