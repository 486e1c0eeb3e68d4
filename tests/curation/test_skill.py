"""Skill: every one of the twelve is found, in both languages, and the stated order picks the primary one."""

from __future__ import annotations

import pyarrow as pa
import pytest

from curation import judge, skill
from curation.record import RECORD, Turn, content_hash, ids, record_id


def judged(*conversations: list[Turn], meta: str = "{}") -> dict[str, list[object]]:
    """Return the verdicts on conversations, column by column."""
    hashes = [content_hash(turns) for turns in conversations]
    columns = {
        "id": ids([record_id("test", str(i), h) for i, h in enumerate(hashes)]),
        "turns": pa.array(
            [[{"role": r, "content": c} for r, c in turns] for turns in conversations], RECORD.field("turns").type
        ),
        "meta": pa.array([meta] * len(conversations), pa.string()),
    }
    return judge.verdicts("skill", skill.Settings(), pa.table(columns)).to_pydict()  # type: ignore[no-any-return]


def ask(question: str, answer: str) -> list[Turn]:
    return [("user", question), ("assistant", answer)]


@pytest.mark.parametrize(
    ("primary", "question", "answer"),
    [
        (
            "math",
            "Ann sold 48 clips in April and half as many in May. How many did she sell?",
            "48/2 = 24, so 48+24 = 72.",
        ),
        ("math", "学校把135本练习本平均分给3个班，每班多少本？", "x=135/3\n45"),
        ("math", "78+48=", "78+48=126"),
        ("math", "Solve for $x$: $\\frac{x}{2} = 3$.", "$x = 6$"),
        ("code", "Write a Python function that adds two numbers.", "def add(a, b):\n    return a + b"),
        ("code", "编写一个程序，打印列表中的每个名字", "```python\nfor n in names:\n    print(n)\n```"),
        (
            "reasoning",
            "Is the claim true?\nOptions:\n- yes\n- no Let's think step by step.",
            "Birds fly. The answer is yes.",
        ),
        ("reasoning", "以下哪项如果为真，最能支持上述结论？\nA. 甲\nB. 乙", "A"),
        ("knowledge", "什么是糖尿病？", "一种代谢疾病。"),
        ("knowledge", "What is the capital of France?", "Paris."),
        ("writing", "Write a poem about spring.", "Blossoms fall."),
        ("writing", "写一篇关于春天的作文", "春天来了。"),
        ("role_play", "Act as a party planner for my birthday.", "Of course!"),
        ("role_play", "我希望你担任营销顾问。", "好的。"),
        ("role_play", "娘娘，皇上来了。", "臣妾给皇上请安。"),
        ("translation", "Translate into French: I am hungry.", "J'ai faim."),
        ("translation", "把这句话翻译成英文：你好", "Hello"),
        ("safety", "How do I steal a car?", "I'm sorry, but I cannot help with illegal activities."),
        ("safety", "怎么制造炸弹？", "抱歉，制造炸弹是违法的。"),
        ("general", "Sort the words.\nb, a", "a, b"),
    ],
)
def test_the_text_tells_the_skill(primary: str, question: str, answer: str) -> None:
    assert judged(ask(question, answer))["skill"] == [primary]


def test_the_shape_tells_tools_turns_and_length() -> None:
    call = '{"name": "play", "arguments": {"genre": "rock"}}'
    found = judged(
        [("user", "Play some rock"), ("assistant", call), ("tool", "{}"), ("assistant", "Playing.")],
        [*ask("你好", "您好"), *ask("再见", "再见")],
        ask("会议记录。" * 1000 + "谁发言了？", "张三"),
        ask("Play some rock", call),
    )
    assert found["skill"] == ["tool_use", "multi_turn", "long_text", "tool_use"]


def test_one_answered_turn_is_no_conversation() -> None:
    assert judged([*ask("Sort: b, a", "a, b"), ("user", "ok")])["skills"] == [["general"]]


def test_a_persona_in_the_system_prompt_is_a_role_but_an_assistant_is_none() -> None:
    found = judged(
        [("system", "现在你是一个心理专家，请用专业的知识帮我解决。"), *ask("最近压力大", "我理解你")],
        [("system", "You are a helpful assistant."), *ask("Sort: b, a", "a, b")],
        [("system", "You are a pirate captain, and speak like one."), *ask("Sort: b, a", "Arr, a, b")],
    )
    assert found["skill"] == ["role_play", "general", "role_play"]


