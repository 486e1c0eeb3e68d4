"""What every reader of a row works with."""

from __future__ import annotations

from typing import Any, NamedTuple

from curation.ingest.turns import Fields, exchange
from curation.record import Turn

IDS = ("id", "_id", "uuid", "task_id", "question_id", "conversation_id", "message_tree_id", "message_id", "qid", "uid",
       "sample_id", "data_id", "prompt_id")  # fmt: skip
SYSTEMS = ("system", "system_prompt", "meta_instruction", "system_message")


class Shape(NamedTuple):
    """A row understood: its turns, the (lower-case) fields they hold in full, and what else is worth keeping.

    A row that holds several conversations has the later ones in `others`, each with its own turns and extra.
    """

    turns: list[Turn]
    used: set[str]
    extra: dict[str, Any]
    others: tuple[tuple[list[Turn], dict[str, Any]], ...] = ()


def first(fields: Fields, names: tuple[str, ...]) -> str | None:
    """Return the first of these fields that holds anything, else the first that is there."""
    present = None
    for name in names:
        if name in fields:
            if fields[name] not in (None, "", [], {}):
                return name
            present = present or name
    return present


def system(fields: Fields) -> tuple[list[Turn], set[str]]:
    """Return the system turn of a row that has one, and its field."""
    name = first(fields, SYSTEMS)
    said = fields[name] if name else None
    if not name or not isinstance(said, str) or not said:
        return [], set()
    return [("system", said.removeprefix("SYSTEM: "))], {name}


def history(fields: Fields) -> tuple[list[Turn], set[str]]:
    """Return the turns before the row's own, and their field."""
    past = fields.get("history")
    return (
        (exchange(past)[0], {"history"})
        if isinstance(past, list) and past
        else ([], {"history"} if past in ([], "") else set())
    )


def asked(question: str, given: str) -> str:
    """Return an instruction with the input it works on."""
    return f"{question}\n{given}" if given.strip() and question.strip() else question or given
