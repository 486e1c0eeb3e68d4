"""Lessons made from ordinary questions, of what few dumps show: tools called, parts played, harm declined, in zh and en.

A source of known skill knows one form of it, and a model taught by that source alone takes the form for the skill. Each kind
of lesson is told apart by one thing only, since the questions are the same: with a part and without, declined for harm and for
want of a body.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from curation.classifier.features import first
from curation.classifier.lessons import calls, personas, refusals
from curation.classifier.lessons.talk import Talk, language
from curation.record import RECORD, flat_turns

LONGEST = 300  # characters of a question that is taken

Maker = Callable[[Talk, random.Random], Talk]
KINDS: dict[str, tuple[Maker, dict[str, bool]]] = {  # what is made of a talk, and what it then exercises or does not
    "lessons: tools called": (calls.called, {"tool_use": True, "role_play": False}),
    "lessons: a part played": (personas.playing, {"role_play": True, "tool_use": False}),
    "lessons: no part played": (personas.plain, {"role_play": False, "tool_use": False}),
    "lessons: harm declined": (refusals.harmful, {"safety": True, "role_play": False, "tool_use": False}),
    "lessons: unable": (refusals.unable, {"safety": False, "role_play": False, "tool_use": False}),
}


def lessons(records: pa.Table, seed: int) -> Iterator[tuple[str, pa.Table, dict[str, bool]]]:
    """Yield (kind, records, what each exercises or does not) for each kind, made from the records whose question is short.

    `records` has the columns `turns` and `meta`; what is made keeps its other columns. The same records and seed give the same.
    """
    turns = flat_turns(records)
    asked = first(turns, "user")
    length = pc.utf8_length(asked)
    short = pc.and_(pc.greater(length, 0), pc.less_equal(length, LONGEST))
    records, asked = records.filter(short), asked.filter(short).to_pylist()
    answered = first(turns, "assistant").filter(short).to_pylist()
    for kind, (make, told) in KINDS.items():
        made = []
        for question, answer in zip(asked, answered, strict=True):
            chance = random.Random(f"{seed} {kind} {question}")  # noqa: S311, the same lessons each time
            made.append(make(Talk(language(question), "", question, answer), chance))
        yield kind, _written(records, made), told


def _written(records: pa.Table, talks: list[Talk]) -> pa.Table:
    turns = pa.array([talk.turns() for talk in talks], RECORD.field("turns").type)
    meta = pa.array([talk.meta for talk in talks], pa.string())
    for name, column in (("turns", turns), ("meta", meta)):
        records = records.set_column(records.schema.get_field_index(name), RECORD.field(name), [column])
    return records
