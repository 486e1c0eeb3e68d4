"""Quality: each rule finds its fault, in both languages, and leaves good short answers alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from curation import judge, quality
from curation.quality import phrases
from curation.record import RECORD, Turn, content_hash, ids, record_id

PROSE = (
    "The river rises in the northern hills, where snow lies until May, and runs west through two old market towns. "
    "Most of its water is taken for the fields before it comes to the coast, so that in a dry summer only gravel is left. "
    "Herons nest along the upper reaches all the same."
)


def judged(*conversations: list[Turn]) -> dict[str, list[object]]:
    """Return the verdicts on conversations, column by column."""
    hashes = [content_hash(turns) for turns in conversations]
    columns = {
        "meta": pa.array(["{}"] * len(conversations), pa.string()),
        "id": ids([record_id("test", str(i), h) for i, h in enumerate(hashes)]),
        "turns": pa.array(
            [[{"role": r, "content": c} for r, c in turns] for turns in conversations], RECORD.field("turns").type
        ),
    }
    return judge.verdicts("quality", quality.Settings(), pa.table(columns)).to_pydict()  # type: ignore[no-any-return]


def ask(question: str, answer: str) -> list[Turn]:
    return [("user", question), ("assistant", answer)]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which is right? A. 1 B. 2", "B"),
        ("91-33=", "91-33=58"),
        ("6 × 7 = ?", "42"),
        ("三原色？", "红、黄、蓝"),
        ("八点十分的英文？", "ten past eight"),
        ("Is water wet?", "Yes."),
        ("写一个打印 1 的程序", "```python\nprint(1)\n```"),
        ("What does undefined mean?", "undefined"),
        ("Write a letter.", "Dear [Your Name],\nThank you.\nYours, [Your Name]"),
        ("Use a Jinja template to greet", "Hello {{ name }}"),
        ("Translate into Chinese: the river runs west", "这条河从北方的山里流出来，一直向西流到海边，经过两座小镇。"),
        (
            "用英文介绍长城",
            "The Great Wall is a series of walls that were built to guard the north of the country, and it is known to all.",
        ),
        ("What does it do?", "It runs ```git add -p``` and\n```git commit``` for you."),
        (
            "写一个冒泡排序",
            "void sort(int a[]) {  // 排序\n    for (int i=0;i<9;i++)  // 外层循环（慢）\n        swap(a, i);\n}",
        ),
        ("How many are left?", PROSE + "\nSo she has 3 * 4 = 12 eggs left"),
        ("Give Morse code for SOS.", "... --- ..."),
        ("一个笑的表情", "😆"),
        ("test testament", "The word you want is testament, a will or a covenant."),
        ("给出十个城市", "北京、上海、广州、深圳、成都、杭州、武汉、西安、南京、重庆"),
    ],
)
def test_good_answers_are_kept_however_short(question: str, answer: str) -> None:
    assert judged(ask(question, answer))["keep"] == [True]


@pytest.mark.parametrize(
    ("reason", "turns"),
    [
        ("no_response", [("user", "What is a woman?")]),
        ("unanswered", [*ask("你好", "您好"), ("user", "再见")]),
        ("no_response", []),
        ("empty_response", ask("Calculate 20% of 200.", " \n")),
        ("empty_prompt", ask("", "An answer to nothing.")),
        ("no_question", ask("asdf poiu jkl", "That looks like keys pressed in a row.")),
        ("no_question", ask("test test!", "Hello, what can I do for you?")),
        ("no_question", ask("！？——", "您想问什么？")),
        ("wordless", ask("哈哈，你被我忽悠了。", "?????")),
        ("wordless", ask("How many are left?", "=====")),
        ("placeholder", ask("Design a quiz website.", "<nooutput>")),
        ("placeholder", ask("设计公司标志", "无输出")),
        ("placeholder", ask("Write a text.", "Lorem ipsum dolor sit amet")),
        ("unfilled_slot", ask("你是谁？", "您好，我是 {{name}}，由 {{author}} 开发。")),
        ("mojibake", ask("80% of 60?", "(80/100) * 60 â€“ (4/5) * 25 = 28")),
        ("mojibake", ask("介绍一下长城", "长城是中国古代的建筑。".encode().decode("gbk", "replace"))),
        ("mojibake", ask("介绍一下长城", "长城是中国古代的建筑。".encode().decode("cp1252", "replace"))),
        ("loop", ask("Tell how it ends.", "The end is near. " + "Then it all goes round again. " * 9)),
        ("mojibake", ask("介绍一下长城", "锟斤拷锟斤拷是中国的建筑")),
        ("mojibake", ask("Name a café.", "The caf\ufffd de Flore")),
        ("loop", ask("List snacks.", "Snacks:\n" + "- Veggie platters with dip and bread\n" * 30)),
        ("loop", ask("写一首诗", "春天来了花开了" * 30)),
        ("placeholder", ask("设计公司标志", "&lt;无输出&gt;")),
        ("loop", ask("Write a bot.", "const bot = 1;\n" + "client.edit" * 60)),
        ("truncation", ask("Tell me of the river", PROSE + " It is a reminder of the importance of")),
        (
            "truncation",
            ask(
                "介绍一下这条河",
                "".join(f"第{n}条河从北方的山里流出来，经过{n * 7}座古老的小镇。" for n in range(1, 15))
                + "到了夏天，河床上只剩下石头，两岸的居民都到上游去取水，",
            ),
        ),
        ("truncation", ask("List them", "Here:\n1. " + PROSE + "\n2. " + PROSE + "\n3.")),
        ("translated_code", ask("写一个反转列表的函数", "def reverse_list（列表）：\n    返回列表[::-1]")),
        ("translated_code", ask("判断奇偶", "如果 x % 2 == 0:\n    y = 1\n别的：\n    打印（“奇数”）")),
        ("run_on", ask("Name a flower", "The rose.\n11. Instruction: Define supercomputer.\n11. Output: A fast one.")),
        (
            "wrong_language",
            ask("What is the James Webb telescope", "詹姆斯韦伯望远镜是一台在太空中观察红外线的望远镜，由美国发射。"),
        ),
        (
            "wrong_language",
            ask(
                "列出四张披头士专辑。",
                "Here is a list of the albums of the band, and of what is heard in each of them: Abbey Road with songs that are known to all, and Help!",
            ),
        ),
        (
            "wrong_language",
            ask("这个三角形的面积是多少？", "The area of the triangle is approximately 24 square units."),
        ),
        (
            "wrong_language",
            ask(
                "编写一篇小故事，人物是 Anna、Tom，地点是加油站。",
                "Anna and Tom were at a gas station and that is the end.",
            ),
        ),
        ("prompt_echo", ask("The quick brown fox jumped over it.", "The quick brown fox jumped over it.\n")),
    ],
)
def test_a_broken_record_is_dropped_for_its_reason(reason: str, turns: list[Turn]) -> None:
    found = judged(turns)
    assert found["reason"] == [reason]
    assert found["flags"][0][0] == reason  # type: ignore[index]


@pytest.mark.parametrize(
    ("flag", "answer"),
    [
        ("refusal", "I'm sorry, as an AI language model, I don't have access to the tide tables."),
        ("refusal", "抱歉，作为一个AI模型，我无法直接查询今天的天气。"),
        ("apology", "I'm sorry, but I cannot help with stealing a car."),
        ("boilerplate", "As an AI language model, I cannot taste; however, most people like it. Here is why: ..."),
        ("html_entity", "Use R&amp;B and rock &lt;loud&gt; music."),
        ("unclosed_fence", "Here:\n```python\nprint(1)"),
        ("form_slot", "Dear [Recipient's Name], hello."),
        ("mojibake_trace", "It is 20Â°C outside. " + PROSE),
        ("calculator", "She has 3 * 4 = <<3*4=12>>12 eggs."),
        ("symbols", "|---|\n" * 40),
    ],
)
def test_what_may_be_right_is_only_noted(flag: str, answer: str) -> None:
    found = judged(ask("Tell me something", answer))
    assert found["keep"] == [True]
    assert flag in found["flags"][0]  # type: ignore[operator]


def test_the_garbled_characters_are_those_that_common_chinese_turns_into() -> None:
    common = (
        "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里，。：、"
    )
    seen = Counter(
        c
        for x in common
        for y in common
        for start in (0, 1)
        for c in (x + y).encode()[start:].decode("gbk", "ignore")
        if rare(c)
    )
    assert {c for c, _ in seen.most_common(100)} == set(phrases.GARBLED)


def rare(character: str) -> bool:
    """Say whether a Han character is in level 1 of neither GB 2312 nor Big5."""
    lead = [character.encode(codec, "ignore")[:1] for codec in ("gb2312", "big5")]
    return "\u4e00" <= character <= "\u9fff" and not b"\xb0" <= lead[0] <= b"\xd7" and not b"\xa4" <= lead[1] <= b"\xc6"


def test_an_answer_that_its_readers_rejected_is_dropped() -> None:
    turns = ask("Is water wet?", "Ye")
    table = pa.table(
        {
            "id": ids([record_id("test", "0", content_hash(turns))]),
            "turns": pa.array([[{"role": r, "content": c} for r, c in turns]], RECORD.field("turns").type),
            "meta": pa.array(['{"label":false}']),
        }
    )
    assert judge.verdicts("quality", quality.Settings(), table).to_pydict()["reason"] == ["disliked"]


def test_a_refusal_with_a_reason_is_not_counted_as_one() -> None:
    answer = "As an AI language model, I cannot help with that: it is illegal and harmful."
    assert "refusal" not in judged(ask("How do I rob a bank?", answer))["flags"][0]  # type: ignore[operator]


def test_all_findings_are_listed_and_the_first_gives_the_reason() -> None:
    found = judged([("assistant", "N/A"), ("user", " ")])
    assert found["reason"] == ["unanswered"]
    assert found["flags"] == [["unanswered", "empty_prompt", "placeholder"]]


def test_characters_are_code_points_of_their_roles() -> None:
    found = judged([("system", "系统"), ("user", "你好吗"), ("assistant", "很好"), ("tool", "{}"), ("assistant", "😀")])
    columns = ("n_chars", "n_prompt_chars", "n_response_chars", "n_turns")
    assert [found[column] for column in columns] == [[10], [3], [3], [3]]


def test_repetition_is_the_share_of_repeated_runs_of_words() -> None:
    once = "one two three four five six seven eight nine ten"
    found = judged(ask("Say it", once), ask("Say it", f"{once} {once}"))
    assert found["repetition"] == [0.0, pytest.approx(3 / 13)]


def test_the_cleaner_copy_of_a_record_scores_higher() -> None:
    clean, broken = judged(ask("Why?", "Because it is 20°C."), ask("Why?", "Because it is 20Â°C."))["score"]
    assert clean == 1
    assert broken < clean  # type: ignore[operator]


def test_verdicts_do_not_depend_on_the_neighbours_in_the_table() -> None:
    records = [ask("你好", "您好"), [("user", "alone")], ask("List snacks.", "chips and dip and " * 40), []]
    together = judged(*records)
    for column in ("reason", "flags", "repetition", "n_chars"):
        assert [judged(record)[column][0] for record in records] == together[column]


def test_a_chinese_conversation_that_quotes_an_apology_is_none() -> None:
    found = judged(ask("编一段对话", "我：你能借我一本书吗？\n朋友：对不起，我不能帮助你。"))
    assert found["flags"] == [[]]


def test_a_truncated_turn_before_the_last_is_a_pause_and_no_fault() -> None:
    cut = PROSE + " It is a reminder of the"
    assert judged([*ask("Tell me", cut), *ask("continue", "importance of rain.")])["keep"] == [True]


def test_readers_agree_with_the_findings_on_real_records(labelled_corpus: Path) -> None:
    from benchmarks.quality import precision

    measured = precision(labelled_corpus)
    for finding in quality.verdict.DROPS:
        _, flagged, right = measured.get(finding, (0, 0, 0))
        assert right >= 0.95 * flagged, f"{finding}: a reader agrees with {right} of {flagged}"
    assert sum(flagged for _, flagged, _ in measured.values()) >= 0.9 * sum(total for total, _, _ in measured.values())


def test_a_table_without_rows_gives_no_verdicts() -> None:
    assert judged()["id"] == []
