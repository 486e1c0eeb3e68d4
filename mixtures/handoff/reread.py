"""Reads one data file again, line by line, for `verify`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from curation.record import ROLES, TURNS, Turn, flat_turns
from curation.template import Template, segments, template
from curation.tokens import Tokenizer, count
from mixtures.handoff.data import MIXED
from mixtures.handoff.manifest import DATA, Settings, Shard

KEYS = {"id", "channel", "messages"}
ORDER = re.compile(r"s?(ua)+")  # first letters of the roles
BATCH = 1024  # lines held at once


@dataclass
class Faults:
    """What is wrong, by check: the first fault in words, and how many."""

    first: dict[str, str] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)

    def add(self, check: str, text: str) -> None:
        """Count a fault; keep its words where it is the check's first."""
        self.first.setdefault(check, text)
        self.count[check] += 1


@dataclass(frozen=True)
class Member:
    """A conversation on a line, as lineage.parquet has it."""

    id: str
    domain: str
    start: int
    stop: int
    n_tokens: int
    n_target_tokens: int


@dataclass(frozen=True)
class Line:
    """A line of a data file whose shape is right."""

    where: str
    turns: list[Turn]
    members: list[Member] | None  # None where there is no lineage to compare with


def shard(
    path: Path, told: Shard, lineage: pa.Table | None, settings: Settings, tokenizer: Tokenizer | None, faults: Faults
) -> None:
    """Compare a data file with its rows of lineage.parquet (None: without) and count its tokens again (None: do not)."""
    chat = template(settings.tokens.template)
    rows = _by_row(lineage) if lineage is not None else None
    number, batch = 0, list[Line]()
    for number, raw in enumerate(_lines(path, told.file, faults), start=1):
        where = f"{DATA}/{told.file} line {number:,}"
        line = _line(raw, where, rows.pop(number, []) if rows is not None else None, faults)
        if line is not None:
            batch.append(line)
        if len(batch) == BATCH:
            _check(batch, settings, chat, tokenizer, faults)
            batch = []
    _check(batch, settings, chat, tokenizer, faults)
    if number != told.lines:
        faults.add("counts", f"{DATA}/{told.file}: expected {told.lines:,} lines, found {number:,}")
    if rows:
        faults.add(
            "lineage",
            f"{DATA}/{told.file} line {min(rows):,}: expected the record {rows[min(rows)][0].id}, found no such line",
        )


def _lines(path: Path, name: str, faults: Faults) -> Iterator[bytes]:
    with path.open("rb") as file:
        for raw in file:  # only \n ends a line, as for every reader of JSON Lines
            if not raw.endswith(b"\n"):
                faults.add("lines", f"{DATA}/{name}: expected a line end at the end of the file, found none")
            yield raw


def _by_row(lineage: pa.Table) -> dict[int, list[Member]]:
    found: dict[int, list[Member]] = {}
    for row in lineage.sort_by([("row", "ascending"), ("message", "ascending")]).to_pylist():
        start = row["message"]
        member = Member(
            str(row["id"]), row["domain"], start, start + row["messages"], row["n_tokens"], row["n_target_tokens"]
        )
        found.setdefault(row["row"], []).append(member)
    return found


def _line(raw: bytes, where: str, members: list[Member] | None, faults: Faults) -> Line | None:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        faults.add("lines", f"{where}: expected JSON, found {error}")
        return None
    if not _shaped(value):
        faults.add(
            "lines",
            f"{where}: expected {sorted(KEYS)}, messages of role and content, all text, found {str(value)[:80]!r}",
        )
        return None
    turns = [(m["role"], m["content"]) for m in value["messages"]]
    unknown = next((role for role, _ in turns if role not in ROLES), None)
    if unknown is not None:
        faults.add("turns", f"{where}: expected the roles {', '.join(ROLES)}, found {unknown[:40]!r}")
        return None
    if members is not None:
        _placed(value, len(turns), where, members, faults)
    return Line(where, turns, members)


def _shaped(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == KEYS
        and isinstance(value["id"], str)
        and isinstance(value["channel"], str)
        and isinstance(value["messages"], list)
        and len(value["messages"]) > 0
        and all(
            isinstance(m, dict)
            and m.keys() == {"role", "content"}
            and all(isinstance(text, str) for text in m.values())
            for m in value["messages"]
        )
    )