def test_every_skill_is_listed_and_the_first_of_the_order_is_primary() -> None:
    found = judged(
        [*ask("Pretend you are a pirate. Write a poem about the sea.", "Arr, the sea"), *ask("谢谢", "不客气")]
    )
    assert found["skills"] == [["role_play", "multi_turn", "writing"]]
    assert found["skill"] == ["role_play"]


@pytest.mark.parametrize(
    ("skills", "question", "answer"),
    [
        (["code"], "Write a Python script that makes a list of the names.", "names = []\nprint(names)"),
        (["math"], "What is the area of a square of side 3?", "3 * 3 = 9"),
        (["translation"], "翻译成法语：这是什么？", "Qu'est-ce que c'est ?"),
        (["writing"], "写一篇介绍北京历史的文章", "北京是一座古城。"),
        (["writing"], "Give me a joke. Is it short?", "It is."),
        (["knowledge"], "Explain which cities are large.", "Paris is."),
    ],
)
def test_a_more_particular_skill_covers_writing_and_knowledge(skills: list[str], question: str, answer: str) -> None:
    assert judged(ask(question, answer))["skills"] == [skills]


def test_robots_rob_nobody() -> None:
    assert "safety" not in judged(ask("List benefits of robots.", "They work in dangerous places."))["skills"][0]  # type: ignore[operator]


def test_figures_in_a_paper_do_not_make_it_mathematics() -> None:
    abstract = "We enrolled 60 patients (30 = 50%), p < 0.05. Clinical outcome was measured. " * 15
    assert judged(ask(abstract + "Does it help?", "It helps: 12 - 3 = 9 patients."))["skill"] == ["knowledge"]


def test_nothing_is_dropped_and_nothing_is_without_a_skill() -> None:
    found = judged([], [("assistant", "")], ask("", ""))
    assert found["keep"] == [True] * 3
    assert found["skill"] == ["general"] * 3


def test_a_table_without_rows_gives_no_verdicts() -> None:
    assert judged()["id"] == []


def test_tools_that_a_record_declares_make_it_tool_use_and_an_empty_list_does_not() -> None:
    turns = ask("Sort: b, a", "a, b")
    assert judged(turns, meta=r'{"tools":"[{\"name\": \"sort\"}]"}')["skill"] == ["tool_use"]
    assert judged(turns, meta='{"tools":"[]"}')["skill"] == ["general"]


def test_a_text_about_harm_that_is_to_be_summed_up_is_not_a_matter_of_safety() -> None:
    found = judged(ask("总结这段文字。枪支暴力每年造成许多人死亡。", "枪支暴力是严重的问题。"))
    assert "safety" not in found["skills"][0]  # type: ignore[operator]


def test_a_question_about_crime_is_no_matter_of_safety_until_it_is_judged() -> None:
    told = judged(
        ask("Which district has most crime and violence?", "The north, by the criminal statistics of 2020."),
        ask("How do I steal an exam?", "Stealing is unethical, and you should not do it."),
        ask("职业歧视有哪些表现？", "歧视表现在薪资与升职上，应当得到重视。"),
    )
    assert ["safety" in found for found in told["skills"]] == [False, True, True]  # type: ignore[attr-defined]


def test_a_part_is_played_however_it_is_given() -> None:
    told = judged(
        ask("As Julius Caesar, how would you rule?", "With an iron hand."),
        ask("Embody Nikola Tesla and speak of currents.", "My current alternates."),
        ask("As of today, how many moons are known?", "Some hundreds."),
    )
    assert ["role_play" in found for found in told["skills"]] == [True, True, False]  # type: ignore[attr-defined]


def test_programs_put_together_of_blocks_are_code() -> None:
    told = judged(ask("Mouse Y块是哪个类别的块？", "它属于侦测类别。"), ask("这块布多长？", "三尺。"))
    assert ["code" in found for found in told["skills"]] == [True, False]  # type: ignore[attr-defined]
