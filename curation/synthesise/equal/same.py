"""Compares two quantities: percentages, units, rounding, and the words around them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from curation.synthesise.equal.units import measures

CLOSE = Fraction(1, 10**9)  # relative: what floating point does to a decimal


@dataclass(frozen=True)
class Quantity:
    """A value as written: `percent` numbers are not divided by 100; `places` counts the decimals (None: exact)."""

    value: Fraction
    unit: str
    percent: bool
    places: int | None


def same(reference: Quantity, answer: Quantity) -> tuple[bool, str]:
    """Compare two quantities; returns whether they are equal and by which rule (number, percent, unit, rounded)."""
    left, right = reference, answer
    if left.percent != right.percent:
        if right.percent and left.value == right.value and abs(left.value) > 1 and not left.unit:
            return True, "percent"  # "what percent …?" 25, as GSM8K notes it
        left, right = (_share(side) if side.percent else side for side in (left, right))  # 5% is no 5
        rounded = (left.places is None or right.places is None) and rounds(left, right)  # 1/3 is 33.33%, .22 not 22.35%
        return _close(left.value, right.value) or rounded, "percent"
    options = measures(left.unit), measures(right.unit)
    if options[0] and options[1] and left.unit != right.unit:
        pairs = [(a[1], b[1]) for a in options[0] for b in options[1] if a[0] == b[0]]
        return any(_close(left.value * a, right.value * b) for a, b in pairs), "unit"
    if _close(left.value, right.value):
        return True, "number"
    return rounds(left, right), "rounded"


_OPPOSED = [
    (
        r"增加|上升|提高|涨|盈利|赚|\b(?:profits?|gain(?:s|ed)?|increased?|rises?|rose|more)\b",
        r"减少|下降|降低|跌|亏|赔|\b(?:loss|lost|decreased?|falls?|fell|less)\b",
    ),
    (r"零上|\babove\b", r"零下|\bbelow\b"),
]
_HEADING = re.compile(r"[东南西北]偏?[东南西北]")


def opposed(left: str, right: str) -> bool:
    """Say whether the words around two numbers exclude each other: 5% profit and 5% loss, 东偏北30° and 西偏北30°."""
    for pair in _OPPOSED:
        said = [[bool(re.search(word, text, re.IGNORECASE)) for word in pair] for text in (left, right)]
        if [True, False] in said and [False, True] in said:
            return True
    headings = _HEADING.findall(left), _HEADING.findall(right)
    return bool(headings[0] and headings[1] and headings[0] != headings[1])


def _share(percent: Quantity) -> Quantity:
    """Return a percentage as a plain number; one without decimals is exact."""
    return replace(
        percent, value=percent.value / 100, places=percent.places + 2 if percent.places else None, percent=False
    )


def _close(left: Fraction, right: Fraction) -> bool:
    return abs(left - right) <= CLOSE * max(abs(left), abs(right))


def rounds(reference: Quantity, answer: Quantity) -> bool:
    """Say whether one is the other, rounded.

    A reference of two decimals or more may be rounded from an exact answer, or from one with two decimals more; an
    answer may round an exact reference to four significant digits or more.
    """
    places, finer = reference.places, answer.places
    if places is not None:
        if places < 2 or reference.value == 0 or (finer is not None and finer < places + 2):
            return False
        return abs(reference.value - answer.value) * 2 * 10**places <= 1 and _digits_of(reference) >= 2
    return finer is not None and finer > 0 and _digits_of(answer) >= 4 and (
        abs(reference.value - answer.value) * 2 * 10**finer <= 1
    )  # fmt: skip


def _digits_of(written: Quantity) -> int:
    """Count the significant digits of a decimal."""
    return len(str(abs(written.value.numerator * 10 ** (written.places or 0) // written.value.denominator)).lstrip("0"))
