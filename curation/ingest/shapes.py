"""Row → turns: the format of a row is told by its fields and their kinds, with no configuration.

Each reader returns None for a row that is not its own. They are tried in the order of READERS, the most telling first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from curation.ingest import choices, talks, tasks
from curation.ingest.compared import compared
from curation.ingest.fields import Shape
from curation.ingest.thoughts import unmarked_thoughts
from curation.ingest.turns import Fields, UnusableError, exchange

READERS: dict[str, Callable[[Fields], Shape | None]] = {
    "conversation": talks.conversation,
    "moss": talks.moss,
    "tree": talks.tree,
    "preference": talks.preference,
    "compared": compared,
    "instances": tasks.instances,
    "document": tasks.document,
    "instruction": tasks.instruction,
    "question": choices.question,
    "pair": tasks.pair,
    "api": tasks.api,
    "speech": talks.speech,
    "asked_only": tasks.asked_only,
}
LOWER = frozenset({"id", "instruction", "input", "output", "response", "conversations", "messages", "question", "answer", "prompt",
                   "completion", "history", "system", "tools"})  # fmt: skip
ANSWERS_OF = ("model_id", "question_id", "answer_id", "generator")  # fields of an answer whose question lies elsewhere


def shape(value: Any, name: str = "auto") -> Shape:
    """Return what a row says; raises UnusableError where no reader knows it or its turns make no sense."""
    found = _shape(value, name)
    others = tuple((unmarked_thoughts(turns), extra) for turns, extra in found.others)
    return found._replace(turns=unmarked_thoughts(found.turns), others=others)


def _shape(value: Any, name: str) -> Shape:
    if isinstance(value, str):
        return _known(talks.speech({"text": value}), value)
    if isinstance(value, list):
        return _known(_bare(value), value)
    if not isinstance(value, dict):
        raise UnusableError("unknown_format", f"a row that is a bare {type(value).__name__}")
    fields = value if LOWER.issuperset(value) else {str(k).strip().lower(): v for k, v in value.items()}
    if name != "auto":
        return _known(READERS[name](fields), value)
    for reader in READERS.values():
        found = reader(fields)
        if found is not None:
            return found
    return _known(None, value)


def _known(found: Shape | None, value: Any) -> Shape:
    if (
        found is None
        and isinstance(value, dict)
        and value.keys() & set(ANSWERS_OF)
        and isinstance(value.get("text"), str)
    ):
        raise UnusableError(
            "no_question", "an answer whose question lies in another file: the output of a benchmark run"
        )
    if found is None:
        seen = ", ".join(map(str, value))[:200] if isinstance(value, dict) else f"a {type(value).__name__}"
        raise UnusableError(
            "unknown_format", f"no known format has the fields: {seen}; name them under `fields` of the source"
        )
    return found


def _bare(value: list[Any]) -> Shape | None:
    """Return what a bare list says: turns, or the cells of a table without header."""
    if value and isinstance(value[0], dict):
        turns, others = exchange(value)
        return Shape(turns, set(), {"turn_fields": others} if others else {})
    return choices.headless(value) if all(isinstance(c, str) for c in value) else None
