"""What compiled code says of whole columns is what the functions of record.py and normalise.py say of each record."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from curation.folding import hashes
from curation.normalise import normalise, unsettled
from curation.record import ROLES, Turn, content_hash, prompt_group
from curation.utf8 import strings

MIXED = [*"abcXYZ019  !~,\t\n\x0b\x7f", *"words", "中", "。", "é", "’", "\u3000", "\u200b"]
CHARACTERS = [chr(code) for code in range(0x20200) if not 0xD800 <= code < 0xE000]


def flat(records: list[list[Turn]]) -> tuple[np.ndarray, np.ndarray, object]:
    offsets = np.concatenate([[0], np.cumsum([len(turns) for turns in records])])
    roles = np.array([ROLES.index(role) for turns in records for role, _ in turns], np.uint8)
    return offsets, roles, strings([content for turns in records for _, content in turns])


@pytest.fixture(scope="module")
def every() -> list[list[Turn]]:
    """Every character at the beginning, in the middle and at the end of a text, and beside random others; and long mixed texts."""
    dice = random.Random(3)
    mixed = ["".join(dice.choices(MIXED, k=dice.randrange(60))) for _ in range(8000)]
    said = [*pairwise(mixed)]
    said += [(f"{c}a{c} {c}", "".join(dice.choice(CHARACTERS) for _ in range(dice.randrange(6)))) for c in CHARACTERS]
    return [[("user", one), ("assistant", other)] for one, other in said]


def test_every_character_folds_as_it_does_alone(every: list[list[Turn]]) -> None:
    found = hashes(*flat(every))  # type: ignore[arg-type]
    assert found.contents == [content_hash(turns) for turns in every]
    assert found.prompts.to_pylist() == [prompt_group(turns) for turns in every]


@pytest.mark.parametrize("word", ["a", "é", "e\u0301"], ids=["plain", "tabled", "combining"])
def test_the_prompt_ends_where_the_last_answer_begins(word: str) -> None:
    user, answer, system = ("user", word), ("assistant", word), ("system", word)
    talks = [[user, answer, user, answer], [user, answer, user], [answer], [], [system, answer], [user]]
    found = hashes(*flat(talks)).prompts.to_pylist()  # type: ignore[arg-type]
    assert found == [prompt_group(turns) for turns in talks]
    assert found[2] is found[3] is None
    assert found[1] == prompt_group([user])
    assert len({*found[:2], *found[4:]}) == 3  # the second and the last have the same prompt


def test_a_record_that_is_said_to_be_settled_is_left_as_it_is(every: list[list[Turn]]) -> None:
    inside = [[("user", f"a{one}b"), ("assistant", f"x{other}y")] for (_, one), (_, other) in every]
    for records in (every, inside):
        state = unsettled(*flat(records))  # type: ignore[arg-type]
        assert all(normalise(turns) == turns for turns, said in zip(records, state, strict=True) if not said)
        assert 0 < np.mean(state == 0) < 1


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([("user", "q"), ("assistant", "a")], 0),
        ([("user", "q"), ("tool", "1"), ("tool", "2")], 0),
        ([("user", "两行\n字")], 0),
        ([("user", "q "), ("assistant", "a")], 1),
        ([("user", "q"), ("user", "r")], 1),
        ([("user", "　段")], 1),
        ([("user", "q"), ("assistant", "")], 1),
        ([("user", "a\r\nb")], 1),
        ([("user", "a\0b ")], 2),
    ],
)
def test_what_normalising_would_change_is_said_to_be_open(turns: list[Turn], said: int) -> None:
    assert unsettled(*flat([turns])).tolist() == [said]  # type: ignore[arg-type]
