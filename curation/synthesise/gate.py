"""The accept gate: each sample of a record is accepted, or rejected for the first named reason that holds.

finish_reason → length → language → refusal, meta → loops → answer_unparsed → not_equal_reference (or, without a
reference, no_majority). A sample's answer is looked at only when its text has passed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from curation.synthesise.answer import final_answer
from curation.synthesise.equal import Equal, equal
from curation.synthesise.equal.symbolic import Compare
from curation.synthesise.prompt import load
from curation.synthesise.settings import Settings

_MASKED = re.compile(
    r"```.*?(?:```|\Z)|\$\$.*?\$\$|\$[^$\n]*\$|\\\(.*?\\\)|\\\[.*?\\\]|\\[a-zA-Z]+|https?://\S+", re.DOTALL
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[A-Za-z]{2,}")
_OTHER = re.compile(r"[\u3041-\u30ff\uac00-\ud7a3\u0400-\u04ff\u0590-\u06ff\u0e00-\u0e7f]")
_ZH_SHARE = 0.5  # of Han characters among Han characters and Latin words, at least, in a Chinese answer
_EN_SHARE = 0.05  # at most, in an English one
_OTHER_SHARE = 0.05

_REFUSAL = re.compile(
    r"\b(?:as an? (?:ai|artificial intelligence|language model)|i(?:'m| am) (?:sorry|afraid|unable|not able)|i (?:cannot|can't|can not) "
    r"(?:help|assist|answer|solve|provide|determine)|i do not have (?:enough|access))"
    r"|作为(?:一个|一名)?(?:人工智能|AI|语言模型)|(?:很)?抱歉[，,]?\s*我|对不起[，,]\s*我|我(?:无法|不能)(?:回答|提供|协助|帮助|完成|解答)",
    re.IGNORECASE,
)
_META = re.compile(
    r"\b(?:reference answer|the (?:given|provided|expected) answer|(?:these|your) instructions|(?:following|follow) the instructions|system prompt|<answer>|the required format)"
    r"|参考答案|标准答案是|(?:按照|根据)(?:上述|以上|您的|你的)?(?:格式|提示词|指令|要求的格式)|系统提示|<答案>",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[\n。！？!?]|\.\s")
_LOOP_LINE = 8  # characters; a shorter line may well be repeated
_LOOP_TIMES = 4
_LOOP_PERIOD = 6  # lines
_LOOP_SHARE = 0.25  # of the text, at least: "This statement is false." of five statements is no loop
_PHRASE = {"en": 40, "zh": 11}  # characters of an instruction's phrase that nobody writes by chance
_WINDOW = 24  # characters
_WINDOW_SHARE = 0.5  # of distinct windows, at least, in a text long enough to tell
_WINDOW_TEXT = 400


@dataclass(frozen=True)
class Verdict:
    """What the gate found of one sample. `answer` is null before it could be looked for."""

    accepted: bool
    reason: str | None
    verified: bool = False
    agreement: float | None = None  # share of all samples of the record that give this answer
    method: str | None = None
    answer: str | None = None


def gate(
    samples: Sequence[tuple[str, str]],
    reference: str | None,
    language: str,
    settings: Settings,
    symbolic: Compare,
    judged: str | None = None,
) -> list[Verdict]:
    """Judge the samples (text, finish_reason) of one record; `language` is zh or en.

    `judged` is an answer that counts as equal to the reference though the rules find it different.
    """
    verdicts = []
    for text, finish in samples:
        reason = text_reason(text, finish, language, settings)
        answer = final_answer(text) if reason is None else None
        reason = reason or ("answer_unparsed" if answer is None else None)
        verdicts.append(Verdict(accepted=reason is None, reason=reason, answer=answer))
    if reference is None:
        return _majority(verdicts, settings, symbolic)
    return _referenced(verdicts, reference, symbolic, judged)


def text_reason(text: str, finish: str, language: str, settings: Settings) -> str | None:  # noqa: PLR0911 - one return a rule
    """Return why a sample is rejected for its text alone, None where it is not."""
    if finish != "stop":
        return "truncated" if finish == "length" else "finish_reason"
    if len(text.strip()) < settings.min_chars:
        return "too_short"
    if len(text) > settings.max_chars:
        return "too_long"
    if not _in_language(text, language):
        return "wrong_language"
    if _REFUSAL.search(text):
        return "refusal"
    if _META.search(text) or _echoes(text, language, settings.prompts):
        return "meta_text"
    return "loop" if _loops(text) else None


def _echoes(text: str, language: str, prompts: Path | None) -> bool:
    """Say whether a text repeats its instruction: small models do."""
    flat = " ".join(text.split())
    return any(phrase in flat for phrase in _phrases(prompts)[language])


@cache
def _phrases(prompts: Path | None) -> dict[str, list[str]]:
    """Return the phrases of each language's instruction that are too long to be written by chance."""
    parts = {lang: re.split(r"[\n.。:：;；,，、]", text) for lang, text in load(prompts).texts.items()}
    return {lang: [p.strip() for p in of if len(p.strip()) >= _PHRASE[lang]] for lang, of in parts.items()}


