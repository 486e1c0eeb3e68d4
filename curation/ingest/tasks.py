"""Rows that hold one task: an instruction or a prompt, with its answer or without."""

from __future__ import annotations

import ast
import re
from typing import Any

from curation.ingest.choices import reasoned
from curation.ingest.fields import Shape, asked, first, history, system
from curation.ingest.talks import PROMPTS, reply
from curation.ingest.thoughts import thinking
from curation.ingest.turns import Fields, UnusableError, exchange, is_talk, led, text, thought, unmarked
from curation.record import Turn

INPUTS = ("input", "context", "inputs")
REFERENCES = ("ground_truth", "reference", "best answer", "std_answer")
ANSWERS = ("targets_pretokenized", "output", "response", "completion", "answer", "answers", "target", "targets", "target_text", "target_output", "outputs", "responses",
           "completions", "assistant", "bot", "gpt", "reply", "a", "canonical_solution", "generated_solution", "solution",
           "回答", "答案", "回复", *REFERENCES)  # fmt: skip
DEFINITIONS = ("definition", "task_definition")
# What else a natural-instructions task holds: demonstrations, some of them wrong on purpose, and who wrote it.
TASK_PARTS = ("positive examples", "negative examples", "contributors", "url", "instance license", "input_language",
              "output_language", "instruction_language")  # fmt: skip
MAX_REPEATED = 64 << 20  # characters of an instruction, over all its instances
TWOFOLD = frozenset({*PROMPTS, *INPUTS}) & frozenset(ANSWERS)  # names that may be either side
PLAIN = frozenset({"instruction", "input", "output"})
# How answers are graded: only tests of models carry these.
RUBRICS = frozenset({"rubric", "rubrics", "criteria", "scoring_criteria", "grading_criteria", "evaluation_criteria", "checklist",
                     "instruction_id_list", "score_rubric", "orig_criteria", "评分标准", "评分细则"})  # fmt: skip
SCORES = ("overall_score", "score", "rating", "is_correct")
APIBENCH = re.compile(r"\A###\s*Instruction:\s*(.*?)\s*(?:\n###\s*Output:\s*(.*))?\Z", re.DOTALL)
APIBENCH_DICT = re.compile(r"\A\{'Instruction':\s*(.*?),\s*'Output':\s*(.*)\}\s*\Z", re.DOTALL)
MAX_LITERAL = 1 << 16  # characters of a Python literal that is parsed (never run)


def instances(fields: Fields) -> Shape | None:
    """Read an instruction with its worked instances, each a record: self-instruct and BELLE seeds, natural-instructions tasks."""
    held, name = fields.get("instances"), first(fields, ("instruction", *DEFINITIONS))
    if not isinstance(held, list) or not held or not all(isinstance(e, dict) for e in held) or name is None:
        return None
    said = text(fields[name])
    if len(said) * len(held) > MAX_REPEATED:
        raise UnusableError("too_long", f"an instruction of {len(said):,} characters before {len(held):,} instances")
    found = []
    for entry in held:
        answers = entry.get("output", entry.get("outputs"))
        answer, rest = (answers[0], answers[1:]) if isinstance(answers, list) and answers else (answers, [])
        turns = [("user", asked(said, text(entry.get("input")))), ("assistant", text(answer))]
        own = {"instance": entry["id"]} if "id" in entry else {}
        found.append((turns, {**own, **({"other_output": rest} if rest else {})}))
    used = {name, "instances", *(n for n in fields if n in TASK_PARTS)}
    return Shape(found[0][0], used, found[0][1], tuple(found[1:]))


def document(fields: Fields) -> Shape | None:
    """L-Eval: one long document, several instructions and outputs; the document opens the first turn."""
    questions, answers = fields.get("instructions"), fields.get("outputs")
    if not (isinstance(questions, list) and isinstance(answers, list) and len(questions) == len(answers) and questions):
        return None
    turns: list[Turn] = []
    for question, answer in zip(questions, answers, strict=True):
        turns += [("user", text(question)), ("assistant", text(answer))]
    opening = text(fields.get("input"))
    turns[0] = ("user", f"{opening}\n\n{turns[0][1]}" if opening else turns[0][1])
    return Shape(turns, {"instructions", "outputs", "input"}, {})


def instruction(fields: Fields) -> Shape | None:
    """Alpaca and its kin: instruction, input, output (response, answer …), history, system."""
    name = first(fields, ("instruction", *DEFINITIONS))
    if name is None or (name != "instruction" and first(fields, INPUTS) is None):
        return None
    if PLAIN.issuperset(fields) and "output" in fields and all(isinstance(v, str) for v in fields.values()):
        said = asked(
            fields["instruction"], fields.get("input", "")
        )  # what most rows of most dumps are: worth a short cut
        return Shape([*led(said), ("assistant", unmarked(fields["output"]))], set(PLAIN), {})
    turns, used = system(fields)
    past, seen = history(fields)
    given = first(fields, INPUTS)
    said = asked(text(fields[name]), text(fields[given]) if given else "")
    turns, used = turns + past + led(said), used | seen | {name, *([given] if given else [])}
    return answered(fields, turns, used)


