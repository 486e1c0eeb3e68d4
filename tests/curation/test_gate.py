"""The accept gate on answers in many forms, and the model asked where samples and reference disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from endpoint import adds, catalog, conversations, serve, settings

from curation.server import reach
from curation.server.settings import Server
from curation.synthesise import Settings, run
from curation.synthesise.equal.symbolic import Symbolic
from curation.synthesise.gate import Verdict, gate, text_reason
from curation.synthesise.judge import agrees, conflicts
from curation.synthesise.reply import Reply

EN = "We are told what there is, plan the steps, and work them out one by one.\n"
ZH = "先分析题目给出的条件，再列出计算步骤，最后逐步求出结果。\n"


def judged(answers: list[str], reference: str | None, language: str = "en", **more: Any) -> list[Verdict]:
    body = EN if language == "en" else ZH
    with Symbolic() as symbolic:
        return gate([(body + a, "stop") for a in answers], reference, language, Settings(model="m"), symbolic, **more)


@pytest.mark.parametrize(
    ("reference", "language", "answers", "accepted"),
    [
        ("1/2", "en", ["#### 0.5", r"\boxed{\frac{1}{2}}", "The answer is 50%.", "#### 2"], 3),
        ("120", "zh", ["答：一共一百二十个。", "#### １２０", "答案是12。", "所以答案为 120 元"], 3),
        ("B", "zh", ["故选B。", "答案：(B)", "所以选项C是正确的。"], 2),
        ("2小时30分", "zh", ["#### 150分钟", "#### 2.5小时", "#### 2.3小时"], 2),
        (r"x^2-1", "en", ["#### (x-1)(x+1)", "#### x^2+1"], 1),
    ],
)
def test_samples_that_say_the_reference_in_other_words_are_accepted(
    reference: str, language: str, answers: list[str], accepted: int
) -> None:
    verdicts = judged(answers, reference, language)
    assert [v.accepted for v in verdicts].count(True) == accepted
    assert all(v.verified == v.accepted and v.agreement is not None for v in verdicts)
    assert {v.reason for v in verdicts if not v.accepted} == {"not_equal_reference"}


def test_without_a_reference_equal_answers_are_counted_together_whatever_their_form() -> None:
    verdicts = judged(["#### 1/2", "#### 0.5", r"\boxed{\frac{2}{4}}", "#### 3"], None)
    assert [(v.accepted, v.agreement, v.verified) for v in verdicts] == [(True, 0.75, False)] * 3 + [
        (False, 0.25, False)
    ]
    assert {v.method for v in verdicts} == {"majority"}


def test_an_answer_that_the_model_sides_with_is_accepted_and_says_so() -> None:
    verdicts = judged(["#### a dozen eggs and a hen", "#### 5"], "the whole farm", judged="a dozen eggs and a hen")
    assert [(v.accepted, v.method) for v in verdicts] == [(True, "judge"), (False, "text")]


def test_a_text_that_repeats_its_instruction_is_meta_text() -> None:
    echo = "4. Answer: end with one last line of exactly this form, with nothing after it:\n\n#### 1"
    assert text_reason(EN + echo, "stop", "en", Settings(model="m")) == "meta_text"
    assert (
        text_reason(ZH + "用自己的话说明已知什么、要求什么。\n#### 1", "stop", "zh", Settings(model="m")) == "meta_text"
    )
    assert text_reason(EN + "#### 1", "stop", "en", Settings(model="m")) is None


def sample(
    number: int, answer: str, *, accepted: bool = False, reason: str | None = "not_equal_reference"
) -> dict[str, Any]:
    class Id:
        bytes = number.to_bytes(16, "big")

    return {"parent_id": Id, "turn": 1, "accepted": accepted, "reason": None if accepted else reason, "answer": answer}


def test_a_conflict_is_a_majority_against_the_reference_with_nothing_accepted() -> None:
    rows = [
        *(sample(1, "7") for _ in range(3)), sample(1, "8"),
        *(sample(2, "7") for _ in range(2)), sample(2, "8"), sample(2, "9"),  # no majority
        *(sample(3, "7") for _ in range(3)), sample(3, "6", accepted=True),
        *(sample(4, "7", reason="loop") for _ in range(4)),
    ]  # fmt: skip
    assert conflicts(rows, Settings(model="m")) == {((1).to_bytes(16, "big"), 1): "7"}


@pytest.mark.parametrize(
    ("said", "yes"),
    [("Yes", True), ("yes, they are", True), ("**Yes**", True), ("<think>no?</think>\nyes", True), ("是", True), ("No", False), ("否", False), ("不是", False), ("Yesterday", False), ("", False)],
)  # fmt: skip
def test_only_a_yes_is_a_yes(said: str, yes: bool) -> None:
    assert agrees(Reply(((said, "stop"),))) is yes


def wrong_together(question: str, times: int) -> tuple[int, list[str]]:
    """All samples agree on a wrong sum; asked whether it is the reference, say yes for odd sums."""
    if "\nB: " in question:
        return 200, ["Yes." if int(question.rsplit(" ", 1)[1]) % 2 else "No."]
    good = adds(question, times)[1][1]
    return 200, [good] * 4


def test_the_model_is_asked_once_about_each_conflict_and_only_where_that_is_wanted(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(4))  # sums 3, 6, 9, 12; the samples say 4, 7, 10, 13
    with serve(wrong_together) as server:
        assert run(tmp_path, file, settings(server.url)).accepted == 0
        assert len(server.asked) == 4
        report = run(tmp_path, file, settings(server.url, judge=True))
        assert (report.asked, len(server.asked)) == (4, 8)
        assert (report.accepted, report.reasons) == (8, {"not_equal_reference": 8})
        samples = next((tmp_path / "synthesis").glob("*/samples/*.parquet"))
        rows = pq.read_table(samples).to_pylist()
        assert {r["answer"] for r in rows if r["method"] == "judge"} == {"7", "13"}
        assert all(r["accepted"] and r["verified"] for r in rows if r["method"] == "judge")
        (tmp_path / "synthesis/traces-tiny-model/report.json").unlink()
        again = run(tmp_path, file, settings(server.url, judge=True))
        assert (again.asked, again.accepted, len(server.asked)) == (0, 8, 8)


def test_endpoints_given_are_asked_and_no_server_is_started_beside_them(tmp_path: Path) -> None:
    with reach(("http://host/v1",), Server(model="m", python=tmp_path / "none"), "m", tmp_path) as (
        reached,
        ended,
    ):
        assert (reached, ended()) == ({}, {})
    with (
        pytest.raises(FileNotFoundError, match="make vllm"),
        reach((), Server(model="m", python=tmp_path / "none"), "m", tmp_path),
    ):
        pass
