"""What is planted among the demo's good records: copies, junk, refusals, broken text, other languages."""

from __future__ import annotations

import random
from collections.abc import Callable

from curation.demo.domains import Conversation
from curation.demo.pieces import en_image, event, zh_image

_KEYS = "asdf jkl qwer zxcv uiop hjkl wert dfgh cvbn poiu lkjh mnbv".split()
_MARKUP = (
    "<div class='nav'>",
    "</li><li>",
    "&nbsp;&nbsp;",
    "[object Object]",
    "undefined",
    "NaN NaN",
    "Click here",
    "404 Not Found",
    "//////",
    "======",
)

_EN_REFUSE = (
    ("I'm sorry, but", "I am afraid", "Unfortunately,", "Apologies, but", "As an AI language model,"),
    (
        "I cannot help with",
        "I am unable to answer",
        "I can't assist with",
        "it is not possible for me to provide",
        "I must decline",
    ),
    ("this request", "that kind of question", "what you ask", "such a task", "this matter"),
    (
        "because I have no access to it.",
        "since it goes beyond my abilities.",
        "as it is against my guidelines.",
        "for I am only a language model.",
        "at this time.",
    ),
)
_ZH_REFUSE = (
    ("很抱歉，", "对不起，", "作为一个人工智能语言模型，", "非常遗憾，", "抱歉，"),
    ("我无法回答", "我不能提供", "我没有办法完成", "我无法协助处理", "我不能满足"),
    ("这个问题", "您的请求", "此类内容", "这样的任务", "您所说的事"),
    (
        "，因为它超出了我的能力。",
        "，请您谅解。",
        "，我没有相关的信息。",
        "，这不符合我的使用准则。",
        "，请咨询专业人士。",
    ),
)

# Who, does what, where, when, for each language that is neither zh nor en.
_FOREIGN: dict[str, tuple[str, tuple[str, ...]]] = {
    "ja": ("", ("先生は|漁師は|画家は|隣の人は|学生は|料理人は", "図書館で|市場で|駅前で|庭園で|港のそばで|学校で", "古い地図を|赤い傘を|小さな箱を|温かいお茶を|壊れた時計を", "買いました。|なくしました。|見つけました。|描きました。|借りています。")),
    "ko": (" ", ("선생님은|어부는|화가는|이웃은|학생은|요리사는", "도서관에서|시장에서|역에서|정원에서|항구에서|학교에서", "오래된 지도를|빨간 우산을|작은 상자를|따뜻한 차를|고장난 시계를", "샀습니다.|잃어버렸습니다.|찾았습니다.|그렸습니다.|빌렸습니다.")),
    "fr": (" ", ("Le professeur|Le pêcheur|La peintre|Notre voisine|L'étudiant|Le cuisinier", "achète|a perdu|retrouve|dessine|emprunte souvent", "une vieille carte|un parapluie rouge|la petite boîte|une tasse de thé|cette montre cassée", "à la bibliothèque.|au marché.|près de la gare.|dans le jardin.|devant l'école.")),
    "ru": (" ", ("Учитель|Рыбак|Художник|Наш сосед|Студент|Повар", "купил|потерял|нашёл|нарисовал|одолжил", "старую карту|красный зонт|маленькую коробку|чашку чая|сломанные часы", "в библиотеке.|на рынке.|у вокзала.|в саду.|возле школы.")),
    "de": (" ", ("Der Lehrer|Die Fischerin|Der Maler|Unser Nachbar|Die Schülerin|Der Koch", "kaufte|verlor|entdeckte|zeichnete|verlieh gestern", "eine alte Karte|den roten Schirm|die kleine Kiste|eine Tasse Tee|jene kaputte Uhr", "in der Bücherei.|auf dem Markt.|neben dem Bahnhof.|im Garten.|vor der Schule.")),
    "es": (" ", ("El maestro|La pescadora|El pintor|Nuestra vecina|El estudiante|La cocinera", "compró|perdió|encontró|dibujó|pidió prestado", "un mapa viejo|el paraguas rojo|la caja pequeña|una taza de té|aquel reloj roto", "en la biblioteca.|en el mercado.|cerca de la estación.|en el jardín.|frente a la escuela.")),
}  # fmt: skip
LANGUAGES = tuple(_FOREIGN)
_LONG, _LONG_HAN = 500, 160  # characters; a shorter record takes one light edit only