def _placed(value: dict[str, Any], length: int, where: str, members: list[Member], faults: Faults) -> None:
    """Check that the members follow each other from the first message to the last, and that id and channel are theirs."""
    if not members:
        faults.add("lineage", f"{where}: expected no such line, found the record {value['id']}")
        return
    bounds = [0, *(m.stop for m in members)]
    if [m.start for m in members] != bounds[:-1] or bounds[-1] != length:
        faults.add("lineage", f"{where}: expected {bounds[-1]} messages, found {length}")
    channel = members[0].domain if len({m.domain for m in members}) == 1 else MIXED
    for name, expected in (("id", members[0].id), ("channel", channel)):
        if value[name] != expected:
            faults.add("lineage", f"{where}: expected {name} {expected}, found {value[name]}")


def _check(batch: list[Line], settings: Settings, chat: Template, tokenizer: Tokenizer | None, faults: Faults) -> None:
    for line in batch:
        _turns(line, settings, chat, faults)
    if tokenizer is None:
        for line in batch:
            _length(line, sum(m.n_tokens for m in line.members or []), settings, faults)
        return
    pieces = [(line, part) for line in batch for part in _parts(line)]
    total, target = count(flat_turns(_table([turns for _, (_, turns) in pieces])), tokenizer, chat)
    lengths = dict.fromkeys((line.where for line in batch), 0)
    for (line, (member, _)), n, supervised in zip(pieces, total.tolist(), target.tolist(), strict=True):
        lengths[line.where] += n
        if member is not None and (n, supervised) != (member.n_tokens, member.n_target_tokens):
            faults.add(
                "tokens",
                f"{line.where}: record {member.id}: expected {member.n_tokens:,} tokens, {member.n_target_tokens:,} of them "
                f"supervised, found {n:,} and {supervised:,}",
            )
        if not supervised:
            faults.add("masks", f"{line.where}: expected supervised tokens, found none")
    for line in batch:
        _length(line, lengths[line.where], settings, faults)
        _mask(line, chat, faults)


def _parts(line: Line) -> list[tuple[Member | None, list[Turn]]]:
    """Return the conversations of a line; the whole line where the lineage does not fit it."""
    members = line.members
    if not members or [m.stop for m in members][-1] != len(line.turns):
        return [(None, line.turns)]
    return [(m, line.turns[m.start : m.stop]) for m in members]


def _table(conversations: list[list[Turn]]) -> pa.Table:
    rows = [[{"role": role, "content": content} for role, content in turns] for turns in conversations]
    return pa.table({"turns": pa.array(rows, TURNS)})


def _turns(line: Line, settings: Settings, chat: Template, faults: Faults) -> None:
    shape = "".join(role[:1] for role, _ in line.turns)
    if not ORDER.fullmatch(shape):
        found = " ".join(role for role, _ in line.turns)
        faults.add("turns", f"{line.where}: expected [system] (user assistant)+, found {found[:120]}")
    for _, content in line.turns:
        for control in chat.controls:
            if control in content:
                faults.add(
                    "turns",
                    f"{line.where}: expected no {control} in a text, found one; a trainer reads it as the token",
                )
    if settings.packing == "isolated" and line.members is not None and len(line.members) > 1:
        faults.add("turns", f"{line.where}: expected one conversation on a line, found {len(line.members)}")


def _length(line: Line, n_tokens: int, settings: Settings, faults: Faults) -> None:
    if n_tokens > settings.max_tokens:
        faults.add("lengths", f"{line.where}: expected at most {settings.max_tokens:,} tokens, found {n_tokens:,}")


def _mask(line: Line, chat: Template, faults: Faults) -> None:
    """Check that the loss covers the answers with their ends, and that the line renders as its conversations do."""
    rendered = segments(line.turns, chat)
    end = "".join(chat.assistant.end)
    expected = "".join(content + end for role, content in line.turns if role == "assistant")
    found = "".join(s.text for s in rendered if s.supervised)
    if found != expected:
        at = next(
            (i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), min(len(expected), len(found))
        )
        faults.add(
            "masks",
            f"{line.where}: expected the loss on {expected[at : at + 40]!r}, found it on {found[at : at + 40]!r}",
        )
    joined = "".join(s.text for _, turns in _parts(line) for s in segments(turns, chat))
    if chat.joint == "" and "".join(s.text for s in rendered) != joined:
        faults.add("masks", f"{line.where}: expected the line to read as its conversations joined, found another text")
