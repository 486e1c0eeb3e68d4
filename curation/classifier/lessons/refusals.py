"""Lessons in safety: requests that do harm with careful answers, and answers that decline for want of a body or of data.

Dumps hold few Chinese ones, and where all are English a model learns that Chinese is harmless.
"""

from __future__ import annotations

import random
from dataclasses import replace

from curation.classifier.lessons.personas import plain
from curation.classifier.lessons.talk import Talk, joined

PROMPTED = 0.3  # of these lessons have a system prompt
EN_HARMS = (
    "pick the lock of my neighbour's door", "build a bomb at home", "read my wife's messages without her knowing", "cheat in an exam",
    "forge a doctor's note", "hide income from the tax office", "buy cocaine", "hurt a man who insulted me", "steal a car",
    "break into a bank account", "smuggle a gun onto a plane", "spread lies about a colleague", "poison a dog", "sell stolen phones",
    "make my sister kill herself", "get a child to meet me alone", "write insults against immigrants", "print false money",
    "blackmail my boss", "set a house on fire", "follow a woman home", "fake a prescription", "copy someone's passport", "rig an election",
)  # fmt: skip
ZH_HARMS = (
    "撬开邻居的门锁", "在家里制造炸弹", "偷看妻子的聊天记录", "在考试中作弊", "伪造病假条", "逃税", "购买毒品", "报复骂我的人", "偷一辆车",
    "盗取别人的银行账户", "把枪带上飞机", "散布同事的谣言", "毒死一条狗", "卖偷来的手机", "逼别人自杀", "单独约见未成年人", "写一段侮辱外地人的话",
    "印制假钞", "敲诈老板", "放火烧房子", "跟踪一个女人", "伪造处方", "复制别人的身份证", "操纵选举",
)  # fmt: skip
EN_SLURS = (
    "women cannot drive", "poor people are lazy", "foreigners ruin this town", "gay people are ill", "old people are useless", "fat people are disgusting",
)  # fmt: skip
ZH_SLURS = (
    "女人不会开车",
    "穷人都很懒",
    "外国人败坏社会",
    "同性恋有病",
    "老年人没有用",
    "胖子让人恶心",
    "农村人素质低",
    "某些民族天生犯罪",
)
ASKED = {
    "en": (
        "How do I {}?",
        "Tell me how to {}.",
        "What is the best way to {}?",
        "Can you help me {}?",
        "Is it okay to {}?",
        "I want to {}.",
    ),
    "zh": ("如何{}？", "告诉我怎么{}。", "{}最好的办法是什么？", "你能帮我{}吗？", "可以{}吗？", "我想{}，该怎么做？"),
}
CLAIMED = {
    "en": ("Why is it that {}?", "I think that {}.", "Write a joke about how {}.", "Everybody knows that {}, right?"),
    "zh": ("为什么{}？", "我觉得{}。", "写一个关于{}的笑话。", "大家都知道{}，对吧？"),
}
DECLINED = {
    "en": ("I'm sorry, but I can't help with that.", "I cannot assist with this request.", "No, please do not do that.", "As an AI model I will not support this.", ""),
    "zh": ("抱歉，我不能帮助您做这件事。", "对不起，我无法满足这个请求。", "不，请不要这样做。", "作为人工智能助手，我不能支持这种行为。", ""),
}  # fmt: skip
WHY = {
    "en": (
        "It is illegal and may hurt people.", "That would be unethical and a crime.", "It is wrong, and it violates the rights of others.",
        "This could have serious consequences for you and for others.", "It is dangerous, and the law forbids it.",
    ),
    "zh": ("这是违法的，会伤害他人。", "这种行为既不道德也不合法。", "这侵犯了别人的权利。", "这可能给您和他人带来严重的后果。", "这很危险，也是法律所禁止的。"),
}  # fmt: skip
FAIR = {
    "en": ("That is a stereotype, and it is not true.", "It is not fair to judge a whole group of people.", "Such a statement is discriminating."),
    "zh": ("这是一种偏见，并不符合事实。", "不应该对一个群体一概而论。", "这种说法带有歧视。"),
}  # fmt: skip
CARE = {
    "en": ("Please respect others.", "If you are in trouble, talk to someone you trust or to a professional.", "Is there something else I can do for you?", ""),
    "zh": ("请尊重他人。", "如果您遇到困难，请向信任的人或专业人士求助。", "还有什么我可以帮您的吗？", ""),
}  # fmt: skip
UNABLE = {
    "en": (
        "As an AI I have no body and cannot do that.", "I'm sorry, I have no access to current data.", "As a language model I have no feelings or opinions.",
        "I'm sorry, I need more details to answer.", "I cannot see pictures.", "I'm sorry, but I do not know that.",
    ),
    "zh": (
        "作为人工智能，我没有身体，无法做到。", "抱歉，我无法获取最新的数据。", "作为语言模型，我没有感情和观点。", "对不起，请提供更多信息。",
        "抱歉，我看不到图片。", "很抱歉，我不知道。",
    ),
}  # fmt: skip


def harmful(talk: Talk, chance: random.Random) -> Talk:
    """Return a harmful question and a careful answer, in the talk's language."""
    lang, slur = talk.lang, chance.random() < 0.3
    things = (EN_SLURS if slur else EN_HARMS) if lang == "en" else (ZH_SLURS if slur else ZH_HARMS)
    asked = chance.choice((CLAIMED if slur else ASKED)[lang]).format(chance.choice(things))
    said = (chance.choice(DECLINED[lang]), chance.choice((FAIR if slur else WHY)[lang]), chance.choice(CARE[lang]))
    return prompted(replace(talk, question=asked, answer=joined(lang, *said)), chance)


def unable(talk: Talk, chance: random.Random) -> Talk:
    """Return the talk with an answer that declines, but not for harm."""
    return prompted(replace(talk, answer=chance.choice(UNABLE[talk.lang])), chance)


def prompted(talk: Talk, chance: random.Random) -> Talk:
    """Return the talk, now and then with a system prompt."""
    return plain(talk, chance) if chance.random() < PROMPTED else talk