def answered(fields: Fields, turns: list[Turn], used: set[str]) -> Shape:
    """Return turns with the row's answer after them, where it has one; of several answers the best, the others to meta."""
    name = _answer(fields, used)
    if name is None:
        return Shape(turns, used, {})
    before = thinking(fields)
    value, rest = fields[name], list[Any]()
    if isinstance(value, list) and value and not (isinstance(value[0], dict) and "type" in value[0]):
        value, rest = _best(value)
    said = (
        reply(value)
        if not isinstance(value, dict) or value.keys() & {"role", "from"}
        else [("assistant", _said(value))]
    )
    if before and len(said) == 1:
        said, used = [("assistant", thought(before.said, said[0][1]))], used | {before.field}
    return Shape(turns + said, used | {name}, {f"other_{name}": rest} if rest else {})


def _answer(fields: Fields, used: set[str]) -> str | None:
    """Return the field of the answer; a reasoning model's API calls it `content`."""
    before = thinking(fields)
    if before and before.answer and before.answer not in used:
        return before.answer
    name = first(fields, ANSWERS if not used & TWOFOLD else tuple(n for n in ANSWERS if n not in used))
    return "content" if name is None and {"reasoning_content", "content"} <= fields.keys() else name


def _best(answers: list[Any]) -> tuple[Any, list[Any]]:
    """Return the best-scored (else the first) of several answers, and the others."""
    score = next(
        (s for s in SCORES if isinstance(answers[0], dict) and isinstance(answers[0].get(s), int | float)), None
    )
    if score is None:
        if isinstance(answers[0], dict) and answers[0].keys() & {"role", "from"}:
            return answers, []
        return answers[0], answers[1:]
    numbers = [a.get(score) if isinstance(a, dict) else None for a in answers]
    scores = [float(n) if isinstance(n, int | float) else float("-inf") for n in numbers]
    best = scores.index(max(scores))
    return answers[best], answers[:best] + answers[best + 1 :]


def _said(value: dict[str, Any]) -> str:
    name = next(
        (k for k in ("response", "text", "content", "output", "solution", "answer", "value") if k in value), None
    )
    return text(value[name]) if name else text(value)


def pair(fields: Fields) -> Shape | None:
    """Read a prompt and its answer under other names: prompt/completion, query/response/history, input/target, usrmsg/target_output."""
    name = first(fields, PROMPTS)
    if name is None and isinstance(fields.get("source"), str) and isinstance(fields.get("target"), str):
        name = "source"  # CoT Collection and translation pairs; elsewhere a source is where a row comes from
    if name is None and is_talk(fields.get("context")):
        name = "context"  # the talk up to the answer
    if name is None or _answer(fields, {name}) is None:
        return None
    turns, used = system(fields)
    past, seen = history(fields)
    said = fields[name]
    turns += past + (exchange(said)[0] if is_talk(said) else led(text(said)))
    if isinstance(fields.get("rationale"), str) and isinstance(fields.get("target"), str):
        said = reasoned(fields["rationale"], fields["target"], text(said))
        used |= seen | {name, "rationale", "target"}
        return Shape([*turns, ("assistant", said)], used, {"reference": fields["target"]})
    return answered(fields, turns, used | seen | {name})


def api(fields: Fields) -> Shape | None:
    """APIBench: instruction and output inside one string, as "###Instruction: … ###Output: …" or much like a Python dict."""
    code = fields.get("code")
    if not isinstance(code, str):
        return None
    found = APIBENCH.match(code.strip()) or APIBENCH_DICT.match(code.strip())
    if found is None:
        return None
    question = found.group(1).strip()
    if question[:1] in "'\"" and question[-1:] == question[:1]:
        question = question[1:-1]
    return Shape([("user", question), ("assistant", _api_output(found.group(2) or ""))], {"code"}, {})


def _api_output(output: str) -> str:
    """Return an output as text; a dict is written as its sister files write it, <<<field>>>: value."""
    if not output.startswith("{") or len(output) > MAX_LITERAL:
        return output
    try:
        value = ast.literal_eval(output.replace("\n", "\\n"))  # upstream has line ends inside its string literals
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return output
    return "\n".join(f"<<<{k}>>>: {text(v)}" for k, v in value.items()) if isinstance(value, dict) else output


def asked_only(fields: Fields) -> Shape | None:
    """Prompts without answers: act/prompt, instruction alone, the title and text of a post. A judge drops them by name."""
    name = first(fields, (*PROMPTS, "title"))
    if name is None or not isinstance(fields[name], str):
        return None
    if not RUBRICS.isdisjoint(fields):
        raise UnusableError(
            "benchmark_item", "a question with criteria to grade answers by, and no answer to learn from"
        )
    body = first(fields, ("abs", "body", "selftext")) if name == "title" else None
    said = asked(fields[name], text(fields[body])) if body else fields[name]
    return Shape([("user", said)], {name, *([body] if body else [])}, {})
