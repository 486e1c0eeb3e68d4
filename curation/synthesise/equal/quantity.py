r"""One number with its unit, as people write final answers: 1,234 · 3/4 · 1\frac{1}{2} · 25% · 三百元 · $5 · 2.5 km."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from curation.synthesise.equal.numerals import SCALES, chinese, english

LONGEST = 60  # characters; a number with its unit is shorter
MAX_EXPONENT = 300  # a float's reach; keeps 9^999999999 from being worked out

_UNSIGNED = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_NUMBER = re.compile(
    rf"(?P<sign>[+-]?)\s*(?:(?P<whole>\d+)(?:\s+|又|\s*\(\s*)(?P<above>\d+)\s*(?:/|分之)\s*(?P<below>\d+)\)?"
    rf"|\(?(?P<top>{_UNSIGNED})\s*[/:]\s*(?P<bottom>{_UNSIGNED})\)?"
    rf"|(?P<plain>{_UNSIGNED})(?:\s*(?:e|[x*×]\s*10\s*\^)\s*\{{?(?P<exponent>[+-]?\d{{1,4}})\}}?)?)"
)
_FRAC = re.compile(r"\\[dt]?frac\s*(?:\{\s*([^{}]*)\s*\}|(\d))\s*(?:\{\s*([^{}]*)\s*\}|(\d))")
_LEAD = re.compile(
    r"^(?:about|around|approximately|approx\.?|roughly|nearly|only|exactly|a total of|total|it is|is|are|was|"
    r"大约|约为|约|共计|共有|一共|总共|共|为|是|等于|需要|需|还剩|[a-zA-Zα-ω]\s*[=≈]|[=≈])\s*"
)
_TAIL_EN = re.compile(r"[a-z°'’./²³-]+(?:\s+[a-z²³'’./-]+){0,4}")
_TAIL_ZH = re.compile(r"[\u4e00-\u9fff°²³/a-z]{1,8}")
_SENTENCE_BAR = re.compile(r"[\\^+*×÷={}<>|_]|\d\s*[/:-]\s*\d|%")

# Names of a unit → how many of its dimension's base unit it is.
_DIMENSIONS: dict[str, dict[str, Fraction | int]] = {
    "length": {
        "m 米 metre meter metres meters": 1, "km 千米 公里 kilometer kilometre kilometers kilometres": 1000,
        "cm 厘米 centimeter centimeters centimetres": Fraction(1, 100), "mm 毫米 millimeters": Fraction(1, 1000),
        "dm 分米": Fraction(1, 10), "ft feet foot": Fraction(3048, 10000), "in inch inches": Fraction(254, 10000),
        "yd yard yards": Fraction(9144, 10000), "mile miles 英里": Fraction(1609344, 1000),
    },
    "mass": {
        "kg 千克 公斤 kilogram kilograms": 1, "g 克 gram grams": Fraction(1, 1000), "吨 t ton tons tonnes": 1000,
        "斤": Fraction(1, 2), "mg 毫克": Fraction(1, 10**6), "lb lbs pound pounds 磅": Fraction(45359237, 10**8),
    },
    "time": {
        "s 秒 秒钟 sec second seconds": 1, "min 分钟 minute minutes mins": 60, "h 小时 时 hour hours hr hrs": 3600,
        "天 日 day days": 86400, "周 星期 week weeks": 604800, "年 year years": 31557600,
        "月 个月 month months": Fraction(31557600, 12),
    },
    "yuan": {"元 块 块钱 元钱 yuan rmb ¥": 1, "角 毛": Fraction(1, 10), "万元": 10000},
    "dollar": {"$ dollar dollars usd 美元": 1, "cent cents ¢ 美分": Fraction(1, 100)},
    "volume": {
        "l 升 liter liters litre litres 立方分米 dm³ dm3": 1, "ml 毫升 立方厘米 cm³ cm3": Fraction(1, 1000), "立方米 m³ m3": 1000,
    },
    "area": {
        "平方米 m² m2 ㎡": 1, "平方厘米 cm² cm2": Fraction(1, 10000), "平方千米 km² km2": 10**6, "公顷": 10000,
        "平方分米 dm² dm2": Fraction(1, 100),
    },
    "angle": {"° 度 degree degrees": 1},
}  # fmt: skip
_UNITS = {
    name: (dimension, Fraction(factor))
    for dimension, units in _DIMENSIONS.items()
    for names, factor in units.items()
    for name in names.split()
}


@dataclass(frozen=True)
class Quantity:
    """A value as written: `percent` numbers are not divided by 100; `places` counts the decimals (None: exact)."""

    value: Fraction
    unit: str
    percent: bool
    places: int | None


def quantity(text: str) -> Quantity | None:
    """Return the one number that `text` (already NFKC) states, or None where it states none or more than one."""
    text = _plain(text)
    for _ in range(3):
        text = _LEAD.sub("", text)
    if not text or len(text) > LONGEST:
        return None
    return _digits(text) or _words(text) or _only_number_in_sentence(text)


def _plain(text: str) -> str:
    for command in (r"\left", r"\right", r"\!", r"\,", r"\;", r"\$", "^{\\circ}", "^\\circ"):
        text = text.replace(command, {r"\$": "$", "^{\\circ}": "°", "^\\circ": "°"}.get(command, ""))
    text = re.sub(r"\\(?:text|mathrm|mbox|textbf)\s*\{([^{}]*)\}", r" \1", text)
    text = text.replace(r"\%", "%").replace(r"\times", "x").replace(r"\cdot", "x").replace("\\ ", " ")
    text = _FRAC.sub(lambda m: f" {m[1] or m[2]}/{m[3] or m[4]}", text)
    text = text.replace("⁄", "/").replace("−", "-").replace("–", "-").replace("∶", ":")
    text = re.sub(r"(?<![\d\w])\((\d+)\)", r"\1", text)  # Math23K writes ((2)/(3))
    return text.casefold().strip(" \t\n.。,，;；!！?？")


def _digits(text: str) -> Quantity | None:
    money = text[0] if text[0] in "$¥£€" else ""
    negative = text.startswith("-$")
    body = text[2:] if negative else text.removeprefix(money).strip()
    match = _NUMBER.match(body)
    if match is None or (value := _value(match)) is None:
        return None
    value = -value if negative else value
    tail = body[match.end() :].strip()
    percent = tail.startswith(("%", "percent", "per cent", "个百分点"))
    tail = re.sub(r"^(?:%|percent|per cent|个百分点)", "", tail).strip()
    for scale, factor in sorted(SCALES.items(), key=lambda pair: -len(pair[0])):
        if tail.startswith(scale) and tail not in _UNITS:
            value, tail = value * factor, tail.removeprefix(scale).strip()
            break
    tail = re.sub(r"^\((.{1,12})\)$", r"\1", tail)
    if tail and tail not in _UNITS and not _TAIL_EN.fullmatch(tail) and not _TAIL_ZH.fullmatch(tail):
        return None
    places = len(match["plain"].partition(".")[2]) if match["plain"] and not match["exponent"] else None
    return Quantity(value, tail or ("$" if negative else money), percent, places)


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
    return Fraction(text.replace(",", ""))


def _words(text: str) -> Quantity | None:
    """Read number words with a unit after them: 三百二十元, twenty-three apples."""
    if text.startswith("百分之") and (value := chinese(text.removeprefix("百分之"))) is not None:
        return Quantity(value, "", percent=True, places=0)
    for cut in range(len(text), 0, -1):
        if (value := chinese(text[:cut])) is not None:
            tail = text[cut:].strip()
            percent = tail == "%"
            return Quantity(value, tail, percent, places=0) if not tail or percent or _TAIL_ZH.fullmatch(tail) else None
    words = text.split()
    for cut in range(len(words), 0, -1):
        if (value := english(" ".join(words[:cut]))) is not None:
            return Quantity(value, " ".join(words[cut:]), percent=words[cut:] == ["percent"], places=0)
    return None


def _only_number_in_sentence(text: str) -> Quantity | None:
    """每班45本 → 45: a short sentence with exactly one number and no arithmetic in it."""
    found = list(re.finditer(rf"\$?{_UNSIGNED}", text))
    if len(found) != 1 or _SENTENCE_BAR.search(text.replace("%", "", text.count("%") == 1)):
        return None
    match = found[0]
    before, after = text[: match.start()], text[match.end() :].lstrip()
    if before and not re.search(r"[\s\u4e00-\u9fff:(]$", before):
        return None
    unit = re.match(r"[a-z°²³]+|[\u4e00-\u9fff]{1,4}", after)
    digits = match[0].removeprefix("$")
    return Quantity(_decimal(digits), unit[0] if unit else "", after.startswith("%"), len(digits.partition(".")[2]))


def same(reference: Quantity, answer: Quantity) -> tuple[bool, str]:
    """Compare two quantities; returns whether they are equal and by which rule (number, percent, unit, rounded)."""
    if reference.percent != answer.percent:
        share, bare = (reference, answer) if reference.percent else (answer, reference)
        # "25%" against "25": the question asked for a percentage. Below 1 a bare number is read as the share itself.
        return share.value / 100 == bare.value or (share.value == bare.value and abs(bare.value) >= 1), "percent"
    left, right = reference.value, answer.value
    units = _UNITS.get(reference.unit), _UNITS.get(answer.unit)
    if units[0] and units[1] and units[0] != units[1]:
        if units[0][0] != units[1][0]:
            return False, "unit"
        return left * units[0][1] == right * units[1][1], "unit"
    if left == right:
        return True, "number"
    return (_rounds_to(reference, right) or _rounds_to(answer, left)), "rounded"


def _rounds_to(written: Quantity, other: Fraction) -> bool:
    """Say whether `other`, rounded to the decimals written (two at least), is the number written."""
    if not written.places or written.places < 2 or written.value == 0:
        return False
    gap = abs(written.value - other)
    return gap * 2 * 10**written.places <= 1 and gap * 50 <= abs(written.value)
