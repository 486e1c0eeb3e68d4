"""Says whether an answer equals a reference: choices, numbers (zh and en), expressions, short text.

`python -m curation.synthesise.equal < pairs.jsonl` runs the same code on `{"reference": …, "answer": …}` lines.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from curation.synthesise.answer import final_answer
from curation.synthesise.equal.quantity import quantity, same
from curation.synthesise.equal.symbolic import Compare

LONGEST = 400  # characters of a final answer; a longer one is looked through for its last marked answer

_YES = frozenset("yes true correct right 是 是的 对 正确 真 √ ✓ 可以 能".split())
_NO = frozenset("no false incorrect wrong 否 不是 不对 错 错误 假 × ✗ 不可以 不能 不".split())
_CHOICE = re.compile(
    r"(?:option|choice|answer|选项?|故选|应选|答案)?\s*[:：]?\s*[(\[【]?\s*([A-J](?:\s*[,、和]?\s*[A-J])*)\s*[)\]】]?"
    r"(?:\s*[.:：、)]\s*\S.*|[.。]?)", re.DOTALL,
)  # fmt: skip
_MATHS = re.compile(r"[\\^_=+*/<>\[\](),|-]|\d|^[a-z]$", re.IGNORECASE)


class Equal(NamedTuple):
    """`method` is choice, number, percent, unit, rounded, truth, text, symbolic, timeout or empty."""

    equal: bool
    method: str


def equal(reference: str, answer: str, symbolic: Compare) -> Equal:  # noqa: PLR0911 - one return a rule
    """Compare a model's answer with the reference; whole solutions are reduced to their marked final answer first."""
    left, right = _reduce(reference), _reduce(answer)
    if not left or not right:
        return Equal(equal=False, method="empty")
    choices = _choice(left), _choice(right)
    if choices[0] and (choices[1] or len(left) == 1):
        return Equal(choices[0] == choices[1], "choice")
    quantities = quantity(left), quantity(right)
    if quantities[0] and quantities[1]:
        return Equal(*same(quantities[0], quantities[1]))
    folded = _fold(left), _fold(right)
    truths = tuple(True if f in _YES else False if f in _NO else None for f in folded)
    if truths[0] is not None and truths[1] is not None:
        return Equal(truths[0] == truths[1], "truth")
    if folded[0] == folded[1]:
        return Equal(equal=bool(folded[0]), method="text")
    if not (_MATHS.search(left) and _MATHS.search(right)) or max(len(left), len(right)) > LONGEST:
        return Equal(equal=False, method="text")
    verdict = symbolic(_latex(left), _latex(right))
    return Equal(bool(verdict), "timeout" if verdict is None else "symbolic")


def _reduce(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).strip()
    if (
        len(text) > LONGEST
        or "\n" in text
        or "####" in text
        or "\\boxed" in text
        or "answer" in text.casefold()
        or "答" in text
    ):
        text = final_answer(text) or text
    text = re.sub(r"\*\*(.+?)\*\*", r"\1", text).strip().strip("。.;；,，!！ \t\n`*")
    return _unwrap(text)


def _unwrap(text: str) -> str:
    for start, end in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
        if text.startswith(start) and text.endswith(end) and len(text) > len(start) + len(end):
            inner = text[len(start) : -len(end)].strip()
            if "$" not in inner:
                return inner
    return text


def _choice(text: str) -> str | None:
    """Return the letters of a choice answer in order (C, or ACD), None where the text is no choice."""
    text = re.sub(r"\\(?:text|mathrm|textbf)\s*\{\s*(\(?[A-J]\)?)\s*\}", r"\1", text)
    match = _CHOICE.fullmatch(text)
    if match is None and re.fullmatch(r"\(?[a-e]\)", text):
        return text.strip("()").upper()
    return "".join(sorted(set(re.findall(r"[A-J]", match[1])))) if match else None


def _fold(text: str) -> str:
    text = (
        re.sub(r"\\(?:text|mathrm|textbf)\s*\{([^{}]*)\}", r"\1", text)
        .replace("\\dfrac", "\\frac")
        .replace("\\tfrac", "\\frac")
    )
    text = re.sub(r"\\(?:left|right|!|,|;)|\s+", "", text.casefold())
    return re.sub(r"^[a-z]=", "", text).strip(".。,，'\"“”")


def _latex(text: str) -> str:
    """Return an expression as math-verify reads it, plain powers and products included."""
    text = text.replace("$", "").replace("**", "^").replace("×", r"\times ").replace("÷", r"\div ")
    text = text.replace("√", r"\sqrt ").replace("π", r"\pi ").replace("≤", r"\le ").replace("≥", r"\ge ")
    return re.sub(r"(?<!\\)sqrt\(([^()]*)\)", r"\\sqrt{\1}", text)
