"""YAML lists and plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from curation.files.document import rows_of
from curation.files.lines import lines
from curation.files.row import MAX_DOCUMENT, MAX_ROW, Bad, Item, Row, excerpt, joined

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is 8 times as fast; both build plain values only
ANCHOR = re.compile(r"(?:^|[\s\[{,:-])&\w")
MAX_DEPTH = 500  # of a YAML value; the C parser overruns its stack somewhere beyond 10,000
LIST = re.compile(r"-\s+[\w\"'{]")
# LogiQA: https://github.com/lgw863/LogiQA-dataset, blocks of the right letter, context, question and four options.
LOGIQA_ANSWER = re.compile(r"[a-dA-D]")
OPTION = re.compile(r"[A-D]\s*[.．、:：]?")


def yaml_rows(chunks: Iterator[bytes], file: str) -> Iterator[Item]:
    """Yield the rows of a YAML list entry by entry, so that one broken entry costs one row; else of the whole document."""
    text = joined(chunks, MAX_DOCUMENT, f"the YAML in {file}").decode("utf-8", "replace")
    if not text.strip():
        return
    body = re.sub(r"\A(?:\s*(?:#.*|---.*)?\n)*", "", text)
    if not LIST.match(body):
        yield from _yaml_document(text, file)
        return
    for number, block in enumerate(re.split(r"\n(?=- |-\n)", body), 1):
        value = _yaml(block, file, number)
        if isinstance(value, Bad):
            yield value
        elif isinstance(value, list) and len(value) == 1:
            yield Row(file, number, value[0])
        else:
            yield Bad(file, number, "malformed_yaml", "an entry of the list that is not one value", excerpt(block))


def _yaml_document(text: str, file: str) -> Iterator[Item]:
    value = _yaml(text, file, None)
    if isinstance(value, Bad):
        yield value
        return
    for number, row in enumerate(rows_of(value), 1):
        yield Row(file, number, row)


def _yaml(text: str, file: str, number: int | None) -> Any:
    if ANCHOR.search(text) and any(isinstance(e, yaml.AliasEvent) for e in _events(text)):
        # A few nested aliases stand for billions of values (the "billion laughs").
        return Bad(file, number, "yaml_alias", "aliases are not followed; write the value out", excerpt(text))
    if sum(map(text.count, ("[", "{", "- ", "? ", "\n"))) > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return Bad(file, number, "too_deep", f"nested deeper than {MAX_DEPTH:,}", excerpt(text))
    try:
        return yaml.load(text, LOADER)  # noqa: S506, one of the safe loaders
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return Bad(file, number, "malformed_yaml", " ".join(str(error).split())[:300], excerpt(text))


def _depth(text: str) -> int:
    """Return how deep a YAML text nests; reading its events needs no recursion, which composing its values does (in C)."""
    depth = deepest = 0
    for event in _events(text):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
    return deepest


def _events(text: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, LOADER)
    except yaml.YAMLError:
        return


def is_logiqa(head: str) -> bool:
    """Say whether a text begins with a LogiQA block."""
    block = [line for line in head.split("\n") if line.strip()][:7]
    return len(block) == 7 and _is_block(block)


def _is_block(block: list[str]) -> bool:
    return bool(LOGIQA_ANSWER.fullmatch(block[0].strip())) and all(OPTION.match(o.strip()) for o in block[3:7])


def logiqa(chunks: Iterator[bytes], file: str) -> Iterator[Item]:
    """Yield {answer, context, question, options} a block."""
    block: list[str] = []
    number = 0
    for line in [*_texts(chunks), "a"]:
        if block and LOGIQA_ANSWER.fullmatch(line.strip()) and len(block) >= 7:
            number += 1
            yield _logiqa_row(block, file, number)
            block = []
        if line.strip():
            block.append(line.strip())


def _logiqa_row(block: list[str], file: str, number: int) -> Item:
    if len(block) != 7 or not LOGIQA_ANSWER.fullmatch(block[0]):
        return Bad(file, number, "malformed_block", f"7 lines expected, {len(block)} found", excerpt("\n".join(block)))
    return Row(file, number, {"answer": block[0], "context": block[1], "question": block[2], "options": block[3:]})


def blocks(chunks: Iterator[bytes], file: str) -> Iterator[Item]:
    """Yield the paragraphs of a plain text, one string each: what they are is for the caller to say."""
    number, block, size = 0, list[str](), 0
    for line in _texts(chunks):
        size += len(line)
        if line.strip() and size <= MAX_ROW:
            block.append(line)
            continue
        if block:
            number += 1
            yield Row(file, number, "\n".join(block))
        block, size = [line] if line.strip() else [], len(line)
    if block:
        yield Row(file, number + 1, "\n".join(block))


def _texts(chunks: Iterator[bytes]) -> Iterator[str]:
    for line in lines(chunks):
        yield "" if line is None else line.decode("utf-8", "replace").rstrip("\r")
