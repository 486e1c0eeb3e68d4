"""Row → what it says, or why it says nothing.

Quarantine reasons of this stage: unknown_format, bad_turns, bad_roles, not_text, no_question, unmapped, too_deep (no reading
of the row); empty_conversation, too_long, nul, lone_surrogate (no record in it, see batch.py); and whatever curation.files
says of rows it cannot read. A prompt without answer is a record (a judge drops it as no_response).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

import orjson
import xxhash

from curation.files import Bad, Row
from curation.ingest import plain
from curation.ingest.fields import IDS
from curation.ingest.shapes import shape
from curation.ingest.sources import Source
from curation.ingest.turns import UnusableError
from curation.record import Turn

KNOWN_IDS = frozenset(IDS)
MAX_ID = 200  # characters; a longer one is text, not an id
EXCERPT = 500


class Read(NamedTuple):
    """A conversation as a row says it, its texts not yet normalised; `fields` goes to meta."""

    row: Row
    source_id: str
    turns: list[Turn]
    fields: dict[Any, Any]


class Quarantined(NamedTuple):
    """The part of a quarantine row that is not the source."""

    file: str
    row: int | None
    reason: str
    detail: str
    excerpt: str


class Rows:
    """Reads one source's rows, or those of a slice of it; remembers the ids it has given, for they must be unique.

    `taken`: hashes of ids that slices before this one have given.
    """

    def __init__(self, source: Source, taken: Collection[int] = ()) -> None:
        self.source, self.taken = source, frozenset(taken)
        self.given: dict[int, int] = {}  # hash of an own id → how often it came
        self.fields = tuple((ours, tuple(theirs.split("."))) for ours, theirs in source.fields)
        self.planned = source.format == "auto" and not self.fields

    def read(self, item: Row | Bad) -> list[Read | Quarantined]:
        """Return the conversations of one row, mostly one, or why there is none."""
        if isinstance(item, Bad):
            return [Quarantined(*item)]
        value = item.value
        if self.planned and type(value) is dict:
            by = plain.plan(tuple(value))
            turns = plain.turns(value, by) if by else None
            if by and turns is not None:
                return [self._planned(item, by, turns)]
        try:
            return self._read(item)
        except UnusableError as error:
            return [quarantined(item, error.reason, error.detail)]
        except RecursionError:
            return [quarantined(item, "too_deep", "nested deeper than can be read")]

    def _planned(self, row: Row, by: plain.Plan, turns: list[Turn]) -> Read:
        value, own = row.value, ""
        fields = {n: value[n] for n in by.rest} if by.rest else {}
        if by.own:
            own = own_id(value[by.own])
            if not own:
                fields = {n: value[n] for n in value if n == by.own or n in by.rest}
        return Read(row, self.unique(own, row.number) if own else f"{row.file}:{row.number}", turns, fields)

    def _read(self, row: Row) -> list[Read | Quarantined]:
        value = self._mapped(row.value) if self.fields else row.value
        found = shape(value, self.source.format)
        own, name = _own_id(value)
        rest = _rest(value, found.used | {name})
        read: list[Read | Quarantined] = []
        for number, (turns, extra) in enumerate([(found.turns, found.extra), *found.others], 1):
            base = own or f"{row.file}:{row.number}"
            source_id = self.unique(own, row.number) if own else base if number == 1 else f"{base}#{number}"
            read.append(Read(row, source_id, turns, {**rest, **extra} if extra else rest))
        return read

    def unique(self, own: str, row: int) -> str:
        """Return the own id of the `row`-th row, the k-th time it comes as "<id>#<k>", and "<id>#<row>" where a slice before has given it."""
        digest = xxhash.xxh3_64_intdigest(own.encode())
        if digest in self.taken:
            return self.unique(f"{own}#{row}", row)
        if digest not in self.given:
            self.given[digest] = 1
            return own
        count = self.given[digest] = self.given[digest] + 1
        return self.unique(f"{own}#{count}", row)

    def unique_each(self, own: list[bytes], first: int) -> list[bytes]:
        """Return `unique` of the ids of rows from the `first` on, given and returned as UTF-8; mostly they are all new."""
        digests = list(map(xxhash.xxh3_64_intdigest, own))
        fresh = self.given.keys().isdisjoint(digests) and self.taken.isdisjoint(digests)
        if not fresh or len(set(digests)) < len(digests):
            return [self.unique(one.decode(), row).encode() for row, one in enumerate(own, first)]
        self.given.update(dict.fromkeys(digests, 1))
        return own

    def _mapped(self, value: Any) -> Any:
        """Return a row whose fields have our names, as the user's mapping says; it must find at least one of them."""
        if not isinstance(value, dict):
            return value
        found = {ours: _at(value, path) for ours, path in self.fields}
        if all(v is None for v in found.values()):
            wanted = ", ".join(".".join(path) for _, path in self.fields)
            raise UnusableError("unmapped", f"none of the fields named for this source is there: {wanted}"[:300])
        taken = {path[0] for _, path in self.fields}
        return {
            **{k: v for k, v in value.items() if k not in taken},
            **{k: v for k, v in found.items() if v is not None},
        }


def quarantined(row: Row, reason: str, detail: str) -> Quarantined:
    """Return the quarantine row of a row that was parsed."""
    try:
        excerpt = as_json(row.value)[:EXCERPT]
    except RecursionError:
        excerpt = ""
    return Quarantined(row.file, row.number, reason, detail.encode("utf-8", "replace").decode(), excerpt)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


def _rest(value: Any, used: set[str]) -> dict[Any, Any]:
    if not isinstance(value, dict) or used.issuperset(value):
        return {}
    return {k: v for k, v in value.items() if k not in used and str(k).strip().lower() not in used}


def _own_id(value: Any) -> tuple[str, str]:
    """Return the row's own id and the field that held it, or two empty strings."""
    if isinstance(value, dict):
        for name in IDS if not KNOWN_IDS.isdisjoint(value) else ():
            own = own_id(value.get(name))
            if own:
                return own, name
    return "", ""


def own_id(own: Any) -> str:
    """Return a value as an id, or an empty string where it is none."""
    if type(own) is str:
        own = own.strip()
        return "" if len(own) > MAX_ID else own if own.isascii() else own.encode("utf-8", "replace").decode()
    return str(own) if isinstance(own, int) and not isinstance(own, bool) else ""


def as_json(value: Any) -> str:
    """Return a value as JSON, whatever it holds; raises RecursionError where it is nested too deep."""
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # lone surrogates, integers beyond 64 bits and deep nesting, which orjson refuses
        return json.dumps(value, default=str, ensure_ascii=False).encode("utf-8", "replace").decode()
