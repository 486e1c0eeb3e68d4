r"""Finds the final answer in a solution: `#### 42`, \boxed{42}, "The answer is 42", 答案是42, 答：…, a plain short answer."""

from __future__ import annotations

import json
import re

SHORT = 40  # characters of a response that is nothing but its answer
SHORT_WORDS = 5
META_KEYS = ("ans", "answer", "golden", "final_answer", "target")  # APE210k, GSM8K, CMATH, numina name theirs so
TAIL = 20_000  # characters at the end of a solution that are looked through: an answer comes last
LONGEST = 200  # characters after a marker; a longer run is prose

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)  # \{ is no brace, but the { of \\{ is one
_SPACES = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\n\s*\n+")
_HASHES = re.compile(r"^ ?#{3,4}(?! ?(?:final )?answer\b| ?答案) ?([^\n#]+)$", re.MULTILINE | re.IGNORECASE)
_TAGGED = re.compile(r"<answer>([^<]{1,400})</answer>", re.IGNORECASE)
_IS = r"(?:\b(?:is|was|be|becomes|equals)\b(?: (?:therefore|thus|simply|then|indeed|just|clearly))?|=|[:：])"
_ENGLISH = re.compile(
    rf"\b(?:answer|ans|(?:correct|right) (?:option|choice)|final (?:result|value))\b(?: (?:to|for|of) [^.\n:：=]{{1,80}}?)?"
    rf"[* ]*{_IS}[* ]*(?:(?:is|option|choice|simply)\b ?)?[:：]?[* ]*\n?(\S(?:[^\n.。]|\.(?=\S))*)",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"(?:(?:最终|正确|最后)?(?:的)?(?:答案|选项|结果)[* ]*(?:应该|应当|应)?(?:就)?(?:是|为|选|[:：】])|答[* ]*[:：]|(?:故|因此|所以|应)(?:本题)?(?:应)?(?:选择|选项|选))"
    r"[* ]*(?:(?:(?:最终)?答案|结果)(?:是|为)|选项|选|是)?[:：]?[* ]*\n?([^\n。；;<]+)"
)
_HEADING = re.compile(
    r"^[# *]*(?:(?:final|correct) )?(?:answer|答案|最终答案)[* :：]*\n([^\n]+)", re.MULTILINE | re.IGNORECASE
)
_LETTER = re.compile(r"\b(?:answer|ans|option|choice) ?(\(?[A-J]\)?)\W*\Z", re.IGNORECASE)
_LAST_LINE = re.compile(r"(?:\A|\n) ?A ?[:：] ?([^\n]+)\Z")  # the verifiers' data ends its solutions on `A: 18`


def final_answer(text: str) -> str | None:
    """Return the last marked answer of a solution, None where nothing marks one."""
    text = tail(text)
    if tagged := _TAGGED.findall(text):
        text = tagged[-1]
        return _tidy(boxed(text) or text)
    if hashes := _HASHES.findall(text):
        return _tidy(boxed(hashes[-1]) or hashes[-1])
    if found := boxed(text):
        return _tidy(found)
    marked = [
        (m.start(1), m[1]) for p in (_ENGLISH, _CHINESE, _HEADING) for m in p.finditer(text) if len(m[1]) <= LONGEST
    ]
    if not marked and (letter := _LETTER.search(text)):
        return _tidy(letter[1])
    if not marked and (last := _LAST_LINE.search(text)) and not re.search(r"^ ?B ?[:：]", text, re.MULTILINE):
        marked = [(0, last[1])]
    return _tidy(max(marked)[1].rstrip(" !！")) if marked else None


def tail(text: str) -> str:
    """Return the end of a text after any thinking, its white space collapsed (patterns over it stay linear)."""
    text = text[-TAIL:].rpartition("</think>")[2]
    return _LINES.sub("\n", _SPACES.sub(" ", text.replace("\r", "\n"))).strip()


def boxed(text: str) -> str | None:
    r"""Return what the last \boxed holds; of several in the last sentence, all, with commas between."""
    found: list[str] = []
    end = 0
    for match in re.finditer(r"\\f?box(?:ed)?(?![a-z])\s*", text):
        if match.start() < end:
            continue  # a box in a box
        if found and (len(between := text[end : match.start()]) > SHORT or re.search(r"[.。\n]", between)):
            found = []
        content, end = _braced(text, match.end())
        found += [content] if content else []
    return ", ".join(found) or None


def _braced(text: str, start: int) -> tuple[str, int]:
    if text[start : start + 1] != "{":
        words = text[start:].split()
        return (words[0].strip("$.,"), start + len(words[0])) if words else ("", start)
    depth = 0
    for match in _BRACE.finditer(text, start):
        depth += (match[0] == "{") - (match[0] == "}")
        if depth == 0:
            return text[start + 1 : match.start()].strip(), match.end()
    return "", len(text)


def _tidy(text: str) -> str | None:
    text = re.sub(r"\*\*|`|</?[a-z]+>", "", text).strip()
    if match := re.match(r"^[(\[]([A-J])[)\]](?:[\s.:].*)?$", text):
        return match[1]
    text = text.strip(" \t\n.。,，;；:：")
    return text or None


def reference(response: str, meta: str | None = None) -> str | None:
    """Return the reference answer of a record: from its response where one is marked, else from a known key of its meta.

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
