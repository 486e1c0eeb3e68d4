"""Lessons made from ordinary questions, of what few dumps show: tools called, parts played, harm declined, in zh and en.

A source of known skill knows one form of it, and a model taught by that source alone takes the form for the skill. Each YAML file
here is a kind of lesson. What could be told by less than the skill has a counterpart: a system prompt that sets a part and one that
sets none, an answer that declines for harm and one that declines for want of a body.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from curation.classifier.features import first
from curation.classifier.lessons.grammar import Lesson, draw, read
from curation.record import RECORD, flat_turns

LONGEST = 300  # characters of a question that is taken
HAN = "[\u4e00-\u9fff]"  # a question with one is Chinese
KINDS = {grammar.kind: grammar for grammar in map(read, sorted(Path(__file__).parent.glob("*.yaml")))}


def lessons(records: pa.Table, seed: int) -> Iterator[tuple[str, pa.Table, dict[str, bool]]]:
    """Yield (kind, records, what each exercises or does not) for each kind, made from the records whose question is short.

    `records` has the columns `turns` and `meta`; what is made keeps its other columns. The same records and seed give the same.
    """
    turns = flat_turns(records)
    asked = first(turns, "user")
    length = pc.utf8_length(asked)
    short = pc.and_(pc.greater(length, 0), pc.less_equal(length, LONGEST))
    records, asked = records.filter(short), asked.filter(short)
    chinese = pc.match_substring_regex(asked, HAN).to_pylist()
    talks = list(zip(asked.to_pylist(), first(turns, "assistant").filter(short).to_pylist(), chinese, strict=True))
    for kind, grammar in KINDS.items():
        made, books = [], {False: grammar.book("en"), True: grammar.book("zh")}
        for question, answer, zh in talks:
            chance = random.Random(f"{seed} {kind} {question}")  # noqa: S311, the same lessons each time
            made.append(draw(books[zh], grammar.once, question, answer, chance))
        yield kind, _written(records, made), grammar.told


def _written(records: pa.Table, made: Sequence[Lesson]) -> pa.Table:
    turns = [
        [
            {"role": role, "content": said}
            for role, said in zip(("system", "user", "assistant"), (one.system, one.question, one.answer), strict=True)
            if said
        ]
        for one in made
    ]
    columns = {"turns": turns, "meta": [one.meta for one in made]}
    for name, column in columns.items():
        field = RECORD.field(name)
        records = records.set_column(records.schema.get_field_index(name), field, [pa.array(column, field.type)])
    return records
