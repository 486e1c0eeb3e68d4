"""Exact values of plain calculations: 3*(4+5)/2, 2^10. No names, no evaluation of text by Python."""

from __future__ import annotations

import re
from fractions import Fraction

LONGEST = 120  # characters
MAX_POWER = 64
_TOKENS = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+|[-+*/^()])")
_SIGNS = str.maketrans({"×": "*", "÷": "/", "·": "*", "[": "(", "]": ")"})


def arithmetic(text: str) -> Fraction | None:
    """Return the value of a calculation in digits, signs and brackets, None where the text is anything else."""
    text = (
        text.replace(r"\times", "*").replace(r"\cdot", "*").replace(r"\div", "/").replace("**", "^").translate(_SIGNS)
    )
    if (
        len(text) > LONGEST
        or not re.fullmatch(r"[\d\s.+*/^()-]*\d[\d\s.+*/^()-]*", text)
        or re.search(r"\d\s+\d", text)
    ):
        return None
    tokens = _TOKENS.findall(text)
    if "".join(tokens) != re.sub(r"\s+", "", text):
        return None
    try:
        value, at = _sum(tokens, 0)
    except (ZeroDivisionError, IndexError, ValueError):
        return None
    return value if at == len(tokens) else None


def _sum(tokens: list[str], at: int) -> tuple[Fraction, int]:
    value, at = _product(tokens, at)
    while at < len(tokens) and tokens[at] in "+-":
        other, after = _product(tokens, at + 1)
        value = value + other if tokens[at] == "+" else value - other
        at = after
    return value, at


def _product(tokens: list[str], at: int) -> tuple[Fraction, int]:
    value, at = _power(tokens, at)
    while at < len(tokens) and tokens[at] in "*/":
        other, after = _power(tokens, at + 1)
        value = value * other if tokens[at] == "*" else value / other
        at = after
    return value, at


def _power(tokens: list[str], at: int) -> tuple[Fraction, int]:
    if tokens[at] in "+-":
        value, after = _power(tokens, at + 1)
        return (-value if tokens[at] == "-" else value), after
    value, at = _atom(tokens, at)
    if at < len(tokens) and tokens[at] == "^":
        exponent, at = _power(tokens, at + 1)
        if exponent.denominator != 1 or abs(exponent) > MAX_POWER or value.numerator.bit_length() > MAX_POWER:
            raise ValueError("too large to be worked out")
        value **= exponent.numerator
    return value, at


def _atom(tokens: list[str], at: int) -> tuple[Fraction, int]:
    if tokens[at] == "(":
        value, at = _sum(tokens, at + 1)
        if tokens[at] != ")":
            raise ValueError("a bracket is not closed")
        return value, at + 1
    return Fraction(tokens[at]), at + 1
