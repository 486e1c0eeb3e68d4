"""Judge: what is wrong with a record that a rule can name, in Chinese and in English.

Reads `turns`. `flags` holds every finding; those of DROPS decide keep and reason, in that order, and those of NOTES
only inform: a look at real hits put their precision below .95. A short answer is never a fault: "B" and "42" are
answers. What a user may want to move (length limits, the share of repetition) is an attribute, and policy cuts there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from curation.classifier import model
from curation.classifier.features import features
from curation.judge import VERDICT
from curation.record import Turns, flat_turns
from curation.repetition import Repetition, echo, repetition

SCHEMA = pa.schema(
    [
        *VERDICT,
        ("flags", pa.list_(pa.string())),  # every finding, drops first, each in the order below
        ("n_chars", pa.int32()),  # code points of all turns
        ("n_prompt_chars", pa.int32()),  # of the user turns
        ("n_response_chars", pa.int32()),  # of the assistant turns
        ("n_turns", pa.int32()),  # user and assistant turns
        ("repetition", pa.float32()),  # the largest share of 8-grams seen before, among the assistant turns
        (
            "model_score",
            pa.float32(),
        ),  # the model's probability that the first answer is a good one; null without a model
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


class Settings(BaseModel):
    """The rules' own limits, set where precision was found; see the attributes for what policy may move."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    refusal_chars: int = Field(default=300, ge=0, description="a response longer than this says more than its refusal")
    loop_share: float = Field(
        default=0.6, gt=0, le=1, description="share of 8-grams repeated within 64 tokens that makes a loop"
    )
    loop_tokens: int = Field(
        default=60, ge=9, description="a response with fewer tokens is no loop: a refrain may be asked for"
    )
    mojibake_per_1000: float = Field(
        default=5, gt=0, description="broken sequences per 1,000 characters of a turn that drop a record"
    )
    model: str = Field(
        default="", description="path to a model of `python -m curation.classifier quality`; empty: no model score"
    )
    echo_chars: int = Field(default=20, ge=1, description="a response shorter than this is no echo")


@dataclass(frozen=True)
class Exchange:
    """The assistant turns of a table, each with the user turn before it ("" where there is none)."""

    record: np.ndarray  # int64: which record each is of
    prompt: pa.Array
    response: pa.Array
    length: np.ndarray  # characters of the response


# --- Phrases, in RE2's syntax. Han needs no word boundaries.
AI = r"(?:an?|the|just an?|only an?) (?:AI|artificial intelligence|(?:large )?language model)(?:[ -](?:language|based|powered|model|assistant|chatbot|program|system))*"
SORRY = r"(?:I(?:['’]m| am) (?:so |very |really )?sorry,? (?:but )?|sorry,? (?:but )?|unfortunately,? |I apologi[sz]e,? (?:but )?)?"
CANNOT = r"(?:can ?not|can['’]t|am (?:unable|not able|not capable|not programmed)|(?:don['’]t|do not) have)\b"
BOILERPLATE = (
    rf"(?i)^\W*{SORRY}(?:as {AI},? (?:but )?I {CANNOT}|I(?:['’]m| am) {AI}[^.\n]{{0,40}}{CANNOT})"
    r"|^\W*(?:(?:我?很|我?非常|十分)?(?:抱歉|对不起|不好意思|遗憾)[，,。！ ]*)?(?:但|不过)?(?:作为|我是|身为|我只是)(?:一[个名款种位])?"
    r"(?:AI|人工智能|大型语言|语言)(?:语言)?(?:AI|模型|机器人|程序|智能)?(?:助手|助理)?[^。！？\n]{0,12}(?:无法|不能|没有|不具备|不会)"
)
APOLOGY = (
    r"(?i)^\W*(?:(?:I(?:['’]m| am) (?:so |very |really )?sorry|sorry|I apologi[sz]e|my apologies)\b[^.!?\n]{0,60}"
    r"(?:cannot|can['’]t|unable|not able|won['’]t|don['’]t)|I (?:cannot|can['’]t|am unable to|won['’]t) (?:help|assist|provide|fulfill|comply|answer|create|generate|write))"
    r"|^\W*(?:(?:我?很|非常|十分)?(?:抱歉|对不起|不好意思)[^。！？\n]{0,15}(?:无法|不能|没法|没有办法|不会)|我(?:无法|不能)(?:回答|提供|帮助|协助|完成|满足))"
)
# A refusal that has a reason, or that goes on to help, may be just what is wanted.
EXCUSED = (
    r"(?i)legal|ethic|harm|privacy|private|personal|confidential|respect|appropriate|offens|discriminat|violen|danger|hate|stereotyp|bias|"
    r"safe|moral|medical|professional|however|\bbut (?:I|you|if|here)|instead|I can |I could |you (?:can|could|may|might)|if you|would you|"
    r"please provide|opinion|feelings|experience|emotion|body|physical|"
    r"法律|违法|非法|道德|伦理|隐私|机密|尊重|歧视|偏见|暴力|危险|安全|伤害|医生|专业|但|不过|然而|如果|可以|建议|请您?提供|观点|意见|感情|情感|感受|经历|身体|实体"
)
PLACEHOLDER = (
    r"(?i)^\s*(?:[<\[(]\s*(?:no ?(?:output|input|answer|response|reply)|n/?a|null|todo|tbd|placeholder)\s*[>\])]"
    r"|no ?(?:output|input)|n/a|todo|tbd|\.{3,}|…+|[（(]?(?:无输出|无输入|待补充)[)）]?)[.。]?\s*$|^\s*lorem ipsum dolor sit amet\W*$"
)
SLOT = r"\{\{ ?[A-Za-z_]{2,30} ?\}\}"
FORM = r"\[(?:Your|Insert|Company|Recipient|Name of)\b[^\]\n]{0,30}\]"
CODE = r"```|</|&lt;/|;\s*\n|(?m)^(?:import|from|def|class|#include|SELECT) "
BROKEN = (
    r"\x{FFFD}|锟斤|烫烫烫|屯屯屯|ï¿½|Ã[\x{80}-\x{BF}]|Â[\x{A0}-\x{BF}]|"
    r"â€[\x{80}-\x{9F}\x{153}\x{A6}\x{201C}\x{201D}\x{2DC}\x{2122}\x{2013}\x{2014}]"
)
END = r"[.!?。！？…:：;；)）\]】}》>」』\"'”’`~*|=+\-_/\\\d\x{1F300}-\x{1FAFF}]\s*$"


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
            chances,
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
