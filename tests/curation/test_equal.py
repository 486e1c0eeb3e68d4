"""The comparison that decides whether a trace is verified."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from curation.synthesise.answer import final_answer, reference
from curation.synthesise.equal import equal
from curation.synthesise.equal.symbolic import Symbolic

EQUAL = [
    ("42", "42"), ("42", "42.0"), ("42", "The answer is 42."), ("42", "#### 42"), ("42", r"\boxed{42}"), ("42", "$42$"),
    ("42", "４２"), ("42", "答案是42"), ("42", "答：一共42个。"), ("42", "四十二"), ("42", "forty-two"), ("42", "x = 42"),
    ("1234", "1,234"), ("1234", "1,234 apples"), ("1200000", "1.2 million"), ("35000", "3.5万"), ("35000", "三万五千"),
    ("0.5", "1/2"), ("1/2", r"\frac{1}{2}"), ("1/2", r"\dfrac12"), ("(11/20)", "11/20"), ("11/20", "0.55"), ("((2)/(3))", "2/3"),
    ("1/2", "一半"), ("2/5", "五分之二"), ("3/2", "1 1/2"), ("3/2", r"1\frac{1}{2}"), ("3(1/2)", "3.5"), ("3/2", "一又二分之一"),
    ("25%", "0.25"), ("25%", r"25\%"), ("25", "25%"), ("30%", "百分之三十"), ("25%", "1/4"), ("20%", "二十％"),
    ("$5", "5 dollars"), ("5", r"\$5.00"), ("5元", "5"), ("5元", "五元"), ("1.5 km", "1500 m"), ("2千克", "2000克"), ("90", r"90^\circ"),
    ("C", "(C)"), ("C", "C"), ("C", "The answer is (C)."), ("C", "答案：C"), ("C", "C. 1120"), ("C", "故选C。"), ("C", r"\boxed{\text{C}}"),
    ("ACD", "A、C、D"), ("yes", "Yes."), ("是", "对"), ("错", "不对"), ("0.33", "1/3"), ("3.14", "3.14159"), ("-7", "−7"),
    (r"2\sqrt{3}", r"\sqrt{12}"), ("x^2+2x+1", "(x+1)^2"), ("(1,2)", "(1, 2)"), (r"\frac{\pi}{2}", r"0.5\pi"),
    ("Monday", "monday"), ("3:4", "3/4"), ("120 cm", "1.2 m"), ("6e3", "6000"), ("第三", "3"), ("三百零五", "305"),
]  # fmt: skip
DIFFERENT = [
    ("42", "43"), ("42", "4.2"), ("42", "-42"), ("42", "420"), ("42", ""), ("42", "I do not know"), ("1/2", "1/3"), ("1/2", "2"),
    ("25%", "0.025"), ("0.5%", "0.5"), ("25%", "75%"), ("5 km", "5 m"), ("5 km", "5 kg"), ("2小时", "2分钟"), ("C", "D"), ("C", "(B)"),
    ("ACD", "AC"), ("C", "42"), ("是", "否"), ("yes", "No"), ("三百", "三千"), ("三百零五", "三百五"), ("12", "1 and 2"), ("12", "12 or 15"),
    ("(1,2)", "(2,1)"), (r"2\sqrt{3}", r"3\sqrt{2}"), ("x^2", "x^3"), ("0.01", "0.014"), ("Monday", "Tuesday"), ("3.14", "3.24"),
    ("100", "答：需要10天。"), ("72", "#### 27"), ("7", "77"), ("1,234", "1.234"),
]  # fmt: skip


@pytest.fixture(scope="module")
def symbolic() -> Iterator[Symbolic]:
    """One math-verify process for the module."""
    with Symbolic() as compare:
        yield compare


@pytest.mark.parametrize(("left", "right"), EQUAL)
def test_ways_to_write_one_answer_are_equal(left: str, right: str, symbolic: Symbolic) -> None:
    assert equal(left, right, symbolic).equal
    assert symbolic.timeouts == 0


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different_answers_are_not_equal(left: str, right: str, symbolic: Symbolic) -> None:
    assert not equal(left, right, symbolic).equal


def test_the_symbolic_comparison_works_off_the_main_thread(symbolic: Symbolic) -> None:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(equal(r"\sqrt{8}", r"2\sqrt{2}", symbolic).equal))
    thread.start()
    thread.join()
    assert found == [True]


def test_an_expression_that_never_ends_times_out_and_the_next_pair_is_still_judged() -> None:
    with Symbolic(seconds=1.0) as compare:
        assert compare("1", "1")  # started before the clock matters
        verdict = equal("x", "9^{9^{9^{9}}}+x", compare)
        assert not verdict.equal
        compare.seconds = 30.0
        assert equal(r"\sqrt{8}", r"2\sqrt{2}", compare).equal


@pytest.mark.parametrize(
    ("solution", "expected"),
    [
        ("48/2 = 24\n48+24 = 72\n#### 72", "72"),
        (r"so we get $\boxed{\frac{9}{7}}$.", r"\frac{9}{7}"),
        ("Adding up, the answer is 3.5. That was easy", "3.5"),
        ("2240-1120 = 1120 The final answer: (C).", "C"),
        ("先求总数。答案是45。", "45"),
        ("135÷3=45\n答：每班45本。", "每班45本"),
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


def test_the_command_line_answers_a_line_for_a_line_and_stops_at_a_bad_one() -> None:
    lines = '{"reference": "1/2", "answer": "0.5"}\n{"reference": "C", "answer": "(D)"}\n'
    command = [sys.executable, "-m", "curation.synthesise.equal"]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"equal": True, "method": "number"},
        {"equal": False, "method": "choice"},
    ]
    assert done.stderr == ""
    bad = subprocess.run(command, input='{"answer": 3}\n', capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert "line 1" in bad.stderr
