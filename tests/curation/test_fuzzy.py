"""Near duplicates: what is found, what is left apart, and when work is done again."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import compare, fuzzy, shards
from curation.engine import Engine
from curation.fuzzy.minhash import band_hashes, permutations
from curation.fuzzy.sign import Signing, sign
from curation.record import RECORD, content_hash, id_bytes, ids, prompt_group, record_id
from curation.text import tokens

Conversation = list[tuple[str, str]]
HAN = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜金生丽水玉出昆冈剑号巨阙珠称夜光"


def english(seed: int, length: int = 120) -> str:
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abcdefghijklmnoprstuvw", k=draw.randint(2, 7))) for _ in range(length))


def chinese(seed: int, length: int = 120) -> str:
    draw = random.Random(seed)
    return "".join(draw.choices(HAN, k=length))


def pair(question: str, answer: str) -> Conversation:
    return [("user", question), ("assistant", answer)]


def table(source: str, conversations: list[Conversation], first: int = 0) -> pa.Table:
    hashes = [content_hash(turns) for turns in conversations]
    names = [f"{source}:{first + n}" for n in range(len(conversations))]
    columns = {
        "id": ids([record_id(source, n, h) for n, h in zip(names, hashes, strict=True)]),
        "content_hash": ids(list(hashes)),
        "prompt_group": [prompt_group(turns) for turns in conversations],
        "source": [source] * len(names),
        "source_id": names,
        "licence": pa.nulls(len(names), pa.string()),
        "turns": pa.array(
            [[{"role": r, "content": c} for r, c in t] for t in conversations], RECORD.field("turns").type
        ),
        "parent_id": ids([None] * len(names)),
        "meta": ["{}"] * len(names),
    }
    return pa.table(columns, schema=RECORD)


def write(root: Path, source: str, *parts: list[Conversation]) -> None:
    folder = shards.folder(root, "records", source)
    tables = [table(source, part, 1000 * n) for n, part in enumerate(parts)]
    shards.write_tables(folder, "k", tables, RECORD)
    shards.finish(folder, "ingest", source, "k")


def run(root: Path, **settings: float) -> int:
    chosen = {"fuzzy": fuzzy.Settings(**settings)}  # type: ignore[arg-type]
    return compare.compare(root, shards.sources(root), chosen, Engine(), 1)["fuzzy"]


def verdicts(root: Path, source: str = "a") -> pa.Table:
    return pa.concat_tables(shards.read_shards(shards.folder(root, "verdicts", "fuzzy", source)))


def groups(root: Path, *conversations: Conversation, **settings: float) -> list[int | None]:
    """Return the cluster of each conversation, numbered in order of appearance, None where alone."""
    write(root, "a", list(conversations))
    run(root, **settings)
    found = verdicts(root)["cluster_id"].to_pylist()
    order = {name: n for n, name in reversed(list(enumerate(found)))}
    return [None if name is None else order[name] for name in found]


@pytest.mark.parametrize("text", [english(1), chinese(1)], ids=["english", "chinese"])
def test_a_copy_with_one_changed_word_is_found(tmp_path: Path, text: str) -> None:
    middle = len(text) // 2
    edited = text[:middle] + " 改 " + text[middle + 1 :]
    other = pair("Question", english(7)), pair("问题", chinese(7))
    assert groups(tmp_path, pair("Question", text), *other, pair("Question", edited)) == [0, None, None, 0]


def test_case_punctuation_and_roles_do_not_hide_a_copy(tmp_path: Path) -> None:
    text = english(2)
    shouted = [("system", "Be kind."), ("user", "Go on!"), ("assistant", text.upper().replace(" ", ", "))]
    assert groups(tmp_path, [("user", "be kind go on"), ("assistant", text)], shouted) == [0, 0]


def test_the_jaccard_is_the_real_one(tmp_path: Path) -> None:
    words = english(3, 104).split()
    write(
        tmp_path, "a", [[("user", " ".join(words))], [("user", " ".join([*words[:-1], "zz"]))], [("user", english(4))]]
    )
    run(tmp_path)
    jaccard = verdicts(tmp_path)["jaccard"].to_pylist()
    assert jaccard[:2] == pytest.approx([99 / 101, 99 / 101])  # 100 shingles each, the last one differs
    assert jaccard[2] is None


def test_below_the_threshold_nothing_is_joined(tmp_path: Path) -> None:
    words = english(5, 104).split()
    half = " ".join(words[:70]) + " " + english(6, 34)
    assert groups(tmp_path, [("user", " ".join(words))], [("user", half)]) == [None, None]
    assert groups(tmp_path, [("user", " ".join(words))], [("user", half)], threshold=0.4, rows=2) == [0, 0]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pair("1+2=?", "3"), pair("1+3=?", "4")),
        (pair("2+2=", "4"), pair("2*2=", "4")),
        (pair("8*1=", "8*1=8"), pair("8/1=", "8/1=8")),
        (pair("8×1＝", "8"), pair("8÷1＝", "8")),
        (pair("是", "否"), pair("否", "是")),
        (pair("Hi", "Hello"), pair("Hi", "Hey")),
        (pair("Translate: cat", "猫"), pair("Translate: dog", "狗")),
    ],
)
def test_short_texts_are_joined_only_when_they_say_the_same(
    tmp_path: Path, first: Conversation, second: Conversation
) -> None:
    assert groups(tmp_path, first, second) == [None, None]


def test_short_texts_that_differ_in_punctuation_only_are_joined(tmp_path: Path) -> None:
    assert groups(
        tmp_path, pair("Hi", "Hello!"), pair("hi.", "Hello"), pair("你好", "您好"), pair("你好！", "您好。")
    ) == [0, 0, 2, 2]


def test_texts_without_any_token_are_left_alone_unless_they_are_copies(tmp_path: Path) -> None:
    assert groups(tmp_path, pair("?", "!"), pair("🙂", "🙃"), pair("?", "!"), []) == [0, None, 0, None]


@pytest.mark.parametrize("story", [english(8, 80), chinese(8, 80)], ids=["english", "chinese"])
def test_a_templated_sum_with_other_numbers_is_another_problem(tmp_path: Path, story: str) -> None:
    first, second = pair(f"{story} 12 {story[:40]}", "It is 24."), pair(f"{story} 13 {story[:40]}", "It is 26.")
    assert groups(tmp_path, first, second, answer_threshold=0) == [None, None]
    assert groups(tmp_path, first, second, answer_threshold=0, exact_numbers_below=0) == [0, 0]


def test_a_reworded_copy_that_lost_a_number_is_still_a_copy(tmp_path: Path) -> None:
    text = english(9)
    assert groups(tmp_path, [("user", f"{text} 12")], [("user", text)]) == [0, 0]


def test_one_long_prompt_with_two_answers_is_two_examples(tmp_path: Path) -> None:
    first, second = pair(english(10, 300), "yes of course it is"), pair(english(10, 300), "no it never was one")
    assert groups(tmp_path, first, second) == [None, None]
    assert groups(tmp_path, first, second, answer_threshold=0) == [0, 0]


def test_a_copy_that_is_cut_into_turns_at_another_place_is_still_a_copy(tmp_path: Path) -> None:
    words = english(13, 200).split()
    early, late = (pair(" ".join(words[:at]), " ".join(words[at:])) for at in (20, 180))
    reworded = pair(" ".join(words[:180]), "no not at all " + english(14, 16))
    assert groups(tmp_path, early, late, reworded) == [0, 0, None]


def test_a_word_that_is_cut_by_the_end_of_a_turn_is_one_word(tmp_path: Path) -> None:
    text = english(17, 40)
    at = next(n for n in range(60, 90) if text[n - 1].isalpha() and text[n].isalpha())
    whole, cut, stopped = [("user", text)], pair(text[:at], text[at:]), pair(text[:at] + ".", text[at:])
    assert groups(tmp_path / "one", cut, whole) == [0, 0]
    assert groups(tmp_path / "two", stopped, whole) == [None, None]


def test_words_at_a_turns_end_are_two_where_that_makes_a_copy(tmp_path: Path) -> None:
    words = english(18, 44).split()
    cut, stopped = (
        pair(" ".join(words[:14]), " ".join(words[14:])),
        pair(" ".join(words[:14]) + ".", " ".join(words[14:])),
    )
    assert groups(tmp_path / "one", cut, [("user", " ".join(words))]) == [0, 0]
    assert groups(tmp_path / "other", stopped, cut) == [0, 0]
    assert groups(tmp_path / "both", *(pair(" ".join(words[:at]), " ".join(words[at:])) for at in (14, 9))) == [0, 0]


def test_an_answer_with_a_closing_phrase_is_the_same_answer(tmp_path: Path) -> None:
    question, answer = english(10, 300), "leaves that fall to the ground"
    assert groups(tmp_path / "one", pair(question, answer), pair(question, f"{answer} Please answer briefly.")) == [
        0,
        0,
    ]
    assert groups(tmp_path / "two", pair(question, answer), pair(question, f"rain from above and {answer}")) == [
        None,
        None,
    ]
    assert groups(tmp_path / "three", pair(question, "yes"), pair(question, "yes and here is why it is")) == [
        None,
        None,
    ]


def test_a_solution_with_a_calculators_notes_is_a_copy_of_the_one_without(tmp_path: Path) -> None:
    question = "Natalia sold clips to 48 friends in April, and half as many in May. How many did she sell?"
    noted = "In May she sold 48/2 = <<48/2=24>>24 clips. In both she sold 48+24 = <<48+24=72>>72 clips."
    bare = "In May she sold 48/2 = 24 clips. In both she sold 48+24 = 72 clips."
    assert groups(tmp_path / "one", pair(question, noted), pair(question, bare)) == [0, 0]
    more, all_noted = "How many is that in a week?", "That is 72*7 = <<72*7=504>>504 clips"
    long_noted, long_bare = [*pair(question, noted), ("user", more)], [*pair(question, bare), ("user", more)]
    answers = ("assistant", all_noted), ("assistant", all_noted.replace("<<72*7=504>>", ""))
    assert groups(tmp_path / "talk", [*long_noted, answers[0]], [*long_bare, answers[1]]) == [0, 0]
    other = ("assistant", "I would rather not say so, for it depends on all her friends")
    assert groups(tmp_path / "other", [*long_noted, answers[0]], [*long_bare, other]) == [None, None]
    at = noted.index("clips") + 3
    parted = pair(noted[:at], noted[at:])  # within a word, before another note
    assert groups(tmp_path / "parted", [("user", noted)], parted, [("user", bare)]) == [0, 0, 0]
    shifted = bare.replace("24", "16").replace("48/2", "48/3").replace("72", "64")
    assert groups(tmp_path / "two", pair(question, noted), pair(question, shifted)) == [None, None]


def test_a_reasoned_answer_is_no_copy_of_the_bare_one(tmp_path: Path) -> None:
    question = english(15, 200)
    assert groups(tmp_path, pair(question, "yes"), pair(question, english(16, 12) + " yes")) == [None, None]


def test_a_fuzzy_cluster_contains_every_exact_copy_of_its_members(tmp_path: Path) -> None:
    text = english(11)
    write(tmp_path, "a", [pair("q", text), pair("q", text)], [pair("q", text + " end")])
    write(tmp_path, "b", [pair("Q ", text), pair("alone", english(12))])
    run(tmp_path)
    a, b = verdicts(tmp_path), verdicts(tmp_path, "b")
    members = [bytes(name) for name in [*id_bytes(a["id"]), id_bytes(b["id"])[0]]]
    assert {name.bytes for name in [*a["cluster_id"].to_pylist(), b["cluster_id"][0].as_py()]} == {min(members)}
    assert a["cluster_size"].to_pylist() == [4, 4, 4]
    assert b["cluster_size"].to_pylist() == [4, 1]
    assert [a["jaccard"][0].as_py(), a["jaccard"][1].as_py(), b["jaccard"][0].as_py()] == [1.0, 1.0, 1.0]


def test_verdicts_are_aligned_with_their_records_and_keep_everything(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("q", english(n % 9)) for n in range(20)], [], [pair("r", chinese(n)) for n in range(5)])
    assert run(tmp_path) == 25
    for shard in shards.shard_paths(shards.folder(tmp_path, "records", "a")):
        judged = pq.read_table(shards.folder(tmp_path, "verdicts", "fuzzy", "a") / shard.name)
        assert judged.schema.remove_metadata() == fuzzy.SCHEMA
        assert (id_bytes(judged["id"]) == id_bytes(pq.read_table(shard)["id"])).all()
        assert judged["keep"].to_pylist() == [True] * judged.num_rows
        assert judged["reason"].null_count == judged.num_rows


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("q", english(1))])
    assert run(tmp_path) == 1
    assert run(tmp_path) == 0
    assert run(tmp_path, memory_gb=2) == 0


def test_another_threshold_clusters_again_but_signs_nothing_again(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("q", english(1))])
    run(tmp_path)
    signatures = next((tmp_path / "work" / "fuzzy" / "a").iterdir())
    os.utime(signatures, (1, 1))
    assert run(tmp_path, threshold=0.7) == 1
    assert signatures.stat().st_mtime == 1
    assert run(tmp_path, threshold=0.7, seed=2) == 1
    assert signatures.stat().st_mtime > 1


def test_only_a_changed_source_is_signed_again(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("q", english(1))])
    write(tmp_path, "b", [pair("q", english(2))])
    run(tmp_path)
    for source in ("a", "b"):
        os.utime(next((tmp_path / "work" / "fuzzy" / source).iterdir()), (1, 1))
    write(tmp_path, "b", [pair("q", english(1))])
    assert run(tmp_path) == 2
    assert next((tmp_path / "work" / "fuzzy" / "a").iterdir()).stat().st_mtime == 1
    assert next((tmp_path / "work" / "fuzzy" / "b").iterdir()).stat().st_mtime > 1
    assert verdicts(tmp_path)["cluster_size"].to_pylist() == [2]


def test_the_order_of_sources_does_not_change_the_bytes(tmp_path: Path) -> None:
    for name, order in (("one", ["a", "b"]), ("two", ["b", "a"])):
        write(tmp_path / name, "a", [pair("q", english(n)) for n in range(9)])
        write(tmp_path / name, "b", [pair("q", english(n) + " more") for n in range(5, 14)])
        compare.compare(tmp_path / name, order, {"fuzzy": fuzzy.Settings()}, Engine(), 1)
    for source in ("a", "b"):
        first, second = (
            shards.read_manifest(shards.folder(tmp_path / n, "verdicts", "fuzzy", source)) for n in ("one", "two")
        )
        assert first == second
    assert verdicts(tmp_path / "one")["cluster_size"].to_pylist() == [1] * 5 + [2] * 4


def test_a_bucket_larger_than_the_leaders_still_becomes_one_cluster(tmp_path: Path) -> None:
    text = english(20, 200)
    copies = [pair(f"{text[:k]} x{k} {text[k:]}", text) for k in range(0, 60, 2)]
    assert groups(tmp_path, *copies, leaders=2, exact_numbers_below=0) == [0] * 30


def test_a_little_memory_changes_no_byte(tmp_path: Path) -> None:
    texts = [english(n % 40) + (" more" if n >= 40 else "") for n in range(90)]
    for name, memory in (("much", 4), ("little", 1e-6)):
        write(tmp_path / name, "a", [pair("q", text) for text in texts[:50]], [pair("q", text) for text in texts[50:]])
        run(tmp_path / name, memory_gb=memory)
    much, little = (
        shards.read_manifest(shards.folder(tmp_path / n, "verdicts", "fuzzy", "a")) for n in ("much", "little")
    )
    assert much == little
    assert max(verdicts(tmp_path / "much")["cluster_size"].to_pylist()) == 3


def test_the_scratch_is_gone_afterwards(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("q", english(1))])
    run(tmp_path)
    assert [p.name for p in (tmp_path / "work").iterdir()] == ["fuzzy"]


def test_equal_band_hashes_are_as_frequent_as_the_jaccard_predicts() -> None:
    draw = np.random.default_rng(0)
    found, room = np.zeros((400, 2, 64), np.uint32), np.empty(64, np.uint32)
    for one, other in found:  # pairs of texts that share 2/3 of 150 shingles of one token: Jaccard 1/2
        words = draw.integers(0, 1 << 62, 200, dtype=np.uint64)
        band_hashes(words[:150], 1, 1, permutations(64, 3), room, one)
        band_hashes(words[50:], 1, 1, permutations(64, 3), room, other)
    assert (found[:, 0] == found[:, 1]).mean() == pytest.approx(0.5, abs=0.015)


def test_signatures_do_not_depend_on_how_a_table_is_sliced() -> None:
    whole = table("a", [pair(english(n), chinese(n)) for n in range(10)])
    part = sign(whole.slice(4, 3), Signing())
    for name in part.column_names:
        assert part[name].to_pylist() == sign(whole, Signing())[name].slice(4, 3).to_pylist()


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        ("2 + 3 = 5", "2+3=5", "2 - 3 = 5"),
        ("so 12+-7", "so 12 + - 7", "so 12-+7"),
        ("８×１", "8 * 1", "8/1"),
        ("a + b, 3 of 4", "a b 3 of 4", "a b -3 of 4"),
        ("价格，３０元，÷５", "价格 30元 /5", "价格 30元 *5"),
        ("long words before the sum that follows: 10 / 4", "10/4", "10*4"),
        ("x + y", "x - y", "x + 1"),
    ],
)
def test_the_operators_are_those_next_to_a_digit(text: str, same: str, other: str) -> None:
    found = sign(table("a", [[("user", t)] for t in (text, same, other)]), Signing())["operators"].to_pylist()
    assert found[0] == found[1] != found[2]


def test_the_answer_begins_where_the_last_assistant_turn_does() -> None:
    chats = [
        pair("one two", "three"),
        [("user", "a b c")],
        [("assistant", "x"), ("user", "y"), ("assistant", "z"), ("user", "w")],
        [],
    ]
    assert sign(table("a", chats), Signing())["answer"].to_pylist() == [2, None, 2, None]
    assert len(tokens(pa.array(["one two three"])).hashes) == 3
