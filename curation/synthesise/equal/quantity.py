r"""One number with its unit, as people write final answers: 1,234 · 3/4 · 1\frac{1}{2} · 25% · 三百元 · $5 · 2小时30分."""

from __future__ import annotations

import re
from fractions import Fraction

from curation.synthesise.equal.arithmetic import arithmetic
from curation.synthesise.equal.numerals import PARTS, SCALES, chinese, english
from curation.synthesise.equal.same import Quantity
from curation.synthesise.equal.units import HAN, measures

LONGEST = 80  # characters; a number with its unit is shorter
MAX_EXPONENT = 300  # a float's reach; keeps 9^999999999 from being worked out

_UNSIGNED = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_NUMBER = re.compile(
    rf"(?P<sign>[+-]?)\s*(?:(?P<whole>\d+)(?:\s+|又|\s*\(\s*)(?P<above>\d+)\s*(?:/|分之)\s*(?P<below>\d+)\)?"
    rf"|\(?(?P<top>[+-]?{_UNSIGNED})\s*[/:]\s*(?P<bottom>[+-]?{_UNSIGNED})\)?"
    rf"|(?P<plain>{_UNSIGNED})(?:\s*(?:e|[x*×]\s*10\s*\^)\s*[{{(]?(?P<exponent>[+-]?\d{{1,4}})[)}}]?)?)"
)
_FRAC = re.compile(r"\\frac\s*(?:\{\s*([^{}]*)\s*\}|(\d))\s*(?:\{\s*([^{}]*)\s*\}|(\d))")
_RECURRING = re.compile(r"(\d{0,9})\.(\d{0,9})\\(?:overline|bar|dot)\s*\{(\d{1,9})\}")
_LEAD = re.compile(
    r"^(?:about|around|approximately|approx\.?|roughly|nearly|only|exactly|a total of|total|it is|is|are|was|equals?|"
    r"(?:the )?(?:values?|length|area|sum|total|result|number|price|cost|difference|product) of .{1,24}? (?:is|are|equals)|[a-z] (?:is|equals)|"
    r"大约|约为|约|共计|共有|一共|总共|共|为|是|等于|需要|需|还剩|(?:∠|\\angle\s*)[a-z]{1,3}\s*=|[a-zα-ω](?:_\{?\w\}?)?\s*[=≈]|[=≈])\s*"
)
_NO_UNIT = re.compile(
    r"\b(?:sin|cos|tan|cot|sec|csc|log|ln|lg|exp|sqrt|pi|mod|and|or|to|by|choose|infinity|root|power)\b|[=+*^_]|(?:和|或|与|到|至)\d"
)
_TAIL_EN = re.compile(r"[/]?[a-z°][a-z°'’./²³^\d{}-]*(?:\s+[a-z²³'’./^\d{}-]+){0,4}")
_TAIL_ZH = re.compile(r"/?[\u4e00-\u9fff°a-z][\u4e00-\u9fff°/a-z^\d]{0,7}")
_SENTENCE_BAR = re.compile(r"[\\^+*×÷={}<>≤≥≠±|_√π∞]|\d!|\d\s*[/:-]\s*\d|%")
_NOT = re.compile(
    r"\b(?:not|isn't|no|less|more|greater|fewer|larger|smaller) (?:than\b)|\bnot\b|不是|不等于|小于|大于|不足|不到|多于|少于|超过"
)
_PART = re.compile(rf"({_UNSIGNED}|[半零一二三四五六七八九十百两]+?)\s*([a-z°]+|个?(?:{HAN}))\s*(?:零|又|and\s+|,\s*)?")


_NAMED = {"N": " newtons", "J": " joules", "W": " watts", "V": " volts"}
# How people say a quantity → how it is read here.
_SAID: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"(\d+)\s*分之\s*(\d+)"), r"\2/\1"),
    (re.compile(r"^(\d)成([1-9])$"), r"\1.\2成"),
    (re.compile(r"^(\d+)个半(?=小时|月|钟头|$)"), r"\1.5"),
    (re.compile(r"^(?:an?|one) ([a-z]+) and a half$", re.IGNORECASE), r"1.5 \1"),
    (re.compile(r"^(\d+(?:\.\d+)?)([块元])([1-9])$"), r"\1\2\3角"),
    (re.compile(r"(?<=月)(\d+)号$"), r"\1日"),
    (re.compile(r"^(?:每小时|时速)[行走驶飞]*(\d+(?:\.\d+)?)\s*(千米|公里|米)$"), r"\1\2/时"),
    (re.compile(r"^每(分钟?|秒)[行走驶飞]*(\d+(?:\.\d+)?)\s*(千米|米)$"), r"\2\3/\1"),
    (re.compile(r"^(-?\d+)\s*°\s*(\d{1,2})\s*['′]$"), r"\1 \2/60°"),
    (re.compile(r"^(-?[$¥£€₹]?\d[\d,]*(?:\.\d+)?)[kK]$"), r"\1 thousand"),
]


