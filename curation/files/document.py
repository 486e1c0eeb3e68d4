"""A JSON document that is not lines: an array of rows, an object that holds them, or one row."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from curation.files.array import BROKEN, CLOSED, MORE, array_lines
from curation.files.lines import may_repeat, parse, repeated, sound
from curation.files.row import EXCERPT, MAX_DOCUMENT, MAX_ROW, Bad, Item, Lines, Row, excerpt, joined, replay

WHOLE = 64 << 20  # bytes parsed at once (5-8 times as much memory); a longer array is walked element by element
SEPARATOR = re.compile(r"[\s,\ufeff]*")  # files joined end to end keep the BOM of each
NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
ARRAY = re.compile(r"\s*\[\s*\{")
FIRST_KEY = re.compile(r'\{\s*"((?:[^"\\]|\\.)*)"\s*:')
SPEAKER, SAID = {"role", "from", "speaker"}, {"content", "value", "text"}
# Lists inside one row, so an object with one of them is a row and not a container of rows.
PARTS = {"messages", "conversations", "conversation", "dialogue", "dialog", "turns", "history", "instances", "choices",
         "options", "replies", "chosen", "rejected", "tools", "responses", "outputs", "completions"}  # fmt: skip
MAX_SHARED = 4_096  # characters of a container's own field that are handed on to each of its rows


def document(chunks: Iterator[bytes], file: str) -> Iterator[Item | Lines]:
    """Yield the rows of a JSON document; where it does not parse, every row that does, and what is wrong with the rest."""
    first = next(chunks, b"")
    if _is_array_of_rows(first):
        yield from _array(first, chunks, file)
        return
    head, size = [], 0
    for chunk in replay(first, chunks):
        head.append(chunk)
        size += len(chunk)
        if size > WHOLE:
            break
    data = b"".join(head)
    if size > WHOLE and data.lstrip()[:1] == b"[":
        yield from _walk(_Window(replay(data, chunks)), file)
        return
    data += joined(chunks, MAX_DOCUMENT - len(data), f"the JSON object in {file}")
    if not data.strip():
        return
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        yield from _recover(data, file, error)
        return
    if may_repeat(data, value) and repeated(data):
        yield from _walk(_Window(iter([data])), file)
        return
    for number, row in enumerate(rows_of(value), 1):
        yield Row(file, number, row)


def _is_array_of_rows(head: bytes) -> bool:
    """Say whether a document begins like an array of objects that are rows, and not the turns of one row."""
    text = head.decode("utf-8", "replace")
    opening = ARRAY.match(text)
    if opening is None:
        return False
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text, opening.end() - 1)
    except (ValueError, RecursionError):
        return False
    return not _is_turn(value)


def _array(head: bytes, chunks: Iterator[bytes], file: str) -> Iterator[Item | Lines]:
    """Yield an array's objects as lines, as far as they are that; the rest of it as `_walk` reads it."""
    rest = yield from array_lines(head, chunks, file)
    if rest.status in (BROKEN, MORE):
        detail = "does not parse as one JSON document; the rest of its rows are read one by one"
        yield Bad(file, None, "malformed_document", detail, excerpt(rest.data.lstrip(b" \n")))
    opening = b"" if rest.status == CLOSED else b"["
    yield from _walk(_Window(replay(opening + rest.data, chunks)), file, rest.number - 1)


def rows_of(value: Any) -> list[Any]:
    """Return the rows of a parsed document."""
    if isinstance(value, list):
        return [value] if value and _is_turn(value[0]) else value
    if not isinstance(value, dict):
        return [value]
    held = [k for k, v in value.items() if isinstance(v, list) and v and all(isinstance(e, dict) for e in v)]
    if len(held) == 1 and held[0].lower() not in PARTS and not (value.keys() & PARTS):
        shared = {k: v for k, v in value.items() if k != held[0] and len(str(v)) <= MAX_SHARED}
        return [{**row, "container": shared} if shared else row for row in value[held[0]]]
    if len(value) > 1 and all(isinstance(v, dict) for v in value.values()):
        return [{"id": key, **row} for key, row in value.items()]
    return [value]


def _is_turn(value: Any) -> bool:
    return (
        isinstance(value, dict) and bool(value.keys() & SPEAKER and value.keys() & SAID) and "message_id" not in value
    )


def _recover(data: bytes, file: str, error: ValueError) -> Iterator[Item]:
    try:
        rows = rows_of(parse(data.decode("utf-8")))
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        if not _is_series(data):
            detail = f"does not parse as one JSON document ({error}); its rows are read one by one"
            yield Bad(file, None, "malformed_document", detail, excerpt(data))
        yield from _walk(_Window(iter([data])), file)
        return
    for number, row in enumerate(rows, 1):
        yield sound(row, file, number, str(row)[:EXCERPT])


