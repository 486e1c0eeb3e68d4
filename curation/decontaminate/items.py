"""Benchmark rows in their native shapes become items: the question, its options, its answer.

Shapes are told by their field names, never by the name of the benchmark; see `from_row`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Field names, lower case, by what they hold; in a row the first of them that is there counts.
QUESTION = ("question", "problem", "query", "prompt", "instruction", "squestion", "original_text", "input", "text", "goal",
            "stem", "sentence", "turns", "问题", "题目")  # fmt: skip
CONTEXT = ("passage", "context", "body", "table", "article", "story", "材料")
OPTIONS = ("options", "choices", "endings")
ANSWER = ("answer", "solution", "canonical_solution", "output", "reference", "std_answer", "target", "rationale", "code",
          "best answer", "response", "completion", "参考回答", "答案")  # fmt: skip
NAME = ("id", "task_id", "question_id", "example_id", "key", "idx", "iindex", "")
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")

LABEL = re.compile(r"^[ \t]*(?:question|context|problem|q|问题|题目)[ \t]*[:：][ \t]*", re.IGNORECASE | re.MULTILINE)
TAIL = re.compile(r"\n\s*(?:answer|a|答案|答)\s*[:：]\s*$", re.IGNORECASE)
MENU = re.compile(r"\n\s*(?:choices|options|answer choices|选项)\s*[:：]?\s*\n", re.IGNORECASE)
FIRST_OPTION = re.compile(r"\s[(（]?A\s?[)）.．、:：](?=.*\sB\s?[)）.．、:：])", re.DOTALL)
OPTION = re.compile(r"^\s*[(（]?[A-Z]\s?[)）.．、:：]\s*")
NEXT_OPTION = re.compile(r"\s+(?=[(（]?[B-J]\s?[)）.．、:：]\s*\S)")  # several options on a line
NUMBERING = re.compile(r"^\s*(?:[(（]?\d{1,3}\s*[)）.．、](?!\d)\s*)(?:[(（][^()（）]{1,20}[)）]\s*)?")
EXCHANGE = re.compile(r"^Q:\s*(.+?)\n\s*A:\s*(.+?)(?=\n\s*\nQ:|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Item:
    """One benchmark item. `questions` and `answers` are texts to look for, each one by itself.

    A question with a passage stands below it. `options` carry no labels; they, or else the answer, tell a question that
    is too short or too general to be looked for alone.
    """

    name: str
    questions: tuple[str, ...]
    options: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


def from_row(value: Any, name: str) -> Iterator[Item]:
    """Yield the items of one row: an object, a CSV row without a header, or a block of plain text."""
    if isinstance(value, str):
        yield from _from_text(value, name)
    elif isinstance(value, Mapping):
        yield from _from_object({str(k).lower().strip(): v for k, v in value.items()}, name)
    elif isinstance(value, Sequence):
        yield from _from_columns([str(v) for v in value], name)


def own_name(row: Any) -> str | None:
    """Return the id that a row carries itself."""
    if isinstance(row, Mapping):
        fields = {str(k).lower().strip(): v for k, v in row.items()}
        for key in NAME:
            if isinstance(fields.get(key), (str, int)) and str(fields[key]):
                return str(fields[key])
    return None


def _from_object(row: dict[str, Any], name: str) -> Iterator[Item]:
    if isinstance(row.get("question"), Mapping):  # CommonsenseQA: question.stem, question.choices
        row = {**row, **{str(k).lower(): v for k, v in row.pop("question").items()}}
    answers = tuple(t for key in ANSWER for t in _texts(row.get(key)))
    if "context_options" in row:  # WinoGrande: one sentence, cut before the word to be told
        questions = tuple(f"{head} {row.get('continuation', '')}" for head in _blank(_texts(row["context_options"])))
        yield Item(name, questions)
        return
    if isinstance(row.get("choices"), list) and not any(row.get(k) for k in QUESTION):  # MT-Bench's reference answers
        answers += tuple(t for c in row["choices"] if isinstance(c, Mapping) for t in _texts(c.get("turns")))
        if answers:
            yield Item(name, (), answers=answers)
        return
    key = next((k for k in QUESTION if _texts(row.get(k))), None)
    if key is None and not set(row) & set(QUESTION) and not answers:
        yield from _headless(row, name)
        return
    asked = _texts(row[key]) if key else []
    if key == "instruction":  # Self-Instruct and Alpaca: the input belongs to the instruction
        inputs = [i for i in row.get("instances") or [row] if isinstance(i, Mapping)]
        joined = [f"{asked[0]}\n{i['input']}" for i in inputs if isinstance(i.get("input"), str) and i["input"].strip()]
        answers += tuple(t for i in inputs if i is not row for t in _texts(i.get("output")))
        asked = joined or asked
    context = NUMBERING.sub("", "\n".join(t for k in CONTEXT if k != key for t in _texts(row.get(k))))
    options = next((_texts(row[k]) for k in OPTIONS if _texts(row.get(k))), [])
    options = options or [str(row[c.lower()]) for c in LETTERS[:8] if row.get(c.lower()) not in (None, "")]
    yield from _question(name, asked, context, options, answers)


def _question(
    name: str, asked: list[str], context: str, options: list[str], answers: tuple[str, ...]
) -> Iterator[Item]:
    questions: list[str] = []
    menu = _unlabelled(options)
    written_below = not menu or all(len(o.strip()) <= 1 for o in menu)  # the letters alone
    for text in asked:
        stem, written = _split(text, written_below)
        menu = written if written_below else menu
        # Without its passage a question ("How many are left?") is nobody's in particular.
        questions.append(f"{context}\n{stem}" if context.strip() else stem)
    if questions or answers:
        yield Item(name, tuple(dict.fromkeys(questions)), tuple(menu), answers)


def _split(text: str, options_below: bool) -> tuple[str, list[str]]:
    """Take the number and the labels of a prompt template off a question, and part it from options written below it."""
    text = LABEL.sub("", TAIL.sub("", text.strip()))
    text = NUMBERING.sub("", text)
    parts = MENU.split(text, maxsplit=1)
    stem, rest = (parts[0], parts[1]) if len(parts) == 2 else (text, "")
    if options_below and not rest and (found := FIRST_OPTION.search(text)):
        stem, rest = text[: found.start()], text[found.start() :]
    options = _unlabelled([line for line in rest.splitlines() if line.strip()])
    return (stem, options) if stem.strip() else (text, [])


def _unlabelled(options: list[str]) -> list[str]:
    """Part options that share a line and take their labels off."""
    return [OPTION.sub("", o) for line in options for o in NEXT_OPTION.split(line)]


def _from_columns(columns: list[str], name: str) -> Iterator[Item]:
    """Read a CSV row without a header as MMLU has it: question, options, the letter of the right one."""
    if len(columns) >= 4 and columns[-1].strip() in LETTERS:
        yield from _question(name, [columns[0]], "", columns[1:-1], ())


def _headless(row: dict[str, Any], name: str) -> Iterator[Item]:
    yield from _from_columns([str(v) for v in row.values()], name)


def _from_text(text: str, name: str) -> Iterator[Item]:
    """Read a block of plain text: `Q:`/`A:` exchanges, or LogiQA's letter, passage, question and options, a line each."""
    exchanges = EXCHANGE.findall(text)
    for number, (question, answer) in enumerate(exchanges):
        yield from _question(f"{name}/{number}" if len(exchanges) > 1 else name, [question], "", [], (answer,))
    if exchanges:
        return
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines and lines[0].upper() in LETTERS:
        lines = lines[1:]
    options = [OPTION.sub("", line) for line in lines if OPTION.match(line)]
    rest = [line for line in lines if not OPTION.match(line)]
    if len(options) >= 2 and rest:
        passage = NUMBERING.sub("", "\n".join(rest[:-1]))
        yield from _question(name, [rest[-1]], passage, options, ())


def _texts(value: Any) -> list[str]:
    """Return the texts a field holds: itself, a list of texts, or a list of {label, text}."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, list):
        held = [v.get("text") or v.get("content") if isinstance(v, Mapping) else v for v in value]
        return [v for v in held if isinstance(v, str) and v.strip()]
    return []


def _blank(heads: list[str]) -> list[str]:
    """Add to WinoGrande's two heads what they share: the sentence as published, a blank for the word."""
    if len(heads) != 2:
        return heads
    words = [h.split() for h in heads]
    shared = [a for a, b in zip(*words, strict=False) if a == b]
    return [" ".join(shared), *heads]
