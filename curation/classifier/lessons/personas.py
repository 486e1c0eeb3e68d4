"""Lessons in role-play: ordinary questions, put to a model that a sentence has given a part, and to one that has none.

Where the system prompt sets the part, the talk itself is like any other; so the same talk is taught without it as well.
"""

from __future__ import annotations

import random
from dataclasses import replace

from curation.classifier.lessons.talk import Talk, joined

EN_PARTS = (
    "a ship's captain", "a history teacher", "a gruff detective", "an old wizard", "a travel guide", "a job interviewer",
    "a pastry chef", "the last dragon of the north", "a family doctor", "a chess coach", "a medieval blacksmith", "a comedian",
    "a lawyer", "a patient psychologist", "a robot from the future", "a kindergarten teacher", "a pirate", "a financial adviser",
    "Cleopatra", "Sherlock Holmes", "a gardener", "a news anchor", "my grandmother", "a football commentator",
)  # fmt: skip
ZH_PARTS = (
    "船长", "历史老师", "侦探", "老巫师", "导游", "面试官", "糕点师", "一条龙", "家庭医生", "象棋教练", "铁匠", "相声演员",
    "律师", "来自未来的机器人", "幼儿园老师", "海盗", "理财顾问", "诸葛亮", "孙悟空", "园丁", "新闻主播", "我的奶奶",
    "足球解说员",
)  # fmt: skip
SET = {
    "en": (
        "You are now {part}.", "You are {part}. Stay in character.", "I want you to act as {part}.", "Act as {part}.",
        "Pretend to be {part}.", "Imagine that you are {part}.", "Play the part of {part} and never leave it.",
        "From now on you speak as {part} would.", "Take the role of {part} in this conversation.", "Let us role-play: you are {part}.",
    ),
    "zh": (
        "你是{part}，请以这个身份和我说话。", "我希望你充当{part}。", "请你扮演{part}。", "假设你是{part}。",
        "想象一下你是{part}，", "从现在起你就是{part}，不要跳出角色。", "你来当{part}，我来提问。", "让我们角色扮演：你是{part}。",
    ),
}  # fmt: skip
ASSISTANTS = ("Aster", "Polaris", "Kite", "Nova", "Linden", "Orca", "Echo", "Sage")
PLAIN = {  # an assistant is no part that is played
    "en": (
        "You are a helpful assistant.", "You are an AI language model. Answer truthfully.", "Answer briefly.", "",
        "A conversation between a person and an AI assistant. The assistant is polite and explains in detail.",
        "You are {name}, a large language model. Knowledge cutoff: 2023. Follow the user's instructions carefully.",
        "You will be given a task. Complete it as faithfully as you can, and explain step by step how you came to your answer.",
        "Below is an instruction. Write a response that completes it.", "You are an assistant that answers so that a child can follow.",
    ),
    "zh": (
        "你是一个乐于助人的助手。", "你是一个人工智能语言模型，请如实回答。", "请简要回答。", "",
        "以下是一个人与人工智能助手的对话，助手礼貌而详细地回答问题。", "你是{name}，一个大型语言模型，请认真遵循用户的指令。",
        "你会收到一个任务，请尽力完成，并逐步说明你是如何得出答案的。", "下面是一条指令，请写出完成它的回答。", "你是智能助手，请用通俗的语言回答。",
    ),
}  # fmt: skip


def playing(talk: Talk, chance: random.Random) -> Talk:
    """Return a talk with a part set in its system prompt or before its question."""
    said = chance.choice(SET[talk.lang]).format(part=chance.choice(EN_PARTS if talk.lang == "en" else ZH_PARTS))
    if chance.random() < 0.5:
        return replace(talk, system=said)
    return replace(talk, question=joined(talk.lang, said, talk.question))


def plain(talk: Talk, chance: random.Random) -> Talk:
    """Return a talk with a system prompt that sets no part, or with none."""
    return replace(talk, system=chance.choice(PLAIN[talk.lang]).format(name=chance.choice(ASSISTANTS)))
