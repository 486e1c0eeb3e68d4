r"""Answers without their dress: full-width and superscript characters, LaTeX spacing and boxes of text, markdown."""

from __future__ import annotations

import re
import unicodedata

from curation.synthesise.answer import LONGEST, boxed, final_answer, tail
from curation.synthesise.equal.choice import letters
from curation.synthesise.equal.quantity import calculated

_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_SUB = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SIGNS = str.maketrans("−–⁄∕∶＝≦≧⩽⩾⋯", "--//:=≤≥≤≥…")
_DROPPED = re.compile(
    r"\\(?:left|right|bigl?|bigr?|Bigl?|Bigr?|displaystyle|textstyle|limits)(?![a-zA-Z])|(?<!\\)\\[!,;:> ]|\\q?quad(?![a-z])|~"
)
_TEXT = re.compile(r"\\(?:text(?:bf|it|rm|sf|tt)?|mathrm|mathbf|mbox|operatorname|rm|bf)\s*\{([^{}]*)\}")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|\\,|['’ \u2009\u202f])(?=\d{3}(?!\d))")
_UNMARKED = re.compile(r"[.。!！?？;；\n]\s*")
_NUMBERS = re.compile(r"-?[$¥£€₹]?\d[\d,]*(?:\.\d+)?(?:/\d+)?(?:\s?%| [a-z]+)?")
PROSE = 5  # words; with more, several numbers are no list
_STARTS = re.compile(
    r"^(?:so|thus|hence|therefore|then|finally|in total|∴|因此|所以|那么|故|综上(?:所述)?|即|∵)[,，:：]?\s*",
    re.IGNORECASE,
)


def bare(text: str) -> str:
    """Return the answer that a text states, in plain characters: of a whole solution, its final answer."""
    if len(text) <= LONGEST and letters(text.strip()):
        return settle(text)
    if len(text) > LONGEST or "\n" in text.strip() or _looks_marked(text):
        text = final_answer(text) or concluded(tail(text))
    return settle(_STARTS.sub("", text.strip()))


def _looks_marked(text: str) -> bool:
    lower = text.casefold()
    return any(
        mark in lower
        for mark in ("####", "\\box", "\\fbox", "answer", "ans:", "option", "choice", "答", "选", "结果", "</")
    )


def concluded(text: str) -> str:
    """Return what the last sentence of a solution that marks no answer comes to: after its last =, or its last number."""
    guarded = re.sub(r"(?<=\d)\.(?=\d)", "\x00", text)  # a decimal point ends no sentence
    pieces = [piece for piece in _UNMARKED.split(guarded) if piece.strip(" \t$\\]*")]
    last = _STARTS.sub("", pieces[-1].strip().replace("\x00", ".")) if pieces else ""
    left, equals, right = last.rpartition("=")
    if equals and calculated(left.casefold()):
        number = _NUMBERS.match(right.strip())
        return number[0] if number and len(right.split()) > PROSE else right.strip()
    numbers = _NUMBERS.findall(last)
    return numbers[-1].strip() if len(numbers) > 1 and len(last.split()) > PROSE else last


def settle(text: str) -> str:
    """Return one line of plain text: NFKC that keeps powers and mixed numbers, LaTeX dress and markdown gone."""
    text = re.sub(r"(?<=\d)(?=[¼½¾⅐-⅞])", " ", text)
    text = re.sub(r"[⁰¹²³⁴-⁹⁺⁻ⁿ]+", lambda m: "^{" + m[0].translate(_SUPER) + "}", text)
    text = re.sub(r"(?<=[a-zA-Z])[₀-₉]+", lambda m: "_{" + m[0].translate(_SUB) + "}", text)
    text = re.sub(r"m²|㎡", "m^2", re.sub(r"m³", "m^3", text))
    text = unicodedata.normalize("NFKC", text).translate(_SIGNS).strip()
    text = re.sub(r"\*\*(.+?)\*\*|__(.+?)__", r"\1\2", text).replace("`", "")
    text = _THOUSANDS.sub("" if not re.search(r"\d{4}[ '’]\d{3}", text) else r"\g<0>", text)
    text = text.replace(r"\%", "%").replace(r"\$", "$" if "$" not in text.replace(r"\$", "") else "")
    text = text.replace("^{\\circ}", "°").replace("^\\circ", "°").replace("\\degree", "°").replace(r"\dots", "...")
    text = re.sub(r"\\[dt]frac", r"\\frac", text).replace("根号", "√")
    text = re.sub(r"正负(?=[\d√])", "±", text)
    text = _TEXT.sub(r" \1 ", _DROPPED.sub(" ", text))
    text = boxed(text) or text
    return _strip(" ".join(text.split()))


def _strip(text: str) -> str:
    while True:
        before = text
        text = re.sub(
            r"^(?:[\s。;；,，!！、`*\"“”]|\.(?!\d))+|(?:[\s。.;；,，、`*\"“”]|(?<![\d)a-z])[!！])+$", "", text
        )
        for start, end in (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]")):
            if text.startswith(start) and text.endswith(end) and len(text) > len(start) + len(end):
                inner = text[len(start) : -len(end)]
                text = inner if "$" not in inner else text
        if text == before:
            return text
