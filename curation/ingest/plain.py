"""The short way through the readers, for rows of strings under well-known names: most rows of most dumps.

Rows with the same field names are read by one plan, made from the names alone; a plan says what the readers would say
(a test holds it to that), or that they have to look.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from curation.ingest import choices, talks, tasks
from curation.ingest.fields import IDS, SYSTEMS, asked
from curation.ingest.thoughts import thinks, unmarked_thoughts
from curation.ingest.turns import ROLES, led, unmarked
from curation.record import Turn

ASKING, ANSWERING, TALKING = (
    ("instruction", "prompt", "query"),
    ("output", "response", "completion"),
    ("messages", "conversations"),
)
# Every name by which some reader knows a row, so that no plan may pass over it.
TELLING = frozenset({
    *talks.CONVERSATIONS, *talks.PROMPTS, *talks.TEXTS, *tasks.INPUTS, *tasks.ANSWERS, *tasks.DEFINITIONS, *SYSTEMS,
    *choices.QUESTIONS, *choices.CONTEXTS, *choices.OPTIONS, *choices.KEYS, *choices.REASONS, *tasks.SCORES, "a", "b", "numbers",
    "history", "chosen", "rejected", "replies", "role", "instances", "instructions", "outputs", "code", "title", "label",
})  # fmt: skip
PLANS = 4_096  # sets of field names that are remembered


class Plan(NamedTuple):
    """Where a row's parts are: `asking` and `answering`, or `talking`; `given` and `own` (its id) are optional."""

    asking: str
    given: str
    answering: str
    talking: str
    own: str
    rest: tuple[str, ...]


@lru_cache(PLANS)
def plan(names: tuple[str, ...]) -> Plan | None:
    """Return the plan for rows of these fields, or None where the readers have to look at each."""
    own = [n for n in IDS if n in names]
    telling = {n for n in names if (said := n.strip().lower()) in TELLING or thinks(said)}
    asking = next((n for n in ASKING if n in telling), "")
    answering = next((n for n in ANSWERING if n in telling), "")
    talking = next((n for n in TALKING if n in telling), "")
    given = "input" if asking == "instruction" and "input" in telling else ""
    used = {n for n in (asking, given, answering) if n} if asking and answering else {talking}
    if telling != used or len(own) > 1 or {n.strip().lower() for n in names} & set(IDS) != set(own):
        return None
    if not asking:
        answering = given = ""
    return Plan(
        asking, given, answering, talking, own[0] if own else "", tuple(n for n in names if n not in {*used, *own})
    )


def turns(row: dict[str, Any], by: Plan) -> list[Turn] | None:
    """Return the turns of a row by its plan, or None where its values are not plain strings."""
    if by.talking:
        found = talk(row[by.talking])
        return unmarked_thoughts(found) if found else None
    question, answer = row[by.asking], row[by.answering]
    given = row[by.given] if by.given else ""
    if type(question) is str and type(answer) is str and type(given) is str:
        return unmarked_thoughts([*led(asked(question, given) if given else question), ("assistant", unmarked(answer))])
    return None


def talk(said: Any) -> list[Turn] | None:
    """Return a list of turns, each a role and a text and nothing else; None where it is not that."""
    if type(said) is not list or not said or type(said[0]) is not dict:
        return None
    role, content = ("from", "value") if "from" in said[0] else ("role", "content")
    found = []
    for entry in said:
        if type(entry) is not dict or len(entry) != 2:
            return None
        name, text = ROLES.get(str(entry.get(role))), entry.get(content)
        if name is None or type(text) is not str:
            return None
        found.append((name, text))
    return found
