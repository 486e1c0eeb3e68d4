"""Answers that are letters of choices, or yes and no."""

from __future__ import annotations

import re

_YES = frozenset("yes true correct right 是 是的 对 对的 正确 正确的 真 √ ✓ ✔ 可以 能 t".split())
_NO = frozenset("no false incorrect wrong 否 不是 不对 错 错的 错误 错误的 不正确 假 × x ✗ ✘ 不可以 不能 不 f".split())
_LETTERS = r"[(\[【]?\s*(?P<letters>[A-J](?:\s*(?:[,，、;；&/+]|和|and|[)\]】]\s*[,，、;；]?\s*(?:和|and)?\s*[(\[【])?\s*[A-J])*)\s*[)\]】]?"
_CHOICE = re.compile(
    rf"(?:(?:the )?(?:correct |right )?(?:options?|choices?|answers?)(?: is| are)?|正确的?(?:选项|答案)?(?:是|为)?|ans\.?|(?:本题|我|故|因此|所以|综上)?(?:应该?|当)?选择?项?|答案(?:是|为)?)?"
    rf"\s*[:：]?\s*{_LETTERS}\s*(?:项|选项)?(?:(?:is|are) (?:the )?(?:correct|right|true|answer)(?: (?:answer|option|choice))?|正确|是正确的|对)?[.。]?",
    re.IGNORECASE,
)
_REASON = re.compile(r"(?<=[A-J)\]])\s*[,;，；.。]?\s*(?:\b(?:because|since|as)\b|因为?|由于|理由).*$", re.DOTALL)
_WITH_TEXT = re.compile(
    r"(?:[(\[【]\s*(?P<a>[A-J])\s*[)\]】]\s*[.:、]?|(?P<b>[A-J])\s*[.:、)]|选(?P<c>[A-J])\s)\s*(?P<text>(?!\w\.)\S.*)",
    re.DOTALL,
)


def letters(text: str) -> str | None:
    """Return the letters of a choice answer in order (C, or ACD), None where the text is no choice."""
    match = _CHOICE.fullmatch(_REASON.sub("", text))
    if match is None:
        with_text = _WITH_TEXT.fullmatch(text)
        return next((with_text[g] for g in "abc" if with_text[g]), None) if with_text else None
    found = match["letters"]
    if not found.isupper() and (len(found) > 1 or text.strip("()[] .") != found):
        found = re.sub(r"\s*and\s*|\s*AND\s*", "", found)
    chosen = re.findall(r"[A-J]", re.sub(r"and", "", found, flags=re.IGNORECASE).upper())
    if not found.replace("and", "").isupper() and len(chosen) > 1:
        return None  # a small-letter word (bad, face) is no choice
    return "".join(sorted(set(chosen)))


def option_text(text: str) -> str | None:
    """Return the text after a choice letter: 12 of "(B) 12"."""
    match = _WITH_TEXT.fullmatch(text)
    return match["text"].strip() if match else None


def truth(text: str) -> bool | None:
    """Return what a yes or no says, None for anything else."""
    folded = text.casefold().strip(".。,，!！ '\"“”")
    return True if folded in _YES else False if folded in _NO else None