def quantity(text: str) -> Quantity | None:
    """Return the one number that `text` (settled) states, or None where it states none or more than one."""
    if len(text) > 4 * LONGEST:
        return None
    text = _plain(text)
    for _ in range(3):
        text = _LEAD.sub("", text)
    if not text or len(text) > LONGEST or _NOT.search(text) or remainder(text):
        return None
    return _compound(text) or _digits(text) or _arithmetic(text) or _words(text) or _only_number_in_sentence(text)


def _plain(text: str) -> str:
    text = re.sub(r"(?<=\d)\s?M$", " million", text)  # before case goes: 2m is two metres, 2n an expression
    text = re.sub(r"(?<=\d) ([NJWV])$", lambda m: _NAMED[m[1]], text)
    text = re.sub(r"(?<=\d)\s*(?:(?:square|cubic|sq\.?|cu\.?)\s*)?units?\s*(?:\^?\{?[23]\}?|squared|cubed)?$", "", text)
    text = re.sub(r"\\times|\\cdot(?!s)", "x", text).replace(r"\div", "/").replace("$ ", "$")
    text = re.sub(r"\b(?:US|HK|A|C)\$|\bUSD\s*(?=\d)", "$", re.sub(r"\b(?:Rs\.?|INR)\s*(?=\d)", "₹", text))
    text = _FRAC.sub(lambda m: f" {m[1] or m[2]}/{m[3] or m[4]}", text)
    text = re.sub(r"^\s*([+-])\s+(?=\d)", r"\1", re.sub(r"^(?:负|零下|(?i:minus|negative))\s*(?=[\d.])", "-", text))
    text = _RECURRING.sub(_recurring, text)
    text = re.sub(r"(?<![\d\w])\(([+-]?\d+)\)", r"\1", text)  # Math23K writes ((2)/(3))
    text = re.sub(r"(?<=\d)\s*比\s*(?=\d)", ":", text)
    text = _ZH_PART.sub(_chinese_part, text)
    for pattern, plain in _SAID:
        text = pattern.sub(plain, text)
    return re.sub(r"^-\(([^()]*)\)$", r"-\1", text).casefold().strip(" \t\n。,，;；?？")


def _chinese_part(match: re.Match[str]) -> str:
    """Write 百分之二十 as 20%, 三分之二 as 2/3, in a sentence too."""
    below, above = chinese(match[1]), chinese(match[2])
    if not below or above is None:
        return match[0]
    return f"{float(above):g}%" if match[1] == "百" else f"{above / below}"


def _recurring(match: re.Match[str]) -> str:
    """Write 0.1(6 recurring) as a fraction."""
    whole, fixed, again = match[1] or "0", match[2], match[3]
    below = (10 ** len(again) - 1) * 10 ** len(fixed)
    return f" {int(whole + fixed + again) - int(whole + fixed)}/{below}"


def _compound(text: str) -> Quantity | None:
    """Read 2又二分之一, 2小时30分, 5 feet 3 inches, 3元5角, 2个半小时: parts of one dimension, each smaller than the one before."""
    if (mixed := re.fullmatch(r"(\d+)又(.+)", text)) and (part := chinese(mixed[2])) is not None:
        return Quantity(int(mixed[1]) + part, "", percent=False, places=None)
    if (counted := _counted(text)) is not None:
        return counted
    parts = list(_PART.finditer(text))
    if len(parts) < 2 or "".join(m[0] for m in parts) != text:
        return None
    pieces = [(chinese(m[1]) or _decimal(m[1]), measures(m[2])) for m in parts]
    for dimension, factor in pieces[0][1]:
        total, last = Fraction(0), None
        for value, options in pieces:
            own = next((f for d, f in options if d == dimension), None)
            if own is None or (last is not None and own >= last):
                break
            total, last = total + value * own, own
        else:
            return Quantity(total / factor, parts[0][2], percent=False, places=None)
    return None


