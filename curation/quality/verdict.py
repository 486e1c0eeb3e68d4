"""Runs the rules over a table of records and writes one verdict a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.judge import VERDICT
from curation.quality.phrases import (
    APOLOGY,
    BOILERPLATE,
    BROKEN,
    CODE,
    END,
    EXCUSED,
    FORM,
    PLACEHOLDER,
    SLOT,
)
from curation.quality.repetition import Repetition, echo, repetition
from curation.quality.settings import Settings
from curation.record import Turns, flat_turns

SCHEMA = pa.schema(
    [
        *VERDICT,
        ("flags", pa.list_(pa.string())),  # every finding, drops first, each in the order below
        ("n_chars", pa.int32()),  # code points of all turns
        ("n_prompt_chars", pa.int32()),  # of the user turns
        ("n_response_chars", pa.int32()),  # of the assistant turns
        ("n_turns", pa.int32()),  # user and assistant turns
        ("repetition", pa.float32()),  # the largest share of 8-grams seen before, among the assistant turns
        ("score", pa.float32()),  # (1 - repetition) / 2 ** flags: breaks ties between copies; says nothing of substance
    ]
)

DROPS = (
    "no_response",  # no assistant turn, or another turn after the last
    "empty_response",
    "empty_prompt",  # no user turn with text
    "placeholder",  # <nooutput>, N/A, ...
    "unfilled_slot",  # {{name}} outside code
    "mojibake",  # text decoded with the wrong codec
    "loop",  # the same few words again and again
    "prompt_echo",  # the answer is the prompt
)
NOTES = (
    "refusal",  # "As an AI language model, I cannot" and nothing more, in every answer: at times it is the right answer
    "boilerplate",  # opens as a refusal does; goes on, or has a reason
    "apology",  # a short "Sorry, I can't": often right, as an answer to a harmful prompt
    "near_echo",  # the answer is the end of the prompt, or the prompt and little more: often "no change needed"
    "symbols",  # hardly a letter: drawings and empty tables as well as junk
    "unclosed_fence",
    "truncation",  # long, and ends in no mark: lists and formulae do so too
    "form_slot",  # [Your Name]: right in letters
    "mojibake_trace",  # a single broken character or more
    "turn_order",  # two turns of one role on end
)


@dataclass(frozen=True)
class Exchange:
    """The assistant turns of a table, each with the user turn before it ("" where there is none)."""

    record: np.ndarray  # int64: which record each is of
    prompt: pa.Array
    response: pa.Array
    length: np.ndarray  # characters of the response


def inputs(_settings: Settings) -> dict[str, str]:
    """Return nothing: the rules read no file."""
    return {}


def prepare(settings: Settings) -> Callable[[pa.Table], pa.Table]:
    """Return records → verdicts (SCHEMA)."""

    def judge(records: pa.Table) -> pa.Table:
        return _judge(records, settings)

    return judge


def _judge(records: pa.Table, settings: Settings) -> pa.Table:
    turns, n = flat_turns(records), records.num_rows
    record = np.repeat(np.arange(n), np.diff(turns.offsets))
    user, assistant = _is(turns.roles, "user"), _is(turns.roles, "assistant")
    chars = pc.utf8_length(pc.fill_null(turns.contents, "")).to_numpy(zero_copy_only=False)
    exchange = _exchanges(turns, record, user, assistant)
    repeated = repetition(exchange.response)
    worst = np.zeros(n, np.float32)
    np.maximum.at(worst, exchange.record, repeated.seen)
    findings = _answers(exchange, repeated, settings)
    flags = _flags({name: _any(hits, exchange.record, n) for name, hits in findings.items()}, turns, (user, assistant))
    # A conversation that answers elsewhere is kept.
    flags["refusal"] &= ~_any(~findings["refusal"], exchange.record, n)
    matrix = (
        np.stack([flags[name] for name in (*DROPS, *NOTES)], axis=1)
        if n
        else np.zeros((0, len(DROPS) + len(NOTES)), bool)
    )
    dropped = matrix[:, : len(DROPS)].any(axis=1)
    first = matrix[:, : len(DROPS)].argmax(axis=1)
    count = [
        np.bincount(record, weights=chars * wanted, minlength=n).astype(np.int32) for wanted in (1, user, assistant)
    ]
    return pa.table(
        [
            records["id"].combine_chunks(),
            pa.array(~dropped),
            pa.array(DROPS).take(pa.array(first, mask=~dropped)),
            _names(matrix),
            *(pa.array(c) for c in count),
            pa.array(np.bincount(record, weights=user | assistant, minlength=n).astype(np.int32)),
            pa.array(worst),
            pa.array(((1 - worst) / 2.0 ** matrix.sum(axis=1)).astype(np.float32)),
        ],
        schema=SCHEMA,
    )


def _exchanges(turns: Turns, record: np.ndarray, user: np.ndarray, assistant: np.ndarray) -> Exchange:
    answers = np.flatnonzero(assistant)
    last_user = np.maximum.accumulate(np.where(user, np.arange(len(user)), -1)) if len(user) else np.zeros(0, np.int64)
    asked = last_user[answers]
    missing = asked < turns.offsets[record[answers]] if len(answers) else np.zeros(0, bool)
    prompt = pc.fill_null(turns.contents.take(pa.array(asked, mask=missing)), "")
    response = pc.fill_null(turns.contents.take(pa.array(answers)), "")
    length = pc.utf8_length(response).to_numpy(zero_copy_only=False)
    return Exchange(record[answers], prompt, response, length)


def _answers(exchange: Exchange, repeated: Repetition, settings: Settings) -> dict[str, np.ndarray]:
    """Return the findings about single answers, a bool for each assistant turn."""
    response, length = exchange.response, exchange.length
    head = pc.utf8_slice_codeunits(response, 0, 200)
    tail = pc.utf8_slice_codeunits(response, -8)
    broken = _count(response, BROKEN)
    short = length <= settings.refusal_chars
    boilerplate = _match(head, BOILERPLATE)
    code = _match(response, CODE)
    seen = pc.fill_null(pc.binary_join_element_wise(pc.utf8_slice_codeunits(exchange.prompt, 0, 500), head, "\n"), "")
    open_fence = _count(response, r"(?m)^[ \t]*```") % 2 == 1
    equal, mostly = echo(exchange.prompt, response)
    return {
        "empty_response": _bool(pc.equal(pc.utf8_trim_whitespace(response), "")),
        "placeholder": _match(head, PLACEHOLDER),
        "unfilled_slot": _match(response, SLOT) & ~code & ~_match(exchange.prompt, r"\{\{|(?i)templat|模板|<|html"),
        "mojibake": broken * 1000 > settings.mojibake_per_1000 * length,
        "loop": (repeated.near >= settings.loop_share) & (repeated.tokens >= settings.loop_tokens) & ~code,
        "refusal": boilerplate & short & ~_match(seen, EXCUSED) & ~_match(response, EXCUSED),
        "prompt_echo": equal & (length >= settings.echo_chars),
        "boilerplate": boilerplate,
        "apology": short & _match(head, APOLOGY),
        "near_echo": mostly & ~equal & (length >= settings.echo_chars),
        "symbols": (length >= 100) & (_count(response, r"[\pL\pN]") < 0.1 * length),
        "unclosed_fence": open_fence,
        "truncation": (length >= 200) & ~_match(tail, END) & ~code,
        "form_slot": _match(response, FORM),
        "mojibake_trace": broken > 0,
    }


def _flags(flags: dict[str, np.ndarray], turns: Turns, roles: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    """Return `flags` (a bool for each record) with the findings about whole conversations added."""
    user, assistant = roles
    n = len(turns.offsets) - 1
    record = np.repeat(np.arange(n), np.diff(turns.offsets))
    filled = turns.offsets[1:] > turns.offsets[:-1]
    last = np.append(assistant, False)[np.where(filled, turns.offsets[1:] - 1, -1)]
    blank = _bool(pc.equal(pc.utf8_trim_whitespace(pc.fill_null(turns.contents, "")), ""))
    neighbours = np.flatnonzero(record[1:] == record[:-1]) + 1 if len(record) else np.zeros(0, np.int64)
    twice = (user[neighbours] & user[neighbours - 1]) | (assistant[neighbours] & assistant[neighbours - 1])
    return flags | {
        "no_response": ~last,
        "empty_prompt": ~_any(~blank[user], record[user], n),
        "turn_order": _any(twice, record[neighbours], n),
    }


def _any(hits: np.ndarray, record: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros(n, bool)
    out[record[hits]] = True
    return out


def _names(matrix: np.ndarray) -> pa.ListArray:
    rows, columns = np.nonzero(matrix)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(matrix)))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array((*DROPS, *NOTES)).take(pa.array(columns)))


def _is(roles: pa.Array, role: str) -> np.ndarray:
    return _bool(pc.equal(roles, role))


def _match(texts: pa.Array, pattern: str) -> np.ndarray:
    return _bool(pc.match_substring_regex(texts, pattern))


def _count(texts: pa.Array, pattern: str) -> np.ndarray:
    found: np.ndarray = pc.count_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
    return found


def _bool(values: pa.Array) -> np.ndarray:
    flags: np.ndarray = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return flags
