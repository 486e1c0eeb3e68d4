"""record.content_hash and record.prompt_group over whole columns of text, in compiled code; what it cannot do it leaves to them.

A text is folded here character by character, by a table: right as long as no character acts on its neighbours, as
combining marks do. A record with such a character is hashed by the functions of record.py; the hashes are the same.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import xxhash

from curation.kernels import inlined, kernel
from curation.record import ROLES, content_hash, fold, prompt_group
from curation.swar import EACH_ONE, EACH_SPACE, HIGHS, STEP, fold8, load8, unprintable
from curation.utf8 import buffers, decode, numbers

LIMIT = 0x20000  # code points in the tables; rarer ones (Han of 1990s extensions and later, tags) take the slow way
AS_IS, SPACE, MAPPED, ACTING = 0, 1, 2, 3  # what a character does to its text
HANGUL = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))  # vowels and finals, which join the syllable before
HAN_FIRST, HAN_LAST = 0xE4, 0xE9  # first bytes of U+4000 to U+9FFF, all of which fold to themselves
ASSISTANT = ROLES.index("assistant")
FIRST = np.uint64(0x80)  # the mark of the first of eight bytes
ROOM = 64  # bytes, more than one folded character takes (33)


class Table(NamedTuple):
    """kind: uint8[LIMIT]; the folded form of a MAPPED character c is data[starts[c]:starts[c + 1]]; plain: of ASCII."""

    kind: np.ndarray
    starts: np.ndarray
    data: np.ndarray
    plain: np.ndarray


@cache
def acting() -> frozenset[str]:
    """Return the characters that may combine with, or move past, the one before them."""
    found = {chr(c) for c in HANGUL}
    for code in range(LIMIT):
        character = chr(code)
        if unicodedata.combining(character):
            found.add(character)
        parts = unicodedata.decomposition(character).split()
        if len(parts) == 2 and parts[0][0] != "<":
            found.add(chr(int(parts[1], 16)))
    return frozenset(found)


@cache
def _table() -> Table:
    """Return what `record.fold` does to each character on its own."""
    acts = acting()
    kind, starts = np.zeros(LIMIT, np.uint8), np.zeros(LIMIT + 1, np.int64)
    data = bytearray()
    for code in range(LIMIT):
        character = chr(code)
        starts[code] = len(data)
        wide = unicodedata.normalize("NFKC", character)
        folded = wide.casefold()
        if (
            not acts.isdisjoint(wide)
            or 0xD800 <= code < 0xE000
            or (len(folded) > 1 and len(folded.split()[0]) < len(folded))
        ):
            kind[code] = ACTING
        elif folded.isspace():
            kind[code] = SPACE
        elif folded != character:
            kind[code] = MAPPED
            data += folded.encode()
    starts[LIMIT] = len(data)
    plain = np.array([ord(fold(chr(code)) or " ") for code in range(0x80)], np.uint8)
    return Table(kind, starts, np.frombuffer(bytes(data), np.uint8), plain)


class Hashes(NamedTuple):
    """What record.py says of each record: content_hash and prompt_group."""

    contents: list[bytes]
    prompts: pa.Int64Array


def hashes(offsets: np.ndarray, roles: np.ndarray, contents: pa.Array) -> Hashes:
    """Return the hashes of each record: turns offsets[i]:offsets[i + 1] of `roles` (index in ROLES) and `contents`."""
    starts, data = buffers(contents)
    total = int(starts[-1] - starts[0])  # folding lengthens hardly any text
    out = np.empty(total + total // 8 + ROOM * (len(roles) + 1), np.uint8)
    ends, prompts = np.zeros(len(offsets), np.int64), np.zeros(len(offsets) - 1, np.int64)
    hard = np.zeros(len(offsets) - 1, np.bool_)
    names = np.zeros((len(ROLES), 16), np.uint8)
    for row, role in enumerate(ROLES):
        names[row, : len(role)] = np.frombuffer(role.encode(), np.uint8)
    _fold((offsets, roles, names), (starts, data), tuple(_table()), out, (ends, prompts, hard))
    view = memoryview(out.data)
    bounds = ends.tolist()
    digest, short = xxhash.xxh3_128_digest, xxhash.xxh3_64_intdigest
    found = [digest(view[a:b]) for a, b in pairwise(bounds)]
    asked = np.array([short(view[a:b]) for a, b in zip(bounds, prompts.tolist(), strict=False)], np.uint64).view(
        np.int64
    )
    none = prompts == ends[:-1]
    for row in np.flatnonzero(hard).tolist():
        turns = [(ROLES[roles[t]], contents[t].as_py()) for t in range(offsets[row], offsets[row + 1])]
        group = prompt_group(turns)
        found[row], asked[row], none[row] = content_hash(turns), group or 0, group is None
    return Hashes(found, numbers(asked, none))


@kernel
def _fold(turns, texts, table, out, found):  # type: ignore[no-untyped-def]
    """Write what content_hash hashes of each record, one after another, and where its prompt ends.

    `hard` marks those that the table cannot fold.
    """
    offsets, roles, names = turns
    starts, data = texts
    ends, prompts, hard = found
    at = 0
    for record in range(len(offsets) - 1):
        ends[record] = at
        answer = np.int64(-1)
        for turn in range(offsets[record], offsets[record + 1]):
            if roles[turn] == ASSISTANT:
                answer = np.int64(at)
            for byte in names[roles[turn]]:
                if byte == 0:
                    break
                out[at] = byte
                at += 1
            out[at] = 0x1F
            at = _folded(data, starts[turn], starts[turn + 1], table, out, at + 1)
            if at < 0:
                hard[record] = True
                at = ends[record]
                break
            out[at] = 0x1E
            at += 1
        prompts[record] = at if answer < 0 else answer
    ends[len(offsets) - 1] = at


@kernel
def _folded(data, position, end, table, out, at):  # type: ignore[no-untyped-def]
    """Fold one text into `out` from `at` on; returns where it ends, or -1 where it cannot be folded here."""
    if at + end - position > len(out) - ROOM:
        return -1
    if is_ascii(data[position:end]):
        return at + _folded_ascii(data[position:end], out[at : at + end - position])
    begin, limit, plain = at, len(out) - ROOM, table[3]
    while position < end:
        if at > limit:
            return -1
        code = np.int64(data[position])
        if code < 0x80:
            if begin < at and position + STEP <= end and _put_eight(load8(data, np.uint64(position)), out, at):
                at, position = at + STEP, position + STEP
                continue
            at = _put(plain[code], out, at, begin)
            position += 1
        elif HAN_FIRST <= code <= HAN_LAST:
            size = _copy_han(data[position:end], out[at:])
            at, position = at + size, position + size
        else:
            code, width = decode(data, position, end)
            at = _put_form(code, data[position : position + width], table, out, at, begin)
            position += width
        if at < 0:
            return -1
    return at - 1 if at > begin and out[at - 1] == 0x20 else at


@inlined
def _put(letter, out, at, begin):  # type: ignore[no-untyped-def]
    """Write one byte, but no space after a space or at the beginning; returns where to go on."""
    if letter == 0x20 and (at == begin or out[at - 1] == 0x20):
        return at
    out[at] = letter
    return at + 1


@inlined
def _put_eight(block, out, at):  # type: ignore[no-untyped-def]
    """Write eight bytes folded where they are printable ASCII without a space after a space; says whether they are."""
    other = block ^ EACH_SPACE
    blank = (other - EACH_ONE) & ~other & HIGHS  # a "!" after a space may count too, and goes the slow way
    if unprintable(block) or blank & (blank << np.uint64(8)) or (blank & FIRST and out[at - 1] == 0x20):
        return False
    folded = fold8(block, np.uint64(STEP))
    for byte in range(STEP):
        out[at + byte] = np.uint8(folded >> np.uint64(8 * byte))
    return True


@kernel
def _put_form(code, character, table, out, at, begin):  # type: ignore[no-untyped-def]
    """Write what a character folds to; returns where to go on, or -1."""
    kind, starts, forms, _ = table
    if code >= LIMIT or kind[code] == ACTING:
        return -1
    if kind[code] == SPACE:
        return _put(np.uint8(0x20), out, at, begin)
    form = forms[starts[code] : starts[code + 1]] if kind[code] == MAPPED else character
    for i in range(len(form)):
        out[at + i] = form[i]
    return at + len(form)


@kernel
def _copy_han(text, out):  # type: ignore[no-untyped-def]
    """Copy the run of Han that `text` begins with; returns its bytes."""
    size = min(len(text), len(out)) // 3
    for i in range(size):
        if text[3 * i] < HAN_FIRST or text[3 * i] > HAN_LAST:
            return 3 * i
        out[3 * i] = text[3 * i]
        out[3 * i + 1] = text[3 * i + 1]
        out[3 * i + 2] = text[3 * i + 2]
    return 3 * size


@kernel
def is_ascii(text):  # type: ignore[no-untyped-def]
    """Say whether all bytes are below 0x80."""
    every = np.uint8(0)
    for byte in text:
        every |= byte
    return every < 0x80


@kernel
def _folded_ascii(text, out):  # type: ignore[no-untyped-def]
    """Fold ASCII into `out`, byte by byte and then collapsing white space where there is any; returns the length.

    The first two loops vectorise, as long as they hold no branch and their indices begin at 0.
    """
    size, doubled = len(text), 0
    for i in range(size):
        byte = text[i]
        upper = np.uint8(np.uint8(byte - np.uint8(0x41)) < np.uint8(26))
        blank = (np.uint8(byte - np.uint8(0x09)) < np.uint8(5)) | (np.uint8(byte - np.uint8(0x1C)) < np.uint8(4))
        out[i] = np.uint8(0x20) if blank else np.uint8(byte + (upper << 5))
    for i in range(size - 1):
        doubled += (out[i] == 0x20) & (out[i + 1] == 0x20)
    if size and (doubled or out[0] == 0x20):
        at, last = 0, np.uint8(0x20)
        for i in range(size):
            if out[i] != 0x20 or last != 0x20:
                last = out[i]
                out[at] = last
                at += 1
        size = at
    return size - 1 if size and out[size - 1] == 0x20 else size
