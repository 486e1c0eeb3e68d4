"""Word problems with worked, right answers, zh and en. Half of them end in "#### <answer>"."""

from __future__ import annotations

import random

from curation.demo.lexicon import EN_NAMES, PLACES, THINGS, TIMES, en, zh, zh_name
from curation.demo.pieces import Pair, pick

_Templates = tuple[str, ...]
_Phrases = tuple[dict[str, _Templates], _Templates, _Templates, _Templates, _Templates]  # steps, start, ask, say, end

# A chain of steps: what happens, the sign it is worked with, and how the answer tells it.
_EN_STEPS = {
    "+": (
        "then {n} more came from {p}",
        "{q} gave {n} extra",
        "{n} others turned up {t}",
        "a parcel with {n} arrived",
        "{q} added {n} {t}",
    ),
    "-": (
        "{n} were lost near the {p}",
        "{q} took {n} away",
        "{n} broke {t}",
        "{m} sold {n} to {q}",
        "{n} went to the {p}",
    ),
    "*": ("{q} made the pile {n} times as large", "the number grew {n}-fold {t}", "{m} packed {n} such lots"),
}
_ZH_STEPS = {
    "+": ("后来{p}又送来{n}个", "{q}给了{n}个", "{t}多出{n}个", "又收到{n}个", "{q}添上{n}个"),
    "-": ("在{p}丢了{n}个", "{q}拿走{n}个", "{t}坏了{n}个", "卖给{q}{n}个", "{n}个留在{p}"),
    "*": ("{q}把它变成{n}倍", "{t}翻成{n}倍", "照样备了{n}份"),
}
_EN_START = (
    "{m} has {a} {x} {t}",
    "{t}, {m} counts {a} {x}",
    "There are {a} {x} in {m}'s {p}",
    "{m} keeps {a} {x} by the {p}",
    "A shelf of {m} holds {a} {x}",
)
_ZH_START = (
    "{t}{m}有{a}个{x}",
    "{m}在{p}数出{a}个{x}",
    "{p}里放着{m}的{a}个{x}",
    "{m}{t}攒了{a}个{x}",
    "{a}个{x}归{m}管",
)
_EN_ASK = (
    "How many {x} remain?",
    "What is the final count of {x}?",
    "Find the number of {x} now.",
    "So how many {x} does {m} hold?",
)
_ZH_ASK = ("现在有几个{x}？", "{x}还剩多少？", "求{x}的个数。", "问{m}手里有多少{x}？", "最后{x}有多少？")
_EN_SAY = (
    "{s}: {l} {o} {n} = {r}",
    "{s}, so {l} {o} {n} = {r}",
    "because {s}, we get {l} {o} {n} = {r}",
    "{l} {o} {n} = {r} since {s}",
)
_ZH_SAY = ("{s}：{l}{o}{n}={r}", "因为{s}，{l}{o}{n}={r}", "{s}，得{l}{o}{n}={r}", "{l}{o}{n}={r}（{s}）")
_EN_END = ("The answer is {r}.", "#### {r}", "That leaves {r} {x}.", "#### {r}", "{m} ends with {r}.", "#### {r}")
_ZH_END = ("答案是{r}。", "#### {r}", "所以是{r}个{x}。", "#### {r}", "{m}有{r}个。", "#### {r}")


def en_math(rng: random.Random) -> Pair:
    """One English word problem of two to four steps."""
    words = {"m": rng.choice(EN_NAMES), "x": en(rng, THINGS), "a": str(rng.randint(12, 400))}
    return _problem(rng, words, (_EN_STEPS, _EN_START, _EN_ASK, _EN_SAY, _EN_END), (". ", "; ", ", "), " ")


def zh_math(rng: random.Random) -> Pair:
    """One Chinese word problem of two to four steps."""
    words = {"m": zh_name(rng), "x": zh(rng, THINGS), "a": str(rng.randint(12, 400))}
    return _problem(rng, words, (_ZH_STEPS, _ZH_START, _ZH_ASK, _ZH_SAY, _ZH_END), ("，", "；", "。"), "")


def _problem(rng: random.Random, words: dict[str, str], phrases: _Phrases, joints: tuple[str, ...], space: str) -> Pair:
    steps, start, ask, say, end = phrases
    total, told, worked = int(words["a"]), [pick(rng, start, _fresh(rng, words, space))], []
    for _ in range(rng.randint(2, 4)):
        sign = rng.choice("++--*") if total < 2000 else "-"
        number = rng.randint(2, 9) if sign == "*" else rng.randint(2, max(3, total - 1 if sign == "-" else 300))
        if sign == "-" and number >= total:
            sign = "+"
        result = {"+": total + number, "-": total - number, "*": total * number}[sign]
        step = pick(rng, steps[sign], _fresh(rng, words, space) | {"n": str(number)})
        told.append(step)
        worked.append(
            pick(rng, say, {"s": step, "l": total, "o": {"*": "×"}.get(sign, sign), "n": number, "r": result})
        )
        total = result
    joint = rng.choice(joints)
    stop = "." if space else "。"
    question = joint.join(told) + stop + space + pick(rng, ask, words)
    return question, "\n".join(worked) + "\n" + pick(rng, end, words | {"r": str(total)})


def _fresh(rng: random.Random, words: dict[str, str], space: str) -> dict[str, str]:
    if space:
        return words | {"q": rng.choice(EN_NAMES), "p": en(rng, PLACES), "t": en(rng, TIMES)}
    return words | {"q": zh_name(rng), "p": zh(rng, PLACES), "t": zh(rng, TIMES)}
