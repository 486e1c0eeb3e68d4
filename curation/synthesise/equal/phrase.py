"""Answers in set phrases of zh and en: no solution, infinitely many, all real numbers, days of the week."""

from __future__ import annotations

import re

_SOLUTIONS = r"(?:(?:real|such)?(?:solutions?|roots?|answers?|values?|numbers?)(?:exists?)?)"
_ZH_SOLUTION = r"(?:(?:实数|整数|有理数)?[解根]|实数根|实根)"
_DAYS = ("monday|mon", "tuesday|tues?", "wednesday|wed", "thursday|thurs?", "friday|fri", "saturday|sat", "sunday|sun")
_PHRASES: dict[str, str] = {
    "none": rf"∅|\\emptyset|\\varnothing|{{}}|\\{{\\}}|(?:the)?emptyset|空集|no{_SOLUTIONS}|doesnotexist|dne|(?:无|没有|不存在){_ZH_SOLUTION}"
    rf"|{_ZH_SOLUTION}?不存在|无解",
    "infinity": r"\+?(?:∞|\\infty|infinity)|正无穷大?",
    "infinite": rf"(?:an)?(?:infinitelymany|infinite(?:numberof)?){_SOLUTIONS}?|无数(?:个|多个|组)?{_ZH_SOLUTION}?|无[穷限]多?(?:个|组)?{_ZH_SOLUTION}?",
    "reals": r"(?:allreal(?:number)?s?|(?:setof)?(?:all)?realnumbers|(?:全体|任意|一切|所有)实数|实数集|(?:[a-z](?:∈|\\in))?(?:r|ℝ|\\mathbb{?r}?)"
    r"|\(-(?:∞|\\infty),\+?(?:∞|\\infty)\))",
    **{
        f"day {n}": rf"(?:on)?(?:{names})|(?:星期|周|礼拜)[{'一二三四五六日'[n]}{'天' * (n == 6)}]"
        for n, names in enumerate(_DAYS)
    },
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _PHRASES.items()}
_SUBJECT = re.compile(
    r"^(?:thereis|thereare|therefore|(?:the)?(?:equation|system|inequality|limit|it)has|(?:the)?limit|(?:该|此|原|这个)?(?:方程组?|不等式组?|极限)|有|它)(?=.)"
)
LONGEST = 48


def phrase(text: str) -> str | None:
    """Return which of the set phrases an answer is, None where it is none of them."""
    if len(text) > LONGEST:
        return None
    folded = _SUBJECT.sub("", re.sub(r"[\s.。$]+", "", text.casefold()))
    return next((name for name, pattern in _PATTERNS.items() if pattern.fullmatch(folded)), None)
