"""Synthesis against a real HTTP server: what is selected, asked, accepted and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from endpoint import adds, catalog, conversations, serve, settings

from curation import shards
from curation.record import RECORD, TRACE, Turn
from curation.synthesise import Settings, plan, run
from curation.synthesise.gate import gate, text_reason
from curation.synthesise.prompt import leaks, load, messages
from curation.synthesise.select import select


def test_every_accepted_sample_is_a_record_and_every_sample_keeps_its_reason(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(5))
    with serve(adds) as server:
        report = run(tmp_path, file, settings(server.url))
    assert (report.selected, report.asked, report.records, report.samples, report.accepted) == (5, 5, 10, 20, 10)
    assert report.reasons == {"not_equal_reference": 5, "truncated": 5}
    assert (report.prompt_tokens, report.output_tokens) == (5 * 50, 5 * 40)
    traces = next(shards.read_shards(tmp_path / "records" / "traces-tiny-model"))
    assert traces.schema.remove_metadata().equals(RECORD)
    parents = pq.read_table(tmp_path / "records/sums/part-00000-of-00001.parquet")
    question = {
        i: t[0]["content"] for i, t in zip(parents["id"].to_pylist(), parents["turns"].to_pylist(), strict=True)
    }
    assert set(traces["parent_id"].to_pylist()) == set(question)
    for trace in traces.to_pylist():
        assert trace["turns"][0] == {"role": "user", "content": question[trace["parent_id"]]}
        assert [t["role"] for t in trace["turns"]] == ["user", "assistant"]
    samples = next(shards.read_shards(tmp_path / "synthesis/traces-tiny-model/samples"))
    assert samples.schema.remove_metadata().equals(TRACE)
    assert {s["id"] for s in samples.to_pylist() if s["accepted"]} == set(traces["id"].to_pylist())
    assert all(
        (s["text"] is None) == s["accepted"] and (s["reason"] is None) == s["accepted"] for s in samples.to_pylist()
    )
    assert sum(samples["output_tokens"].to_pylist()) == 200


def test_a_trace_tells_model_prompt_sampling_and_server(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(1))
    with serve(adds) as server:
        run(tmp_path, file, settings(server.url, temperature=0.3))
    trace = next(shards.read_shards(tmp_path / "records/traces-tiny-model")).to_pylist()[0]
    meta = json.loads(trace["meta"])
    assert (meta["verified"], meta["agreement"], meta["hinted"], meta["parent_source"]) == (True, 0.5, False, "sums")
    assert (meta["model"], meta["server"], meta["prompt_hash"]) == ("tiny/model", "vllm 0.32.0", load(None).hash)
    asked = server.bodies[0]
    assert meta["sampling"] == {k: asked[k] for k in ("temperature", "top_p", "max_tokens", "n", "seed")}
    assert 0 <= asked["seed"] == int.from_bytes(trace["parent_id"].bytes[:8], "big") % 2**31 + 1


def test_a_second_run_asks_nothing_and_writes_the_same_bytes(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(4))
    with serve(adds) as server:
        run(tmp_path, file, settings(server.url))
        written = sorted(tmp_path.glob("*/traces-tiny-model/**/part-*.parquet"))
        before, count = [path.read_bytes() for path in written], len(server.asked)
        assert len(written) == 2
        assert run(tmp_path, file, settings(server.url)).asked == 0
        (tmp_path / "records/traces-tiny-model/manifest.json").unlink()
    again = run(tmp_path, file, settings(server.url))  # nobody answers any more, and nobody needs to
    assert (again.asked, again.resumed, len(server.asked)) == (0, 4, count)
    assert [path.read_bytes() for path in written] == before


def test_other_sampling_parameters_ask_again_but_a_stricter_gate_does_not(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(3))
    with serve(adds) as server:
        run(tmp_path, file, settings(server.url))
        strict = run(tmp_path, file, settings(server.url, min_chars=5_000))
        assert (strict.asked, strict.records, strict.reasons["too_short"]) == (0, 0, 9)
        assert run(tmp_path, file, settings(server.url, temperature=0.1)).asked == 3


def test_a_wider_selection_asks_only_what_is_new(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(6))
    with serve(adds) as server:
        assert run(tmp_path, file, settings(server.url, limit=2)).asked == 2
        wider = run(tmp_path, file, settings(server.url))
    assert (wider.asked, wider.resumed, len(set(server.asked)), len(server.asked)) == (4, 2, 6, 6)


def test_traces_per_prompt_keeps_the_samples_that_agree_best_and_names_the_others_surplus(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(3))
    with serve(adds) as server:
        report = run(tmp_path, file, settings(server.url, traces_per_prompt=1))
    assert (report.records, report.accepted, report.reasons["surplus"]) == (3, 3, 3)


HISTORY: list[Turn] = [
    ("system", "You are terse."), ("user", "What is 1 + 1?"), ("assistant", "2"), ("user", "And  what is 5 + 6 ?\n"),
]  # fmt: skip


def test_history_and_system_turn_are_sent_unchanged_after_the_instruction(tmp_path: Path) -> None:
    file = catalog(tmp_path, [[*HISTORY, ("assistant", "#### 11"), ("user", "Thanks!"), ("assistant", "Bye.")]])
    with serve(adds) as server:
        run(tmp_path, file, settings(server.url, turns="all", where="reference = '11'"))
    (sent,) = [body["messages"] for body in server.bodies]
    assert sent[0] == {"role": "system", "content": load(None).texts["en"] + "\n\nYou are terse."}
    assert [(m["role"], m["content"]) for m in sent[1:]] == HISTORY[1:]
    for trace in next(shards.read_shards(tmp_path / "records/traces-tiny-model")).to_pylist():
        assert [(t["role"], t["content"]) for t in trace["turns"][:-1]] == HISTORY


def test_all_turns_are_rewritten_where_that_is_wanted_each_after_the_original_ones(tmp_path: Path) -> None:
    file = catalog(tmp_path, [[*HISTORY, ("assistant", "#### 11")]])
    with serve(adds) as server:
        assert run(tmp_path, file, settings(server.url)).selected == 1
        assert server.asked == [HISTORY[-1][1]]
        report = run(tmp_path, file, settings(server.url, turns="all"))
    assert (report.selected, report.asked, report.resumed) == (2, 1, 1)
    samples = next(shards.read_shards(tmp_path / "synthesis/traces-tiny-model/samples"))
    assert set(samples["turn"].to_pylist()) == {2, 4}
    traces = next(shards.read_shards(tmp_path / "records/traces-tiny-model")).to_pylist()
    assert {tuple(t["content"] for t in trace["turns"][:-1]) for trace in traces} == {
        tuple(content for _, content in HISTORY[:count]) for count in (2, 4)
    }
    assert len({body["seed"] for body in server.bodies}) == 2


def selected(file: Path, folder: Path, where: str | None = None, **more: Any) -> list[dict[str, Any]]:
    """Return the prompts a predicate selects."""
    chosen = settings(**more) if where is None else settings(where=where, **more)
    select(file, chosen, folder)
    return [row for table in shards.read_shards(folder) for row in table.to_pylist()]


def test_selection_is_sql_over_records_and_the_turn_to_rewrite(tmp_path: Path) -> None:
    prose = "Once upon a time there was a fox who went out.\nThen it came home."
    turns: list[list[Turn]] = [
        *conversations(3),
        [("user", "Tell me a story"), ("assistant", prose)],
        [("user", "Say something"), ("assistant", "Something.")],
        [("user", "Weather?"), ("tool", "sunny"), ("user", "And what is 1 + 1?"), ("assistant", "#### 2")],
        [("user", " "), ("assistant", "#### 2")],
    ]
    file, folder = catalog(tmp_path, turns), tmp_path / "prompts"
    default = selected(file, folder)
    assert sorted(str(row["reference"]) for row in default) == ["3", "6", "9", "None"]  # the short answer has none
    assert [row["id"] for row in default] == sorted(row["id"] for row in default)
    assert len(selected(file, folder, "keep")) == 5
    assert len(selected(file, folder, "keep", limit=2)) == 2
    assert [row["reference"] for row in selected(file, folder, "question LIKE '%2 + 4%'")] == ["6"]
    assert [row["reference"] for row in selected(file, folder, "id IN (SELECT id FROM records WHERE turns[1].content LIKE '%1 + 2%')")] == ["3"]  # fmt: skip
    with pytest.raises(ValueError, match="no_such_column"):
        selected(file, folder, "no_such_column = 1")
    with pytest.raises(ValueError, match="one SQL predicate"):
        selected(file, folder, "true); SELECT (1")
    with pytest.raises(ValueError, match="selects no turn"):
        selected(file, folder, "false")
    secret = tmp_path.parent / "outside.txt"
    secret.write_text("x")
    with pytest.raises(ValueError, match="outside"):
        selected(file, folder, f"(SELECT count(*) FROM read_text('{secret}')) > 0")


def fails_unless_hinted(question: str, times: int) -> tuple[int, list[str]]:
    """Solve the first sum wrongly until it comes a second time; then give one sound solution and two that leak."""
    status, texts = adds(question, times)
    if "What is 1 " not in question:
        return status, texts
    wrong = [t.replace("#### 3", "#### 9").replace("#### 4", "#### 9") for t in texts]
    leaky = "We are given 1 and 2.\nWorking backwards from the total of 3, it fits.\n#### 3"
    return status, wrong if times == 1 else [
        texts[0],
        leaky,
        "The answer is 3, as we now show: 1 + 2 = 3.\n#### 3",
        wrong[0],
    ]


def test_a_hint_is_given_only_where_nothing_was_accepted_and_never_enters_a_trace(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(3))
    with serve(fails_unless_hinted) as server:
        plain = run(tmp_path, file, settings(server.url))
        assert (plain.asked, plain.records, plain.account.hinted.samples) == (3, 4, 0)
        report = run(tmp_path, file, settings(server.url, hint=True))
        assert (report.asked, report.records, report.account.hinted.accepted) == (1, 5, 1)
        assert report.reasons["leaked_reference"] == 2
        assert run(tmp_path, file, settings(server.url, hint=True)).asked == 0
    told = [b["messages"][0]["content"] for b in server.bodies if "the final answer to this question is" in b["messages"][0]["content"]]  # fmt: skip
    assert len(told) == 1
    assert "is 3." in told[0]
    assert told[0].startswith(load(None).texts["en"])
    assert server.bodies[-1]["messages"][1:] == [{"role": "user", "content": "What is 1 + 2?"}]
    samples = next(shards.read_shards(tmp_path / "synthesis/traces-tiny-model/samples")).to_pylist()
    hinted = [s for s in samples if s["hinted"]]
    assert [s["sample"] for s in hinted] == [4, 5, 6, 7]
    assert {s["prompt_hash"] for s in hinted} == {load(None, hint=True).hint_hash}
    assert {s["prompt_hash"] for s in samples if not s["hinted"]} == {load(None).hash}
    (accepted,) = [s for s in hinted if s["accepted"]]
    traces = {t["id"]: t for t in next(shards.read_shards(tmp_path / "records/traces-tiny-model")).to_pylist()}
    assert traces[accepted["id"]]["turns"][0] == {"role": "user", "content": "What is 1 + 2?"}
    assert "final answer to this question" not in json.dumps(list(traces.values()), default=str)


@pytest.mark.parametrize(
    ("text", "leaky"),
    [
        ("We are given 3 and 4.\nPlan: add.\nSolve: 3 + 4 = 7\n#### 7", False),
        ("We are given 3 and 4. Since the correct answer is known to be 7, add them.\n#### 7", True),
        ("Working backwards from what we were told, 7 - 4 = 3.\n#### 7", True),
        ("The answer is 7. To see why, add them up step by step.\n#### 7", True),
        ("题目给出 3 和 4，求和。\n计划：相加。\n求解：3 + 4 = 7\n#### 7", False),
        ("根据提示，结果是 7，下面给出过程：3 + 4 = 7。\n#### 7", True),
        ("题目给出 3 和 4。已知答案为 7，所以相加即可。\n#### 7", True),
    ],
)
def test_a_text_that_shows_that_it_knew_the_answer_leaks(text: str, leaky: bool) -> None:
    assert leaks(text, "What is 3 + 4?") == leaky


def test_what_the_question_itself_says_is_no_leak() -> None:
    assert not leaks(
        "Find the correct answer among the four.\nB fits.\n#### B", "Choose the correct answer: A, B, C or D"
    )


def test_a_plan_projects_tokens_gpu_hours_and_cost_and_asks_nothing(tmp_path: Path) -> None:
    file = catalog(tmp_path, conversations(60))
    speed: dict[str, Any] = {"gpus": 8, "gpu_tokens_per_second": 1000.0, "gpu_hour_price": 3.0, "expected_tokens": 500}
    first = plan(tmp_path, file, settings("http://127.0.0.1:9/v1", **speed))
    assert (first.prompts, first.answered, first.samples, first.output_tokens, first.measured) == (
        60,
        0,
        240,
        120_000,
        False,
    )
    assert first.gpu_hours == pytest.approx((120_000 + first.prompt_tokens / 10) / 1000 / 3600)
    assert (first.hours, first.cost) == (pytest.approx(first.gpu_hours / 8), pytest.approx(first.gpu_hours * 3))
    assert not (tmp_path / "synthesis").exists()
    with serve(adds) as server:
        report = run(tmp_path, file, settings(server.url, limit=55, **speed))
    later = plan(tmp_path, file, settings(server.url, **speed))
    assert (later.prompts, later.answered, later.samples) == (60, 55, 20)
    assert (later.tokens_a_sample, later.measured) == (10.0, True)
    assert report.projected.output_tokens == 55 * 4 * 500
    assert report.gpu_hours <= 8 * report.seconds / 3600
    assert report.cost == pytest.approx(report.gpu_hours * 3)


def test_the_report_shows_the_account_by_reason_and_skill_and_escapes_what_models_wrote(tmp_path: Path) -> None:
    def hostile(question: str, times: int) -> tuple[int, list[str]]:
        status, texts = adds(question, times)
        return status, [texts[0], texts[1] + "<script>alert(1)</script>", *texts[2:]]

    file = catalog(tmp_path, conversations(2))
    with serve(hostile) as server:
        report = run(tmp_path, file, settings(server.url))
    assert {s: (y.samples, y.accepted) for s, y in report.account.by_skill.items()} == {"math": (8, report.accepted)}
    assert report.account.by_skill_and_reason == {"math": report.reasons}
    assert sum(report.reasons.values()) == report.samples - report.accepted
    html = (tmp_path / "synthesis/traces-tiny-model/report.html").read_text(encoding="utf-8")
    assert "not_equal_reference" in html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


GOOD_EN = "We are given three numbers and asked for the total of them.\n#### 6"
STATEMENTS = "".join(
    f"Statement {n} says that {says} for all numbers of the set.\nThis statement is {true}.\n"
    for n, says, true in [
        (1, "addition distributes over every product", "true"),
        (2, "the power of a sum is the sum of the powers", "false"),
        (3, "the logarithm of a sum is the product of logarithms", "false"),
        (4, "the root of a sum is the sum of the two roots", "false"),
        (5, "the inverse of a sum is the sum of the two inverses", "false"),
    ]
)
REASONS = [
    (GOOD_EN, "stop", "en", None),
    (GOOD_EN, "length", "en", "truncated"),
    (GOOD_EN, "content_filter", "en", "finish_reason"),
    ("#### 6", "stop", "en", "too_short"),
    (GOOD_EN * 400, "stop", "en", "too_long"),
    ("题目给出三个数，要求它们的总和，先相加再检查。\n#### 6", "stop", "zh", None),
    ("题目给出三个数，要求它们的总和，先相加再检查。\n#### 6", "stop", "en", "wrong_language"),
    (GOOD_EN, "stop", "zh", "wrong_language"),
    ("与えられた三つの数を足し合わせると答えは六になります。\n#### 6", "stop", "zh", "wrong_language"),
    ("I'm sorry, but I cannot solve this problem for you.\n#### 6", "stop", "en", "refusal"),
    ("作为一个人工智能语言模型，我不能做这道题目，请见谅。\n#### 6", "stop", "zh", "refusal"),
    ("The reference answer must be six, so the total is six.\n#### 6", "stop", "en", "meta_text"),
    ("We add the numbers again.\n" * 6 + "#### 6", "stop", "en", "loop"),
    (f"{STATEMENTS}The count of true statements is one.\n#### 1", "stop", "en", None),
    (STATEMENTS * 2 + "Let us check.\nIt is right.\n" * 5, "stop", "en", "loop"),
    ("By the instructions of the riddle we first halve the number.\n#### 6", "stop", "en", None),
    ("Following the instructions, we first halve the number.\n#### 6", "stop", "en", "meta_text"),
    ("再把三个数加起来看一看" * 60 + "\n#### 6", "stop", "zh", "loop"),
]


@pytest.mark.parametrize(("text", "finish", "language", "reason"), REASONS)
def test_a_text_is_rejected_for_the_first_reason_that_holds(
    text: str, finish: str, language: str, reason: str | None
) -> None:
    assert text_reason(text, finish, language, Settings(model="m")) == reason


def never(reference: str, answer: str) -> bool | None:
    """Time out on every pair."""
    return None


def test_answers_are_judged_against_the_reference_or_by_majority() -> None:
    body = "We are given some numbers and we add them carefully.\n"
    config = Settings(model="m")
    samples = [(f"{body}#### {a}", "stop") for a in ("6", "six", "7")] + [(body, "stop")]
    known = gate(samples, "6.0", "en", config, never)
    assert [v.reason for v in known] == [None, None, "not_equal_reference", "answer_unparsed"]
    assert [v.verified for v in known] == [True, True, False, False]
    unknown = gate([*samples[:3], samples[0]], None, "en", config, never)
    assert [v.accepted for v in unknown] == [True, True, False, True]
    assert [v.agreement for v in unknown] == [0.75, 0.75, 0.25, 0.75]
    assert not any(v.verified for v in unknown)
    assert gate(samples[:1], None, "en", config, never)[0].reason == "no_majority"
    slow = gate([(f"{body}#### x^2+1", "stop")], "x(x)+1", "en", config, never)
    assert slow[0].reason == "verify_timeout"


def test_a_prompt_folder_without_a_language_is_refused(tmp_path: Path) -> None:
    (tmp_path / "en.txt").write_text("Think.", encoding="utf-8")
    with pytest.raises(ValueError, match=r"zh\.txt"):
        load(tmp_path)
    (tmp_path / "zh.txt").write_text("想一想。", encoding="utf-8")
    assert load(tmp_path).hash != load(None).hash
    assert messages([("user", "hi")], "Think.")[0]["content"] == "Think."
