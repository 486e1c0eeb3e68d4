r"""Finds the final answer in a solution: `#### 42`, \boxed{42}, "The answer is 42", 答案是42, 答：…, a plain short answer."""

from __future__ import annotations

import json
import re

SHORT = 40  # characters of a response that is nothing but its answer
SHORT_WORDS = 5
META_KEYS = ("ans", "answer", "golden", "final_answer", "target")  # APE210k, GSM8K, CMATH, numina name theirs so

_HASHES = re.compile(r"^\s*#{3,4}\s*([^\n#]+?)\s*$", re.MULTILINE)
_ENGLISH = re.compile(
    r"\b(?:final answer|correct answer|answer|correct option)\b\s*(?:is|was|will be|=|:)?\s*(?:option\s*)?[:：]?\s*"
    r"(\S(?:[^\n.。]|\.(?=\S))*)",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"(?:答案|正确选项|结果|故选|因此选|所以选|应选|选择|答)\s*(?:应该)?(?:是|为|选)?\s*[:：]?\s*([^\n。；;]+)"
)
_MARKED_ZH = re.compile(
    r"(?:(?:最终|正确)?答案\s*(?:应该)?(?:是|为|选|[:：])|正确选项\s*(?:是|为|[:：])|故选|答\s*[:：])"
)
_LONGEST = 200  # characters after a marker; a longer run is prose


def final_answer(text: str) -> str | None:
    """Return the last marked answer of a solution, None where nothing marks one."""
    if hashes := _HASHES.findall(text):
        return _tidy(hashes[-1])
    if boxed := _boxed(text):
        return _tidy(boxed)
    found = [(m.start(), m[1]) for m in _ENGLISH.finditer(text) if len(m[1]) <= _LONGEST and _says(m)]
    found += [
        (m.start(), after[1])
        for m in _MARKED_ZH.finditer(text)
        if (after := _CHINESE.match(text, _marker(text, m))) and len(after[1]) <= _LONGEST
    ]
    return _tidy(max(found)[1]) if found else None


def _says(match: re.Match[str]) -> bool:
    """Tell "the answer is 5" and "Answer: 5" from "answer the question"."""
    return bool(
        re.search(
            r"(?:is|was|be|=|:|：)\s*(?:option\s*)?[:：]?\s*$",
            match[0][: match.start(1) - match.start()],
            re.IGNORECASE,
        )
    )


def _marker(text: str, match: re.Match[str]) -> int:
    start = match.start()
    return start + 2 if text[start : start + 2] in {"最终", "正确"} and text[start + 2 : start + 4] == "答案" else start


def _boxed(text: str) -> str | None:
    start = text.rfind("\\boxed")
    if start < 0:
        return None
    body = text[start + len("\\boxed") :].lstrip()
    if not body.startswith("{"):
        return body.split()[0].strip("$.") if body.split() else None
    depth = 0
    for at, char in enumerate(body):
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return body[1:at]
    return None


def _tidy(text: str) -> str | None:
    text = re.sub(r"\*\*|`", "", text).strip()
    if match := re.match(r"^[(\[]?([A-J])[)\]](?:[\s.:].*)?$", text):
        return match[1]
    text = text.strip(" \t\n.。,，;；:：")
    return text or None


def reference(response: str, meta: str | None = None) -> str | None:
    """Return the reference answer of a record: from its meta where a known key holds one, else from its response.

    None where the record has no answer that can be told from its reasoning.
    """
    if marked := final_answer(response):
        return marked
    for key in META_KEYS:
        value = _fields(meta).get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and 0 < len(value.strip()) <= SHORT:
            return value.strip()
    return _short(response.strip())


def _fields(meta: str | None) -> dict[str, object]:
    try:
        fields = json.loads(meta or "{}")
    except json.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _short(text: str) -> str | None:
    if not text or len(text) > SHORT or "\n" in text or len(text.split()) > SHORT_WORDS:
        return None
    plain = text.strip(" .。,，")
    is_answer = (
        re.fullmatch(r"[(]?[A-J][)]?", plain)
        or re.search(r"\d", plain)
        or re.fullmatch(r"[零一二三四五六七八九十百千万亿两点]+\D{0,3}", plain)
    )
    return plain if is_answer or plain.casefold() in {"yes", "no", "true", "false", "是", "否", "对", "错"} else None
