"""Questions with options, with reasons beside the answer, with numbers to fill in."""

from __future__ import annotations

import re
from typing import Any

from curation.ingest.fields import Shape, first, system
from curation.ingest.thoughts import thinking
from curation.ingest.turns import Fields, text, thought

HAN = re.compile(r"[\u4e00-\u9fff]")
LABELLED = re.compile(r"\s*[(\[（]?([A-Za-z])\s*[)\]）.．、:：]\s*")
MAX_SHORT = 60  # characters of the answer column in a three-column table of question, answer, rationale
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NEAR_END = 120  # characters in which a chain of thought that states its answer states it
PLACEHOLDER = re.compile(r"number(\d+)")
QUESTIONS = ("question", "problem", "query", "original_text", "squestion")
CONTEXTS = ("passage", "context", "contexts", "article", "background", "table", "support")
OPTIONS = ("options", "choices", "answer_choices", "endings")
KEYS = ("answerkey", "answer", "label", "correct", "gold", "standard_answer", "correct_answer", "final_decision", "ans",
        "ground_truth", "reference", "best answer", "std_answer")  # fmt: skip
REASONS = (
    "rationale",
    "solution",
    "explanation",
    "analysis",
    "reasoning",
    "cot",
    "chain_of_thought",
    "long_answer",
    "equation",
)


def question(fields: Fields) -> Shape | None:
    """Questions with options, contexts or rationales: GSM8K, MATH, CSQA, ARC, LogiQA, TabMWP, PubMedQA, Ape210K, GAOKAO.

    Where a model thought and answered beside the right answer, its answer is the record's, and the right one the reference.
    """
    name, before = first(fields, QUESTIONS), thinking(fields)
    key = next((k for k in KEYS if fields.get(k) not in (None, "", [])), None)
    reason = next((r for r in REASONS if r != key and isinstance(fields.get(r), str) and fields[r].strip()), None)
    own = before.answer if before else ""
    if name is None or (key is None and reason is None and not own):
        return None
    stated, used = fields[name], {name, *([key] if key else []), *([reason] if reason else [])}
    listed, seen = options(stated if isinstance(stated, dict) else fields)
    context = next((c for c in CONTEXTS if fields.get(c)), None)
    used |= {*([context] if context else []), *(seen if not isinstance(stated, dict) else ())}
    stem = (
        text(stated.get("stem", stated.get("question", stated.get("text", ""))))
        if isinstance(stated, dict)
        else text(stated)
    )
    numbers = fields.get("numbers")
    why = text(fields[reason]) if reason else ""
    if isinstance(numbers, str) and PLACEHOLDER.search(stem):
        stem, why = filled(stem, numbers), "" if PLACEHOLDER.search(why) else why
        used |= {"numbers"} if not why else set()
    answer = chosen(_key(fields[key], key, listed), listed) if key else ""
    given = text(fields[context]) if context else ""
    if context == "table" and isinstance(fields.get("table_title"), str) and fields["table_title"]:
        given, used = f"{fields['table_title']}\n{given}", used | {"table_title"}
    turns, led = system(fields)
    said = text(fields[own]) if own else reasoned(why, answer, stem)
    said = thought(before.said, said) if before else said
    turns += [("user", asked(stem, given, listed)), ("assistant", said)]
    used |= {n for n in (before.field, own) if n} if before else set()
    if own and reason and key:
        used -= {reason}
    reference = answer or why if own else answer if reason and key else ""
    return Shape(turns, used | led, {"reference": reference} if reference else {})


def _key(value: Any, name: str, listed: list[tuple[str, str]]) -> str:
    """Return the right answer as text; a number that can only be an option's position becomes its label."""
    if isinstance(value, list):
        value = "".join(value) if all(isinstance(v, str) and len(v) == 1 for v in value) else value[0]
    position = value if isinstance(value, int) and not isinstance(value, bool) else None
    if position is None and name in ("label", "gold") and isinstance(value, str) and value.isdigit():
        position = int(value)
    if (
        position is not None
        and position in range(len(listed))
        and str(position) not in {t for pair in listed for t in pair}
    ):
        return listed[position][0]
    return plain(text(value))


