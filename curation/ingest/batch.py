"""Conversations as read → a table of records, many at a time: their texts are looked at and hashed in compiled code.

Only a conversation that normalising would change comes back into Python.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, pairwise
from typing import Any, NamedTuple, cast

import numpy as np
import orjson
import pyarrow as pa

from curation.files import Block, Cells, Row
from curation.folding import hashes
from curation.ingest import plain
from curation.ingest.columns import Columns
from curation.ingest.rows import MAX_ID, Quarantined, Read, Rows, as_json, own_id, quarantined
from curation.ingest.sources import Source
from curation.record import ID, RECORD, ROLES, Turn, record_ids
from curation.utf8 import buffers, encoded, numbers, strings

NEWLINE, SPACE, DELETE = 0x0A, 0x20, 0x7F
CODES = {role: code for code, role in enumerate(ROLES)}
FIRST = ("tools", "container")  # kept whole when meta has to be cut: without them the turns cannot be used


class Normaliser(NamedTuple):
    """`turns` and `unsettled` of curation.normalise, handed in because stages do not import each other."""

    turns: Callable[[list[Turn]], list[Turn]]
    unsettled: Callable[[np.ndarray, np.ndarray, pa.Array], np.ndarray]  # 0: `turns` changes nothing, 2: holds NUL


class Limits(NamedTuple):
    """Characters that one conversation, and the meta of one, may have."""

    chars: int
    meta: int


class _Flat(NamedTuple):
    """Turns of many conversations, one after the other."""

    offsets: np.ndarray
    roles: np.ndarray
    contents: pa.StringArray


def records(
    read: list[Read | Quarantined], source: Source, normaliser: Normaliser, limits: Limits
) -> tuple[pa.Table, list[Quarantined]]:
    """Return the records of what was read, in order, as a table of schema RECORD, and all that is none, in order."""
    refused = {n: one for n, one in enumerate(read) if type(one) is Quarantined}
    talks = [one.turns if type(one) is Read else [] for one in read]
    try:
        flat = _flat(talks)
    except UnicodeEncodeError:
        for n, turns in enumerate(talks):
            one = read[n]
            if isinstance(one, Read) and any(_is_broken(content) for _, content in turns):
                refused[n], talks[n] = quarantined(one.row, "lone_surrogate", "half of a UTF-16 pair in its text"), []
        flat = _flat(talks)
    fields = [one.fields if type(one) is Read else {} for one in read]
    source_ids = [one.source_id.encode() if type(one) is Read else b"" for one in read]
    batch = _Batch(flat, source_ids, fields, np.zeros(len(read), np.bool_), refused)
    return _finished(batch, lambda n: cast("Read", read[n]), source, normaliser, limits)


def block_records(
    block: Block, found: Columns, rows: Rows, normaliser: Normaliser, limits: Limits
) -> tuple[pa.Table, list[Quarantined]]:
    """Return what `records` would of rows whose columns were found; only those that need it become Python objects."""
    fields: list[dict[Any, Any]] = found.fields or [{}] * block.rows
    source_ids = _source_ids(block, found, rows, fields)
    value_at = _values(block)

    def one(n: int) -> Read:
        value = value_at(n)
        turns = plain.turns(value, found.by)
        return Read(Row(block.file, block.number + n, value), source_ids[n].decode(), turns or [], fields[n])

    batch = _Batch(_Flat(found.offsets, found.roles, found.contents), source_ids, fields, found.look, {})
    return _finished(batch, one, rows.source, normaliser, limits)


def _values(block: Block) -> Callable[[int], dict[str, Any]]:
    """Return what gives the n-th row of a block."""
    if isinstance(block, Cells):
        return lambda n: cast("dict[str, Any]", block.batch.slice(n, 1).to_pylist()[0])
    ends = np.flatnonzero(np.frombuffer(block.data, np.uint8) == NEWLINE)
    return lambda n: cast("dict[str, Any]", orjson.loads(block.data[(ends[n - 1] + 1 if n else 0) : ends[n]]))


def _source_ids(block: Block, found: Columns, rows: Rows, fields: list[dict[Any, Any]]) -> list[bytes]:
    """Return each row's source_id; what stands in the place of an id and is none goes to `fields`."""
    if found.own is None:
        return [f"{block.file}:{n}".encode() for n in range(block.number, block.number + block.rows)]
    if (plain_ids := _plain_ids(found.own)) is not None:
        return rows.unique_each(plain_ids, block.number)
    ids = list[bytes]()
    for n, value in enumerate(found.own.to_pylist()):
        own, number = own_id(value), block.number + n
        ids.append((rows.unique(own, number) if own else f"{block.file}:{number}").encode())
        if not own:
            fields[n] = {found.by.own: value, **fields[n]}
    return ids


