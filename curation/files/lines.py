"""JSONL: one JSON value a line, each line on its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from curation.files.row import MAX_ROW, Bad, Item, Lines, Row, excerpt

BLOCK = 4 << 20  # bytes of lines that are handed on at a time


def lines(chunks: Iterator[bytes]) -> Iterator[bytes | None]:
    """Yield lines without their ends; None stands for one of more than MAX_ROW bytes."""
    tail, skipping = b"", False
    for chunk in chunks:
        parts = chunk.split(b"\n")
        if len(parts) == 1:
            tail = b"" if skipping else tail + chunk
            if len(tail) > MAX_ROW:
                tail, skipping = b"", True
            continue
        if skipping:
            yield None
        else:
            yield tail + parts[0]
        yield from parts[1:-1]
        tail, skipping = parts[-1], False
    if skipping:
        yield None
    elif tail:
        yield tail


def blocks(chunks: Iterator[bytes], file: str, number: int = 1) -> Iterator[Lines | Bad]:
    """Yield the lines of a JSONL file unparsed, some megabytes at a time; Bad for a line of more than MAX_ROW bytes.

    They are numbered on from `number`.
    """
    whole, tail = list[bytes](), list[bytes]()  # lines with their ends; the beginning of one whose end is still to come
    size, skipping = 0, False
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        size += len(chunk)
        if not end:
            tail = [] if skipping else [*tail, chunk]
            skipping = skipping or sum(map(len, tail)) > MAX_ROW
            continue
        begin = 0
        if skipping:
            found, count = _lines(whole, file, number)
            yield from found
            yield _too_large(file, number + count)
            number += count + 1
            begin, whole, tail, skipping = chunk.find(b"\n") + 1, [], [], False
        whole, tail = [*whole, *tail, chunk[begin:end]], [chunk[end:]]
        if size >= BLOCK:
            found, count = _lines(whole, file, number)
            yield from found
            number, whole, size = number + count, [], 0
    found, count = _lines(whole if skipping else [*whole, *tail], file, number)
    yield from found
    if skipping:
        yield _too_large(file, number + count)


def _lines(parts: list[bytes], file: str, number: int) -> tuple[list[Lines], int]:
    """Return the lines, none where all is blank, and how many they are."""
    data = b"".join(parts)
    if not data.endswith(b"\n"):
        data += b"\n"
    count = data.count(b"\n")
    return [] if data.isspace() else [Lines(file, number, count, data)], count


def _too_large(file: str, number: int) -> Bad:
    return Bad(file, number, "row_too_large", f"a line of more than {MAX_ROW:,} bytes", "")


def jsonl(block: Lines) -> Iterator[Item]:
    """Yield a row a line, numbered by line; blank lines are passed over."""
    file = block.file
    for number, line in enumerate(block.data.split(b"\n"), block.number):
        if not line:
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            if line.strip():
                yield second_look(line, file, number)
            continue
        if may_repeat(line, value) and (twice := repeated(line)):
            yield Bad(
                file, number, "duplicate_key", f"the name {twice[:80]!r} comes twice in one object", excerpt(line)
            )
        else:
            yield Row(file, number, value)


def second_look(line: bytes, file: str, number: int) -> Item:
    """Parse what orjson refuses and Python accepts (NaN, a BOM, raw control characters), or say what is wrong."""
    try:
        value = parse(line.decode("utf-8").lstrip("\ufeff"))
    except UnicodeDecodeError as error:
        return Bad(file, number, "undecodable", f"not UTF-8 at byte {error.start} of the row", excerpt(line))
    except RecursionError:
        return Bad(file, number, "too_deep", "nested deeper than can be read", excerpt(line))
    except ValueError as error:
        return Bad(file, number, "malformed_json", str(error) or type(error).__name__, excerpt(line))
    return sound(value, file, number, line)


def sound(value: Any, file: str, number: int, raw: bytes | str) -> Item:
    """Return a value that Python parsed as a row, or Bad where half of a UTF-16 pair is in it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return Bad(file, number, "lone_surrogate", "half of a UTF-16 pair: a text that was cut between", excerpt(raw))
    except RecursionError:
        return Bad(file, number, "too_deep", "nested deeper than can be read", excerpt(raw))
    return Row(file, number, value)


def parse(text: str) -> Any:
    """Parse JSON as people write it: control characters in strings and NaN pass; raises ValueError or RecursionError."""
    return json.loads(text, strict=False)


def may_repeat(raw: bytes, value: Any) -> bool:
    r"""Say whether an object may have named something twice: whether more names are written in `raw` than came out of it.

    Every name ends in `":`, which inside a string is written `\\":`. One written with a space before the colon goes unseen.
    """
    return raw.count(b'":') - raw.count(b'\\":') > _names(value)


def _names(value: Any) -> int:
    """Return how many names the objects in `value` have."""
    count, open_ends = 0, [value]
    while open_ends:
        one = open_ends.pop()
        if type(one) is dict:
            count += len(one)
            open_ends += [v for v in one.values() if type(v) is dict or type(v) is list]
        elif type(one) is list:
            open_ends += [v for v in one if type(v) is dict or type(v) is list]
    return count


class _RepeatedError(Exception):
    """Carries the name that an object has twice."""


def repeated(raw: bytes | str) -> str:
    """Return a name that some object in a JSON text has twice, or an empty string."""
    try:
        json.loads(raw, strict=False, object_pairs_hook=_once)
    except _RepeatedError as found:
        return str(found)
    except (ValueError, RecursionError):
        return ""
    return ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedError(next(n for n in names if names.count(n) > 1).encode("utf-8", "replace").decode())
    return found
