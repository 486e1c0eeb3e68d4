"""Units of zh and en answers: which measure a name stands for, products and quotients included (km/h, 平方米, 元/千克)."""

from __future__ import annotations

import re
from fractions import Fraction

Measure = tuple[tuple[tuple[str, int], ...], Fraction]  # dimension → power, sorted; how many base units one is

# dimension → names → how many of its base unit one is. A name may stand in two dimensions (pound, 度, 分).
_DIMENSIONS: dict[str, dict[str, Fraction | int]] = {
    "length": {
        "m 米 meter metre meters metres": 1, "km 千米 公里 kilometer kilometre kilometers kilometres": 1000,
        "cm 厘米 公分 centimeter centimetre centimeters centimetres": Fraction(1, 100),
        "mm 毫米 millimeter millimetre millimeters millimetres": Fraction(1, 1000), "dm 分米 decimeter decimeters": Fraction(1, 10),
        "ft feet foot 英尺": Fraction(3048, 10000), "in inch inches 英寸": Fraction(254, 10000),
        "yd yard yards": Fraction(9144, 10000), "mi mile miles 英里": Fraction(1609344, 1000), "里": 500,
    },
    "mass": {
        "kg 千克 公斤 kilogram kilograms": 1, "g gm gms 克 gram grams": Fraction(1, 1000),
        "吨 ton tons tonne tonnes": 1000, "斤": Fraction(1, 2), "两": Fraction(1, 20), "mg 毫克": Fraction(1, 10**6),
        "lb lbs pound pounds 磅": Fraction(45359237, 10**8), "oz ounce ounces": Fraction(45359237, 16 * 10**8),
    },
    "time": {
        "s 秒 秒钟 sec secs second seconds": 1, "min 分 分钟 minute minutes mins": 60, "刻 刻钟": 900,
        "h 小时 时 钟头 hour hours hr hrs": 3600, "天 日 day days 昼夜": 86400, "周 星期 礼拜 week weeks": 604800,
        "月 month months": Fraction(31557600, 12), "年 year years": 31557600,
    },
    "yuan": {"元 块 块钱 元钱 圆 yuan rmb ¥": 1, "角 毛": Fraction(1, 10), "分": Fraction(1, 100)},
    "dollar": {"$ dollar dollars usd 美元": 1, "cent cents ¢ 美分": Fraction(1, 100)},
    "sterling": {"£ pound pounds 英镑": 1, "penny pence": Fraction(1, 100)},
    "euro": {"€ euro euros 欧元": 1},
    "rupee": {"₹ rs rs. rupee rupees 卢比": 1},
    "volume": {
        "l 升 公升 liter liters litre litres": 1, "ml 毫升 milliliter milliliters millilitres": Fraction(1, 1000),
        "gallon gallons gal": Fraction(3785411784, 10**9),
    },
    "area": {"公顷 ha hectare hectares": 10000, "亩": Fraction(2000, 3), "acre acres": Fraction(40468564224, 10**7)},
    "angle": {"° 度 degree degrees": 1},
    "radian": {"rad radian radians 弧度": 1},
    "temperature": {"°c 度 摄氏度 ℃": 1, "°f 华氏度": Fraction(5, 9)},
    "energy": {"焦耳 焦 joule joules": 1, "kj 千焦": 1000},
    "force": {"牛 牛顿 newton newtons": 1},
    "power": {"瓦 瓦特 watt watts": 1, "kw 千瓦": 1000},
    "voltage": {"伏 伏特 volt volts": 1},
    "clock": {"点 点钟 时 o'clock": 1},
    "morning": {"am a.m. a.m 上午": 1},
    "afternoon": {"pm p.m. p.m 下午": 1},
}  # fmt: skip
_NAMES: dict[str, list[tuple[str, Fraction]]] = {}
for _dimension, _units in _DIMENSIONS.items():
    for _names, _factor in _units.items():
        for _name in _names.split():
            _NAMES.setdefault(_name, []).append((_dimension, Fraction(_factor)))
HAN = "|".join(sorted((n for n in _NAMES if re.fullmatch(r"[\u4e00-\u9fff]+", n)), key=lambda n: -len(n)))
_COMPOSED = {"area": ("length", 2, Fraction(1)), "volume": ("length", 3, Fraction(1, 1000))}  # a litre is 1/1000 m³
_SHORT = {"mph": "mile/h", "kmh": "km/h", "kph": "km/h", "kmph": "km/h", "mps": "m/s", "sqft": "ft^2"}
_POWERS = re.compile(
    r"^(?:(?P<before>平方|立方|square|sq\.?|cubic|cu\.?)\s*)?(?P<name>[a-z°.]+|[\u4e00-\u9fff]+|[$¥£€¢₹])"
    r"\s*(?:\^?\s*\{?(?P<power>[23])\}?|(?P<after>squared|cubed|平方|立方))?$"
)
_WORDS = {"平方": 2, "square": 2, "sq": 2, "squared": 2, "立方": 3, "cubic": 3, "cu": 3, "cubed": 3}


def measures(unit: str) -> list[Measure]:
    """Return what a unit may stand for; empty where it is none that is known (个, apples)."""
    unit = re.sub(r"\s+", " ", _SHORT.get(unit, unit)).strip()
    unit = re.sub(r"^个(?=小时|月|钟头|星期)", "", unit)
    parts = re.split(r"\s*/\s*|\s+per\s+|\s+an?\s+|每(?!$)", unit)
    if not all(parts) or len(parts) > 3:
        return []
    found: list[Measure] = [((), Fraction(1))]
    for number, part in enumerate(parts):
        sign = -1 if number else 1
        found = [_times(one, other, sign) for one in found for other in _single(part)]
    return found


def _single(text: str) -> list[Measure]:
    match = _POWERS.match(text)
    if match is None or match["name"] not in _NAMES:
        return []
    word = (match["before"] or match["after"] or "").rstrip(".")
    power = int(match["power"]) if match["power"] else _WORDS.get(word, 1)
    out: list[Measure] = []
    for dimension, factor in _NAMES[match["name"]]:
        base, degree, scale = _COMPOSED.get(dimension, (dimension, 1, Fraction(1)))
        out.append((((base, degree * power),), (factor * scale) ** power))
    return out


def _times(left: Measure, right: Measure, sign: int) -> Measure:
    powers = dict(left[0])
    for dimension, power in right[0]:
        powers[dimension] = powers.get(dimension, 0) + sign * power
    return tuple(sorted((d, p) for d, p in powers.items() if p)), left[1] * right[1] ** sign
