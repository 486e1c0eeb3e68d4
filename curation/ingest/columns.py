"""Rows of one plan (plain.py) → the columns of their turns, without a Python object for any: lines that Arrow parses, and Parquet.

Arrow's reader refuses what the rows' own readers have to judge (another field, a name that comes twice, half of a UTF-16
pair); then None is returned and the lines are read one by one. Where other fields hold more than plain values, orjson reads those.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from curation.files import Block, Cells, Lines
from curation.files.lines import may_repeat
from curation.ingest import plain
from curation.ingest.thoughts import OPENED
from curation.ingest.turns import MARKED, UP_TO_ANSWER
from curation.ingest.turns import ROLES as NAMES
from curation.record import ROLES
from curation.utf8 import integers, numbers, strings

KINDS = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
}  # of other fields; a float would not be written as it was read
MARK = ord(">")  # what a template's end mark ends in
COLONS = (ord(":"), "：".encode()[-1])  # what a transcript up to the answer ends in
LINE, ZERO = strings(["\n"])[0], numbers(np.zeros(1, np.int32))[0]  # from columns, since pa.scalar would import pandas


class Columns(NamedTuple):
    """Turns offsets[i]:offsets[i + 1] are row i's; `look` says which rows a reader has to see.

    `own` (ids) and `fields` (for meta) are None where the rows have none.
    """

    by: plain.Plan
    own: pa.Array | None
    fields: list[dict[str, Any]] | None
    offsets: np.ndarray
    roles: np.ndarray
    contents: pa.StringArray
    look: np.ndarray


def columns(block: Block) -> Columns | None:
    """Return the columns of rows that all follow one plan, else None."""
    return _of_lines(block) if isinstance(block, Lines) else _of_cells(block)


def _of_cells(cells: Cells) -> Columns | None:
    names = tuple(cells.batch.schema.names)
    by = plain.plan(names) if len(set(names)) == len(names) else None
    if by is None:
        return None
    types = {name: _turns_type(cells.batch.schema.field(name).type) for name in (by.talking,) if name}
    types |= {name: pa.string() for name in (by.asking, by.given, by.answering) if name}
    if by.own:
        types[by.own] = pa.int64() if pa.types.is_signed_integer(cells.batch[by.own].type) else pa.string()
    if any(not _may_cast(cells.batch[name], kind) for name, kind in types.items()):
        return None
    try:
        cells.batch.validate(full=True)  # of UTF-8: a row that is none is for its reader to say
    except pa.ArrowInvalid:
        return None
    table = pa.table({name: cells.batch[name].cast(kind) for name, kind in types.items()})
    found = _talks(table, by) if by.talking else _tasks(table, by)
    if found is None:
        return None
    own = _array(table, by.own) if by.own else None
    return found._replace(own=own, fields=cells.batch.select(by.rest).to_pylist() if by.rest else None)


def _turns_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the type of a column of turns that have two texts each and nothing else; None for any other type."""
    held = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else None
    if held is None or not pa.types.is_struct(held) or held.num_fields != 2:
        return None
    fields = [held.field(i) for i in range(2)]
    return pa.list_(pa.struct([(f.name, pa.string()) for f in fields])) if all(map(_is_text, fields)) else None


def _is_text(column: pa.Array | pa.Field) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _may_cast(column: pa.Array, kind: pa.DataType | None) -> bool:
    """Say whether a column is `kind` but for the width of its numbers or offsets, and has a value in every row."""
    if kind is None or column.null_count:
        return False
    return _is_text(column) if pa.types.is_string(kind) else True


def _of_lines(lines: Lines) -> Columns | None:
    try:
        first = orjson.loads(lines.data[: lines.data.find(b"\n")])
    except orjson.JSONDecodeError:
        return None
    by = plain.plan(tuple(first)) if type(first) is dict else None
    if by is None or plain.turns(first, by) is None:
        return None
    table, fields = None, None
    if all(type(first[name]) in KINDS for name in by.rest):
        table = _parsed(lines, _schema(first, by, by.rest), "error")
    if table is None and by.rest:
        fields = _fields(lines, set(first), by)
        table = _parsed(lines, _schema(first, by, ()), "ignore") if fields else None
    if table is None or table.num_rows != lines.rows or any(column.null_count for column in table.columns):
        return None
    found = _talks(table, by) if by.talking else _tasks(table, by)
    if found is None:
        return None
    own = _array(table, by.own) if by.own else None
    if by.rest and fields is None:
        fields = table.select(by.rest).to_pylist()
    return found._replace(own=own, fields=fields)


def _fields(lines: Lines, names: set[str], by: plain.Plan) -> list[dict[str, Any]] | None:
    """Return the other fields of each line, whatever they hold; None unless every line is an object of these names."""
    found = []
    for line in lines.data[:-1].split(b"\n"):
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        if type(value) is not dict or value.keys() != names or may_repeat(line, value):
            return None
        if by.talking and plain.talk(value[by.talking]) is None:
            return None  # a turn with fields of its own, which Arrow's reader would pass over
        found.append({name: value[name] for name in by.rest})
    return found