def _plain_ids(column: pa.Array) -> list[bytes] | None:
    """Return ids as they are where `own_id` would not alter or refuse any: visible ASCII, and not too much of it."""
    starts, data = buffers(column.cast(pa.string()))
    lengths, used = np.diff(starts), data[starts[0] : starts[-1]]
    if lengths.min() == 0 or lengths.max() > MAX_ID or used.min() <= SPACE or used.max() >= DELETE:
        return None
    raw, ends = used.tobytes(), (starts - starts[0]).tolist()
    return [raw[begin:end] for begin, end in pairwise(ends)]


class _Batch(NamedTuple):
    """Conversations as read: their turns, ids and fields, which of them have to be looked at, and which are none."""

    flat: _Flat
    source_ids: list[bytes]  # UTF-8
    fields: list[dict[Any, Any]]
    look: np.ndarray
    refused: dict[int, Quarantined]


def _finished(
    batch: _Batch, one: Callable[[int], Read], source: Source, normaliser: Normaliser, limits: Limits
) -> tuple[pa.Table, list[Quarantined]]:
    """Normalise what needs it, refuse what is no record, and return the rest as a table; `one` gives the n-th as read."""
    flat, refused, fields = batch.flat, batch.refused, batch.fields
    state = normaliser.unsettled(flat.offsets, flat.roles, flat.contents)
    changed: dict[int, list[Turn]] = {}
    for n in np.flatnonzero((state > 0) | batch.look | _odd(flat, limits)).tolist():
        if n in refused:
            continue
        found = _settled(one(n), int(state[n]), normaliser, limits)
        if isinstance(found, Quarantined):
            refused[n] = found
        else:
            changed[n], outside = found
            fields[n] = {**fields[n], **outside} if outside else fields[n]
    if changed or refused:
        flat = _changed(flat, changed, list(refused))
    meta = None
    if any(fields):
        meta = [bounded_meta(f, limits.meta) if f else "{}" for n, f in enumerate(fields) if n not in refused]
    source_ids = [s for n, s in enumerate(batch.source_ids) if n not in refused] if refused else batch.source_ids
    return _table(source, source_ids, flat, meta), [refused[n] for n in sorted(refused)]


def _flat(talks: list[list[Turn]]) -> _Flat:
    """Lay turns out flat; raises UnicodeEncodeError where a text holds half of a UTF-16 pair."""
    offsets = np.zeros(len(talks) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, talks), np.int64, len(talks)), out=offsets[1:])
    turns = list(chain.from_iterable(talks))
    roles = np.array([CODES[role] for role, _ in turns], np.uint8)
    return _Flat(offsets, roles, strings([content for _, content in turns]))


def _changed(flat: _Flat, changed: dict[int, list[Turn]], refused: list[int]) -> _Flat:
    """Return the conversations with some of them replaced, and without the refused ones."""
    new = _flat(list(changed.values()))
    rows = np.array(list(changed), np.int64)
    begins, counts = flat.offsets[:-1].copy(), np.diff(flat.offsets)
    begins[rows], counts[rows] = new.offsets[:-1] + len(flat.roles), np.diff(new.offsets)
    begins, counts = np.delete(begins, refused), np.delete(counts, refused)
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    turns = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], counts)
    contents = pa.concat_arrays([flat.contents, new.contents]).take(numbers(turns))
    return _Flat(offsets, np.concatenate([flat.roles, new.roles])[turns], contents)


def _is_broken(content: str) -> bool:
    try:
        content.encode()
    except UnicodeEncodeError:
        return True
    return False


def _odd(flat: _Flat, limits: Limits) -> np.ndarray:
    """Say which may be too long, hold nothing, or do not run from the user (after system turns) to the assistant."""
    count = len(flat.offsets) - 1
    odd = np.asarray(np.diff(flat.offsets) == 0, np.bool_)
    if not len(flat.roles):
        return odd
    ends = np.frombuffer(flat.contents.buffers()[1], np.int32, len(flat.contents) + 1, flat.contents.offset * 4)
    odd |= np.diff(ends[flat.offsets].astype(np.int64)) > limits.chars  # bytes, of which there are at least as many
    first = flat.roles[np.minimum(flat.offsets[:-1], len(flat.roles) - 1)]
    second = flat.roles[np.minimum(flat.offsets[:-1] + 1, len(flat.roles) - 1)]
    led = (np.diff(flat.offsets) > 1) & (first == CODES["system"]) & (second == CODES["user"])
    odd |= flat.roles[np.maximum(flat.offsets[1:] - 1, 0)] != CODES["assistant"]
    return np.asarray(odd | ~((first == CODES["user"]) | led), np.bool_).reshape(count)


