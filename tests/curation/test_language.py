"""Language: script rules first, fastText for alphabets, agreement turn by turn."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from curation import judge, language
from curation.language.letters import letters
from curation.language.scripts import SCRIPTS
from curation.record import RECORD, Turn, content_hash, ids, record_id


def judged(*conversations: list[Turn]) -> dict[str, list[object]]:
    """Return the verdicts on conversations, column by column."""
    hashes = [content_hash(turns) for turns in conversations]
    columns = {
        "id": ids([record_id("test", str(i), h) for i, h in enumerate(hashes)]),
        "turns": pa.array(
            [[{"role": r, "content": c} for r, c in turns] for turns in conversations], RECORD.field("turns").type
        ),
    }
    return judge.verdicts("language", language.Settings(), pa.table(columns)).to_pydict()  # type: ignore[no-any-return]


def ask(question: str, answer: str) -> list[Turn]:
    return [("user", question), ("assistant", answer)]


def test_each_turn_of_a_record_gets_its_language() -> None:
    found = judged(
        ask("给出三个保持健康的秘诀。", "均衡饮食，多锻炼，保证睡眠。"),
        ask("Give three tips for staying healthy.", "Eat a balanced diet, exercise and get enough sleep every night."),
    )
    assert found["lang"] == ["zh", "en"]
    assert found["turn_langs"] == [["zh", "zh"], ["en", "en"]]
    assert found["script"] == ["Hans", "Latn"]
    assert found["agreement"] == [True, True]


def test_two_chinese_characters_are_chinese_though_fasttext_would_not_say_so() -> None:
    assert judged(ask("你好", "您好"))["lang"] == ["zh"]


def test_simplified_and_traditional_are_told_apart() -> None:
    found = judged(ask("介紹一下臺灣的歷史", "臺灣位於亞洲東部，歷史悠久。"), ask("介绍一下历史", "历史很长。"))
    assert found["script"] == ["Hant", "Hans"]


def test_kana_makes_japanese_and_hangul_korean() -> None:
    found = judged(
        ask("今日は長い一日だった。", "そうですね、お疲れ様でした。"),
        ask("오늘 날씨가 어때요?", "날씨가 아주 좋습니다."),
    )
    assert found["lang"] == ["ja", "ko"]
    assert found["script"] == ["Jpan", "Kore"]


def test_an_answer_that_is_only_code_takes_the_language_of_its_prompt() -> None:
    code = "```python\nfor name in names:\n    print(name)\n```"
    bare = "#include <iostream>\nint main() {\n    std::cout << 1;\n}"
    found = judged(
        ask("用 Python 打印列表中的每个名字", code), ask("Write a C++ program that prints the number one.", bare)
    )
    assert found["lang"] == ["zh", "en"]
    assert found["response_lang"] == ["und", "und"]
    assert found["agreement"] == [True, True]


def test_a_chinese_sentence_may_name_english_things() -> None:
    found = judged(
        ask("Rohit Sharma和Virat Kohli谁更好？", "是Adam Lee。"),
        ask("识别头韵：“The capping camouflage caterpillar crawled forward.”", "后街男孩的“I Want It That Way”。"),
    )
    assert found["turn_langs"] == [["zh", "zh"], ["zh", "zh"]]


def test_an_english_sentence_may_quote_another_language() -> None:
    found = judged(
        ask(
            'Translate the German sentence "Sie hat das gemacht." into English.',
            "The word 好 is read as hao in this case.",
        ),
    )
    assert found["turn_langs"] == [["en", "en"]]


def test_a_turn_that_is_a_quotation_alone_is_in_its_language() -> None:
    assert judged(ask("「你怕不怕」", "“Samantha has a red shirt.”"))["turn_langs"] == [["zh", "en"]]


def test_short_and_terse_english_is_english() -> None:
    answers = ["What is VTEC?", "Are you ChatGPT?", "John walked.", "-Pitch\n-Timbre\n-Rhythm\n-Texture\n-Form"]
    assert judged(*(ask("好", answer) for answer in answers))["response_lang"] == ["en"] * 4


def test_sums_in_english_are_english_and_not_code() -> None:
    sums = "In year 2 he pays 80+10=$<<80+10=90>>90.\nIn year 3 he pays 90+10=$<<90+10=100>>100."
    assert judged(ask("好", sums))["response_lang"] == ["en"]


def test_a_tool_call_is_in_no_language_whatever_its_arguments_say() -> None:
    call = '{"name": "create_event", "arguments": {"title": "项目会议", "text": "Estoy muy emocionado de estar aquí"}}'
    found = judged(ask("Please book the meeting for me.", call))
    assert (found["response_lang"], found["agreement"]) == (["und"], [True])


def test_bare_code_without_a_fence_is_in_no_language() -> None:
    code = "def sort(arr):\n    for i in range(len(arr)):\n        minimum = i\n        arr[i], arr[0] = arr[0], arr[i]\n    return arr"
    assert judged(ask("好", code), ask("好", "SELECT first_name, last_name\nFROM customers\nWHERE age > 30;"))[
        "response_lang"
    ] == [
        "und",
        "und",
    ]


def test_rare_forms_in_one_encoding_do_not_hide_the_variant() -> None:
    found = judged(
        ask("你叫什么名字", "你叫什么名字"),
        ask("怎么做与怀疑", "哪儿"),
        ask("歡迎光臨", "歡迎"),
        ask("明白", "如何去做"),
    )
    assert found["script"] == ["Hans", "Hans", "Hant", "Hani"]


def test_hard_turns_that_a_reader_labelled(labelled_corpus: Path) -> None:
    from benchmarks import labelled
    from benchmarks.language import accuracy, answers

    texts = labelled.turns(labelled_corpus, {case["hash"] for case in labelled.cases("language")})
    assert len(texts) >= 0.95 * len(labelled.cases("language"))
    langs, scripts = answers(texts)
    assert accuracy(langs)["1"] >= 0.98
    assert min(accuracy(langs)[unseen] for unseen in "67") >= 0.98
    assert accuracy(langs)["all"] >= 0.97
    assert accuracy(scripts, "script")["all"] >= 0.96


def test_terse_sums_and_instructions_are_english() -> None:
    answers = [
        "Calculate 3 plus 4 times 2.",
        "Solve -1387*i = 743*i for i.",
    ]
    assert judged(*(ask("好", answer) for answer in answers))["response_lang"] == ["en"] * 2


def test_after_code_what_is_indented_or_led_by_a_keyword_is_code() -> None:
    code = "def c_to_f(celsius):\n    fahrenheit = (celsius * 1.8) + 32\n    return fahrenheit\n\nnumber = 5\nprint(c_to_f(number))"
    assert judged(ask("好", code))["response_lang"] == ["und"]


def test_latex_does_not_count_as_latin_text() -> None:
    found = judged(ask("求解方程", "$$\\frac{x+1}{2}=3, \\text{therefore x is five}$$ 所以答案是五"))
    assert found["turn_langs"] == [["zh", "zh"]]


def test_a_multiple_choice_letter_or_a_number_agrees_with_any_prompt() -> None:
    found = judged(ask("下列哪一项正确？", "B"), ask("What is six times seven, please?", "42"))
    assert found["lang"] == ["zh", "en"]
    assert found["agreement"] == [True, True]


def test_an_answer_in_another_language_breaks_the_agreement() -> None:
    found = judged(ask("请介绍一下长城。", "The Great Wall is a series of fortifications in northern China."))
    assert (found["lang"], found["prompt_lang"], found["agreement"]) == (["en"], ["zh"], [False])


def test_agreement_looks_at_each_pair_of_turns_of_a_conversation() -> None:
    bilingual = [
        *ask("你是谁？", "我是一个助手。"),
        *ask("And in English, who are you?", "I am an assistant, here to help you."),
    ]
    assert judged(bilingual)["agreement"] == [True]
    assert judged([*bilingual, *ask("谢谢你的帮助", "You are very welcome, ask me anything.")])["agreement"] == [False]


def test_text_without_letters_is_und() -> None:
    found = judged(ask("61*61=", "61*61=3721"), [("user", "")], [])
    assert found["lang"] == ["und", "und", "und"]
    assert found["script"] == [None, None, None]
    assert found["prob"] == [0, 0, 0]


def test_fasttext_decides_between_languages_of_one_alphabet() -> None:
    found = judged(
        ask(
            "Translate into French: dentistry is a branch of medicine.",
            "La médecine dentaire est une branche de la médecine.",
        ),
        ask("What is it in Russian?", "Стоматология - это раздел медицины, который изучает зубы."),
    )
    assert found["response_lang"] == ["fr", "ru"]
    assert found["script"] == ["Latn", "Cyrl"]


def test_latin_names_joined_by_chinese_punctuation_are_not_japanese() -> None:
    assert judged(ask("列出押韵的单词", "Peak-Seek、Snow-Glow、Fade-Aid、Room-Boom、Chalk-Walk。"))[
        "response_lang"
    ] != ["ja"]


def test_hostile_bytes_are_scanned_to_the_end() -> None:
    texts = pa.array(["```", "$", "\\", "<a", "`x", "\\(", "http:", "www", "﷽\0\n\r", "𠀀𠀁", None, "~" * 5000 + "字"])
    counts = letters(texts, 10).counts
    assert counts[9, SCRIPTS.index("Hani")] == 2
    assert counts[11, SCRIPTS.index("Hani")] == 1
    assert counts[10].sum() == 0


def test_a_slice_of_a_table_gives_the_verdicts_of_its_own_rows() -> None:
    table = pa.table({"t": pa.array(["中文", "English words", "한국어"])})
    assert letters(table["t"].slice(2).combine_chunks(), 10).counts[0, SCRIPTS.index("Hang")] == 3


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="fastText model"):
        language.inputs(language.Settings(model=str(tmp_path / "none.ftz")))


def test_the_packaged_model_is_an_input_of_the_stage() -> None:
    assert len(language.inputs(language.Settings())["model"]) == 32
