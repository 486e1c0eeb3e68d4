"""One text, one form."""

from __future__ import annotations

import unicodedata

import pytest

from curation.normalise import normalise, text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("\ufeffe\u0301", "é"),
        ("你好，ＡＢＣ！", "你好，ＡＢＣ！"),
        ("a\x00b\x07c\u200bd\u202ee", "abcde"),
        ("\ud83d broken", "broken"),
        ("tab\there", "tab\there"),
        ("a\u2028b\x85c", "a\nb\nc"),
        ("👨\u200d👩\u200d👧 fam\u200dily", "👨\u200d👩\u200d👧 family"),
        ("❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("🏴\U000e0067\U000e0062\U000e007f hid\U000e0041den", "🏴\U000e0067\U000e0062\U000e007f hidden"),
        ("\n\n  \n 　段首 \n", "段首"),
        ("    return x\n\n    # more", "    return x\n\n    # more"),
    ],
)
def test_text_is_in_one_form_and_stays_so(raw: str, clean: str) -> None:
    assert text(raw) == clean
    assert text(clean) == clean


def test_normalising_twice_is_normalising_once_on_every_kind_of_character() -> None:
    odd = [
        chr(c) for c in (*range(0x3100), *range(0xA000, 0x11000, 7), *range(0x1F000, 0x1FB00), *range(0xE0000, 0xE0080))
    ]
    for at in range(0, len(odd), 50):
        for joiner in ("", "\u200d", "\u0301", "\n "):
            once = text(joiner.join(odd[at : at + 50]))
            assert text(once) == once
            assert unicodedata.is_normalized("NFC", once)
            once.encode()  # no lone surrogate


def test_empty_ends_are_dropped_and_an_empty_middle_stays() -> None:
    turns = [("system", " "), ("user", "a"), ("assistant", "\u200b"), ("user", "b"), ("assistant", "")]
    assert normalise(turns) == [("user", "a"), ("assistant", ""), ("user", "b")]


def test_neighbours_of_one_role_are_joined_but_tool_results_stay_apart() -> None:
    turns = [("user", "a"), ("user", "b"), ("assistant", "call"), ("tool", "1"), ("tool", "2"), ("assistant", "c")]
    once = normalise(turns)
    assert once == [("user", "a\n\nb"), ("assistant", "call"), ("tool", "1"), ("tool", "2"), ("assistant", "c")]
    assert normalise(once) == once


def test_a_conversation_of_nothing_is_no_turn() -> None:
    assert normalise([("user", "\ufeff"), ("assistant", "\n")]) == []
