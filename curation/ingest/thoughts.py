"""The thinking before an answer, in a field of its own or between marks of its own: either becomes <think>…</think>.

A field is told by its name and by the answer beside it: one of THINKING, or one of EXPLAINING behind the name that the answer
has too (deepseek_reasoning and deepseek_solution); alone, those explain a short answer (choices.py).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from curation.ingest.turns import Fields, thought
from curation.record import Turn

THINKING = ("reasoning_content", "thinking", "thinking_trajectory", "thinking_trajectories", "complex_cot")
EXPLAINING = ("reasoning", "cot", "thoughts")
ANSWERS = ("attempt", "output", "response", "completion")
NAMED_ANSWERS = (*ANSWERS, "answer", "content", "solution")
KNOWN = 4_096  # sets of field names that are remembered
OPENED, CLOSED = "<|begin_of_thought|>", "<|end_of_thought|>"
SOLUTION, SOLVED = "<|begin_of_solution|>", "<|end_of_solution|>"
# What a system prompt that asks for the marks has to ask for instead.
MEANT = ((OPENED, "<think>"), (CLOSED, "</think>"), (SOLUTION, ""), (SOLVED, ""))


class Thought(NamedTuple):
    """The thinking, its field, and the field of the answer (empty where the row's readers have to find it)."""

    said: str
    field: str
    answer: str


def thinks(name: str) -> bool:
    """Say whether a field of this (lower-case) name may hold thinking."""
    return name in THINKING or name.endswith(tuple(f"_{word}" for word in (*THINKING, *EXPLAINING)))


def thinking(fields: Fields) -> Thought | None:
    """Return the first thinking of a row that has an answer with it."""
    for name, answer in _told(tuple(fields)):
        said = _said(fields[name])
        if said.strip() and (not answer or _said(fields[answer]).strip()):
            return Thought(said, name, answer)
    return None


def _said(value: Any) -> str:
    """Return a string, or several (as trajectories are) on lines of their own; an empty one for anything else, a flag say."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "\n".join(value)
    return value if isinstance(value, str) else ""


@lru_cache(KNOWN)
def _told(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the fields that may hold thinking, each with the field of its answer."""
    found = []
    for name in filter(thinks, names):
        if name in THINKING:
            found.append((name, next((a for a in ANSWERS if a in names), "")))
            continue
        whose = next(name.removesuffix(word) for word in (*THINKING, *EXPLAINING) if name.endswith(f"_{word}"))
        answer = next((whose + a for a in NAMED_ANSWERS if whose + a in names), "")
        if answer:
            found.append((name, answer))
    return tuple(found)


def unmarked_thoughts(turns: list[Turn]) -> list[Turn]:
    """Return turns with the marked thinking of answers as <think>…</think>; a system prompt that asks for the marks follows them."""
    if not any(role == "assistant" and OPENED in content for role, content in turns):
        return turns
    found = [(role, _unmarked(content) if role == "assistant" else content) for role, content in turns]
    return turns if found == turns else [(role, _meant(said) if role == "system" else said) for role, said in found]


def _unmarked(said: str) -> str:
    """Return an answer that begins with marked thinking without the marks; any other as it is, and one that was cut off within."""
    before, _, rest = said.partition(OPENED)
    inside, closed, answer = rest.partition(CLOSED)
    if before.strip() or not closed:
        return said
    return thought(inside.strip(), answer.strip().removeprefix(SOLUTION).removesuffix(SOLVED).strip())


def _meant(said: str) -> str:
    for mark, meaning in MEANT:
        said = said.replace(mark, meaning)
    return said
