"""Runs the rules over a table of records and writes one verdict a row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from curation.classifier import model
from curation.classifier.features import features
from curation.judge import VERDICT
from curation.quality import phrases
from curation.quality.answers import exchanges, findings
from curation.quality.columns import blank, equal, length, match
from curation.quality.repetition import repetition
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
        ("model_score", pa.float32()),  # the model's chance that the first answer is a good one; null without a model
        ("score", pa.float32()),  # (1 - repetition) / 2 ** flags: breaks ties between copies; says nothing of substance
    ]
)

DROPS = (
    "no_response",  # no assistant turn
    "unanswered",  # another turn after the last of the assistant
    "empty_response",
    "empty_prompt",  # no user turn with text
    "no_question",  # every user turn is keyboard mash, "test" or marks only
    "placeholder",  # <nooutput>, N/A, ...
    "unfilled_slot",  # {{name}} outside code
    "mojibake",  # text decoded with the wrong codec
    "loop",  # the same few words again and again
    "prompt_echo",  # the answer is the prompt
    "truncation",  # ends in the middle of a sentence or of a list
    "translated_code",  # code that a machine translator has been over
    "run_on",  # goes on with the next tasks of a list
    "wordless",  # an answer of marks only, where the prompt speaks of none
    "disliked",  # an answer that its readers rejected (`"label": false` of a KTO row)
    "wrong_language",  # Chinese to an English prompt, or the reverse, and nobody asked for it
)
NOTES = (
    "refusal",  # "As an AI language model, I cannot" and nothing more, in every answer: at times it is the right answer
    "boilerplate",  # opens as a refusal does; goes on, or has a reason
    "apology",  # a short "Sorry, I can't": often right, as an answer to a harmful prompt
    "near_echo",  # the answer is the end of the prompt, or the prompt and little more: often "no change needed"
    "symbols",  # hardly a letter: drawings and empty tables as well as junk
    "unclosed_fence",  # an odd number of code fences
    "html_entity",  # &lt; where < should stand: a good answer all the same where it is prose
    "form_slot",  # [Your Name]: right in letters
    "mojibake_trace",  # a single broken character or more
    "no_input",  # "<noinput>" in the prompt: noise, and harmless
    "calculator",  # <<3*4=12>>: a tool's notes inside an answer, so that the copy without them is the better one
    "turn_order",  # two turns of one role on end
)


def inputs(settings: Settings) -> dict[str, str]:
    """Return the identities of the model and its card; none for the rules alone."""
    return model.identity(settings.model)


def prepare(settings: Settings) -> Callable[[pa.Table], pa.Table]:
    """Open the model where one is set; return records → verdicts (SCHEMA)."""
    opened = model.load(settings.model, "quality") if settings.model else None

    def judge(records: pa.Table) -> pa.Table:
        chances = pa.nulls(records.num_rows, pa.float32())
        if opened is not None:
            trained, card = opened
            chances = pa.array(trained.probabilities(features(records, card.shown))[:, 0])
        return _judge(records, settings, chances)

    return judge


def _judge(records: pa.Table, settings: Settings, chances: pa.Array) -> pa.Table:
    turns, n = flat_turns(records), records.num_rows
    record = np.repeat(np.arange(n), np.diff(turns.offsets))
    user, assistant = equal(turns.roles, "user"), equal(turns.roles, "assistant")
    exchange = exchanges(turns, user, assistant)
    repeated = repetition(exchange.response)
    worst = np.zeros(n, np.float32)
    np.maximum.at(worst, exchange.record, repeated.seen)
    found = findings(exchange, repeated, settings)
    flags = {name: _any(hits, exchange.record, n) for name, hits in found.items()}
    flags["refusal"] &= ~_any(~found["refusal"], exchange.record, n)  # a conversation that answers elsewhere is none
    flags |= _conversations(turns, record, user, assistant)
    flags["disliked"] = match(records["meta"].combine_chunks(), phrases.DISLIKED)
    matrix = np.stack([flags[name] for name in (*DROPS, *NOTES)], axis=1)
    dropped = matrix[:, : len(DROPS)].any(axis=1)
    first = matrix[:, : len(DROPS)].argmax(axis=1)
    chars = length(turns.contents)
    counts = [np.bincount(record, weights=chars * wanted, minlength=n) for wanted in (1, user, assistant)]
    counts.append(np.bincount(record, weights=user | assistant, minlength=n))
    return pa.table(
        [
            records["id"].combine_chunks(),
            pa.array(~dropped),
            pa.array(DROPS).take(pa.array(first, mask=~dropped)),
            _names(matrix),
            *(pa.array(c.astype(np.int32)) for c in counts),
            pa.array(worst),
            chances,
            pa.array(((1 - worst) / 2.0 ** matrix.sum(axis=1)).astype(np.float32)),
        ],
        schema=SCHEMA,
    )


def _conversations(turns: Turns, record: np.ndarray, user: np.ndarray, assistant: np.ndarray) -> dict[str, np.ndarray]:
    """Return the findings about whole conversations, a bool for each record."""
    n = len(turns.offsets) - 1
    filled = turns.offsets[1:] > turns.offsets[:-1]
    last = np.append(assistant, False)[np.where(filled, turns.offsets[1:] - 1, -1)]
    answered = _any(assistant, record, n)
    spoken = _any(user & ~blank(turns.contents), record, n)
    neighbours = np.flatnonzero(record[1:] == record[:-1]) + 1 if len(record) else np.zeros(0, np.int64)
    twice = (user[neighbours] & user[neighbours - 1]) | (assistant[neighbours] & assistant[neighbours - 1])
    return {
        "no_response": ~answered,
        "unanswered": answered & ~last,
        "empty_prompt": ~spoken,
        "no_question": spoken & ~_any(user & ~(blank(turns.contents) | _says_nothing(turns.contents)), record, n),
        "turn_order": _any(twice, record[neighbours], n),
    }


def _says_nothing(texts: pa.Array) -> np.ndarray:
    return np.asarray(match(texts, phrases.WORDLESS) | match(texts, phrases.MASHED))


def _any(hits: np.ndarray, record: np.ndarray, n: int) -> np.ndarray:
    """Return for each of n records whether one of its parts hits; `record` says whose part each is."""
    out = np.zeros(n, bool)
    out[record[hits]] = True
    return out


def _names(matrix: np.ndarray) -> pa.ListArray:
    rows, columns = np.nonzero(matrix)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(matrix)))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array((*DROPS, *NOTES)).take(pa.array(columns)))
