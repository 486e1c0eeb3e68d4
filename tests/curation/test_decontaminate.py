"""The decontamination judge on benchmarks small enough to read."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from loguru import logger

from curation.decontaminate import SCHEMA, Settings, inputs, prepare
from curation.decontaminate.benchmarks import load
from curation.decontaminate.fold import tokenise
from curation.decontaminate.items import from_row
from curation.decontaminate.rarity import bits, holders
from curation.decontaminate.spans import powers, prefix, span, table
from curation.identity import digest
from curation.judge import verdicts
from curation.record import TURNS, ids

REAL = Path(__file__).parents[2] / "../shared/data/benchmarks"
DUCKS = (
    "Janet's ducks lay 1,600 eggs per day. She eats three for breakfast every morning and bakes muffins for her friends "
    "every day with four. She sells the remainder at the market for $2 per egg. How much does she make every day?"
)
POND = "一个正方形花池的四周栽了44棵柳树，每两棵柳树之间的间隔是20米，这个正方形花池的周长是多少米？"
SHORT = "What is the boiling point of pure ethanol at sea level?"
TINY = "Who painted the Guernica?"
SHORT_ZH = "下列哪一位诗人曾经写过《将进酒》"
ANSWER = (
    "Janet sells the eggs that are left after breakfast and baking, which is sixteen hundred minus three minus four; she "
    "then multiplies that remainder by the market price of two dollars, and so arrives at what she earns in a single day."
)


@pytest.fixture
def benchmarks(tmp_path: Path) -> Path:
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    write_jsonl(folder / "ducks_test.jsonl", [{"question": DUCKS, "answer": ANSWER}, {"id": "pond", "question": POND}])
    rows = [[SHORT, "78 C", "100 C", "12 C", "200 C", "A"], [TINY, "Picasso", "Monet", "Goya", "Klee", "A"]]
    with zipfile.ZipFile(folder / "exam.zip", "w") as archive:
        archive.writestr("test/chemistry_test.csv", "\n".join(",".join(r) for r in rows))
        archive.writestr("test/poetry.csv", f"id,question,A,B,C,D,answer\n0,{SHORT_ZH},李白,杜甫,王维,白居易,A\n")
    return folder


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8")


def records(*conversations: list[tuple[str, str]]) -> pa.Table:
    turns = [[{"role": role, "content": text} for role, text in conversation] for conversation in conversations]
    numbers = [n.to_bytes(16, "big") for n in range(len(turns))]
    return pa.table({"id": ids(numbers), "turns": pa.array(turns, TURNS)})


def asked(folder: Path, *prompts: str, **settings: Any) -> list[dict[str, Any]]:
    """Return the verdicts on one record a prompt, each with the same harmless answer."""
    made = records(*([("user", p), ("assistant", "Let me think about that.")] for p in prompts))
    judged: list[dict[str, Any]] = prepare(Settings(benchmarks=str(folder), **settings))(made).to_pylist()
    return judged


def test_a_verbatim_question_is_contaminated_and_names_its_item(benchmarks: Path) -> None:
    ducks, pond = asked(benchmarks, DUCKS, POND)
    assert (ducks["keep"], ducks["reason"], ducks["match"], ducks["overlap"]) == (
        False,
        "contaminated",
        "question_full",
        1.0,
    )
    assert (ducks["benchmark"], ducks["item"]) == ("ducks_test", "ducks_test/1")
    assert (pond["keep"], pond["item"]) == (False, "ducks_test/pond")


def test_a_short_item_inside_a_longer_record_is_found_in_both_languages(benchmarks: Path) -> None:
    wrapped = f"You are a careful chemist and like to help. Answer briefly. {SHORT} Explain every step that you take."
    wrapped_zh = f"你是一位语文老师，请认真回答学生的问题。{SHORT_ZH}？请说明理由，并且背诵全诗。"
    english, chinese = asked(benchmarks, wrapped, wrapped_zh)
    assert (english["keep"], english["item"]) == (False, "exam/test/chemistry_test/1")
    assert (chinese["keep"], chinese["item"]) == (False, "exam/test/poetry/0")


def test_a_tiny_item_counts_only_as_a_sentence_of_its_own_whoever_says_it(benchmarks: Path) -> None:
    alone, labelled, mentioned = asked(
        benchmarks, "who painted the guernica", f"Q: {TINY}", "I know who painted the Guernica, do you?"
    )
    assert [alone["keep"], labelled["keep"], mentioned["keep"]] == [False, False, True]
    told = records(
        [("user", "Tell me about art."), ("assistant", f"{TINY} Nobody knows.")],
        [("user", "Tell me about art."), ("assistant", "I know who painted the Guernica, do you?")],
    )
    assert prepare(Settings(benchmarks=str(benchmarks), bits=60))(told)["keep"].to_pylist() == [False, True]


def test_a_question_in_the_assistants_turn_is_found(benchmarks: Path) -> None:
    made = records([("user", "Write a hard word problem."), ("assistant", f"Here is one: {DUCKS}")])
    assert prepare(Settings(benchmarks=str(benchmarks)))(made)["keep"].to_pylist() == [False]


def test_punctuation_case_width_spacing_and_separators_do_not_hide_a_question(benchmarks: Path) -> None:
    shouted = DUCKS.upper().replace(".", " !!").replace("1,600", "1600")
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in DUCKS)
    spaced = POND.replace("，", " , ").replace("的", " 的 ")
    found = asked(benchmarks, shouted, wide, spaced)
    assert [v["keep"] for v in found] == [False] * 3
    assert [v["match"] for v in found[::2]] == ["question_full"] * 2


def test_a_lightly_edited_question_is_near_in_both_languages(benchmarks: Path) -> None:
    edited = DUCKS.replace("muffins", "cakes").replace("every morning", "each morning")
    edited_zh = POND.replace("之间的间隔", "的间隔")
    short = SHORT.replace("boiling", "usual boiling")
    for verdict in asked(benchmarks, edited, edited_zh, f"I wonder. {short} Please tell me."):
        assert (verdict["keep"], verdict["match"]) == (False, "question_near")
        assert 0.85 <= verdict["overlap"] <= 1


def test_the_threshold_decides_between_a_near_copy_and_a_part(benchmarks: Path) -> None:
    edited = DUCKS.replace("How much does she make every day?", "What are her earnings?")
    (strict,) = asked(benchmarks, edited, overlap=0.95)
    assert (strict["keep"], strict["reason"], strict["match"]) == (True, None, "question_part")
    assert 0.7 <= strict["overlap"] < 0.95


def test_a_sentence_that_only_mentions_a_short_question_is_kept(benchmarks: Path) -> None:
    inside = "My report says what is the boiling point of pure ethanol at sea level, among other constants of interest"
    quoted = f'He asked: "{SHORT}" and went away.'
    mentioned, asked_in_quotes = asked(benchmarks, inside, quoted, bits=60)
    assert mentioned["keep"]
    assert not asked_in_quotes["keep"]


def test_shuffled_options_and_other_labels_do_not_hide_a_short_question(tmp_path: Path) -> None:
    rows = [
        {
            "question": "Basket",
            "options": ["holds all lost umbrellas", "keeps very tiny kittens", "sings many old songs"],
        }
    ]
    write_jsonl(tmp_path / "piqa.jsonl", rows)
    shuffled = "Basket\n1) sings many old songs\n2) keeps very tiny kittens\n3) holds all lost umbrellas"
    prose = "A basket of old songs holds nothing, and kittens are lost and tiny and wet in the rain without umbrellas."
    found, other = asked(tmp_path, shuffled, prose)
    assert (found["keep"], found["match"]) == (False, "question_near")
    assert other["keep"]


def test_a_short_menu_is_found_with_any_labels_in_any_order(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "piqa.jsonl", [{"goal": "tongs", "options": ["can mix salad", "can mix dressing"]}])
    told = records(
        [("user", "Which?"), ("assistant", "tongs\nA. can mix salad\nB. can mix dressing")],
        [("user", "tongs\n[A] can mix dressing\n[B] can mix salad"), ("assistant", "B")],
        [("user", "tongs A) can mix salad B) can mix dressing")],
        [("user", "tongs can mix paint, and so can sticks")],
    )
    found = prepare(Settings(benchmarks=str(tmp_path)))(told)
    assert found["match"].to_pylist() == ["question_full", "question_near", "question_full", None]


def test_a_question_of_three_words_counts_as_a_sentence_of_a_users_where_it_tells_enough(tmp_path: Path) -> None:
    common = [{"question": f"Who are you {n}?"} for n in "abcdefghij" * 30]
    write_jsonl(
        tmp_path / "ask.jsonl", [{"question": "Simplify Gremolata quickly"}, {"question": "Who are you?"}, *common]
    )
    alone, labelled, inside, plain = asked(
        tmp_path,
        "simplify gremolata quickly!",
        "Q: Simplify gremolata quickly",
        "Do simplify gremolata quickly",
        "Who are you?",
    )
    assert [alone["keep"], labelled["keep"], inside["keep"], plain["keep"]] == [False, False, True, True]


def test_brackets_to_close_are_told_apart_by_the_brackets(tmp_path: Path) -> None:
    task = "Close the brackets of the sequence: {}"
    held = ["[ { [ < ( ( <", "< < ( [ { } { [", "( ( ( { [ ] < {", "{ < [ ( ) < < ("]
    write_jsonl(tmp_path / "dyck.jsonl", [{"question": task.format(h)} for h in held])
    other, same = asked(tmp_path, task.format("[ [ { ( < < ( {"), task.format(held[1]), shared=2)
    assert other["keep"]
    assert (same["keep"], same["item"]) == (False, "dyck/2")


def test_numbers_are_the_same_in_any_digits(benchmarks: Path) -> None:
    chinese = POND.replace("44", "四十四").replace("20", "二十")
    wide = POND.replace("44", "４４")
    words = DUCKS.replace("four", "4").replace("three", "3").replace("1,600", "１６００")
    assert [v["match"] for v in asked(benchmarks, chinese, wide, words)] == ["question_full"] * 3


def test_every_item_that_asks_the_same_is_named(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "one.jsonl", [{"question": DUCKS}])
    write_jsonl(tmp_path / "two.jsonl", [{"question": DUCKS.upper()}])
    (verdict,) = asked(tmp_path, DUCKS)
    assert (verdict["item"], verdict["twins"]) == ("one/1", ["two/1"])


def test_a_different_question_that_shares_twelve_words_is_kept(benchmarks: Path) -> None:
    other = "Every day he eats three for breakfast every morning and bakes muffins for her neighbours. Is that healthy?"
    (verdict,) = asked(benchmarks, other)
    assert (verdict["keep"], verdict["match"], verdict["overlap"]) == (True, None, None)


def test_a_template_of_many_items_is_no_match_and_their_own_words_are(tmp_path: Path) -> None:
    names = ["Whitney Erika Tj Benito", "Lucky Mireya Jj Kc", "Caleb Chase Eleazar Chanel", "Rogelio Freddy Ivan Maud"]
    template = (
        'Read this with care: take the last letters of each of the words in the quoted list "{}" and join them up.'
    )
    write_jsonl(tmp_path / "letters.jsonl", [{"question": template.format(n)} for n in names])
    other, same = asked(tmp_path, template.format("Ada Grace Alan Edsger"), template.format(names[1]), shared=2)
    assert other["keep"]
    assert (same["keep"], same["item"]) == (False, "letters/2")


def test_a_question_that_many_items_ask_counts_only_with_its_options(tmp_path: Path) -> None:
    stem = "Which one of the following statements about the text is true?"
    options = [
        ["Cats bark loudly", "Dogs meow softly"],
        ["Iron floats well", "Cork sinks fast"],
        ["Ice is hot", "Fire is cold"],
    ]
    write_jsonl(tmp_path / "generic.jsonl", [{"question": stem, "options": o} for o in options])
    alone, with_options = asked(tmp_path, f"Read. {stem}", f"{stem}\nA. Iron floats well\nB. Cork sinks fast", shared=2)
    assert alone["keep"]
    assert (with_options["keep"], with_options["item"]) == (False, "generic/2")


def test_an_answer_alone_is_noted_and_kept(benchmarks: Path) -> None:
    (verdict,) = asked(benchmarks, f"Please improve my prose: {ANSWER}")
    assert (verdict["keep"], verdict["reason"], verdict["match"]) == (True, None, "answer")
    assert verdict["item"] == "ducks_test/1"


def test_a_short_answer_is_never_looked_for(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "qa.jsonl", [{"question": SHORT, "answer": "it boils at seventy eight degrees centigrade"}])
    (verdict,) = asked(tmp_path, "Is it true that it boils at seventy eight degrees centigrade? I think so.")
    assert verdict["match"] is None


def test_a_number_changed_copy_is_another_problem_and_at_most_a_part(benchmarks: Path) -> None:
    changed = DUCKS.replace("1,600", "2,000").replace("three", "nine").replace("four", "eight").replace("$2", "$5")
    (verdict,) = asked(benchmarks, changed)
    assert verdict["keep"]


def test_a_match_never_runs_across_turns(benchmarks: Path) -> None:
    half = len(SHORT) // 2
    made = records([("user", SHORT[:half]), ("assistant", SHORT[half:])])
    assert prepare(Settings(benchmarks=str(benchmarks)))(made)["keep"].to_pylist() == [True]


def test_every_record_gets_a_row_whatever_its_turns_hold(benchmarks: Path) -> None:
    made = records([], [("user", "")], [("user", "\x00\ud7ff" * 5)], [("system", "�"), ("user", DUCKS)])
    made = pa.concat_tables([made, records([("user", "x")])]).slice(1)
    judged = verdicts("decontaminate", Settings(benchmarks=str(benchmarks)), made)
    assert judged.schema == SCHEMA
    assert judged["keep"].to_pylist() == [True, True, False, True]
    assert prepare(Settings(benchmarks=str(benchmarks)))(made.slice(0, 0)).num_rows == 0


def test_without_benchmarks_everything_is_kept_and_nothing_named() -> None:
    judged = prepare(Settings())(records([("user", DUCKS)], [("user", POND)]))
    assert judged.schema == SCHEMA
    assert judged["keep"].to_pylist() == [True, True]
    assert all(judged[name].null_count == 2 for name in ("reason", "benchmark", "item", "match", "overlap"))
    assert inputs(Settings()) == {}


def test_changing_a_benchmark_file_changes_the_inputs_and_the_cache_folder_does_not(benchmarks: Path) -> None:
    before = inputs(Settings(benchmarks=str(benchmarks)))
    assert set(before) == {"ducks_test.jsonl", "exam.zip"}
    assert digest(Settings(cache="a")) == digest(Settings(cache="b"))
    write_jsonl(benchmarks / "ducks_test.jsonl", [{"question": DUCKS + " "}])
    after = inputs(Settings(benchmarks=str(benchmarks)))
    assert after["ducks_test.jsonl"] != before["ducks_test.jsonl"]
    assert after["exam.zip"] == before["exam.zip"]


def test_the_kept_index_gives_the_same_verdicts_and_is_written_once_per_content(
    benchmarks: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    fresh = asked(benchmarks, DUCKS, SHORT_ZH, "hello there")
    assert asked(benchmarks, DUCKS, SHORT_ZH, "hello there", cache=str(cache)) == fresh
    (folder,) = cache.iterdir()
    stamp = (folder / "seeds.keys.npy").stat().st_mtime_ns
    assert asked(benchmarks, DUCKS, SHORT_ZH, "hello there", cache=str(cache)) == fresh
    assert (folder / "seeds.keys.npy").stat().st_mtime_ns == stamp
    write_jsonl(benchmarks / "more.jsonl", [{"question": "Why do cats always seem to land on their feet?"}])
    asked(benchmarks, "hello there", cache=str(cache))
    assert len(list(cache.iterdir())) == 2


def test_a_missing_folder_and_one_without_items_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder; give the folder of benchmark files"):
        prepare(Settings(benchmarks=str(tmp_path / "nowhere")))
    (tmp_path / "notes.jsonl").write_text('{"weather": 3}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"no benchmark item in the 1 files .* expected rows with"):
        prepare(Settings(benchmarks=str(tmp_path)))


def test_a_benchmark_that_cannot_be_read_is_reported_and_the_others_are_used(benchmarks: Path) -> None:
    (benchmarks / "broken.zip").write_bytes(b"PK\x03\x04 this is no archive")
    (benchmarks / "half.jsonl").write_text(json.dumps({"question": DUCKS}) + '\n{"question": "cut of', encoding="utf-8")
    said: list[str] = []
    sink = logger.add(lambda message: said.append(str(message)), level="WARNING")
    try:
        found = {b.file: b for b in load(benchmarks)}
    finally:
        logger.remove(sink)
    assert len(found["half.jsonl"].items) == 1
    assert any("broken.zip" in line and "NOT" in line for line in said)
    assert any("half.jsonl" in line for line in said)


@pytest.mark.parametrize(
    ("row", "questions"),
    [
        ({"query": "Question: How do I peel an egg?\n", "choices": ["a", "b"]}, ["How do I peel an egg?"]),
        (
            {"query": "Context: Al ran.\nQuestion: Why?\nChoices:\nA. fear\nB. joy\nAnswer:", "choices": ["A", "B"]},
            ["Al ran.\nWhy?"],
        ),
        (
            {"question": {"stem": "Where is it?", "choices": [{"label": "A", "text": "bank"}]}, "answerKey": "A"},
            ["Where is it?"],
        ),
        ({"Body": "Al has 3 pens.", "Question": "How many?", "Answer": 3.0}, ["Al has 3 pens.\nHow many?"]),
        ({"instruction": "Fix it.", "instances": [{"input": "a bad cat", "output": "x"}]}, ["Fix it.\na bad cat"]),
        ({"turns": ["First, sing.", "Now dance."]}, ["First, sing.", "Now dance."]),
        (
            {"question": "3．（6分）下列正确的是（　　）\nA．酶 B．糖 C．盐 D．水", "answer": ["A"]},
            ["下列正确的是（　　）"],
        ),
        (
            {"question": "甲和乙的对话。\nA：你好\nB：再见", "options": ["是。", "否。"]},
            ["甲和乙的对话。\nA：你好\nB：再见"],
        ),
        (["The pleura,", "have no feeling.", "are two.", "extend.", "are long.", "D"], ["The pleura,"]),
        ("a\nIt rained on Monday.\nWhat follows?\nA.It was wet\nB.It was dry", ["It rained on Monday.\nWhat follows?"]),
        ("Solve.\n\nQ: 1 + 1 is\nA: Two.\n\nQ: 2 + 2 is\nA: Four.", ["1 + 1 is", "2 + 2 is"]),
    ],
)
def test_the_question_of_each_native_shape_is_the_question(row: Any, questions: list[str]) -> None:
    assert [q for item in from_row(row, "x") for q in item.questions] == questions


def test_winogrande_is_looked_for_with_the_blank_and_with_each_name() -> None:
    row = {"context_options": ["Al beat Bo so Al", "Al beat Bo so Bo"], "continuation": "won."}
    (item,) = from_row(row, "x")
    assert item.questions == ("Al beat Bo so won.", "Al beat Bo so Al won.", "Al beat Bo so Bo won.")


def same(a: str, b: str) -> bool:
    hashes = [tokenise(pa.array([text])).hashes.tolist() for text in (a, b)]
    return bool(hashes[0] == hashes[1])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("四十四棵", "44棵"),
        ("150万只", "一百五十万只"),
        ("七十五千米", "75千米"),
        ("二〇二四年", "2024年"),
        ("一亿二千万", "120000000"),
        ("twenty-five pens", "25 pens"),
        ("it costs $12.50", "it costs $12.5"),
        ("5.00 m", "5 m"),
        ("1. yes\n2. no", "yes\nno"),
        ("一、甲\n二、乙", "甲\n乙"),
        ("(1) 甲（2）乙", "甲乙"),
        ("A. yes\n(b) no\n[C] so\nＤ、也许", "yes no so 也许"),
        ("pick A) one B. two", "pick one two"),
        ("Al's pen isn't", "al ’ s pen isnt"),
    ],
)
def test_copies_fold_to_the_same_tokens(a: str, b: str) -> None:
    assert same(a, b)


def test_words_that_stand_as_they_are_are_the_tokens_of_their_full_width_copy() -> None:
    text = "the 3rd cat sat on 12 mats (blue), 25 rugs; 我有 twenty five\npens and 7 个 caféd hats"
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)
    plain, copied = (tokenise(pa.array([t])) for t in (text, wide))
    assert plain.hashes.tolist() == copied.hashes.tolist()
    assert plain.edges.tolist() == copied.edges.tolist()


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("f(2)", "f"),
        ("3.14", "14"),
        ("in 1. Then", "in Then"),
        ("二三", "5"),
        ("f(a)", "f"),
        ("e.g. a", "g a"),
        ("add (a, b)", "add (a"),
        ("A man", "man"),
    ],
)
def test_what_is_no_label_and_no_other_form_stays(a: str, b: str) -> None:
    assert not same(a, b)


def test_hostile_numerals_end_and_a_text_never_reads_the_one_before_it() -> None:
    assert len(tokenise(pa.array(["亿" * 9999, "千" * 9999, "9" * 9999 + "万"])).hashes) == 3
    alone = tokenise(pa.array(["万岁"])).hashes.tolist()
    assert tokenise(pa.array(["15", "万岁"])).hashes.tolist()[1:] == alone


def test_sentences_begin_after_a_stop_a_colon_a_quote_or_a_line() -> None:
    edges = tokenise(pa.array(["Hi. It is 3.5 m? yes: no"])).edges.tolist()
    assert edges == [True, True, False, False, False, False, True, True, True]
    assert tokenise(pa.array(["甲。乙丙\n丁"])).edges.tolist() == [True, True, False, True, True]


def test_words_of_a_template_carry_few_bits_and_a_name_many() -> None:
    texts = [f"which of the following is true about {name}" for name in ("ada", "bo", "cy", "di")] * 30
    made = tokenise(pa.array([*texts, "which of the following is true about quaternions"]))
    count = len(made.offsets) - 1
    found = bits(made.hashes, made.offsets, np.arange(count), np.ones(count, np.bool_))[-8:]
    assert found[1:7].max() < 1
    assert found[7] > 6


def test_holders_are_counted_once_an_owner() -> None:
    keys, owners = np.array([7, 7, 8, 7, 0], np.uint64), np.array([0, 0, 0, 1, 2], np.int32)
    assert holders(np.array([7, 8, 9, 0], np.uint64), keys, owners).tolist() == [2, 1, 0, 1]


def test_only_separators_of_thousands_are_taken_out_of_numbers() -> None:
    assert same("1,000,000 eggs", "1000000 eggs")
    assert same("１，０００", "1000")
    assert not same("1,2", "12")
    assert not same("1,0000", "10000")
    assert not same("a,000", "a000")


def test_equal_spans_hash_alike_wherever_they_stand_and_a_table_finds_exactly_its_keys() -> None:
    hashes = np.random.default_rng(0).integers(0, 2**63, 50).astype(np.uint64)
    twice = np.concatenate([hashes, hashes])
    prefixes, power = prefix(twice, 0, 100), powers(100)
    assert span(prefixes, 3, 20, power) == span(prefixes, 53, 70, power)
    assert span(prefixes, 3, 20, power) != span(prefixes, 4, 21, power)
    made = table(np.array([7, 5, 5], np.uint64), np.array([0, 1, 2]))
    assert made.keys.tolist() == [5, 7]
    assert made.postings.tolist() == [1, 2, 0]


@pytest.mark.skipif(not REAL.is_dir(), reason="the development benchmarks are not on this machine")
def test_every_real_benchmark_file_gives_items_and_their_texts_are_not_subjects_or_letters() -> None:
    found = load(REAL)
    assert [b.file for b in found if not b.items] == []
    assert [b.file for b in found if b.bad] == []
    for benchmark in found:
        texts = [max(item.questions + item.answers, key=len) for item in benchmark.items]
        assert np.median([len(t) for t in texts]) >= 12, benchmark.file
        assert len(set(texts)) > 0.5 * len(texts), benchmark.file
