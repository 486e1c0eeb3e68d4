"""Says whether an answer equals a reference: choices, quantities (zh and en), lists and intervals, expressions, short text.

`python -m curation.synthesise.equal < pairs.jsonl` runs the same code on `{"reference": …, "answer": …}` lines.
Reading order: plain, choice, phrase, numerals, units, clock, same, quantity, structure, symbolic.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from curation.synthesise.equal.choice import letters, option_text, truth
from curation.synthesise.equal.clock import clock, unreduced
from curation.synthesise.equal.numerals import based
from curation.synthesise.equal.phrase import phrase
from curation.synthesise.equal.plain import bare
from curation.synthesise.equal.quantity import quantity
from curation.synthesise.equal.same import opposed, same
from curation.synthesise.equal.structure import compare, structure
from curation.synthesise.equal.symbolic import Compare, latex

LONGEST = 400  # characters of a final answer; longer ones are compared as text
DEPTH = 5  # of parts within parts
_MATHS = re.compile(r"[\\^_=+*/<>\[\](),|-]|\d|^[a-z]$|√|π|∞|[θαβ]", re.IGNORECASE)
_ARTICLES = re.compile(r"\b(?:the|a|an)\b")


class Equal(NamedTuple):
    """`method` is choice, phrase, base, clock, number, percent, unit, rounded, truth, parts, text, symbolic, timeout or empty."""

    equal: bool
    method: str


def equal(reference: str, answer: str, symbolic: Compare) -> Equal:
    """Compare a model's answer with the reference; whole solutions are reduced to their final answer first."""
    left, right = bare(reference), bare(answer)
    if not left or not right:
        return Equal(equal=False, method="empty")
    return _compare(left, right, symbolic, DEPTH)


def _compare(left: str, right: str, symbolic: Compare, depth: int) -> Equal:  # noqa: PLR0911 - one return a rule
    if left == right:
        return Equal(equal=True, method="choice" if letters(left) else "text")
    chosen = letters(left), letters(right)
    if chosen[0] and chosen[1]:
        return Equal(chosen[0] == chosen[1], "choice")
    if chosen[0] or chosen[1]:  # "(B) 12" against 12; a bare letter may also be an unknown
        rest = option_text(left) or left, option_text(right) or right
        return Equal(rest != (left, right) and _compare(*rest, symbolic, 0).equal, "choice")
    left, right = _ratio(left, right), _ratio(right, left)
    if special := _special(left, right):
        return special
    quantities = quantity(left), quantity(right)
    if quantities[0] and quantities[1]:
        equal, method = same(quantities[0], quantities[1])
        return Equal(equal and not opposed(left, right), method)
    truths = truth(left), truth(right)
    if truths[0] is not None and truths[1] is not None:
        return Equal(truths[0] == truths[1], "truth")
    if (folded := _fold(left)) == _fold(right):
        return Equal(equal=bool(folded), method="text")
    if max(len(left), len(right)) > LONGEST:
        return Equal(equal=False, method="text")
    return (_parts(left, right, symbolic, depth) if depth else None) or _expressions(left, right, symbolic)


def _special(left: str, right: str) -> Equal | None:
    """Compare answers that look like numbers or text and are neither; None where they are no such pair."""
    phrases = phrase(left), phrase(right)
    if phrases[0] and phrases[1]:
        return Equal(phrases[0] == phrases[1], "phrase")
    if (same_number := based(left, right)) is not None:
        return Equal(same_number, "base")
    same_time = _clocks(left, right)
    return None if same_time is None else Equal(same_time, "clock")


def _ratio(text: str, other: str) -> str:
    """Read 3 to 4 as 3:4 where the other is a ratio; elsewhere it may be a range."""
    return (
        text.replace(" to ", ":")
        if re.fullmatch(r"\d+ to \d+", text) and re.search(r"\d\s*[:比]\s*\d", other)
        else text
    )


def _clocks(left: str, right: str) -> bool | None:
    """Compare times of day; None where the answers are not both times, or may be ratios."""
    one, other = clock(left), clock(right)
    if one and other and not (one.colon and other.colon):
        return one.same(other)
    if (one is None and unreduced(right) and ":" not in left) or (
        other is None and unreduced(left) and ":" not in right
    ):
        return False
    return None


def _parts(left: str, right: str, symbolic: Compare, depth: int) -> Equal | None:
    """Compare answers of which one has parts at least; None where neither has."""
    one, other = structure(left), structure(right)
    if one and other:
        return Equal(compare(one, other, lambda a, b: _compare(a, b, symbolic, depth - 1).equal), "parts")
    if single := one or other:
        if single.kind == "{}" and len(single.items) == 1:  # {3} against 3
            return _compare(single.items[0], right if one else left, symbolic, depth - 1)
        return Equal(equal=False, method="parts")
    return None


def _expressions(left: str, right: str, symbolic: Compare) -> Equal:
    if not (_MATHS.search(left) and _MATHS.search(right)):
        return Equal(equal=False, method="text")
    if "°" in left + right and re.search(r"π|pi\b", left + right):  # 30° against π/6
        left, right = (re.sub(r"(\d+(?:\.\d+)?)\s*°", r"\\frac{\1\\pi}{180}", side) for side in (left, right))
    verdict = symbolic(latex(left), latex(right))
    if not verdict and left.count("=") == right.count("=") == 1:  # y = 3 - x against x + y = 3
        verdict = symbolic(latex(left, whole=True), latex(right, whole=True))
    if not verdict and re.search(r"π|pi\b", right) and (stated := re.fullmatch(r"\d+(?:\.\d+)?", left)):
        verdict = symbolic(stated[0], re.sub(r"\\?pi\b|π", "(3.14)", right))  # schools count with π = 3.14
    return Equal(bool(verdict), "timeout" if verdict is None else "symbolic")


def _fold(text: str) -> str:
    text = re.sub(r"\\(?=[a-z]{2})", "", re.sub(r"(?<![\\\w])\{(\w)\}", r"\1", text.casefold())).replace("π", "pi")
    if not re.search(r"\d", text):
        text = re.sub(r"(?<=[a-z]{2})-(?=[a-z]{2})", " ", _ARTICLES.sub("", text))
    text = re.sub(r"^(?:it is|it's|[a-z]\s*=(?!=)|是|为)\s*", "", text.strip())
    return re.sub(r"(?<!\d)\s+|\s+(?!\d)", "", text).strip(".。,，'\"“”")
