"""Sentences that the domains are put together from.

Every record is made of several, each with many variants, so that two records share few 5-grams unless one was
planted as a copy of the other.
"""

from __future__ import annotations

import random

from curation.demo.lexicon import (
    ADJECTIVES,
    DEEDS,
    MOTIONS,
    PEOPLE,
    PLACES,
    SCENES,
    THINGS,
    TIMES,
    both,
    en,
    en_place,
    zh,
    zh_place,
)  # fmt: skip

Pair = tuple[str, str]  # question, answer


def pick(rng: random.Random, templates: tuple[str, ...], words: dict[str, object] | dict[str, str]) -> str:
    """Fill one of the templates."""
    return rng.choice(templates).format(**words)


def event(rng: random.Random) -> tuple[str, str]:
    """One small event, in Chinese and in English: the two say the same."""
    who, deed, what, thing = both(rng, PEOPLE), both(rng, DEEDS), both(rng, ADJECTIVES), both(rng, THINGS)
    when, where = both(rng, TIMES), both(rng, PLACES)
    han = f"{when[0]}{who[0]}在{where[0]}{deed[0]}{what[0]}{thing[0]}"
    latin = rng.choice(
        ("{t}, {w} {d} {a} {x} at the {p}", "{w} {d} {a} {x} at the {p} {t}", "at the {p} {w} {d} {a} {x} {t}")
    )
    return han, latin.format(t=when[1], w=who[1], d=deed[1], a=what[1], x=thing[1], p=where[1])


def zh_image(rng: random.Random) -> str:
    """One line of a Chinese poem or story."""
    forms = ("{s}{m}{a}{p}", "{t}的{s}{m}{w}", "{w}听见{s}{m}{p}", "{a}{x}旁，{s}{m}{w}", "{t}，{p}的{s}{m}{a}{x}")
    return rng.choice(forms).format(
        s=zh(rng, SCENES), m=zh(rng, MOTIONS), a=zh(rng, ADJECTIVES), p=zh(rng, PLACES), t=zh(rng, TIMES), w=zh(rng, PEOPLE),
        x=zh(rng, THINGS),
    )  # fmt: skip


def en_image(rng: random.Random) -> str:
    """One line of an English poem or story."""
    forms = (
        "{s} {m} the {a} {p}",
        "{t} {s} {m} {w}",
        "{w} hears how {s} {m} the {p}",
        "by {a} {x}, {s} {m} {w}",
        "the {p} waits while {s} {m} {a} {x}",
    )
    return rng.choice(forms).format(
        s=en(rng, SCENES), m=en(rng, MOTIONS), a=en(rng, ADJECTIVES), p=en(rng, PLACES), t=en(rng, TIMES), w=en(rng, PEOPLE),
        x=en(rng, THINGS),
    )  # fmt: skip


_EN_FACTS = {
    "founded": ("{e} was founded in {y}", "people settled {e} in {y}", "{y} is the year {e} began"),
    "people": ("{e} has {n} inhabitants", "some {n} people live in {e}", "the census of {e} lists {n}"),
    "craft": ("{e} is known for its {x}", "workshops of {e} make {x}", "{x} from {e} are prized"),
    "feast": ("{e} holds its fair {t}", "the fair at {e} opens {t}", "{t} all of {e} celebrates"),
    "height": ("{e} lies {h} metres up", "the altitude of {e} is {h} metres", "{h} metres is how high {e} stands"),
    "sight": ("visitors of {e} see its {a} {p}", "the {a} {p} of {e} draws crowds", "a {a} {p} stands in {e}"),
}
_ZH_FACTS = {
    "founded": ("{e}建于{y}年", "{y}年有了{e}", "人们在{y}年定居{e}"),
    "people": ("{e}有{n}人", "{n}人住在{e}", "{e}人口是{n}"),
    "craft": ("{e}盛产{x}", "{x}是{e}的特产", "{e}的{x}很有名"),
    "feast": ("{e}{t}赶集", "{t}是{e}的节日", "{e}的庙会在{t}"),
    "height": ("{e}海拔{h}米", "{h}米是{e}的高度", "{e}高{h}米"),
    "sight": ("{e}有{a}{p}", "{a}{p}坐落于{e}", "到{e}要看{a}{p}"),
}
FACTS = tuple(_EN_FACTS)


def fact(seed: int, language: str, number: int, kind: str, rng: random.Random) -> tuple[str, str]:
    """Return the name of place `number` and one fact of it; the fact is the same wherever it is told."""
    fixed = random.Random(f"{seed}/{language}/{number}")
    place, words = (zh_place, zh) if language == "zh" else (en_place, en)
    name = place(fixed)
    values = {
        "e": name, "y": fixed.randint(900, 1950), "n": fixed.randint(300, 90_000), "h": fixed.randint(2, 3_000),
        "x": words(fixed, THINGS), "t": words(fixed, TIMES), "a": words(fixed, ADJECTIVES), "p": words(fixed, PLACES),
    }  # fmt: skip
    return name, pick(rng, (_ZH_FACTS if language == "zh" else _EN_FACTS)[kind], values)