def _settled(
    one: Read, state: int, normaliser: Normaliser, limits: Limits
) -> tuple[list[Turn], dict[str, list[str]]] | Quarantined:
    """Return the turns of one record in their normal form, and what was said outside of them; or why it is none."""
    if state == 2:
        return quarantined(one.row, "nul", "a NUL character in its text: the file was damaged or is binary")
    turns, outside = framed(normaliser.turns(one.turns))
    if not turns:
        return quarantined(one.row, "empty_conversation", "no turn with text in it")
    length = sum(len(content) for _, content in turns)
    if length > limits.chars:
        detail = f"{length:,} characters; the limit is {limits.chars:,} (max_chars)"
        return quarantined(one.row, "too_long", detail)
    return turns, outside


def framed(turns: list[Turn]) -> tuple[list[Turn], dict[str, list[str]]]:
    """Return the turns from the first user turn (after system turns) to the last answer, and what was said outside.

    No chat template can train on an answer that comes first, and a question at the end teaches nothing, but must not
    cost the answers before it. Nothing is lost: what is outside goes to meta. Talks without a user or an answer stay whole.
    """
    first = next((i for i, (role, _) in enumerate(turns) if role == "user"), 0)
    led, rest = turns[:first], turns[first:]
    before = [content for role, content in led if role != "system"]
    last = next((i for i in range(len(rest), 0, -1) if rest[i - 1][0] == "assistant" and rest[i - 1][1]), len(rest))
    after = [content for _, content in rest[last:]]
    kept = [t for t in led if t[0] == "system"] + rest[:last]
    outside = {"before_first_user": before, "after_last_answer": after}
    return kept, {name: said for name, said in outside.items() if said}


def bounded_meta(fields: dict[Any, Any], limit: int) -> str:
    """Return the fields as a JSON object of at most `limit` characters or so; `cut` gives the length of each left out."""
    try:
        whole = as_json(fields)
    except RecursionError:
        fields = {k: v for k, v in fields.items() if not isinstance(v, dict | list)}
        whole = as_json({**fields, "cut": "nested too deep"})
    if len(whole) <= limit:
        return whole
    sizes = {str(k): len(as_json(v)) for k, v in fields.items()}
    kept, cut, room = {}, {}, limit
    for key, value in sorted(fields.items(), key=lambda f: (f[0] not in FIRST, sizes[str(f[0])])):
        if sizes[str(key)] <= room:
            kept[key], room = value, room - sizes[str(key)]
        else:
            cut[str(key)[:100]] = sizes[str(key)]
    return as_json({**kept, "cut": cut})


def _table(source: Source, source_ids: list[bytes], flat: _Flat, meta: list[str] | None) -> pa.Table:
    count = len(source_ids)
    contents, prompts = hashes(flat.offsets, flat.roles, flat.contents)
    turns = RECORD.field("turns").type
    roles = pa.DictionaryArray.from_arrays(numbers(flat.roles), strings(ROLES)).cast(pa.string())
    said = pa.StructArray.from_arrays([roles, flat.contents], fields=list(turns.value_type))
    columns = [
        _ids(record_ids(source.name, source_ids, contents)),
        _ids(contents),
        prompts,
        _same(source.name, count),
        encoded(source_ids),
        _same(source.licence, count),
        pa.ListArray.from_arrays(numbers(flat.offsets.astype(np.int32)), said, type=turns),
        pa.ExtensionArray.from_storage(ID, pa.nulls(count, pa.binary(16))),
        _same("{}", count) if meta is None else strings(meta),
    ]
    return pa.table(columns, schema=RECORD)


def _same(value: str, count: int) -> pa.Array:
    """Return a column of one string (pa.repeat would import pandas)."""
    return pa.DictionaryArray.from_arrays(numbers(np.zeros(count, np.int8)), strings([value])).cast(pa.string())


def _ids(values: list[bytes]) -> pa.Array:
    """Return record.ids of values that are all there."""
    stored = pa.Array.from_buffers(pa.binary(16), len(values), [None, pa.py_buffer(b"".join(values))])
    return pa.ExtensionArray.from_storage(ID, stored)
