"""A conversation in its canonical form, by pure functions: the same text is the same characters, and nothing is invisible.

Makers get `normalise` handed in. It never judges: whether what remains is a record is for the maker to say.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np
import pyarrow as pa

from curation.folding import HAN_FIRST, HAN_LAST, LIMIT, acting
from curation.kernels import kernel
from curation.record import ROLES, Turn
from curation.swar import STEP, load8, unprintable
from curation.utf8 import buffers, decode

MERGED = (
    "user",
    "assistant",
)  # chat templates want these to alternate; parallel tool results and system turns stay apart
BETWEEN = "\n\n"

# C0 without tab and newline (and what becomes a newline), DEL and C1, soft hyphen, combining grapheme joiner, zero-width space, direction
# marks and overrides (they can make text read otherwise than it is), word joiner and invisible operators, deprecated
# format characters, BOM, interlinear annotation, noncharacters, lone surrogates.
JUNK = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
)
BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
UNSEEN = re.compile(f"[{JUNK}]+")
# Joiners shape Arabic and the scripts of India, and build emoji; anywhere else they only hide in the text.
EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
JOINER = re.compile(
    f"(?:(?<![\u0600-\u0dff{EMOJI}\ufe0f])[\u200c\u200d]|[\u200c\u200d](?![\u0600-\u0dff{EMOJI}]))",
)
TAGS = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+")  # kept in the flags of regions only
RARE = re.compile(f"[{JUNK}\x0b\x0c\x85\u2028\u2029\u200c\u200d\U000e0000-\U000e007f\r]")
BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
INDENTED = re.compile(r"\A[ \t]+\S.*\n[ \t]", re.DOTALL)  # code that goes on from a signature: its first indent counts


def text(said: str) -> str:
    """Return a text in NFC with LF line ends, without invisible characters and surrounding white space.

    NFC and not NFKC: full-width punctuation is right in Chinese. Idempotent.
    """
    if RARE.search(said):
        said = unicodedata.normalize("NFC", said)  # first, for it may change what stands beside a joiner
        said = BREAKS.sub("\n", said)
        said = UNSEEN.sub("", said)
        said = TAGS.sub("", said)
        said = JOINER.sub("", said)
    if not said.isascii() and not unicodedata.is_normalized("NFC", said):
        said = unicodedata.normalize("NFC", said)
    return _trimmed(said)


def _trimmed(said: str) -> str:
    if not said or not (said[0].isspace() or said[-1].isspace()):
        return said
    said = said.rstrip()
    if blank := BLANK_LINES.match(said):  # sub() would look for another beginning of the text all along it
        said = said[blank.end() :]
    return said if INDENTED.match(said) else said.lstrip()


def normalise(turns: list[Turn]) -> list[Turn]:
    """Return turns with normalised contents: empty ones at either end dropped, neighbours of the same role joined.

    An empty turn in the middle stays (a judge names it), so that no question meets another question's answer.
    Roles are left alone. Idempotent.
    """
    clean = [(role, text(content)) for role, content in turns]
    start, end = 0, len(clean)
    while start < end and not clean[start][1]:
        start += 1
    while end > start and not clean[end - 1][1]:
        end -= 1
    out: list[Turn] = []
    for role, content in clean[start:end]:
        if out and role == out[-1][0] and role in MERGED:
            out[-1] = (role, BETWEEN.join(p for p in (out[-1][1], content) if p))
        else:
            out.append((role, content))
    return out


SETTLED, OPEN, NUL = 0, 1, 2  # what `unsettled` says of a record
PLAIN, BLANK, WORK, ZERO = 0, 1, 2, 3  # what a character is to it


def unsettled(offsets: np.ndarray, roles: np.ndarray, contents: pa.Array) -> np.ndarray:
    """Say which records `normalise` would leave as they are: SETTLED, OPEN (it has to look) or NUL (one is in the text).

    Record i holds turns offsets[i]:offsets[i + 1] of `roles` (index in ROLES) and `contents`. Returns uint8, one a record.
    """
    starts, data = buffers(contents)
    merged = np.array([role in MERGED for role in ROLES])
    found = np.empty(len(offsets) - 1, np.uint8)
    _look((offsets, roles, merged), starts, data, _kinds(), found)
    return found


@cache
def _kinds() -> np.ndarray:
    """Return what each character is: PLAIN, BLANK (so at either end of a text), WORK (anywhere) or ZERO."""
    kinds = np.zeros(LIMIT, np.uint8)
    for character in acting():
        kinds[ord(character)] = WORK
    for code in range(LIMIT):
        character = chr(code)
        if RARE.match(character) or not unicodedata.is_normalized("NFC", character):
            kinds[code] = WORK
        elif character.isspace():
            kinds[code] = BLANK
    kinds[0] = ZERO
    return kinds


@kernel
def _look(turns, starts, data, kinds, found):  # type: ignore[no-untyped-def]
    offsets, roles, merged = turns
    for record in range(len(found)):
        found[record] = SETTLED
        for turn in range(offsets[record], offsets[record + 1]):
            again = turn > offsets[record] and roles[turn] == roles[turn - 1] and merged[roles[turn]]
            kind = _text_kind(data, starts[turn], starts[turn + 1], kinds)
            if kind != PLAIN or again:
                found[record] = max(found[record], NUL if kind == ZERO else OPEN)


@kernel
def _text_kind(data, position, end, kinds):  # type: ignore[no-untyped-def]
    """Return the worst a text holds: PLAIN, BLANK (at an end, or nothing at all), WORK or ZERO."""
    if _is_plain(data[position:end]):
        return BLANK if position == end or data[position] <= 0x20 or data[end - 1] <= 0x20 else PLAIN
    worst, kind, begin = PLAIN, BLANK, position
    while position < end:
        code, width = np.int64(data[position]), 1
        if HAN_FIRST <= code <= HAN_LAST:
            kind, position = PLAIN, position + 3
            continue
        if code >= 0x80:
            code, width = decode(data, position, end)
        elif begin < position < end - STEP and not unprintable(load8(data, np.uint64(position))):
            position += STEP
            continue
        kind = kinds[code] if code < LIMIT else WORK
        if kind > BLANK or (kind == BLANK and position == begin):
            worst = max(worst, kind)
        position += width
    return max(worst, kind)


@kernel
def _is_plain(text):  # type: ignore[no-untyped-def]
    """Say whether all is printable ASCII, tabs and line ends: a loop that vectorises, since its index begins at 0."""
    odd = np.uint8(0)
    for byte in text:
        odd |= np.uint8(byte >= 0x7F) | np.uint8((byte < 0x20) & (byte != 0x0A) & (byte != 0x09))
    return odd == 0
