"""What is wrong with single answers, each beside the prompt it answers: a bool for each finding and assistant turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.quality import phrases
from curation.quality.columns import blank, count, length, match
from curation.quality.repetition import Repetition, echo
from curation.quality.settings import Settings
from curation.record import Turns

HAN = 1.5  # a Han character says as much as two and a half letters
SIGNS = 20  # characters: more marks than that may be a drawing
FOREIGN = 20  # Han characters, or twice as many Latin letters, from which an answer is in the other language


@dataclass(frozen=True)
class Exchange:
    """The assistant turns of a table, each with the user turn before it ("" where there is none)."""

    record: np.ndarray  # int64: which record each is of
    prompt: pa.Array
    response: pa.Array
    length: np.ndarray  # characters of the response
    single: np.ndarray  # bool: the record has two turns, this one and its prompt
    last: np.ndarray  # bool: no later turn of the assistant in the record


def exchanges(turns: Turns, user: np.ndarray, assistant: np.ndarray) -> Exchange:
    """Return the exchanges of flat turns; `user` and `assistant` say which turns are whose."""
    record = np.repeat(np.arange(len(turns.offsets) - 1), np.diff(turns.offsets))
    answers = np.flatnonzero(assistant)
    last_user = np.maximum.accumulate(np.where(user, np.arange(len(user)), -1)) if len(user) else np.zeros(0, np.int64)
    asked = last_user[answers]
    missing = asked < turns.offsets[record[answers]] if len(answers) else np.zeros(0, bool)
    prompt = pc.fill_null(turns.contents.take(pa.array(asked, mask=missing)), "")
    response = pc.fill_null(turns.contents.take(pa.array(answers)), "")
    single = (np.diff(turns.offsets)[record[answers]] == 2) & ~missing
    last = np.ones(len(answers), bool)
    last[:-1] = record[answers][1:] != record[answers][:-1]
    return Exchange(record[answers], prompt, response, length(response), single, last)


def findings(exchange: Exchange, repeated: Repetition, settings: Settings) -> dict[str, np.ndarray]:
    """Return name → a bool for each assistant turn."""
    code = match(exchange.response, phrases.CODE)
    return (
        _broken(exchange, repeated, code, settings)
        | _refusals(exchange, settings)
        | _against_prompt(exchange, repeated, code, settings)
    )


def _broken(exchange: Exchange, repeated: Repetition, code: np.ndarray, settings: Settings) -> dict[str, np.ndarray]:
    """Return what can be told from the answer alone."""
    response, chars = exchange.response, exchange.length
    tail = pc.utf8_slice_codeunits(response, -60)
    damage = count(response, phrases.BROKEN)
    looped = (repeated.near >= settings.loop_share) & (repeated.tokens >= settings.loop_tokens) & ~code
    cut = match(tail, phrases.OPEN_WORD_END) & (count(response, phrases.OPEN_WORD) == 1)  # else a list of openings
    cut |= (chars >= settings.comma_chars) & match(tail, phrases.OPEN_COMMA)
    cut |= match(pc.utf8_slice_codeunits(response, -8), phrases.OPEN_NUMBER) & match(response, phrases.OPEN_ITEM)
    cut &= exchange.last & (chars >= settings.cut_chars) & ~code
    return {
        "empty_response": blank(response),
        "placeholder": match(pc.utf8_slice_codeunits(response, 0, 200), phrases.PLACEHOLDER),
        "mojibake": damage * 1000 > settings.mojibake_per_1000 * chars,
        "mojibake_trace": damage > 0,
        "loop": looped | repeated.periodic,
        "truncation": cut,
        "translated_code": match(response, phrases.TRANSLATED) & match(response, phrases.CODED),
        "unclosed_fence": count(response, "```") % 2 == 1,
        "run_on": match(response, phrases.RUN_ON),
        "calculator": match(response, phrases.CALCULATOR),
        "symbols": _symbols(response, chars, repeated.tokens),
        "form_slot": match(response, phrases.FORM),
    }


def _symbols(response: pa.Array, chars: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Say of each answer whether less than a tenth of it is letters and digits."""
    out = (chars >= 100) & (tokens < 0.1 * chars)
    few = np.flatnonzero(out)  # counting letters is dear
    out[few] = count(response.take(pa.array(few)), r"[\pL\pN]") < 0.1 * chars[few]
    return out


def _refusals(exchange: Exchange, settings: Settings) -> dict[str, np.ndarray]:
    response = exchange.response
    head = pc.utf8_slice_codeunits(response, 0, 200)
    seen = pc.binary_join_element_wise(pc.utf8_slice_codeunits(exchange.prompt, 0, 500), head, "\n")
    boilerplate = match(head, phrases.BOILERPLATE)
    short = exchange.length <= settings.refusal_chars
    return {
        "refusal": boilerplate & short & ~match(seen, phrases.EXCUSED) & ~match(response, phrases.EXCUSED),
        "boilerplate": boilerplate,
        "apology": short & match(head, phrases.APOLOGY),
    }


def _against_prompt(
    exchange: Exchange, repeated: Repetition, code: np.ndarray, settings: Settings
) -> dict[str, np.ndarray]:
    """Return what only the prompt shows to be wrong."""
    prompt, response = exchange.prompt, exchange.response
    equal, mostly = echo(prompt, response)
    enough = exchange.length + HAN * repeated.han >= settings.echo_chars
    return {
        "prompt_echo": equal & enough,
        "near_echo": mostly & ~equal & enough,
        "unfilled_slot": match(response, phrases.SLOT) & ~code & ~match(prompt, r"\{\{|(?i)templat|模板|<|html"),
        "html_entity": match(response, phrases.ENTITY) & ~match(prompt, phrases.MARKUP),
        "wrong_language": ~code & _foreign(exchange, repeated.han),
        "no_input": match(prompt, phrases.NO_INPUT),
        "wordless": match(response, phrases.WORDLESS)
        & ~blank(response)
        & (exchange.length <= SIGNS)
        & ~match(prompt, phrases.SAYS_SIGN),
    }


def _foreign(exchange: Exchange, han: np.ndarray) -> np.ndarray:
    """Say whether an answer is Chinese to a prompt without a Han character, or English to one of hardly a Latin word.

    A prompt that names a language, or works with words, may want just that. `han`: such characters of the responses.
    """
    asked = match(exchange.prompt, r"\p{Han}")
    out = exchange.single & np.where(asked, (han == 0) & (exchange.length >= 2 * FOREIGN), han >= FOREIGN)
    few = np.flatnonzero(out)  # counting letters is dear
    prompt, response = exchange.prompt.take(pa.array(few)), exchange.response.take(pa.array(few))
    latin, said = count(prompt, "[A-Za-z]"), count(response, "[A-Za-z]")
    chinese = (latin >= FOREIGN) & (2 * han[few] >= said)
    running = count(response, phrases.ENGLISH)
    english = (2 * latin <= count(prompt, r"\p{Han}")) & (said >= 2 * FOREIGN) & (running >= 2) & (60 * running >= said)
    out[few] = np.where(asked[few], english, chinese) & ~match(prompt, phrases.SAYS_LANGUAGE)
    return out
