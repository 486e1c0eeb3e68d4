"""Truth for decontamination: copies of benchmark items, edited in seven ways, planted into clean records.

An item is planted as its benchmark shows it: the question (with its passage), then its options. Where it stands in the
record is drawn: alone in a user's turn, between two paragraphs of one, or inside an assistant's. Short items are planted a
second time, in all three places. Seeded; what is planted depends on the seed and the order of the files alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.decontaminate.benchmarks import Benchmark
from curation.decontaminate.items import Item
from curation.files import Row, read

HAN = re.compile(r"[\u4e00-\u9fff]")
WORD = re.compile(r"[\u4e00-\u9fff]|[^\W\d_]+|\d+")
NUMBER = re.compile(r"(?<![\d.,A-Za-z])(?:\d{1,3}(?:,\d{3})+|\d+)(?![A-Za-z]|[\d.,]*\d)")
PUNCTUATION = re.compile(
    r"(?<!\d)[.,;:!?，。；：！？、()（）“”‘’\"'《》]|[.,;:!?，。；：！？、()（）“”‘’\"'《》](?!\d)"
)
LISTED = re.compile(r"(^|\n)[ \t]*[(（]?(\d{1,2})[.．、)）](?!\d)|[(（](\d{1,2})[)）]|([①-⑩])")
NARROW, WIDE = ",.;:!?()", "，。；：！？（）"
STYLES: tuple[Callable[[int], str], ...] = (
    lambda n: f"{n + 1})",
    lambda n: f"({chr(97 + n)})",
    lambda n: f"{chr(97 + n)}、",
    lambda n: chr(0x2460 + n),
    lambda n: f"[{chr(65 + n)}]",
)
SMALL = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
         "seventeen eighteen nineteen twenty").split()  # fmt: skip
DIGITS = "零一二三四五六七八九"
NUMERALS = set(DIGITS + "两十百千万亿") | set(SMALL)
PLACES = ("alone", "in a user's turn", "in an assistant's")
FILLERS = {"zh": "的了也就很都还把更最", "en": ["the", "really", "then", "also", "this", "some", "such", "very"]}


@dataclass(frozen=True)
class Case:
    """One record: its turns, and the item planted in it (none: a clean record)."""

    turns: tuple[tuple[str, str], ...]
    kind: str
    benchmark: str = ""
    item: str = ""
    lang: str = ""
    size: int = 0  # words, or Han characters, of the item as planted
    place: str = ""  # one of PLACES where an item is planted in each of them; empty where its place is drawn


def language(text: str) -> str:
    """Return "zh" where at least a fifth of the words are Han characters, else "en"."""
    words = WORD.findall(text)
    return "zh" if words and sum(bool(HAN.match(w)) for w in words) >= len(words) / 5 else "en"


def paragraphs(files: Sequence[Path]) -> dict[str, list[str]]:
    """Return the strings of 80 to 600 characters in the rows of `files`, by language: fresh text to plant into."""
    found: dict[str, list[str]] = {"zh": [], "en": []}
    for path in files:
        for row in read(path):
            for text in _strings(row.value) if isinstance(row, Row) else ():
                if 80 <= len(text) <= 600:
                    found[language(text)].append(text)
    return found


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for held in value.values():
            yield from _strings(held)
    elif isinstance(value, list):
        for held in value:
            yield from _strings(held)


def plant(benchmarks: Sequence[Benchmark], clean: dict[str, list[str]], each: int, seed: int) -> Iterator[Case]:
    """Yield a record for each of KINDS that an item allows, for `each` items of every benchmark."""
    for benchmark in benchmarks:
        rng = random.Random(f"{seed}/{benchmark.file}")  # noqa: S311 - a draw, no secret
        items = [i for i in benchmark.items if i.questions]
        for item in rng.sample(items, min(each, len(items))):
            lang = language(item.questions[0])
            for kind, edit in KINDS.items():
                text = edit(item, lang, rng)
                if text is not None:
                    turns = _around(text, clean[lang], rng, rng.choice(PLACES))
                    yield Case(turns, kind, benchmark.name, item.name, lang, _size(item))


def plant_short(
    benchmarks: Sequence[Benchmark], clean: dict[str, list[str]], longest: int, each: int, seed: int
) -> Iterator[Case]:
    """Yield the same for items of at most `longest` words, with a record for each of PLACES."""
    for benchmark in benchmarks:
        rng = random.Random(f"short/{seed}/{benchmark.file}")  # noqa: S311 - a draw, no secret
        items = [i for i in benchmark.items if i.questions and _size(i) <= longest]
        for item in rng.sample(items, min(each, len(items))):
            lang = language(item.questions[0])
            for kind, edit in KINDS.items():
                text = edit(item, lang, rng)
                for place in PLACES if text is not None else ():
                    turns = _around(str(text), clean[lang], rng, place)
                    yield Case(turns, kind, benchmark.name, item.name, lang, _size(item), place)


def _size(item: Item) -> int:
    return len(WORD.findall("\n".join([item.questions[0], *item.options])))


def _around(text: str, clean: list[str], rng: random.Random, place: str) -> tuple[tuple[str, str], ...]:
    one, two = rng.choice(clean), rng.choice(clean)
    if place == PLACES[0]:
        return ("user", text), ("assistant", one)
    if place == PLACES[1]:
        return ("user", f"{one}\n\n{text}\n\n{two}"), ("assistant", rng.choice(clean))
    return ("user", one), ("assistant", f"{two}\n{text}")


def verbatim(item: Item, _lang: str, _rng: random.Random) -> str:
    """Give question and options as they are."""
    return _shown(item.questions[0], item.options)


def wrapped(item: Item, lang: str, rng: random.Random) -> str:
    """Put the whole into a prompt template, with the answer."""
    answer = item.answers[0] if item.answers else rng.choice("ABCD")
    head, tail = rng.choice(
        [("问：", "答："), ("题目：\n", "答案：")] if lang == "zh" else [("Question: ", "Answer: "), ("Q: ", "A: ")]
    )
    return f"{head}{verbatim(item, lang, rng)}\n{tail}{answer}"


def renumbered(item: Item, _lang: str, rng: random.Random) -> str | None:
    """Put a number before the question, and other labels to its options and the lists in it."""
    style = rng.choice(STYLES)
    kept = rng.randrange(8, 60)

    def relabel(found: re.Match[str]) -> str:
        number = int(found[2] or found[3] or ord(found[4]) - 0x245F) - 1
        return (found[1] or "") + style(number) if 0 <= number < 10 else found[0]

    question = LISTED.sub(relabel, item.questions[0])
    return f"{kept}. {_shown(question, item.options, style)}"


def repunctuated(item: Item, lang: str, rng: random.Random) -> str:
    """Change the width of the punctuation or drop it, or change case or white space."""
    text = verbatim(item, lang, rng)
    way = rng.randrange(4)
    if way == 0:
        swap = str.maketrans(NARROW + WIDE, WIDE + NARROW)
        return re.sub(r"(?<!\d)[^\w\s](?!\d)", lambda m: m[0].translate(swap), text)
    if way == 1:
        return PUNCTUATION.sub("", text)
    if way == 2:
        return text.upper() if rng.random() < 0.5 else text.lower()
    return re.sub(r"\s+", lambda _: rng.choice(["  ", "\n", " ", "\t"]), text)


def translated_digits(item: Item, lang: str, rng: random.Random) -> str | None:
    """Write numbers in other digits: full-width, Chinese, English words to twenty, with and without separators."""
    text = verbatim(item, lang, rng)
    if not NUMBER.search(text):
        return None
    way = rng.randrange(2)

    def other(found: re.Match[str]) -> str:
        plain = found[0].replace(",", "")
        if way == 0:
            return "".join(chr(ord(c) + 0xFEE0) for c in plain)
        if lang == "zh":
            return chinese(int(plain)) if len(plain) <= 8 and str(int(plain)) == plain else found[0]
        if len(plain) >= 4 and str(int(plain)) == plain:
            return plain if "," in found[0] else f"{int(plain):,}"
        return SMALL[int(plain)] if str(int(plain)) == plain and int(plain) <= 20 and _is_free(found) else found[0]

    changed = NUMBER.sub(other, text)
    return changed if changed != text else None


def shuffled(item: Item, _lang: str, rng: random.Random) -> str | None:
    """Put the options in another order."""
    if len(set(item.options)) < 2:
        return None
    order = list(item.options)
    while order == list(item.options):
        rng.shuffle(order)
    return _shown(item.questions[0], order)


def edited(item: Item, lang: str, rng: random.Random) -> str | None:
    """Replace, drop or put in a few words: one, or a twentieth; never a number."""
    text = verbatim(item, lang, rng)
    words = [
        m
        for m in WORD.finditer(text)
        if m[0] not in NUMERALS and (HAN.match(m[0]) or (len(m[0]) > 1 and m[0].isalpha()))
    ]
    if len(words) < 3:
        return None
    fillers = FILLERS[lang]
    for found in sorted(rng.sample(words, max(1, round(len(words) / 20))), key=lambda m: -m.start()):
        new = rng.choice([rng.choice(fillers), "", f"{found[0]}{' ' if lang == 'en' else ''}{rng.choice(fillers)}"])
        text = text[: found.start()] + new + text[found.end() :]
    return text


KINDS: dict[str, Callable[[Item, str, random.Random], str | None]] = {
    f.__name__: f for f in (verbatim, wrapped, renumbered, repunctuated, translated_digits, shuffled, edited)
}


def chinese(number: int) -> str:
    """Return a number below 10^8 in Chinese numerals: 10 is 十, 105 is 一百零五, 20000 is 二万."""
    if number >= 10_000:
        high, low = divmod(number, 10_000)
        return f"{chinese(high)}万{'零' if 0 < low < 1000 else ''}{chinese(low) if low else ''}"
    text = ""
    gap = False
    for unit, sign in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            text += ("零" if gap and text else "") + DIGITS[digit] + sign
            gap = False
        else:
            gap = True
    text = text or DIGITS[0]
    return text[1:] if text.startswith("一十") else text


def _is_free(found: re.Match[str]) -> bool:
    """Say whether a number stands between spaces, as a word would."""
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    return before in ("", " ", "\n") and after in ("", " ", "\n", ".", ",", "?")


def _shown(question: str, options: Sequence[str], style: Callable[[int], str] | None = None) -> str:
    label = style if style and len(options) <= 10 else lambda n: f"{chr(65 + n)}."
    return "\n".join([question, *(f"{label(n)} {option}" for n, option in enumerate(options))])