def _counted(text: str) -> Quantity | None:
    """Read 3万5千, 12万5, 3亿零5万元: digits with places named between them."""
    match = re.fullmatch(r"((?:\d+(?:\.\d+)?[亿万千百])+)(零?)(\d*)([^\d\s零]{0,4})", text)
    if match is None:
        return None
    pieces = [(Fraction(n), SCALES[place]) for n, place in re.findall(r"(\d+(?:\.\d+)?)([亿万千百])", match[1])]
    places = [place for _, place in pieces]
    if len(pieces) + bool(match[3]) < 2 or sorted(set(places), reverse=True) != places:
        return None
    last = Fraction(match[3] or 0)
    if len(match[3]) == 1 and not match[2]:
        last *= Fraction(places[-1], 10)
    return (
        Quantity(sum((n * p for n, p in pieces), last), match[4], percent=False, places=None)
        if last < places[-1]
        else None
    )


def _digits(text: str) -> Quantity | None:
    negative = re.match(r"-\s*(?=[$¥£€₹])", text)
    body = text[negative.end() :] if negative else text
    money = body[0] if body[:1] in "$¥£€₹" and body else ""
    body = body.removeprefix(money).strip()
    match = _NUMBER.match(body)
    if match is None or (value := _value(match)) is None:
        return None
    value = -value if negative else value
    tail = body[match.end() :].strip()
    percent = re.match(r"(?:%|percent\b|per cent\b|pct\b|个百分点)\s*", tail)
    tail = tail[percent.end() :] if percent else tail
    if tail.startswith("‰"):
        value, tail = value / 1000, tail[1:].strip()
    if not percent and (part := PARTS.get(tail)):  # 2 thirds
        return Quantity(value / part, "", percent=False, places=None)
    if tail in {"成", "折"}:
        return Quantity(
            value / (100 if tail == "折" and value >= 10 else 10), "", percent=False, places=None
        )  # 3成, 85折
    for scale, factor in sorted(SCALES.items(), key=lambda pair: -len(pair[0])):
        if tail.startswith(scale) and not measures(tail) and not (scale.isascii() and tail[len(scale) :][:1].isalpha()):
            value, tail = value * factor, tail.removeprefix(scale).strip()
            break
    tail = re.sub(r"^([ap]\.?m\b\.?).*", r"\1", re.sub(r"^\((.{1,12})\)$", r"\1", tail))  # 5 am on the next day
    if tail and not _is_unit(tail, glued=not body[match.end() :][:1].isspace()):
        return None
    places = len(match["plain"].partition(".")[2]) if match["plain"] and not match["exponent"] else None
    return Quantity(value, tail or money, bool(percent), places)


def _is_unit(tail: str, *, glued: bool) -> bool:
    """Tell a unit or a noun from the rest of an expression: 3x, 2i and 5 sin t are no numbers."""
    if measures(tail) or tail in {"st", "nd", "rd", "th"}:
        return True
    if _NO_UNIT.search(tail) or re.match(r"/?[a-z]{1,2}(?![a-z])" if glued else r"[a-z](?![a-z'’])|/", tail):
        return False
    return bool(_TAIL_EN.fullmatch(tail) or _TAIL_ZH.fullmatch(tail))


def _value(match: re.Match[str]) -> Fraction | None:
    sign = -1 if match["sign"] == "-" else 1
    if match["whole"]:
        above, below = (match["below"], match["above"]) if "分之" in match[0] else (match["above"], match["below"])
        return sign * (int(match["whole"]) + Fraction(int(above), int(below))) if int(below) else None
    if match["top"]:
        below_value = _decimal(match["bottom"])
        return sign * _decimal(match["top"]) / below_value if below_value else None
    exponent = int(match["exponent"] or 0)
    return sign * _decimal(match["plain"]) * Fraction(10) ** exponent if abs(exponent) <= MAX_EXPONENT else None


def _decimal(text: str) -> Fraction:
    return Fraction(text.replace(",", "")) if text[-1:].isdigit() else Fraction(0)


