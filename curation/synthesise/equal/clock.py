"""Times of day: 12:30, 3:00 pm, 下午3点半, 15时20分, half past twelve."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from curation.synthesise.equal.numerals import chinese, english

HALF_DAY, DAY = 12 * 60, 24 * 60
_AM, _PM = (
    frozenset({"am", "上午", "早上", "早晨", "清晨", "凌晨", "早"}),
    frozenset({"pm", "下午", "晚上", "傍晚", "中午", "夜里", "晚"}),
)
_HALF = r"(?P<half>上午|下午|早上|早晨|清晨|凌晨|晚上|傍晚|中午|夜里|早|晚)?"
_COLON = re.compile(rf"{_HALF}\s*(?P<hour>\d{{1,2}})(?:\s*:\s*(?P<minute>[0-5]\d))?\s*(?P<mark>[ap]\.?m\.?)?")
_HAN = re.compile(
    rf"{_HALF}\s*(?P<hour>\d{{1,2}}|[零一二两三四五六七八九十]{{1,3}})\s*(?P<name>[点时])\s*(?P<rest>钟|整|半|[一三]刻|(?:零|过)?(?:\d{{1,2}}|[零一二三四五六七八九十]{{1,3}})分?)?"
)
_SPOKEN = re.compile(
    r"(?:a )?(?P<part>half|quarter) (?P<way>past|to|after|before) (?P<hour>[a-z]+|\d{1,2})(?: o'clock)?"
)
_LEAD = re.compile(r"^(?:at |it is |it's |是|在|于|到)")


@dataclass(frozen=True)
class Clock:
    """`minute` of twelve hours; `half` is am, pm or unknown; `wide` says that the hour was written on 24 hours (15:00)."""

    minute: int
    half: str
    wide: bool
    colon: bool  # nothing but digits and a colon: a ratio may be meant

    def same(self, other: Clock) -> bool:
        """Say whether two readings agree; one without am or pm may be either, unless the other is written on 24 hours."""
        if self.minute != other.minute:
            return False
        if self.half and other.half:
            return self.half == other.half
        return not (self.wide or other.wide)


def clock(text: str) -> Clock | None:
    """Return the time of day that an answer states, None where it states none."""
    text = _LEAD.sub("", text.casefold().strip(" ."))
    if (match := _COLON.fullmatch(text)) and (match["minute"] or match["mark"]):
        mark = (match["mark"] or "").replace(".", "") or match["half"] or ""
        return _clock(int(match["hour"]), int(match["minute"] or 0), mark, colon=not mark)
    if match := _HAN.fullmatch(text):
        hour, minute = _number(match["hour"]), _minute(match["rest"] or "")
        if hour is None or minute is None:
            return None
        return _clock(hour, minute, match["half"] or "")
    if (match := _SPOKEN.fullmatch(text)) and (named := _number(match["hour"])) is not None:
        part = 30 if match["part"] == "half" else 15
        at = named * 60 + (part if match["way"] in {"past", "after"} else -part)
        return _clock(at // 60 % 24, at % 60, "")
    return None


def unreduced(text: str) -> bool:
    """Say whether h:mm is no ratio in its lowest terms, so that it is read as a time beside a plain number: 12:30 is not 2/5."""
    match = re.fullmatch(r"\s*(\d{1,2})\s*:\s*([0-5]\d)\s*", text)
    return match is not None and int(match[1]) < 24 and math.gcd(int(match[1]), int(match[2])) > 1


def _clock(hour: int, minute: int, mark: str, *, colon: bool = False) -> Clock | None:
    if hour > 24 or minute > 59 or (mark in {"am", "pm"} and not 1 <= hour <= 23):
        return None
    wide = hour > 12 or hour == 0
    half = "pm" if mark in _PM or 12 < hour < 24 else "am" if mark in _AM or wide else ""
    return Clock((hour * 60 + minute) % HALF_DAY, half, wide and not mark, colon)


def _number(text: str) -> int | None:
    value = int(text) if text.isdecimal() else chinese(text) if not text.isascii() else english(text)
    return None if value is None else int(value)


def _minute(rest: str) -> int | None:
    fixed = {"": 0, "钟": 0, "整": 0, "半": 30, "一刻": 15, "三刻": 45}
    return fixed[rest] if rest in fixed else _number(rest.removesuffix("分").lstrip("过零") or "0")
