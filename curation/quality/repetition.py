"""How much of a text repeats what it said before, how much of that is a loop, and whether an answer is its prompt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels import inlined, maker
from curation.text import ngrams, tokens
from curation.utf8 import buffers

GRAM = 8  # tokens: idioms and code repeat shorter runs by right
NEAR = 64  # tokens: a run that came this shortly before is a loop rather than a refrain
TAIL = 2400  # bytes at the end of a text that are looked at for a period
TIMES = 5  # a stretch said so often on end has lost its way
LEAST = 200  # bytes: what is repeated in less may be meant


@dataclass(frozen=True)
class Repetition:
    """Of each of n texts; a text of fewer than 9 tokens has shares of 0."""

    seen: np.ndarray  # float32, share of its 8-grams seen before in it
    near: np.ndarray  # float32, share seen within the 64 tokens before
    tokens: np.ndarray  # int64
    han: np.ndarray  # int32, how many of them are Han, Kana or Hangul characters
    periodic: (
        np.ndarray
    )  # bool, it ends in one stretch TIMES over, LEAST bytes or more in all, half of them letters or digits


def repetition(texts: pa.Array) -> Repetition:
    """Measure a string column."""
    found = tokens(texts)
    seen, near = _shares(found.offsets, found.hashes)
    return Repetition(seen, near, np.diff(found.offsets), found.han, _periodic(*buffers(texts)))


def echo(prompts: pa.Array, responses: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Say of each pair whether the response is the prompt, and whether it mostly is; space around them is ignored.

    Mostly: it is the last half (or more) of the prompt, or the prompt with less than a fifth added.
    """
    (prompt_offsets, prompt), (response_offsets, response) = buffers(prompts), buffers(responses)
    return _echo(prompt_offsets, prompt, response_offsets, response)  # type: ignore[no-any-return]


@maker
def _echo(prompt_offsets, prompt, response_offsets, response):  # type: ignore[no-untyped-def]
    n = len(prompt_offsets) - 1
    equal, mostly = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    for i in range(n):
        first, last = _trim(prompt, prompt_offsets[i], prompt_offsets[i + 1])
        start, end = _trim(response, response_offsets[i], response_offsets[i + 1])
        asked, said = last - first, end - start
        if asked == 0 or said == 0:
            continue
        if said <= asked:
            mostly[i] = 2 * said >= asked and _same(prompt, last - said, response, start, said)
            equal[i] = said == asked and mostly[i]
        else:
            mostly[i] = 5 * said < 6 * asked and _same(prompt, first, response, start, asked)
    return equal, mostly


@inlined
def _trim(data, start, end):  # type: ignore[no-untyped-def]
    while start < end and data[start] <= 32:
        start += 1
    while end > start and data[end - 1] <= 32:
        end -= 1
    return start, end


@inlined
def _same(left, at, right, start, length):  # type: ignore[no-untyped-def]
    for i in range(length):  # noqa: SIM110 - compiled, where a generator is not
        if left[at + i] != right[start + i]:
            return False
    return True


@maker
def _periodic(offsets, data):  # type: ignore[no-untyped-def]
    """Say of each text whether its end has a period, by the failure function of Knuth, Morris and Pratt 1977.

    Read from the end, so that a broken last stretch does not matter.
    """
    n = len(offsets) - 1
    out, fail = np.zeros(n, np.bool_), np.zeros(TAIL + 1, np.int64)
    for text in range(n):
        start, end = _trim(data, offsets[text], offsets[text + 1])
        tail = min(TAIL, end - start)
        length, letters = 0, np.int64(_lettered(data[end - 1])) if tail else 0
        for at in range(1, tail):
            byte = data[end - 1 - at]
            letters += _lettered(byte)
            while length and data[end - 1 - length] != byte:
                length = fail[length]
            length += data[end - 1 - length] == byte
            fail[at + 1] = length
            said = at + 1
            if said >= LEAST and TIMES * (said - length) <= said and 2 * letters >= said:
                out[text] = True
                break
    return out


@inlined
def _lettered(byte):  # type: ignore[no-untyped-def]
    return byte >= 128 or 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


@maker
def _shares(offsets, hashes):  # type: ignore[no-untyped-def]
    n = len(offsets) - 1
    seen, near = np.zeros(n, np.float32), np.zeros(n, np.float32)
    longest = 0
    for text in range(n):
        longest = max(longest, offsets[text + 1] - offsets[text])
    size = 16
    while size < 2 * longest:
        size *= 2
    keys, places = np.zeros(size, np.uint64), np.zeros(size, np.int64)
    for text in range(n):
        grams = ngrams(hashes, offsets[text], offsets[text + 1], GRAM)
        if len(grams) < 2:
            continue
        slots = 16
        while slots < 2 * len(grams):
            slots *= 2
        places[:slots] = 0
        again, close = 0, 0
        for at in range(len(grams)):
            slot = np.int64(grams[at] & np.uint64(slots - 1))
            while places[slot] > 0 and keys[slot] != grams[at]:
                slot = (slot + 1) & (slots - 1)
            if places[slot] > 0:
                again += 1
                close += at + 1 - places[slot] <= NEAR
            keys[slot], places[slot] = grams[at], at + 1
        seen[text], near[text] = again / len(grams), close / len(grams)
    return seen, near
