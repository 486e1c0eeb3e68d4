"""Tokens, n-grams and fold hashes."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from curation.characters import classify
from curation.text import DIGIT, SINGLES, fold_hashes, ngrams, tokens


def counts(*texts: str | None) -> list[int]:
    found = tokens(pa.array(list(texts), pa.string()))
    return [int(n) for n in found.offsets[1:] - found.offsets[:-1]]


def hashes(text: str) -> list[int]:
    return [int(h) for h in tokens(pa.array([text])).hashes]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("!?… 。", 0),
        ("a", 1),
        ("hello world", 2),
        ("don't", 2),
        ("我喜欢tea和咖啡", 7),  # six Han characters and one word
        ("ひらがな", 4),
        ("한국어", 3),
        ("人々・〇", 3),  # the middle dot separates
        ("naïve café", 2),
        ("Привет мир", 2),
        ("𠮷野家", 3),  # a Han character of four bytes
        ("🙂 ok 🙂", 1),
        ("3.14", 2),
    ],
)
def test_a_token_is_a_word_or_one_han_character(text: str, count: int) -> None:
    assert counts(text) == [count]


def test_case_width_and_punctuation_do_not_matter() -> None:
    assert hashes("Hello, WORLD 12!") == hashes("ｈｅｌｌｏ  world——１２")
    assert hashes("你好，世界") == hashes("你好世界")
    assert hashes("ÉTÉ Ω Ж") == hashes("été ω ж")


@pytest.mark.parametrize("seed", range(8))
def test_a_long_text_has_the_tokens_of_its_words_one_by_one(seed: int) -> None:
    draw = random.Random(seed)
    words = [
        "a",
        "Of",
        "token",
        "12",
        "x86",
        "ABCDEFGH",
        "sixteen-",
        "internationalisation",
        "我",
        "咖啡",
        "é",
        "Ж",
        "１２",
        "가",
    ]
    gaps = [" ", " ", ", ", "\n", "，", "。", "…", " 🙂 ", "'"]
    pieces = [draw.choice(words[: draw.choice((8, 14))]) for _ in range(400)]  # stretches of ASCII alone among them
    text = "".join(piece + draw.choice(gaps) for piece in pieces)
    one_by_one = [h for piece in pieces for h in hashes(piece)]
    assert hashes(text) == one_by_one
    whole = tokens(pa.array([text[:333], text[333:]]))  # cut anywhere, each ends where it ends
    assert whole.hashes.tolist() == hashes(text[:333]) + hashes(text[333:])


def test_the_table_of_single_characters_says_what_their_classes_say() -> None:
    kinds = [classify.py_func(point)[0] for point in range(0x80, 1 << 16)]  # type: ignore[no-untyped-call]
    assert [int(h != 0) + int(h > 1) for h in SINGLES[0x80:]] == [{0: 0, 1: 1, 2: 2}[kind] for kind in kinds]
    assert SINGLES[ord("我")] == hashes("我")[0]


def test_nulls_and_empty_columns_have_no_tokens() -> None:
    assert counts("a b", None, "c") == [2, 0, 1]
    assert counts() == []
    assert len(tokens(pa.chunked_array([], pa.string())).hashes) == 0


def test_a_slice_of_a_column_is_read_from_where_it_begins() -> None:
    column = pa.array(["one", "two three", "四五六"])
    part = tokens(column.slice(1))
    assert part.offsets.tolist() == [0, 2, 5]
    assert part.hashes.tolist() == tokens(column).hashes.tolist()[1:]
    assert part.han.tolist() == [0, 3]


def test_the_lowest_bit_tells_tokens_with_digits() -> None:
    found = tokens(pa.array(["a1 12 abc 七 １２ x"])).hashes
    assert [bool(h & DIGIT) for h in found] == [True, True, False, False, True, False]


def test_the_densest_texts_fit_the_buffer() -> None:
    assert counts("a", "b", "c", "a字a字a", "字" * 1000, "a b c d") == [1, 1, 1, 5, 1000, 4]


def test_ngrams_are_equal_where_the_same_tokens_follow_each_other() -> None:
    found = tokens(pa.array(["a b c d a b c"]))
    grams = ngrams(found.hashes, 0, 7, 3)
    assert len(grams) == 5
    assert grams[0] == grams[4]
    assert len(set(grams.tolist())) == 4
    assert len(ngrams(found.hashes, 0, 2, 3)) == 0


def test_fold_hashes_ignore_case_width_and_spacing_but_not_signs() -> None:
    same = fold_hashes(pa.array([" What is  1+1?\n", "what is 1+1?", "ＷＨＡＴ is　1＋1？"])).tolist()
    assert len(set(same)) == 1
    other = fold_hashes(pa.array(["1+1", "1-1", "1 +1", "11", "", None])).tolist()
    assert len(set(other)) == 5


@pytest.mark.parametrize("length", range(1, 26))
def test_a_word_has_one_hash_wherever_it_stands(length: int) -> None:
    word = "Abcdefgh9jklmnopqrstuvwxyz"[:length]
    wide = "".join(chr(ord(c) + 0xFEE0) for c in word)
    texts = [
        word,
        f"{word} and more words",
        f"so {word}",
        f"字{word}字" * 2,
        f"({word.upper()})",
        wide,
        wide[:1] + word[1:],
    ]
    found = tokens(pa.array(texts))
    first = [found.hashes[found.offsets[n] : found.offsets[n + 1]].tolist() for n in range(len(texts))]
    assert all(first[0][0] in row for row in first)
    assert bool(first[0][0] & int(DIGIT)) == (length >= 9)


def test_words_that_share_their_first_letters_differ() -> None:
    words = ["a" * n for n in range(1, 40)] + ["aé", "éa", "aaaaaaaaé", "é", "naïve", "naive"]
    assert len(set(tokens(pa.array([" ".join(words)])).hashes.tolist())) == len(words)
