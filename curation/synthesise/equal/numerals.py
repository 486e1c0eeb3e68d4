"""Number words of Chinese and English as exact fractions."""

from __future__ import annotations

import re
from fractions import Fraction

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_FORMAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟萬億廿", "一二三四五六七八九十百千万亿二")
_SMALL = {"十": 10, "百": 100, "千": 1000}
_LARGE = {"万": 10**4, "亿": 10**8}
_ZH = re.compile(r"[零〇一二三四五六七八九两十百千万亿]+(?:点[零〇一二三四五六七八九]+)?")
_BASED = re.compile(r"([0-9a-zA-Z]*\d[0-9a-zA-Z]*)_\{?\s*(?:base )?(\d{1,2})\s*\}?")
_TENTHS = re.compile(r"(.{1,3})成([一二三四五六七八九]?)")
_EN_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_EN = {word: i for i, word in enumerate(_EN_UNITS.split())}
_EN |= {w: 10 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}
_EN_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_EN_PARTS = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
}
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth"
)
_EN_ORDINALS = {word: i for i, word in enumerate(_ORDINALS.split(), start=1)} | {"twentieth": 20, "thirtieth": 30}
PARTS = {
    f"{word}s": below for word, below in _EN_PARTS.items() if below > 2 and word != "quarter"
}  # quarters may be coins
_DOZEN = {"dozen": 12, "dozens": 12}
SCALES = {**_EN_SCALES, **_LARGE, **_DOZEN, "百万": 10**6, "千万": 10**7, "百": 100, "千": 1000, "打": 12}


def chinese(text: str) -> Fraction | None:  # noqa: PLR0911 - one return a form
    """Return the value of a Chinese numeral (三百零五, 二点五, 五分之二, 百分之三十, 三成, 一半, 一又二分之一), else None."""
    text = text.replace("廿", "二十").translate(_FORMAL).removeprefix("第")
    if text.endswith("折") and (value := _chinese_plain(text[:-1])) is not None and "十" not in text:
        return value / 10 if value < 10 else value / 100  # 八折, 八五折
    if text in {"一半", "半"}:
        return Fraction(1, 2)
    if text.startswith("负"):
        value = chinese(text[1:])
        return None if value is None else -value
    if "又" in text:
        whole, part = (chinese(side) for side in text.split("又", 1))
        return None if whole is None or part is None else whole + part
    if "分之" in text:
        below, above = text.split("分之", 1)
        bottom, top = chinese(below), chinese(above)
        return top / bottom if bottom and top is not None else None
    if (match := _TENTHS.fullmatch(text)) and (value := _chinese_plain(match[1])) is not None:
        return (value + Fraction(_DIGITS.get(match[2], 0), 10)) / 10  # 七成五
    return _chinese_plain(text)


def _chinese_plain(text: str) -> Fraction | None:
    if not _ZH.fullmatch(text):
        return None
    whole, _, decimals = text.partition("点")
    value = Fraction(_chinese_whole(whole))
    for place, digit in enumerate(decimals, start=1):
        value += Fraction(_DIGITS[digit], 10**place)
    return value


def _chinese_whole(text: str) -> int:
    if not any(c in _SMALL or c in _LARGE for c in text):  # read out digit by digit: 二〇二四
        return int("".join(str(_DIGITS[c]) for c in text))
    text = f"一{text}" if text[0] in _LARGE else text  # 万分之五
    total, section, digit, below = 0, 0, 0, 1  # below: what a last digit without a place counts, 三百五 is 350
    for char in text:
        if char in _DIGITS:
            digit, below = _DIGITS[char], below if _DIGITS[char] else 1
        elif char in _SMALL:
            section, digit, below = section + (digit or 1) * _SMALL[char], 0, _SMALL[char] // 10
        else:
            section, digit, below = section + digit, 0, _LARGE[char] // 10
            if char == "亿":  # all before it, 一万亿 included; 万 only what stands between: 一亿两千万
                total, section = (total + section) * _LARGE[char], 0
            else:
                total, section = total + section * _LARGE[char], 0
    return total + section + digit * below


def based(left: str, right: str) -> bool | None:
    """Compare numbers in a base (4210_5); None where neither is. One without its base has the same digits."""
    one, other = _BASED.fullmatch(left), _BASED.fullmatch(right)
    if one and other:
        try:
            return int(one[1], int(one[2])) == int(other[1], int(other[2]))
        except ValueError:  # a digit that the base has not
            return one[0] == other[0]
    found, plain = (one, right) if one else (other, left)
    return found[1].casefold() == plain.casefold() if found and re.fullmatch(r"\w+", plain) else None


def english(text: str) -> Fraction | None:
    """Return the value of an English numeral (twenty-three, one and a half, three quarters, third, half a dozen), else None."""
    words = [w for w in re.split(r"[\s-]+", text.casefold()) if w not in {"and", "of"}]
    if not words or len(words) > 16:
        return None
    part = words[-1].removesuffix("s") if words[-1] != "halves" else "half"
    if words[-1] in _DOZEN or (words[0] == "half" and words[-1] in _EN_SCALES):
        return _multiple(words)
    if (place := _ordinal(words)) is not None:
        return place
    return _english_fraction(words[:-1], _EN_PARTS[part]) if part in _EN_PARTS else _english_whole(words)


def _multiple(words: list[str]) -> Fraction | None:
    """Read two and a half dozen, half a million."""
    many = words[:-2] if words[-2:-1] == ["a"] and len(words) > 2 else words[:-1]
    count = Fraction(1) if many in ([], ["a"]) else english(" ".join(many))
    return None if count is None else count * (_DOZEN | _EN_SCALES)[words[-1]]


def _ordinal(words: list[str]) -> Fraction | None:
    """Read third and twenty-first: a place, where a third is a part."""
    named = words[words[0] == "the" :]
    if not 1 <= len(named) <= 2 or named[-1] not in _EN_ORDINALS:
        return None
    tens = [_EN.get(word, 0) for word in named[:-1]]
    return Fraction(sum(tens) + _EN_ORDINALS[named[-1]]) if all(ten >= 20 for ten in tens) else None


def _english_whole(words: list[str]) -> Fraction | None:
    if words in (["twice"], ["two", "times"]):
        return Fraction(2)
    words = words[len(words) > 1 and words[0] == "a" and words[1] in _EN_SCALES :]  # a hundred
    total, section = 0, 0
    for word in words:
        if word in _EN:
            section += _EN[word]
        elif word == "hundred":
            section = (section or 1) * 100
        elif word in _EN_SCALES:
            total, section = total + (section or 1) * _EN_SCALES[word], 0
        else:
            return None
    return Fraction(total + section)


def _english_fraction(words: list[str], below: int) -> Fraction | None:
    if not words or words in (["a"], ["one"]):
        return Fraction(1, below)
    if words[-1] == "a":  # one and a half
        whole = english(" ".join(words[:-1]))
        return None if whole is None else whole + Fraction(1, below)
    above = english(" ".join(words))
    return None if above is None else above / below