def options(fields: Fields) -> tuple[list[tuple[str, str]], set[str]]:
    """Return (label, text) of each option and the fields they came from."""
    name = next((n for n in OPTIONS if isinstance(fields.get(n), list | dict) and fields[n]), None)
    if name is not None:
        return _options(fields[name]), {name}
    columns = [c for c in "abcdefgh" if isinstance(fields.get(c), str | int | float)]
    if len(columns) >= 2 and columns == list("abcdefgh"[: len(columns)]):
        return [(c.upper(), text(fields[c])) for c in columns], set(columns)
    return [], set()


def _options(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        if isinstance(value.get("text"), list) and isinstance(value.get("label"), list):  # ARC as on the hub
            return [(text(a), text(b)) for a, b in zip(value["label"], value["text"], strict=False)]
        return [(str(k), text(v)) for k, v in value.items()]
    if all(isinstance(o, dict) for o in value):
        return [
            (text(o.get("label", LETTERS[i % 26])), text(o.get("text", o.get("content", ""))))
            for i, o in enumerate(value)
        ]
    found = [LABELLED.match(o) if isinstance(o, str) else None for o in value]
    own = [m if m and m.group(1).upper() == LETTERS[i % 26] else None for i, m in enumerate(found)]
    if sum(map(bool, own)) * 2 <= len(own):  # a few look labelled by chance
        own = [None] * len(own)
    return [(LETTERS[i % 26], o[m.end() :] if m else text(o)) for i, (m, o) in enumerate(zip(own, value, strict=True))]


def asked(question: str, context: str, listed: list[tuple[str, str]]) -> str:
    """Return the user's turn: context, question, one option a line."""
    parts = [p.strip() for p in (context, question) if p.strip()]
    if listed:
        parts.append("\n".join(f"{label}. {choice.strip()}" for label, choice in listed))
    return "\n".join(parts) if listed and not context else "\n\n".join(parts)


def chosen(answer: str, listed: list[tuple[str, str]]) -> str:
    """Return an answer with its option's label and text where it is a label, an option's text or its position."""
    if not listed:
        return answer
    bare = answer.strip().strip("()（）.").strip()
    for label, choice in listed:
        if bare.upper() == label.upper() or (choice and answer.strip() == choice.strip()):
            return f"{label}. {choice.strip()}"
    letters = [c for c in bare.upper() if c in LETTERS]
    known = {label.upper(): choice for label, choice in listed}
    if 1 < len(letters) <= len(listed) and len(bare) <= 2 * len(listed) and all(c in known for c in letters):
        return "\n".join(f"{c}. {known[c].strip()}" for c in letters)  # several right options
    return answer


def reasoned(reason: str, answer: str, question: str) -> str:
    """Return a chain of thought that ends in the answer; the answer is added where the end does not state it."""
    if not reason.strip() or not answer.strip():
        return reason if reason.strip() else answer
    bare = answer.strip()
    tail = reason.rstrip()[-NEAR_END:]
    if re.search(rf"(?<![\w.]){re.escape(bare)}(?![\w]|\.\d)", tail):
        return reason
    if bare == reason.strip():
        return reason
    closing = f"答案：{bare}" if HAN.search(question) else f"The answer is {bare}."
    return f"{reason.rstrip()}\n\n{closing}"


def filled(question: str, numbers: str) -> str:
    """Return a question with number0, number1 … replaced from a list such as "56.0 9.0"."""
    values = [plain(n) for n in numbers.split()]
    return PLACEHOLDER.sub(lambda m: values[int(m.group(1))] if int(m.group(1)) < len(values) else m.group(), question)


def plain(number: str) -> str:
    """Return "504.0" as "504"; anything that is no such number as it is."""
    return number[:-2] if re.fullmatch(r"-?\d+\.0", number) else number


def headless(cells: list[str]) -> Shape | None:
    """Read a row of a table without header: MMLU's, FLAN's chain-of-thought TSV (question, answer, rationale), a pair."""
    if len(cells) == 2:
        return Shape([("user", cells[0]), ("assistant", cells[1])], set(), {})
    if len(cells) == 3 and len(cells[1]) <= MAX_SHORT:
        said = reasoned(cells[2], cells[1], cells[0])
        return Shape([("user", cells[0]), ("assistant", said)], set(), {"reference": cells[1]})
    if len(cells) in range(4, 9) and cells[-1].strip() in list(LETTERS[: len(cells) - 2]):
        listed = list(zip(LETTERS, cells[1:-1], strict=False))
        return Shape([("user", asked(cells[0], "", listed)), ("assistant", chosen(cells[-1], listed))], set(), {})
    return None
