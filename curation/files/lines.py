"""JSONL: one JSON value a line, each line on its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson

from curation.files.row import MAX_ROW, Bad, Item, Row, excerpt


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


def jsonl(chunks: Iterator[bytes], file: str) -> Iterator[Item]:
    """Yield a row a line, numbered by line; blank lines are passed over."""
    for number, line in enumerate(lines(chunks), 1):
        if line is None:
            yield Bad(file, number, "row_too_large", f"a line of more than {MAX_ROW:,} bytes", "")
            continue
        try:
            yield Row(file, number, orjson.loads(line))
        except orjson.JSONDecodeError:
            if line.strip():
                yield second_look(line, file, number)


def second_look(line: bytes, file: str, number: int) -> Item:
    """Parse what orjson refuses and Python accepts (NaN, lone surrogates, raw control characters), or say what is wrong."""
    try:
        return Row(file, number, parse(line.decode("utf-8")))
    except UnicodeDecodeError as error:
        return Bad(file, number, "undecodable", f"not UTF-8 at byte {error.start} of the row", excerpt(line))
    except (ValueError, RecursionError) as error:
        return Bad(file, number, "malformed_json", str(error) or type(error).__name__, excerpt(line))


def parse(text: str) -> Any:
    """Parse JSON as people write it: control characters in strings and NaN pass; raises ValueError or RecursionError."""
    return json.loads(text, strict=False)