def near_copy(rng: random.Random, turns: Conversation) -> Conversation:
    """Return a conversation with one or two light edits of wording or format; numbers and answers stay."""
    (question, answer), *rest = turns
    han = any("\u4e00" <= c <= "\u9fff" for c in question)
    edits: tuple[Callable[[str, str], tuple[str, str]], ...] = (
        lambda q, a: (("请问：" if han else "Please: ") + q, a),
        lambda q, a: (q, a + ("\n希望有帮助！" if han else "\nHope that helps!")),
        lambda q, a: (q, ("好的。" if han else "Sure. ") + a),
        lambda q, a: (q.replace("，", "、", 1).replace(", ", " and ", 1), a),
        lambda q, a: (q + (" 谢谢。" if han else " Thanks."), a.replace("\n", "\n\n")),
        lambda q, a: (f"**{q}**", "- " + a.replace("\n", "\n- ")),
    )
    before = question, answer
    most = 2 if sum(len(q) + len(a) for q, a in turns) > (_LONG_HAN if han else _LONG) else 1
    while (question, answer) == before:  # an edit that finds nothing to change leaves no near copy but an exact one
        for edit in rng.sample(edits, rng.randint(1, most)):
            question, answer = edit(question, answer)
    return [(question, answer), *rest]


def exact_copy(rng: random.Random, turns: Conversation) -> Conversation:
    """Return the same conversation, some with other white space (the records' hash folds it)."""
    return [(f" {q}", f"{a}\n") for q, a in turns] if rng.random() < 0.2 else list(turns)


def junk(rng: random.Random, _: Conversation) -> Conversation:
    """Make keyboard mash, markup, punctuation."""
    mash = " ".join(rng.choices(_KEYS, k=rng.randint(2, 9)))
    marks = "".join(rng.choices("!?.#@*~-_+=", k=rng.randint(4, 30)))
    markup = " ".join(rng.choices(_MARKUP, k=rng.randint(3, 8)))
    return [
        (
            rng.choice((mash, marks, "test " * rng.randint(1, 5), "1")),
            rng.choice((marks, markup, mash, "n/a", "。" * rng.randint(1, 9))),
        )
    ]


def refusal(rng: random.Random, turns: Conversation) -> Conversation:
    """Refuse a fair question."""
    question = turns[0][0]
    han = any("\u4e00" <= c <= "\u9fff" for c in question)
    return [(question, ("" if han else " ").join(rng.choice(part) for part in (_ZH_REFUSE if han else _EN_REFUSE)))]


def mojibake(rng: random.Random, _: Conversation) -> Conversation:
    """Make Chinese text read in the wrong encoding, or with bytes lost."""
    question, answer = event(rng)[0], "。".join(zh_image(rng) for _ in range(4))
    how = rng.randrange(3)
    if how == 0:
        return [(question, answer.encode().decode("latin-1"))]
    if how == 1:
        return [(question, answer.encode().decode("gbk", errors="replace"))]
    return [(question, "".join("\ufffd" if rng.random() < 0.4 else c for c in answer))]


def loop(rng: random.Random, _: Conversation) -> Conversation:
    """Make an answer that falls into a loop."""
    if rng.random() < 0.5:
        return [(f"说说{zh_image(rng)}。", zh_image(rng) + "。" + (zh_image(rng) + "。") * rng.randint(8, 20))]
    return [(f"Tell how {en_image(rng)}.", en_image(rng) + ". " + (en_image(rng) + ". ") * rng.randint(8, 20))]


def prompt_only(rng: random.Random, turns: Conversation) -> Conversation:
    """Make a question without an answer."""
    return [(turns[0][0], rng.choice(("", " ", "\n")))]


def foreign(rng: random.Random, language: str) -> Conversation:
    """Make a question and an answer in a language that is neither zh nor en."""
    space, parts = _FOREIGN[language]
    sentences = [space.join(rng.choice(part.split("|")) for part in parts) for _ in range(rng.randint(5, 7))]
    return [(space.join(sentences[:2]), space.join(sentences[2:]))]


def wrapped(rng: random.Random, question: str, answer: str, turns: Conversation) -> tuple[str, Conversation]:
    """Put a benchmark item in a record; returns how it was planted (verbatim, wrapped, in_answer, later_turn)."""
    how = rng.choice(("verbatim", "wrapped", "in_answer", "later_turn"))
    if how == "verbatim":
        return how, [(question, answer)]
    if how == "wrapped":
        return how, [(f"{en_image(rng)}.\n\nQ: {question}\n\n{zh_image(rng)}", f"{answer}\n{turns[0][1]}")]
    if how == "in_answer":
        return how, [(turns[0][0], f"{turns[0][1]}\nExample / 例题：{question}\n=> {answer}")]
    return how, [*turns, (question, answer)]
