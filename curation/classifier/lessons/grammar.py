"""Lessons written down as phrases: a YAML file from which talks are drawn.

    kind: tools called                      # its name in a model's card
    told: {tool_use: true}                  # what each of its talks exercises, or does not; the rules say the rest
    words_of: other.yaml                    # whose words are known here too, where a file names one
    once: [part]                            # symbols whose phrase is drawn once a talk; the others anew at each use
    both:                                   # for English and Chinese; `en` and `zh` hold the same four for one of them
      rows: [{name: search, does: finds}]   # 1 to MOST rows are drawn a talk; the first one's symbols are known throughout
      lists: [{row: "$name: $does", join: ", "}]     # $listed is every row drawn, in one of these forms
      words: {led: ["", "Let me see. "]}    # a symbol and its phrases
      lessons: [{system: "You have $listed.", answer: "$led$name($value)"}]     # one is drawn

A talk is a system prompt, a question, an answer, and the record's `meta`; what a lesson leaves out is the talk's own: $question
and $answer of an ordinary record, $value being a few words of its question. They are put in as they stand: a $ in them is
a dollar. `$$` is a dollar in a phrase.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

SYMBOL = re.compile(r"\$(\$|[a-z_]+)")
GIVEN = ("question", "answer", "value", "listed")
MOST = 4  # rows of a talk
LONGEST = 30  # characters of $value

Phrases = Annotated[tuple[str, ...], BeforeValidator(lambda one: (one,) if isinstance(one, str) else one)]
Words = dict[str, Phrases]


class List(BaseModel):
    """How the rows of a talk are listed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    row: str
    join: str = "\n"


class Lesson(BaseModel):
    """The turns of a talk, and the JSON object beside them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    system: str = ""
    question: str = "$question"
    answer: str = "$answer"
    meta: str = "{}"


class Phrasebook(BaseModel):
    """The phrases of one language, or of both."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rows: tuple[Words, ...] = ()
    lists: tuple[List, ...] = ()
    words: Words = Field(default_factory=dict)
    lessons: tuple[Lesson, ...] = ()

    def joined(self, other: Phrasebook) -> Phrasebook:
        """Return one with the phrases of both."""
        return Phrasebook.model_construct(
            rows=self.rows + other.rows,
            lists=self.lists + other.lists,
            words=self.words | other.words,
            lessons=self.lessons + other.lessons,
        )


class Grammar(BaseModel):
    """A file of lessons of one kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str
    told: dict[str, bool]
    once: tuple[str, ...] = ()
    both: Phrasebook = Phrasebook()
    en: Phrasebook = Phrasebook()
    zh: Phrasebook = Phrasebook()

    @model_validator(mode="after")
    def _defined(self) -> Grammar:
        for lang in ("en", "zh"):
            book = self.book(lang)
            texts = [text for one in book.lessons for text in one.model_dump().values()] + [
                one.row for one in book.lists
            ]
            texts += [text for words in (book.words, *book.rows) for phrases in words.values() for text in phrases]
            used = {name for text in texts for name in SYMBOL.findall(text)} | set(self.once)
            known = {"$", *GIVEN, *book.words} | (set.intersection(*map(set, book.rows)) if book.rows else set())
            if unknown := sorted(used - known):
                raise ValueError(
                    f"{self.kind}, {lang}: ${unknown[0]} is no symbol of its words, nor of each of its rows"
                )
            if not book.lessons:
                raise ValueError(f"{self.kind}, {lang}: no lessons")
        return self

    def book(self, lang: Literal["en", "zh"]) -> Phrasebook:
        """Return the phrases of a language."""
        return self.both.joined(self.en if lang == "en" else self.zh)


def read(path: Path) -> Grammar:
    """Read a file of lessons; raises ValueError where a phrase uses a symbol that is not there."""
    file = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    if other := file.pop("words_of", None):
        shared = yaml.load((path.parent / other).read_text(encoding="utf-8"), yaml.CSafeLoader)
        for book in ("both", "en", "zh"):
            words = shared.get(book, {}).get("words", {})
            file[book] = file.get(book, {}) | {"words": words | file.get(book, {}).get("words", {})}
    return Grammar.model_validate(file)


def draw(book: Phrasebook, once: tuple[str, ...], question: str, answer: str, chance: random.Random) -> Lesson:
    """Return a talk made of a record's question and answer; the same of the same `chance`."""
    value = re.sub(r"""["\\\s]+""", " ", question)[: chance.randint(4, LONGEST)].strip(" ？?。.")
    facts = {"question": question, "answer": answer, "value": value}
    rows = chance.sample(book.rows, min(chance.randint(1, MOST), len(book.rows)))
    words = book.words | rows[0] if rows else book.words
    facts |= {name: _filled(f"${name}", words, facts, chance) for name in once}
    if book.lists:
        form = chance.choice(book.lists)
        facts["listed"] = form.join.join(
            _filled(form.row, book.words | row, facts, chance) for row in chance.sample(rows, len(rows))
        )
    drawn = chance.choice(book.lessons)
    return Lesson(**{name: _filled(text, words, facts, chance).strip() for name, text in drawn.model_dump().items()})


def _filled(text: str, words: Words, facts: Mapping[str, str], chance: random.Random) -> str:
    """Return a phrase with its symbols replaced: facts as they stand, others by one of their phrases, filled in turn."""

    def one(symbol: re.Match[str]) -> str:
        name = symbol[1]
        if name == "$":
            return "$"
        return facts[name] if name in facts else _filled(chance.choice(words[name]), words, facts, chance)

    return SYMBOL.sub(one, text)