def _words(text: str) -> Quantity | None:
    """Read number words with a unit after them: 三百二十元, twenty-three apples."""
    if text.startswith("百分之") and (value := chinese(text.removeprefix("百分之"))) is not None:
        return Quantity(value, "", percent=True, places=0)
    for cut in range(min(len(text), 24), 0, -1):
        if (value := chinese(text[:cut])) is not None:
            tail = text[cut:].strip()
            if tail.startswith("打"):
                value, tail = value * 12, tail[1:]
            if re.search(r"\d", tail) or (tail and chinese(tail[0]) is not None and not measures(tail)):
                return None  # a number goes on that is none: 八百元五
            if tail.startswith("个半") and (measures(tail[2:]) or tail == "个半"):
                value, tail = value + Fraction(1, 2), tail[2:]
            percent = tail == "%"
            return Quantity(value, tail, percent, places=0) if not tail or percent or _TAIL_ZH.fullmatch(tail) else None
    negative = re.match(r"(?:minus|negative)\s+", text)
    words = text[negative.end() if negative else 0 :].split()
    for cut in range(len(words), 0, -1):
        if (value := english(" ".join(words[:cut]))) is not None:
            tail = re.sub(r"^(?:of )?(?:an?|the) ", "", " ".join(words[cut:]))
            if _NO_UNIT.search(tail):
                return None
            return Quantity(-value if negative else value, tail, percent=tail == "percent", places=0)
    return None


def _arithmetic(text: str) -> Quantity | None:
    """Read a calculation without unknowns, or its result: 3*4, 12 + 5 = 17 apples."""
    if (value := arithmetic(text)) is not None:
        return Quantity(value, "", percent=False, places=None)
    left, equals, right = text.rpartition("=")
    if not equals or not right.strip() or not calculated(left):
        return None
    return _digits(right.strip())


_HAN_DIGITS = "零〇一二三四五六七八九两十百千万亿点"
_ZH_PART = re.compile(rf"(?<![又负{_HAN_DIGITS}\d])([{_HAN_DIGITS}]+)分之([{_HAN_DIGITS}]+)(?![{_HAN_DIGITS}])")
_REMAINDER = re.compile(
    r"\(?(?:商(?:是|为)?\s*|(?:the )?quotient(?: is|:)?\s*)?(?P<whole>\d+)\s*[,;]?\s*(?:and (?:a |the )?)?"
    r"(?:…+|\.{3,}|(?:\\[cl]?dots|\\ldots)\s*|余数?(?:是|为)?|r\.?|(?:with )?(?:a )?remainder(?: of| is|:)?)\s*(?P<rest>\d+)\)?",
    re.IGNORECASE,
)


def remainder(text: str) -> tuple[str, str] | None:
    """Return quotient and remainder of 5……2, 5余2, 5 R 2, 商5余2, 5 remainder 2; None where the text is no such pair."""
    match = _REMAINDER.fullmatch(text.strip())
    return (match["whole"], match["rest"]) if match else None


def calculated(left: str) -> bool:
    """Say whether what stands before a last = is a calculation, without an unknown in it: 60 guests - 40 males."""
    left = left.rpartition("=")[2]
    return bool(re.search(r"\d", left)) and not re.search(
        r"(?<![a-zA-Z0-9_'’])[b-z](?![a-zA-Z0-9_.])|\d[a-z](?![a-z])", left
    )


def _only_number_in_sentence(text: str) -> Quantity | None:
    """每班45本 → 45: a short sentence with exactly one number and no arithmetic in it."""
    found = list(re.finditer(rf"(?P<money>[$¥£€₹]?)(?P<top>{_UNSIGNED})(?:/(?P<bottom>[1-9]\d*))?", text))
    if len(found) != 1:
        return None
    match = found[0]
    before, after = text[: match.start()], text[match.end() :].strip()
    if _SENTENCE_BAR.search(f"{before}0{after.removeprefix('%')}"):
        return None
    if re.match(r"/\s*\w", after) or (before and not re.search(r"[\s\u4e00-\u9fff:]$", before)):
        return None
    unit = re.match(r"[a-z°][a-z°^²³/\d]*|[\u4e00-\u9fff]{1,4}", after)
    if unit and not _is_unit(unit[0], glued=text[match.end()] != " "):
        return None
    if re.search(r"(?:^|\s)[a-z](?:\s|$)", before.replace(" a ", " ")) or re.search(r"[()\[\]]", before):
        return None  # a formula, or part of a tuple
    below = match["bottom"]
    places = None if below else len(match["top"].partition(".")[2])
    value = _decimal(match["top"]) / int(below or 1)
    return Quantity(value, (unit[0] if unit else "") or match["money"], after.startswith("%"), places)