def _schema(first: dict[str, Any], by: plain.Plan, rest: tuple[str, ...]) -> pa.Schema:
    fields = {name: pa.string() for name in (by.asking, by.given, by.answering) if name}
    if by.own:
        fields[by.own] = pa.int64() if type(first[by.own]) is int else pa.string()
    fields |= {name: KINDS[type(first[name])] for name in rest}
    if by.talking:
        fields[by.talking] = pa.list_(pa.struct([(name, pa.string()) for name in first[by.talking][0]]))
    return pa.schema(fields)


def _parsed(lines: Lines, schema: pa.Schema, others: str) -> pa.Table | None:
    size = pj.ReadOptions(use_threads=False, block_size=len(lines.data) + 1)
    strict = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior=others)
    try:
        table = pj.read_json(pa.BufferReader(lines.data), read_options=size, parse_options=strict).combine_chunks()
        table.validate(full=True)  # of UTF-8 too, which the reader does not check
    except pa.ArrowInvalid:
        return None
    return table


def _tasks(table: pa.Table, by: plain.Plan) -> Columns:
    question, answer = _array(table, by.asking), _array(table, by.answering)
    rows = len(question)
    look = np.zeros(rows, np.bool_)
    if by.given:
        given = _array(table, by.given)
        with_given = pc.greater(pc.binary_length(given), ZERO)
        blank = pc.or_(_blank(given), _blank(question))
        look = _flags(pc.and_(with_given, blank))
        question = pc.if_else(with_given, pc.binary_join_element_wise(question, given, LINE), question)
    question, answer = _trimmed(question), _trimmed(answer)
    look |= _ends_in(answer, MARKED, MARK) | _ends_in(question, UP_TO_ANSWER, *COLONS) | _thoughtful(answer)
    places = numbers(np.arange(2 * rows, dtype=np.int32).reshape(2, rows).T.reshape(-1))
    contents = pa.concat_arrays([question, answer]).take(places)
    roles = np.tile(np.array([ROLES.index("user"), ROLES.index("assistant")], np.uint8), rows)
    return Columns(by, None, None, np.arange(0, 2 * rows + 1, 2), roles, contents, look)


def _talks(table: pa.Table, by: plain.Plan) -> Columns | None:
    talks = _array(table, by.talking)
    said = talks.flatten()
    names = {"role", "content"} if "role" in {field.name for field in said.type} else {"from", "value"}
    if said.null_count or {field.name for field in said.type} != names:
        return None
    role, content = (said.field(name) for name in sorted(names, key=("role", "from", "content", "value").index))
    if role.null_count or content.null_count:
        return None
    coded = role.dictionary_encode()
    known = [NAMES.get(name) for name in coded.dictionary.to_pylist()]
    if not all(known):
        return None
    codes = np.array([ROLES.index(name) for name in known if name], np.uint8)
    offsets = np.concatenate([[0], np.cumsum(integers(pc.list_value_length(talks), np.int32), dtype=np.int64)])
    if not np.diff(offsets).all():
        return None
    look, content = np.zeros(len(talks), np.bool_), _trimmed(content)
    look[np.searchsorted(offsets, np.flatnonzero(_thoughtful(content)), "right") - 1] = True
    return Columns(by, None, None, offsets, codes[integers(coded.indices, np.int32)], content, look)


def _array(table: pa.Table, name: str) -> pa.Array:
    return table.column(name).chunk(0)  # there is a first row


def _trimmed(texts: pa.Array) -> pa.Array:
    """Return texts without white space at their ends, as curation.normalise would, which then need not see them.

    A text that may begin with indented code is left to it. What Arrow takes for white space is what str.strip does.
    """
    texts = pc.utf8_rtrim_whitespace(texts)
    bare = pc.utf8_ltrim_whitespace(texts)
    rows = np.flatnonzero(_flags(pc.less(pc.binary_length(bare), pc.binary_length(texts))))
    if not len(rows):
        return texts
    those = texts.take(numbers(rows))
    led = np.zeros(len(texts), np.uint8)
    led[rows] = ~(_flags(pc.match_substring(those, "\n ")) | _flags(pc.match_substring(those, "\n\t")))
    return pc.if_else(numbers(led).cast(pa.bool_()), bare, texts)


def _flags(column: pa.BooleanArray) -> np.ndarray:
    return np.asarray(integers(column.cast(pa.uint8()), np.uint8) > 0, np.bool_)


def _blank(texts: pa.Array) -> pa.Array:
    return pc.equal(pc.binary_length(pc.utf8_trim_whitespace(texts)), ZERO)


def _thoughtful(texts: pa.Array) -> np.ndarray:
    """Say which texts begin with marked thinking."""
    return _flags(pc.starts_with(texts, OPENED))


def _ends_in(texts: pa.StringArray, pattern: str, *marks: int) -> np.ndarray:
    """Say which texts match a pattern, all of whose matches end in one of these bytes."""
    ends = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
    data = np.frombuffer(texts.buffers()[2] or b"\0", np.uint8)
    last = data[np.maximum(ends[1:], 1) - 1]
    found = np.isin(last, marks) & (ends[1:] > ends[:-1])
    rows = np.flatnonzero(found)
    found[rows] = _flags(pc.match_substring_regex(texts.take(numbers(rows)), pattern))
    return np.asarray(found, np.bool_)