def _in_language(text: str, language: str) -> bool:
    prose = _MASKED.sub(" ", text)
    han, words, other = len(_HAN.findall(prose)), len(_WORD.findall(prose)), len(_OTHER.findall(prose))
    total = han + words + other
    if total == 0 or other > _OTHER_SHARE * total:
        return total == 0  # nothing but formulas says nothing of its language
    return han >= _ZH_SHARE * total if language == "zh" else han <= _EN_SHARE * total


def _loops(text: str) -> bool:
    lines = [line for piece in _SENTENCE.split(text) if (line := piece.strip())]
    if any(_cycles(lines, period) for period in range(1, _LOOP_PERIOD + 1)):
        return True
    share = _LOOP_SHARE * len(text)
    counted = Counter(line for line in lines if len(line) >= _LOOP_LINE)
    if any(times >= _LOOP_TIMES and times * len(line) > share for line, times in counted.items()):
        return True
    windows = max(0, len(text) - _WINDOW + 1)
    return len(text) >= _WINDOW_TEXT and len({text[i : i + _WINDOW] for i in range(windows)}) < _WINDOW_SHARE * windows


def _cycles(lines: list[str], period: int) -> bool:
    """Say whether the same `period` lines are said over and over without a break."""
    run = 0
    for at, (one, other) in enumerate(zip(lines, lines[period:], strict=False), start=1):
        run = run + 1 if one == other else 0
        if run >= (_LOOP_TIMES - 1) * period and sum(map(len, lines[at - period : at])) >= _LOOP_LINE:
            return True
    return False


def _referenced(verdicts: list[Verdict], reference: str, symbolic: Compare, judged: str | None) -> list[Verdict]:
    memo: dict[str, Equal] = {} if judged is None else {judged: Equal(equal=True, method="judge")}
    for verdict in verdicts:
        if verdict.answer is not None and verdict.answer not in memo:
            memo[verdict.answer] = equal(reference, verdict.answer, symbolic)
    right = sum(1 for v in verdicts if v.answer is not None and memo[v.answer].equal)
    out = []
    for verdict in verdicts:
        if verdict.answer is None:
            out.append(verdict)
            continue
        same = memo[verdict.answer]
        reason = None if same.equal else "verify_timeout" if same.method == "timeout" else "not_equal_reference"
        agreement = right / len(verdicts) if same.equal else _share(verdict.answer, verdicts)
        out.append(
            replace(
                verdict,
                accepted=same.equal,
                reason=reason,
                verified=same.equal,
                agreement=agreement,
                method=same.method,
            )
        )
    return out


def _share(answer: str, verdicts: list[Verdict]) -> float:
    return sum(1 for v in verdicts if v.answer == answer) / len(verdicts)


def _majority(verdicts: list[Verdict], settings: Settings, symbolic: Compare) -> list[Verdict]:
    """Group equal answers; a group larger than min_agreement of all samples (and than one) is accepted, unverified."""
    groups: list[list[int]] = []
    for number, verdict in enumerate(verdicts):
        if verdict.answer is None:
            continue
        for group in groups:
            first = verdicts[group[0]].answer
            if first is not None and equal(first, verdict.answer, symbolic).equal:
                group.append(number)
                break
        else:
            groups.append([number])
    out = list(verdicts)
    for group in groups:
        agreement = len(group) / len(verdicts)
        agreed = len(group) > 1 and agreement > settings.min_agreement
        for number in group:
            reason = None if agreed else "no_majority"
            out[number] = replace(
                verdicts[number], accepted=agreed, reason=reason, agreement=agreement, method="majority"
            )
    return out
