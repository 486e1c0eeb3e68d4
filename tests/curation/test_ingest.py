"""Row → turns, format by format; ids, meta and quarantine of single rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from curation.files import Row
from curation.ingest.batch import Limits, Normaliser, records
from curation.ingest.rows import Quarantined, Rows
from curation.ingest.shapes import shape
from curation.ingest.sources import Source
from curation.ingest.turns import unmarked
from curation.normalise import normalise, unsettled

U, A, S, T = "user", "assistant", "system", "tool"
QA = [(U, "q"), (A, "a")]
MOSS = {
    "turn_1": {
        "Human": "<|Human|>: q<eoh>\n",
        "Inner Thoughts": "<|Inner Thoughts|>: None<eot>\n",
        "Commands": "<|Commands|>: None<eoc>\n",
        "Tool Responses": "<|Results|>: None<eor>\n",
        "MOSS": "<|MOSS|>: a<eom>\n",
    }
}
OASST = {
    "text": "q",
    "role": "prompter",
    "replies": [
        {"text": "worse", "role": "assistant", "rank": 1, "replies": []},
        {"text": "a", "role": "assistant", "rank": 0, "replies": [{"text": "and?", "role": "prompter", "replies": []}]},
    ],
}
CALL = {"function": {"name": "f", "arguments": '{"x": 1}'}, "type": "function", "id": "1"}
SPOKEN = [{"role": "段誉", "text": "q"}, {"role": "乔峰", "text": "a"}]
CAST = [
    {"role": "甲", "text": "1"},
    {"role": "乙", "text": "2"},
    {"role": "丙", "text": "3"},
    {"role": "乙", "text": "4"},
]
CHOICES = [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}]

THOUGHT = [(U, "q"), (A, "<think>\nr\n</think>\n\na")]
MARKS = "<|begin_of_thought|>\n\nr\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\na\n\n<|end_of_solution|>"

ROWS: dict[str, tuple[Any, list[tuple[str, str]]]] = {
    "a preference pair with the conversation over again": (
        {
            "prompt": "q",
            "messages": [{"role": U, "content": "q"}, {"role": A, "content": "a"}],
            "chosen": [{"role": U, "content": "q"}, {"role": A, "content": "a"}],
            "rejected": [{"role": U, "content": "q"}, {"role": A, "content": "b"}],
        },
        QA,
    ),
    "belle, the talk so far as the instruction": (
        {"instruction": "Human: q0\nAssistant: a0\nHuman: q\nAssistant:", "input": "", "output": "a"},
        [(U, "q0"), (A, "a0"), *QA],
    ),
    "glaive, one string with calls": (
        {
            "system": "SYSTEM: be good",
            "chat": "USER: q\n\n\nASSISTANT: <functioncall> {} <|endoftext|>\n\n\nFUNCTION RESPONSE: 1\n\n\nASSISTANT: a <|endoftext|>",
        },
        [(S, "be good"), (U, "q"), (A, "<functioncall> {}"), (T, "1"), (A, "a")],
    ),
    "function calls beside the query": (
        {"query": "q", "answers": '[{"name": "f"}]', "tools": "[]"},
        [(U, "q"), (A, '[{"name": "f"}]')],
    ),
    "a reasoning model's reply": (
        {"input": "q", "reasoning_content": "r", "content": "a"},
        [(U, "q"), (A, "<think>\nr\n</think>\n\na")],
    ),
    "reasoning beside the output": (
        {"instruction": "q", "output": "a", "reasoning_content": "r"},
        [(U, "q"), (A, "<think>\nr\n</think>\n\na")],
    ),
    "a model's thinking and solution beside the right one": (
        {
            "problem": "q",
            "deepseek_reasoning": "r",
            "deepseek_solution": "a",
            "ground_truth_solution": "x",
            "domain": "math",
            "source": "s",
            "test_cases": None,
            "starter_code": None,
        },
        THOUGHT,
    ),
    "an attempt with its trajectories": (
        {
            "question": "q",
            "solution": "x",
            "cot_type": "math",
            "source_type": "s",
            "metadata": "{}",
            "cot": None,
            "thinking_trajectories": ["r"],
            "attempt": "a",
        },
        THOUGHT,
    ),
    "two models' attempts, the first of which is taken": (
        {
            "question": "q",
            "solution": "x",
            "gemini_thinking_trajectory": "r",
            "gemini_attempt": "a",
            "deepseek_thinking_trajectory": "r2",
            "deepseek_attempt": "a2",
        },
        THOUGHT,
    ),
    "a complex chain of thought": ({"Question": "q", "Complex_CoT": "r", "Response": "a"}, THOUGHT),
    "thinking beside the answer of a question with options": (
        {"question": "q", "options": ["x", "y"], "answer": "B", "thinking": "r"},
        [(U, "q\nA. x\nB. y"), (A, "<think>\nr\n</think>\n\nB. y")],
    ),
    "thinking that the answer begins with": (
        {"prompt": "q", "thinking": "r", "response": "<think>\nr\n</think>\n\na"},
        THOUGHT,
    ),
    "a switch that is called thinking": ({"prompt": "q", "thinking": True, "response": "a"}, QA),
    "marked thoughts, and the system prompt that asks for them": (
        {
            "system": "Think: <|begin_of_thought|> {thought} <|end_of_thought|> Solve: <|begin_of_solution|> {solution} <|end_of_solution|>",
            "conversations": [{"from": "user", "value": "q"}, {"from": "assistant", "value": MARKS}],
        },
        [(S, "Think: <think> {thought} </think> Solve:  {solution}"), *THOUGHT],
    ),
    "marked thoughts in a plain answer": ({"instruction": "q", "output": MARKS}, THOUGHT),
    "marked thoughts that were cut off": (
        {"instruction": "q", "output": "<|begin_of_thought|>\n\nr"},
        [(U, "q"), (A, "<|begin_of_thought|>\n\nr")],
    ),
    "two responses of which the first is preferred": (
        {
            "domain": "code",
            "language": "python",
            "context": [
                {"role": "user", "content": "q0"},
                {"role": "assistant", "content": "a0"},
                {"role": "user", "content": "q"},
            ],
            "response1": "a",
            "response2": "b",
            "overall_preference": -2,
            "individual_preference": [{"score": -2, "reasoning": "why", "feedback1": "f", "feedback2": "g"}],
        },
        [(U, "q0"), (A, "a0"), *QA],
    ),
    "two responses of which the second is preferred": (
        {"prompt": "q", "response_1": "b", "response_2": "a", "preference_strength": 1},
        QA,
    ),
    "a response to the talk in the context": (
        {"context": [{"role": "user", "content": "q"}], "response": "a", "feedback": ["f"]},
        QA,
    ),
    "text in Llama 2's template": (
        {"text": "<s>[INST] <<SYS>>\ns\n<</SYS>>\n\nq [/INST] a </s><s>[INST] q2 [/INST] a2 </s>"},
        [(S, "s"), *QA, (U, "q2"), (A, "a2")],
    ),
    "text in Llama 3's template": (
        {
            "text": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nq<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>"
        },
        QA,
    ),
    "text in ChatML": ({"text": "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"}, QA),
    "text in Gemma's template": (
        {"text": "<bos><start_of_turn>user\nq<end_of_turn>\n<start_of_turn>model\na<end_of_turn>\n"},
        QA,
    ),
    "text in Zephyr's template": ({"text": "<|user|>\nq</s>\n<|assistant|>\na</s>\n"}, QA),
    "text in Alpaca's template": (
        {
            "text": "Below is an instruction that describes a task.\n\n### Instruction:\nq\n\n### Input:\ni\n\n### Response:\na"
        },
        [(U, "q\ni"), (A, "a")],
    ),
    "text with tags": ({"dialogue": "<user> q\n<assistant> a"}, QA),
    "alpaca": ({"instruction": "q", "input": "", "output": "a"}, QA),
    "alpaca with input": ({"instruction": "q", "input": "i", "output": "a"}, [(U, "q\ni"), (A, "a")]),
    "alpaca under response": ({"instruction": "q", "input": "", "response": "a"}, QA),
    "dolly": ({"instruction": "q", "context": "c", "response": "a", "category": "x"}, [(U, "q\nc"), (A, "a")]),
    "alpaca with history": (
        {"instruction": "q2", "output": "a2", "history": [["q", "a"]]},
        [*QA, (U, "q2"), (A, "a2")],
    ),
    "lima, a list of outputs": ({"instruction": "q", "input": "", "output": ["a", "b"]}, QA),
    "alpaca with an English side": ({"instruction": "q", "output": "a", "en_instruction": "Q", "en_output": "A"}, QA),
    "capitals": ({"Instruction": "q", "Output": "a"}, QA),
    "sharegpt": ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, QA),
    "sharegpt with content": (
        {"conversations": [{"from": "user", "content": "q"}, {"from": "assistant", "content": "a"}]},
        QA,
    ),
    "sharegpt as a string": ({"conversations": '[{"from":"human","value":"q"},{"from":"gpt","value":"a"}]'}, QA),
    "sharegpt with tools": (
        {
            "conversations": [
                {"from": "human", "value": "q"},
                {"from": "function_call", "value": "{}"},
                {"from": "observation", "value": "1"},
                {"from": "gpt", "value": "a"},
            ],
            "tools": "[]",
        },
        [(U, "q"), (A, "{}"), (T, "1"), (A, "a")],
    ),
    "openai messages": (
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]},
        [(S, "s"), (U, "q")],
    ),
    "content parts": ({"messages": [{"role": "user", "content": [{"type": "text", "value": "q"}]}]}, [(U, "q")]),
    "tool calls": (
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": None, "tool_calls": [CALL]}]},
        [(U, "q"), (A, '{"name":"f","arguments":{"x":1}}')],
    ),
    "a system field": ({"system": "s", "conversations": [{"from": "human", "value": "q"}]}, [(S, "s"), (U, "q")]),
    "preference turn": (
        {"conversations": [{"from": "human", "value": "q"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": {}},
        QA,
    ),
    "preference text": ({"prompt": "q", "chosen": "a", "rejected": "b"}, QA),
    "preference of whole conversations": (
        {
            "prompt": "q",
            "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
            "rejected": [],
        },
        QA,
    ),
    "preference transcripts": (
        {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"},
        QA,
    ),
    "kto": ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "label": True}, QA),
    "prompt and completion": ({"prompt": "q", "completion": "a<|endoftext|>"}, QA),
    "swift": (
        {"query": "q2", "response": "a2", "history": [["q", "a"]], "system": "s"},
        [(S, "s"), *QA, (U, "q2"), (A, "a2")],
    ),
    "pclue": ({"input": "q", "target": "a", "answer_choices": ["a", "b"]}, QA),
    "auto-j": ({"usrmsg": "q", "target_output": "a"}, QA),
    "gsm8k": ({"question": "q", "answer": "a\n#### 1"}, [(U, "q"), (A, "a\n#### 1")]),
    "gsm8k with model solutions": (
        {"question": "q", "ground_truth": "a", "6b": {"is_correct": False, "solution": "z"}},
        QA,
    ),
    "scored completions": (
        {
            "instruction": "q",
            "completions": [{"response": "b", "overall_score": 1}, {"response": "a", "overall_score": 9}],
        },
        QA,
    ),
    "math": ({"problem": "q", "solution": "So \\boxed{2}", "answer": "2"}, [(U, "q"), (A, "So \\boxed{2}")]),
    "a rationale that does not state its answer": (
        {"question": "q", "rationale": "Because.", "answer": "7"},
        [(U, "q"), (A, "Because.\n\nThe answer is 7.")],
    ),
    "ape210k": (
        {"original_text": "多少？", "equation": "x=135/3", "ans": "45", "id": "1"},
        [(U, "多少？"), (A, "x=135/3\n\n答案：45")],
    ),
    "svamp": (
        {
            "Question": "number0 plus number1 ?",
            "Numbers": "56.0 9.5",
            "Equation": "+ number0 number1",
            "Answer": "65.5",
        },
        [(U, "56 plus 9.5 ?"), (A, "65.5")],
    ),
    "csqa": ({"question": {"stem": "q", "choices": CHOICES}, "answerKey": "B"}, [(U, "q\nA. x\nB. y"), (A, "B. y")]),
    "arc": (
        {"question": "q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"},
        [(U, "q\n1. x\n2. y"), (A, "2. y")],
    ),
    "mmlu with positions": ({"question": "q", "choices": ["x", "y"], "answer": 1}, [(U, "q\nA. x\nB. y"), (A, "B. y")]),
    "ceval": (
        {"id": 0, "question": "q", "A": "x", "B": "y", "C": "z", "D": "w", "answer": "C"},
        [(U, "q\nA. x\nB. y\nC. z\nD. w"), (A, "C. z")],
    ),
    "logiqa": (
        {"answer": "b", "context": "c", "question": "q", "options": ["A.x", "B.y"]},
        [(U, "c\n\nq\n\nA. x\nB. y"), (A, "B. y")],
    ),
    "tabmwp": (
        {"question": "q", "choices": ["x", "y"], "answer": "y", "table": "1|2", "solution": "So B. y"},
        [(U, "1|2\n\nq\n\nA. x\nB. y"), (A, "So B. y")],
    ),
    "pubmedqa": (
        {"QUESTION": "q", "CONTEXTS": ["c", "d"], "LONG_ANSWER": "It does.", "final_decision": "yes"},
        [(U, "c\nd\n\nq"), (A, "It does.\n\nThe answer is yes.")],
    ),
    "gaokao results": (
        {"question": "题", "standard_answer": ["D"], "analysis": "故选：D．", "model_output": "【答案】A"},
        [(U, "题"), (A, "故选：D．")],
    ),
    "self-instruct": (
        {"instruction": "q", "instances": [{"input": "", "output": "a"}, {"input": "i", "output": "b"}]},
        QA,
    ),
    "natural-instructions": (
        {
            "Definition": ["q"],
            "Positive Examples": [{"input": "x", "output": "y"}],
            "Instances": [{"id": "t-1", "input": "i", "output": ["a", "b"]}],
        },
        [(U, "q\ni"), (A, "a")],
    ),
    "natural-instructions on the hub": ({"definition": "q", "inputs": "i", "targets": "a"}, [(U, "q\ni"), (A, "a")]),
    "flan": ({"inputs": "q", "targets": "a", "task_source": "Flan2021", "template_type": "zs_opt"}, QA),
    "flan with several targets": ({"inputs": "q", "targets": ["a", "b"]}, QA),
    "t0": ({"inputs": [1, 2], "targets": [3], "inputs_pretokenized": "q", "targets_pretokenized": "a"}, QA),
    "cot collection": (
        {"source": "q", "target": "a", "rationale": "Because.", "task": "t"},
        [(U, "q"), (A, "Because.\n\nThe answer is a.")],
    ),
    "firefly": ({"conversation_id": 1, "conversation": [{"human": "q", "assistant": "a"}]}, QA),
    "emollm": ({"conversation": [{"system": "s", "input": "q", "output": "a"}]}, [(S, "s"), *QA]),
    "moss": ({"meta_instruction": "s", "chat": MOSS}, [(S, "s"), *QA]),
    "oasst tree": ({"message_tree_id": "t", "prompt": OASST}, QA),
    "oasst message": ({"message_id": "m", **OASST}, QA),
    "smilechat": ([{"role": "client", "content": "q"}, {"role": "counselor", "content": "a"}], QA),
    "kdconv": ({"messages": [{"message": "q"}, {"message": "a", "attrs": [{"k": 1}]}], "name": "n"}, QA),
    "haruhi": ({"dialogue": SPOKEN}, QA),
    "haruhi with a cast": ({"dialogue": CAST}, [(U, "甲：1"), (A, "2"), (U, "丙：3"), (A, "4")]),
    "llama-chinese csv": ({"text": "<s>Human: q\n</s><s>Assistant: a\n</s>"}, QA),
    "guanaco": ({"text": "### Human: q### Assistant: a"}, QA),
    "guanaco lines": ({"text": "### Human: q\n### Assistant: a"}, QA),
    "flan tsv": (["q", "yes", "Reason."], [(U, "q"), (A, "Reason.\n\nThe answer is yes.")]),
    "mmlu csv": (["q", "x", "y", "z", "w", "B"], [(U, "q\nA. x\nB. y\nC. z\nD. w"), (A, "B. y")]),
    "apibench": ({"code": "###Instruction: q\n###Output: a", "provider": "p"}, QA),
    "apibench dict": ({"code": "{'Instruction': q, 'Output': {'domain': 'D'}}"}, [(U, "q"), (A, "<<<domain>>>: D")]),
    "l-eval": (
        {"instructions": ["q", "r"], "outputs": ["a", "b"], "input": "doc"},
        [(U, "doc\n\nq"), (A, "a"), (U, "r"), (A, "b")],
    ),
    "mt-bench": ({"question_id": 1, "turns": ["q", "r"]}, [(U, "q\n\nr")]),
    "prompts only": ({"act": "x", "prompt": "q"}, [(U, "q")]),
    "instruction only": ({"instruction": "q"}, [(U, "q")]),
    "a post": ({"title": "q", "abs": None}, [(U, "q")]),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_each_format_becomes_its_turns(name: str) -> None:
    row, turns = ROWS[name]
    assert normalise(shape(row).turns) == turns


NORMALISER = Normaliser(normalise, unsettled)


def converted(values: list[Any], name: str = "s", **settings: Any) -> tuple[list[dict[str, Any]], list[Quarantined]]:
    """Return the records of rows 3, 4 … of a file, as dicts with turns as pairs and meta as a dict, and the quarantined."""
    source = Source(name=name, **settings)
    rows = Rows(source)
    read = [one for number, value in enumerate(values, 3) for one in rows.read(Row("f", number, value))]
    table, refused = records(read, source, NORMALISER, Limits(1_000, 300))
    found = table.to_pylist()
    for record in found:
        record["turns"] = [(t["role"], t["content"]) for t in record["turns"]]
        record["meta"] = json.loads(record["meta"])
    return found, refused


def kept(value: Any, **settings: Any) -> dict[str, Any]:
    found, refused = converted([value], **settings)
    assert len(found) == 1, refused
    return found[0]


def reason(value: Any, **settings: Any) -> str:
    found, refused = converted([value], **settings)
    assert not found
    return refused[0].reason


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"foo": 1}, "unknown_format"),
        ({}, "unknown_format"),
        (7, "unknown_format"),
        (None, "unknown_format"),
        ("just some text", "unknown_format"),
        ({"instruction": "", "output": " \n"}, "empty_conversation"),
        ({"messages": [{"role": "user", "content": "q"}, {"role": "wizard", "content": "a"}]}, "bad_roles"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}, "not_text"),
        ({"messages": [{"role": "user"}]}, "bad_turns"),
        ({"instruction": "q" * 2_000, "output": "a"}, "too_long"),
        ({"question_id": 1, "text": "an answer", "model_id": "m"}, "no_question"),
        ({"key": 1, "prompt": "q", "instruction_id_list": ["x"], "kwargs": []}, "benchmark_item"),
        ({"question": "q", "rubric": "score 5 if"}, "benchmark_item"),
        ({"instruction": "q", "output": "a\0b"}, "nul"),
        ({"instruction": "q", "output": "\ud83d"}, "lone_surrogate"),
    ],
)
def test_a_row_that_is_no_record_is_quarantined_by_reason(value: Any, expected: str) -> None:
    assert reason(value) == expected


def test_an_answer_without_its_question_is_a_record_for_a_judge_to_drop() -> None:
    assert kept({"messages": [{"role": "assistant", "content": "an answer"}]})["turns"] == [("assistant", "an answer")]


@pytest.mark.parametrize("value", [{}, 1, [], [1], [[]], [None], "[", [{}], [{"role": 1}]])
def test_turns_of_odd_kinds_never_crash(value: Any) -> None:
    assert reason({"messages": value})


def test_everything_else_of_a_row_is_in_meta() -> None:
    assert kept({"instruction": "q", "output": ["a", "b"], "Source": "x", "n": 2**70})["meta"] == {
        "Source": "x", "n": 2**70, "other_output": ["b"],
    }  # fmt: skip


def test_the_right_answer_beside_a_models_own_is_its_reference() -> None:
    row = {
        "question": "q",
        "solution": "x",
        "cot": None,
        "thinking_trajectories": ["r"],
        "attempt": "a",
        "source_type": "s",
    }
    assert kept(row)["meta"] == {"reference": "x", "cot": None, "source_type": "s"}
    row = {"problem": "q", "deepseek_reasoning": "r", "deepseek_solution": "a", "ground_truth_solution": "x"}
    assert kept(row)["meta"] == {"ground_truth_solution": "x"}
    row = {"question": "q", "solution": "long", "answer": "7", "model_reasoning": "r", "model_answer": "a"}
    assert kept(row)["meta"] == {"reference": "7", "solution": "long"}


def test_the_rejected_of_two_responses_is_in_meta_and_of_two_equal_ones_the_first_stands() -> None:
    row = {"context": [{"role": "user", "content": "q"}], "response1": "a", "response2": "b"}
    assert kept({**row, "overall_preference": -1})["meta"] == {"overall_preference": -1, "rejected": "b"}
    second = kept({**row, "overall_preference": 3})
    assert (second["turns"], second["meta"]["rejected"]) == ([(U, "q"), (A, "b")], "a")
    equal = kept({**row, "overall_preference": 0})
    assert (equal["turns"], equal["meta"]) == (QA, {"overall_preference": 0, "other_response1": ["b"]})
    assert reason({**row, "overall_preference": None}) == "unknown_format"


def test_meta_is_bounded_and_names_what_was_cut_and_never_cuts_the_tools() -> None:
    meta = kept({"instruction": "q", "output": "a", "big": "x" * 500, "tools": "t" * 200, "k": 1})["meta"]
    assert meta == {"tools": "t" * 200, "k": 1, "cut": {"big": 502}}


def test_an_answer_before_any_question_goes_to_meta() -> None:
    found = kept({"messages": [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "q"}]})
    assert found["turns"] == [(U, "q")]
    assert found["meta"] == {"before_first_user": ["hi"]}


def test_a_question_that_nobody_answered_goes_to_meta_and_the_talk_before_it_stays() -> None:
    said = [(U, "q"), (A, "a"), (U, "and?"), (A, " "), (U, "hello?")]
    found = kept({"messages": [{"role": role, "content": content} for role, content in said]})
    assert found["turns"] == [(U, "q"), (A, "a")]
    assert found["meta"] == {"after_last_answer": ["and?", "", "hello?"]}


def test_a_prompt_without_any_answer_stays_whole() -> None:
    assert kept({"messages": [{"role": U, "content": "q"}]})["turns"] == [(U, "q")]


def test_a_prompt_that_speaks_of_an_assistant_stays_one_prompt() -> None:
    for prompt in (
        "Human: q\nAssistant: a\nWhat is wrong here?",
        "List the parts of an Assistant:",
        "<user> is a tag, and [INST] another",
    ):
        assert kept({"instruction": prompt, "input": "", "output": "a"})["turns"] == [(U, prompt), (A, "a")]


def test_a_row_of_nothing_but_end_marks_is_read_in_one_walk() -> None:
    many = "</s> " * 200_000  # a pattern that tries each of them anew would take hours
    assert kept({"instruction": "q", "output": f"a {many}"})["turns"] == QA
    assert unmarked(f"{many}x>") == f"{many}x>"


def test_a_row_keeps_its_own_id_else_its_file_and_number() -> None:
    assert kept({"id": 7, "instruction": "q"})["source_id"] == "7"
    assert kept({"task_id": "x/1", "prompt": "q"})["source_id"] == "x/1"
    assert kept({"id": "", "instruction": "q"})["source_id"] == "f:3"
    assert kept({"instruction": "q"})["source_id"] == "f:3"


def test_an_id_that_comes_again_is_numbered_so_that_ids_stay_unique() -> None:
    found, _ = converted([{"id": i, "instruction": "q"} for i in ("a", "a", "a#2", "a", "b")])
    assert [r["source_id"] for r in found][:2] == ["a", "a#2"]
    assert len({r["source_id"] for r in found}) == len({r["id"] for r in found}) == 5


def test_a_record_is_the_same_in_every_run_and_its_content_hash_in_every_source() -> None:
    row = {"instruction": "q", "output": "a"}
    assert kept(row) == kept(row)
    assert kept(row, name="t")["content_hash"] == kept(row)["content_hash"]
    assert kept(row, name="t")["id"] != kept(row)["id"]


def test_named_fields_are_taken_where_detection_cannot_know_them() -> None:
    fields = (("instruction", "data.ask"), ("output", "data.replies.0"))
    found = kept({"data": {"ask": "q", "replies": ["a", "b"]}, "k": 1}, fields=fields)
    assert (found["turns"], found["meta"]) == (QA, {"k": 1})
    assert reason({"else": 1}, fields=fields) == "unmapped"


def test_a_tree_gives_a_conversation_for_every_follow_up_that_was_answered() -> None:
    def said(role: str, text: str, *replies: dict[str, Any], rank: int | None = None) -> dict[str, Any]:
        return {"role": role, "text": text, "rank": rank, "replies": list(replies)}

    follow_ups = [
        said("prompter", "why?", said("assistant", "so", rank=1), said("assistant", "because", rank=0)),
        said("prompter", "thanks"),
        said("prompter", "and then?", said("assistant", "this")),
    ]
    tree = said("prompter", "q", said("assistant", "worse", rank=1), said("assistant", "a", *follow_ups, rank=0))
    found, _ = converted([{"message_tree_id": "t", "prompt": tree}])
    assert [r["turns"][2:] for r in found] == [[(U, "why?"), (A, "because")], [(U, "and then?"), (A, "this")]]
    assert [r["source_id"] for r in found] == ["t", "t#2"]
    assert found[0]["meta"]["replies_left_out"] == 3


def test_every_instance_of_a_task_is_a_record() -> None:
    found, _ = converted(
        [{"instruction": "q", "instances": [{"input": "", "output": "a"}, {"input": "i", "output": "b"}]}]
    )
    assert [r["turns"] for r in found] == [QA, [(U, "q\ni"), (A, "b")]]
    assert [r["source_id"] for r in found] == ["f:3", "f:3#2"]


def test_a_named_format_is_the_only_one_tried() -> None:
    row = {"conversations": [{"from": "human", "value": "x"}], "instruction": "q", "output": "a"}
    assert kept(row, format="instruction")["turns"] == QA
    assert reason({"instruction": "q"}, format="moss") == "unknown_format"
