r"""Answers of several parts: tuples, intervals, sets, lists of solutions, x = 1, y = 2, matrices, ratios 1:2:3."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from curation.synthesise.equal.phrase import phrase
from curation.synthesise.equal.quantity import remainder

OPEN, CLOSE = "([{", ")]}"
MOST = 64  # parts; an answer has fewer
_MATRIX = re.compile(
    r"\\begin\{[pbB]?matrix\}(.*?)\\end\{[pbB]?matrix\}|\\begin\{array\}\{[^}]*\}(.*?)\\end\{array\}", re.DOTALL
)
_ASSIGNED = re.compile(r"\(?([a-zA-Zα-ω]\w{0,2}|\\[a-z]+|[\u4e00-\u9fff]{1,6})(_\{?\w{1,3}\}?)?\s*=\s*([^=]+)")
_LABELLED = re.compile(r"([^\d\s=:+-]{1,8}?)\s*(?:有|是|为|要|[:=]|has|is)?\s*([+-]?[$¥]?\d[^=]*)")
_SEPARATOR = re.compile(
    r"\s+(?:and|or)\s+|[,;、]\s*(?:and|or)\s+|[,;、\n]|[或和且与及]|\\(?:text\s*\{\s*)?(?:or|and)\b\s*\}?"
)
_RELATION = re.compile(r"\\(?:leq?|geq?|lt|gt|leqslant|geqslant)(?![a-z])|<=|>=|[<>≤≥]")
_STRICT = {"<": "<", ">": ">", "≤": "≤", "≥": "≥", "<=": "≤", ">=": "≥", r"\lt": "<", r"\gt": ">"}
_INFINITY = re.compile(r"^([+-]?)\s*(?:\\infty|∞|inf(?:inity)?|oo)$")
_IN = re.compile(r"^[a-zA-Z]\s*(?:∈|\\in(?![a-z])|in\s+(?=[\[(]))\s*")
_BUILDER = re.compile(r"\\?\{\s*[a-zA-Z]\s*(?:\||\\mid(?![a-z])|:)\s*([^{}]*?)\\?\}")  # {x | 1 < x < 2}
_NAMED = re.compile(r"\(([a-zA-Z](?:\s*,\s*[a-zA-Z])+)\)\s*=\s*\((.*)\)")  # (x, y) = (1, 2)
_POINT = re.compile(
    r"^(?:点|坐标[是为:]?|(?:the )?(?:point|vertex|ordered pair)(?: is| at|:)?)\s*(?=\()", re.IGNORECASE
)
_SYSTEM = re.compile(r"(?:\\?\{)?\s*\\begin\{(cases|array|aligned)\}(?:\{[^}]*\})?(.*?)\\end\{\1\}\s*\.?", re.DOTALL)
_UNEQUAL = re.compile(r"([a-zA-Z])\s*(?:≠|\\neq?(?![a-z])|!=)\s*([^\s,=≠<>]+)")


@dataclass(frozen=True)
class Structure:
    """`kind` is the two brackets, "," (a list without any), "=" (named parts), "∪", ":" or "…" (with a remainder)."""

    kind: str
    items: tuple[str, ...]
    names: tuple[str, ...] = ()


def structure(text: str) -> Structure | None:  # noqa: PLR0911 - one return a form
    """Return the parts of a settled answer, None where it has only one."""
    if phrase(text) == "none":
        return Structure("{}", ())
    if pair := remainder(text):
        return Structure("…", pair)
    text = _POINT.sub("", _IN.sub("", text.strip()))
    if (match := _SYSTEM.fullmatch(text)) and all(_ASSIGNED.fullmatch(row) for row in _rows(match[2])):
        return _listed(", ".join(_rows(match[2])))
    if match := _UNEQUAL.fullmatch(text):
        return Structure("∪", (f"(-∞,{match[2]})", f"({match[2]},∞)"))
    if match := _BUILDER.fullmatch(text):
        return structure(match[1])
    if match := _NAMED.fullmatch(text):
        return Structure("=", tuple(_split(match[2])), tuple(_split(match[1])))
    if match := _MATRIX.fullmatch(text):
        rows = [row for row in re.split(r"\\\\(?:\[[^\]]*\])?", match[1] or match[2]) if row.strip()]
        return Structure("[]", tuple("[" + ",".join(row.split("&")) + "]" for row in rows))
    if len(union := [u for u in re.split(r"\\cup(?![a-z])|∪", text) if u.strip()]) > 1:
        return Structure("∪", tuple(u.strip() for u in union[:MOST]))
    inner = _brackets(text)
    if inner and (inner[0] == "{}" or len(_split(inner[1])) > 1 or (inner[0] == "[]" and inner[1].startswith("["))):
        return Structure(inner[0], tuple(_split(inner[1])[:MOST]))
    return _listed(text) or _interval(text) or _ratio(text)


def _rows(text: str) -> list[str]:
    return [row for part in re.split(r"\\\\(?:\[[^\]]*\])?", text.replace("&", "")) if (row := part.strip(" ,;"))]


def _brackets(text: str) -> tuple[str, str] | None:
    r"""Return the outer brackets and what they hold, where one pair spans the whole text; \{ counts as a set's."""
    if text.startswith("\\{") and text.endswith("\\}"):
        return "{}", text[2:-2].strip()
    if len(text) < 2 or text[0] not in OPEN or text[-1] not in CLOSE or text.endswith("\\}"):
        return None
    depth = 0
    for at, char in enumerate(text):
        depth += (char in OPEN) - (char in CLOSE)
        if depth == 0 and at < len(text) - 1:
            return None
    return text[0] + text[-1], text[1:-1].strip()


def _split(text: str, separator: re.Pattern[str] = re.compile(r"[,;、]")) -> list[str]:
    """Split at separators outside brackets; empty parts are dropped."""
    parts, depth, start = [], 0, 0
    ends = {m.start(): m.end() for m in separator.finditer(text)}
    for at, char in enumerate(text):
        depth += (char in OPEN) - (char in CLOSE)
        if depth == 0 and at in ends and at >= start and not re.match(r"\d,\d{3}(?!\d)", text[max(0, at - 1) : at + 5]):
            parts.append(text[start:at])
            start = ends[at]
    parts.append(text[start:])
    return [p.strip() for p in parts if p.strip()]


def _listed(text: str) -> Structure | None:
    parts = _split(re.sub(r"^(?:both|either)\s+", "", text), _SEPARATOR)
    parts = [q for p in parts for q in (_signs(p) if "±" in p or "\\pm" in p else [p])]
    if len(parts) < 2 or len(parts) > MOST:
        return None
    named = [_ASSIGNED.fullmatch(p) for p in parts]
    found = [m for m in named if m is not None]
    if len(found) == len(parts):
        names = [m[1] for m in found]
        values = tuple(m[3].strip() for m in found)
        whole = [m[1] + (m[2] or "") for m in found]
        if len(set(names)) == len(names):
            return Structure("=", values, tuple(whole))
        return Structure(",", values)  # x = 1 or x = 2; x_1 = 1, x_2 = 2
    labelled = [m for p in parts if (m := _LABELLED.fullmatch(p))]
    if len({m[1] for m in labelled}) == len(parts) and all(m[1].isalpha() for m in labelled):  # 甲12个，乙8个
        return Structure("=", tuple(m[2] for m in labelled), tuple(_short(m[1]) for m in labelled))
    if found and named[0]:  # x = 1, 2
        parts[0] = named[0][3]
    if all(_RELATION.search(p) for p in parts):
        return Structure("∪", tuple(parts))
    return Structure(",", tuple(parts))


def _short(label: str) -> str:
    return label.removesuffix("子") if len(label) == 2 else label  # 兔子 is 兔


def _signs(text: str) -> list[str]:
    plus = re.sub(r"\\pm(?![a-z])|±", "+", text)
    minus = re.sub(r"\\pm(?![a-z])|±", "-", text)
    return [re.sub(r"(^|=)\s*\+\s*", r"\1", plus), minus]


def _interval(text: str) -> Structure | None:
    """Read an inequality in one unknown as an interval: x > 3, 1 ≤ x < 2."""
    signs = [_sign(s) for s in _RELATION.findall(text)]
    parts = [p.strip() for p in _RELATION.split(text)]
    if not 1 <= len(signs) <= 2 or not all(parts):
        return None
    if len(signs) == 1:
        parts, signs = (parts[::-1], [_turned(signs[0])]) if re.fullmatch("[a-zA-Z]", parts[1]) else (parts, signs)
        if not re.fullmatch("[a-zA-Z]", parts[0]) or re.search(rf"(?<!\\)\b{parts[0]}\b", parts[1]):
            return None
        bound, closed = parts[1], signs[0] in "≤≥"
        if signs[0] in ">≥":
            return Structure("[)" if closed else "()", (bound, "∞"))
        return Structure("(]" if closed else "()", ("-∞", bound))
    if signs[0] in ">≥":
        parts, signs = parts[::-1], [_turned(s) for s in signs[::-1]]
    if not re.fullmatch("[a-zA-Z]", parts[1]) or signs[0] not in "<≤" or signs[1] not in "<≤":
        return None
    return Structure(("[" if signs[0] == "≤" else "(") + ("]" if signs[1] == "≤" else ")"), (parts[0], parts[2]))


def _sign(text: str) -> str:
    return _STRICT.get(text) or ("≤" if text.startswith(r"\le") else "≥")


def _turned(sign: str) -> str:
    return {"<": ">", ">": "<", "≤": "≥", "≥": "≤"}[sign]


def _ratio(text: str) -> Structure | None:
    parts = re.split(r"\s*[:比]\s*", text)
    if len(parts) < 3 or not all(re.fullmatch(r"\d+(?:\.\d+)?(?:/\d+)?", p) for p in parts):
        return None
    return Structure(":", tuple(parts))


def compare(left: Structure, right: Structure, same: Callable[[str, str], bool]) -> bool:
    """Say whether two answers of several parts are equal, `same` comparing two parts."""
    kinds = {left.kind, right.kind}
    if len(left.items) != len(right.items):
        return False
    if kinds == {":"}:
        return _proportional(left.items, right.items)
    if kinds == {"="}:
        other = dict(zip(right.names, right.items, strict=True))
        if other.keys() & set(left.names):
            return all(n in other and same(item, other[n]) for n, item in zip(left.names, left.items, strict=True))
    ordered = all(_same_part(a, b, same) for a, b in zip(left.items, right.items, strict=True))
    if kinds <= {"{}", ",", "∪"}:
        return ordered or _matched(left.items, right.items, same)
    if len(kinds) == 1 or (kinds == {"()", "[]"} and len(left.items) > 2):
        return ordered
    return ordered and bool(kinds & {",", "="})


def _same_part(left: str, right: str, same: Callable[[str, str], bool]) -> bool:
    ends = _INFINITY.match(left), _INFINITY.match(right)
    if ends[0] or ends[1]:
        return bool(ends[0] and ends[1] and (ends[0][1] == "-") == (ends[1][1] == "-"))
    return same(left, right)


def _matched(left: tuple[str, ...], right: tuple[str, ...], same: Callable[[str, str], bool]) -> bool:
    """Pair the parts off in any order; each is used once."""
    rest = list(right)
    for item in left:
        partner = next((r for r in rest if same(item, r)), None)
        if partner is None:
            return False
        rest.remove(partner)
    return True


def _proportional(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    a, b = [Fraction(x) for x in left], [Fraction(x) for x in right]
    return all(x * b[0] == y * a[0] for x, y in zip(a, b, strict=True)) and (a[0] != 0) == (b[0] != 0)
