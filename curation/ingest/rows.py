"""Row → record or quarantine row.

Quarantine reasons of this stage: unknown_format, bad_turns, bad_roles, not_text, unmapped (no reading of the row);
empty_conversation, too_long (no record in it); and whatever curation.files says of rows it cannot read.
A prompt without answer is a record (a judge drops it as no_response), and so is an answer without prompt (empty_prompt).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson
import xxhash

from curation.files import Bad, Row
from curation.ingest.shapes import shape
from curation.ingest.sources import Source
from curation.ingest.turns import UnusableError
from curation.record import Turn, content_hash, record_id

Normalise = Callable[[list[Turn]], list[Turn]]
IDS = ("id", "_id", "uuid", "task_id", "question_id", "conversation_id", "message_tree_id", "message_id", "qid", "uid",
       "sample_id", "data_id", "prompt_id")  # fmt: skip
KNOWN_IDS = frozenset(IDS)
MAX_ID = 200  # characters; a longer one is text, not an id
EXCERPT = 500
FIRST = ("tools", "container")  # kept whole when meta has to be cut: without them the turns cannot be used


class Kept(NamedTuple):
    """What of a record differs from row to row."""

    id: bytes
    content_hash: bytes
    source_id: str
    turns: list[Turn]
    meta: str


class Quarantined(NamedTuple):
    """The part of a quarantine row that is not the source."""

    file: str
    row: int | None
    reason: str
    detail: str
    excerpt: str


class Rows:
    """Turns one source's rows into records; remembers the ids it has given, for they must be unique."""

    def __init__(self, source: Source, normalise: Normalise, max_chars: int, max_meta: int) -> None:
        self.source, self.normalise, self.max_chars, self.max_meta = source, normalise, max_chars, max_meta
        self.given: dict[
            int, int
        ] = {}  # hash of an own id → how often it came; 8 bytes, for a source may have 10M rows
        self.fields = tuple((ours, tuple(theirs.split("."))) for ours, theirs in source.fields)

    def convert(self, item: Row | Bad) -> Kept | Quarantined:
        """Return the record of one row, or why there is none."""
        if isinstance(item, Bad):
            return Quarantined(item.file, item.number, item.reason, item.detail, item.excerpt)
        try:
            return self._record(item)
        except UnusableError as error:
            return Quarantined(item.file, item.number, error.reason, error.detail, _excerpt(item.value))
        except RecursionError:
            return Quarantined(item.file, item.number, "too_deep", "nested deeper than can be read", "")

    def _record(self, row: Row) -> Kept:
        value = self._mapped(row.value) if self.fields else row.value
        found = shape(value, self.source.format)
        turns, before = opened(self.normalise(found.turns))
        if not turns:
            raise UnusableError("empty_conversation", "no turn with text in it")
        length = sum(len(content) for _, content in turns)
        if length > self.max_chars:
            raise UnusableError("too_long", f"{length:,} characters; the limit is {self.max_chars:,} (max_chars)")
        extra = {**found.extra, "before_first_user": before} if before else found.extra
        own, name = _own_id(value)
        source_id = self._unique(own) if own else f"{row.file}:{row.number}"
        digest = content_hash(turns)
        rest = _rest(value, found.used | {name})
        meta = bounded_meta({**rest, **extra}, self.max_meta) if rest or extra else "{}"
        return Kept(record_id(self.source.name, source_id, digest), digest, source_id, turns, meta)

    def _unique(self, own: str) -> str:
        """Return the row's own id, the k-th time it comes as "<id>#<k>"."""
        digest = xxhash.xxh3_64_intdigest(own.encode("utf-8"))
        count = self.given[digest] = self.given.get(digest, 0) + 1
        return own if count == 1 else self._unique(f"{own}#{count}")

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


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


def opened(turns: list[Turn]) -> tuple[list[Turn], list[str]]:
    """Return the turns from the first user turn on (after system turns), and what was said before it.

    No chat template can train on an answer that comes first; nothing is lost, it goes to meta.
    """
    if turns and turns[0][0] == "user":
        return turns, []
    first = next((i for i, (role, _) in enumerate(turns) if role == "user"), None)
    if first is None:
        return turns, []
    before = [t for t in turns[:first] if t[0] != "system"]
    return [t for t in turns[:first] if t[0] == "system"] + turns[first:] if before else turns, [c for _, c in before]


def _rest(value: Any, used: set[str]) -> dict[Any, Any]:
    if not isinstance(value, dict) or used.issuperset(value):
        return {}
    return {k: v for k, v in value.items() if k not in used and str(k).strip().lower() not in used}


def _own_id(value: Any) -> tuple[str, str]:
    """Return the row's own id and the field that held it, or two empty strings."""
    if isinstance(value, dict):
        for name in IDS if not KNOWN_IDS.isdisjoint(value) else ():
            own = value.get(name)
            if isinstance(own, int) and not isinstance(own, bool):
                return str(own), name
            if isinstance(own, str) and own.strip() and len(own) <= MAX_ID:
                return own.strip().encode("utf-8", "replace").decode(), name
    return "", ""


def bounded_meta(fields: dict[str, Any], limit: int) -> str:
    """Return the fields as a JSON object of at most `limit` characters or so; `cut` gives the length of each left out."""
    whole = _json(fields)
    if len(whole) <= limit:
        return whole
    sizes = {str(k): len(_json(v)) for k, v in fields.items()}
    kept, cut, room = {}, {}, limit
    for key, value in sorted(fields.items(), key=lambda f: (f[0] not in FIRST, sizes[str(f[0])])):
        if sizes[str(key)] <= room:
            kept[key], room = value, room - sizes[str(key)]
        else:
            cut[str(key)[:100]] = sizes[str(key)]
    return _json({**kept, "cut": cut})


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # lone surrogates and integers beyond 64 bits, which orjson refuses
        return json.dumps(value, default=str, ensure_ascii=False).encode("utf-8", "replace").decode()


def _excerpt(value: Any) -> str:
    return _json(value)[:EXCERPT]