def _is_series(data: bytes) -> bool:
    """Say whether a document that does not parse begins with a whole object: then it is objects written one after another."""
    text = data.decode("utf-8", "replace").lstrip()
    try:
        return text.startswith("{") and bool(json.JSONDecoder(strict=False).raw_decode(text))
    except (ValueError, RecursionError):
        return False


class _Window:
    """The part of a stream of UTF-8 chunks under the reader's eyes, as text; invalid bytes become lone surrogates."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.text, self.at = chunks, "", 0
        self.decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def more(self) -> bool:
        """Append at least as much as is in view; False where there is nothing more, or too much already."""
        self.text, self.at = self.text[self.at :], 0
        if len(self.text) > MAX_ROW:
            return False
        parts, size = [], 0
        for chunk in self.chunks:
            parts.append(self.decoder.decode(chunk))
            size += len(parts[-1])
            if size > len(self.text):
                break
        self.text += "".join(parts)
        return size > 0

    def skip(self) -> bool:
        """Pass over white space and commas; False at the end."""
        while True:
            found = SEPARATOR.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text):
                return True
            if not self.more():
                return False


def _walk(window: _Window, file: str, number: int = 0) -> Iterator[Item]:
    """Yield each element of an array (or each of several documents in a row) that parses, Bad for each that does not.

    They are numbered on from `number`.
    """
    closed, key = not window.skip() or window.text[window.at] != "[", ""
    window.at += not closed
    decoder = json.JSONDecoder(strict=False)
    while window.skip():
        if window.text[window.at] == "]":
            closed = True
            window.at += 1
            continue
        number += 1
        try:
            value, end = decoder.raw_decode(window.text, window.at)
        except (ValueError, RecursionError) as error:
            if _unfinished(error, window) and window.more():
                number -= 1
                continue
            if isinstance(error, RecursionError):
                yield Bad(file, number, "too_deep", "nested deeper than can be read", excerpt(window.text[window.at :]))
                _pass_over(window)
                continue
            yield _skipped(window, file, number, key, error)
            continue
        raw = window.text[window.at : end]
        key = key or _first_key(raw)
        window.at = end
        yield _checked(value, raw, file, number)
    if not closed:
        yield Bad(file, None, "truncated_document", "the array is not closed: the file was cut off", "")


def _checked(value: Any, raw: str, file: str, number: int) -> Item:
    if not raw.isascii() and any("\udc80" <= c <= "\udcff" for c in raw):
        return Bad(file, number, "undecodable", "the row holds bytes that are not UTF-8", excerpt(raw))
    if twice := repeated(raw):
        return Bad(file, number, "duplicate_key", f"the name {twice[:80]!r} comes twice in one object", excerpt(raw))
    return sound(value, file, number, raw)


def _unfinished(error: Exception, window: _Window) -> bool:
    """Say whether the element may be cut by the end of the window rather than broken."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.pos > len(window.text) - 64 or error.msg.startswith("Unterminated string")


def _pass_over(window: _Window) -> None:
    """Move on to the end of the element in view, by its brackets alone; to the end of what may be in view where it has none."""
    while window.more():
        pass
    depth = 0
    for found in NESTING.finditer(window.text, window.at):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found.group(), 0)
        if depth <= 0:
            window.at = found.end()
            return
    window.at = len(window.text)


def _first_key(text: str) -> str:
    found = FIRST_KEY.match(text)
    return found.group(1) if found else ""


def _skipped(window: _Window, file: str, number: int, key: str, error: Exception) -> Bad:
    """Move on to where the next element begins: the next object with the first key of its sisters."""
    start = window.at
    key = key or _first_key(window.text[start : start + MAX_SHARED])
    opening = re.compile(r'\{\s*"' + re.escape(key) + r'"\s*:') if key else re.compile(r"(?<=[}\]]),?\s*[\[{]")
    found = opening.search(window.text, start + 1)
    while not found and window.more():
        start = window.at
        found = opening.search(window.text, start + 1)
    broken = window.text[start : found.start() if found else len(window.text)]
    window.at = found.start() if found else len(window.text)
    return Bad(file, number, "malformed_json", str(error) or type(error).__name__, excerpt(broken))


def one_value(data: bytes) -> bool:
    """Say whether `data` is one whole JSON value."""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            parse(data.decode("utf-8"))
        except (ValueError, RecursionError):
            return False
    return True
