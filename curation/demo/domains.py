"""The demo's domains: each makes one record, a list of (question, answer) turns, from a random generator."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

from curation.demo.lexicon import ADJECTIVES, EN_NAMES, PEOPLE, PLACES, SCENES, THINGS, TIMES, en, zh, zh_name
from curation.demo.maths import en_math, zh_math
from curation.demo.pieces import FACTS, Pair, en_image, event, fact, pick, zh_image

PLACES_TOLD = 120  # invented places a language has in the training text; benchmarks ask of others
Conversation = list[Pair]

_EN_KNOW = (
    "Tell me about {a}, {b} and {c}.",
    "What do you know of {a}? Compare {b} with {c}.",
    "I plan a trip: {a}, {b}, {c}. Facts please.",
    "Quiz notes on {a}, also {b}, lastly {c}?",
)
_ZH_KNOW = (
    "介绍{a}、{b}和{c}。",
    "{a}怎样？再说{b}、{c}。",
    "想去{a}，{b}与{c}也行，有何资料？",
    "{a}、{b}、{c}各有什么特点？",
)
_EN_WRITE = (
    "Write a short {f} with {x}, {s} and a {p}.",
    "A {f} please: {s}, {x}, {p}.",
    "Compose some {f} about {s} at a {p}; mention {x}.",
    "I need a {f}. It has {x} and {s}.",
)
_ZH_WRITE = (
    "写一段{f}，要有{x}、{s}和{p}。",
    "以{s}为题写{f}，提到{x}。",
    "来一首{f}：{p}、{s}、{x}。",
    "请作{f}，写{p}的{s}与{x}。",
)


def knowledge(language: str, seed: int) -> Callable[[random.Random], Conversation]:
    """Return the maker of facts of three or four invented places."""

    def make(rng: random.Random) -> Conversation:
        told = [
            fact(seed, language, rng.randrange(PLACES_TOLD), rng.choice(FACTS), rng) for _ in range(rng.randint(3, 5))
        ]
        names = dict(zip("abc", (name for name, _ in told), strict=False))
        question = pick(rng, _ZH_KNOW if language == "zh" else _EN_KNOW, names)
        if language == "zh":
            return [(question, "；".join(t for _, t in told) + "。")]
        return [(question, ". ".join(t[0].upper() + t[1:] for _, t in told) + ".")]

    return make


def en_writing(rng: random.Random) -> Conversation:
    """Write a poem, note or story in English."""
    form = rng.choice(("poem", "story", "diary entry", "letter", "song", "scene"))
    question = pick(rng, _EN_WRITE, {"f": form, "x": en(rng, THINGS), "s": en(rng, SCENES), "p": en(rng, PLACES)})
    lines = [en_image(rng) for _ in range(rng.randint(4, 7))]
    joint = "\n" if form in {"poem", "song"} else ". "
    return [(question, joint.join(line[0].upper() + line[1:] for line in lines) + ".")]


def zh_writing(rng: random.Random) -> Conversation:
    """Write a poem, note or story in Chinese."""
    form = rng.choice(("诗", "故事", "日记", "书信", "歌词", "散文"))
    question = pick(rng, _ZH_WRITE, {"f": form, "x": zh(rng, THINGS), "s": zh(rng, SCENES), "p": zh(rng, PLACES)})
    joint = "，\n" if form in {"诗", "歌词"} else "。"
    return [(question, joint.join(zh_image(rng) for _ in range(rng.randint(4, 7))) + "。")]


def en_role(rng: random.Random) -> Conversation:
    """Let a character speak."""
    who, mood = en(rng, PEOPLE), en(rng, ADJECTIVES)
    ask = pick(rng, ("You are {w}, in {a} spirits. {e}. What do you say?", "Play {w}. Setting: {i}. I ask why {e}?", "Stay {w}: {i}; {e}. Reply!"),
               {"w": who, "a": mood, "e": event(rng)[1], "i": en_image(rng)})  # fmt: skip
    oath = rng.choice(
        ("Ah, friend!", "Hm.", "Listen well:", "By my beard,", "You again?", "Sit down.", "Ha!", "Well now,")
    )
    return [(ask, f"{oath} {event(rng)[1]}, and {en_image(rng)}. As {who} I say: {event(rng)[1]}!")]


def zh_role(rng: random.Random) -> Conversation:
    """Let a character speak Chinese."""
    who = zh(rng, PEOPLE)
    ask = pick(
        rng,
        ("你是{w}，{e}，你怎么说？", "扮演{w}。{i}。我问：{e}？", "请当{w}：{i}，{e}，回话！"),
        {"w": who, "e": event(rng)[0], "i": zh_image(rng)},
    )
    oath = rng.choice(("哎呀！", "嗯。", "听好：", "老兄，", "又是你？", "坐吧，", "哈哈！", "且慢，"))
    return [(ask, f"{oath}{event(rng)[0]}，{zh_image(rng)}。我这{who}说：{event(rng)[0]}！")]


def translation(rng: random.Random) -> Conversation:
    """Translate two to four sentences from one language to the other."""
    told = [event(rng) for _ in range(rng.randint(2, 4))]
    han, latin = "。".join(t[0] for t in told) + "。", ". ".join(t[1][0].upper() + t[1][1:] for t in told) + "."
    if rng.random() < 0.5:
        return [
            (
                rng.choice(("译成英文：{}", "Translate: {}", "{} 用英语怎么说？", "Into English, please: {}")).format(
                    han
                ),
                latin,
            )
        ]
    return [(rng.choice(("译成中文：{}", "Chinese for this? {}", "{} (to Chinese)", "翻译：{}")).format(latin), han)]


def en_reasoning(rng: random.Random) -> Conversation:
    """Set an ordering puzzle with one solution."""
    names, trait = (
        rng.sample(EN_NAMES, rng.randint(4, 6)),
        rng.choice(("older", "taller", "faster", "heavier", "louder", "richer")),
    )
    clues = [
        rng.choice(("{a} is {t} than {b}", "{b} is less so than {a}", "compared to {b}, {a} is {t}")).format(
            a=a, b=b, t=trait
        )
        for a, b in pairwise(names)
    ]
    rng.shuffle(clues)
    last = rng.random() < 0.5
    where = f"{en(rng, TIMES)} at the {en(rng, PLACES)}"
    question = f"{where[0].upper()}{where[1:]}: {'; '.join(clues)}. Who comes {'last' if last else 'first'}?"
    answer = names[-1] if last else names[0]
    return [
        (
            question,
            f"Chain: {' > '.join(names)} ({trait}). {pick(rng, ('The answer is {n}.', 'Hence {n}.', '#### {n}'), {'n': answer})}",
        )
    ]


def zh_reasoning(rng: random.Random) -> Conversation:
    """Set an ordering puzzle in Chinese."""
    names, trait = [zh_name(rng) for _ in range(rng.randint(4, 6))], rng.choice("高重快老富")
    clues = [
        rng.choice(("{a}比{b}{t}", "{b}不如{a}{t}", "论{t}，{a}胜{b}")).format(a=a, b=b, t=trait)
        for a, b in pairwise(names)
    ]
    rng.shuffle(clues)
    last = rng.random() < 0.5
    question = f"{zh(rng, TIMES)}在{zh(rng, PLACES)}，{'，'.join(clues)}。谁{'最不' if last else '最'}{trait}？"
    return [
        (
            question,
            f"排序：{'>'.join(names)}。{pick(rng, ('答案是{n}。', '故为{n}。', '#### {n}'), {'n': names[-1] if last else names[0]})}",
        )
    ]


_OPS = (
    ("keep those above {k}", "保留大于{k}的", "[{v} for {v} in {l} if {v} > {k}]"),
    ("drop multiples of {k}", "去掉{k}的倍数", "[{v} for {v} in {l} if {v} % {k}]"),
    ("add {k} to each", "每个加{k}", "[{v} + {k} for {v} in {l}]"),
    ("multiply by {k}", "都乘以{k}", "[{k} * {v} for {v} in {l}]"),
    ("sort downwards", "降序排列", "sorted({l}, reverse=True)"),
    ("take the first {k}", "取前{k}个", "{l}[:{k}]"),
    ("skip {k} entries", "跳过{k}个", "{l}[{k}:]"),
    ("subtract {k}", "减去{k}", "[{v} - {k} for {v} in {l}]"),
    ("remove repeats", "去重", "list(dict.fromkeys({l}))"),
    ("reverse the order", "倒序", "{l}[::-1]"),
    ("square and add {k}", "平方再加{k}", "[{v} ** 2 + {k} for {v} in {l}]"),
    ("cap at {k}", "不超过{k}", "[min({v}, {k}) for {v} in {l}]"),
    ("halve, rounding down, after adding {k}", "加{k}后整除二", "[({v} + {k}) // 2 for {v} in {l}]"),
)


def code(language: str) -> Callable[[random.Random], Conversation]:
    """Return the maker of small Python functions made of three to six steps."""

    def make(rng: random.Random) -> Conversation:
        name, data = (
            en(rng, THINGS).replace("-", "_"),
            rng.choice(("rows", "items", "marks", "xs", "counts", "prices", "ages")),
        )
        steps, lines, words = rng.choices(_OPS, k=rng.randint(3, 6)), [], []
        for english, chinese, line in steps:
            number, variable = rng.randint(2, 99), rng.choice("abcnvxyz")
            words.append((chinese if language == "zh" else english).format(k=number))
            lines.append(f"    {data} = " + line.format(k=number, v=variable, l=data))
        function = f"{rng.choice(('clean', 'fix', 'scan', 'shape', 'tune'))}_{name}"
        body = f"```python\ndef {function}({data}):\n" + "\n".join(lines) + f"\n    return {data}\n```"
        ask = (
            ("写{f}函数：{s}。", "Python函数{f}，依次{s}。", "实现{f}（{s}）。")
            if language == "zh"
            else ("Write {f} in Python: {s}.", "Code {f}: {s}.", "Python: {f} should {s}.")
        )
        return [(pick(rng, ask, {"f": function, "s": ("，" if language == "zh" else ", ").join(words)}), body)]

    return make


def dialogue(language: str, seed: int) -> Callable[[random.Random], Conversation]:
    """Return the maker of two to four exchanges over different matters."""
    parts: tuple[Callable[[random.Random], Conversation], ...] = (
        (lambda r: [zh_math(r)], knowledge("zh", seed), zh_writing, zh_role, zh_reasoning)
        if language == "zh"
        else (lambda r: [en_math(r)], knowledge("en", seed), en_writing, en_role, en_reasoning)
    )

    def make(rng: random.Random) -> Conversation:
        return [pair for part in rng.sample(parts, rng.randint(2, 4)) for pair in part(rng)]

    return make


def domains(seed: int) -> dict[str, Callable[[random.Random], Conversation]]:
    """Return every domain by its name."""
    return {
        "en_math": lambda rng: [en_math(rng)], "zh_math": lambda rng: [zh_math(rng)],
        "en_knowledge": knowledge("en", seed), "zh_knowledge": knowledge("zh", seed),
        "en_writing": en_writing, "zh_writing": zh_writing, "en_role": en_role, "zh_role": zh_role,
        "translation": translation, "en_reasoning": en_reasoning, "zh_reasoning": zh_reasoning,
        "en_code": code("en"), "zh_code": code("zh"), "en_dialogue": dialogue("en", seed), "zh_dialogue": dialogue("zh", seed),
    }  # fmt: skip
