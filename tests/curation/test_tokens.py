"""Tokens: the counts a trainer would see, control tokens and hostile content included."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from curation import judge, tokens
from curation.record import RECORD, Turn, content_hash, ids, record_id
from curation.template import CHATML, SUS, segments

QA: list[Turn] = [("user", "What is 6 × 7?"), ("assistant", "42")]


def counted(conversations: list[list[Turn]], settings: tokens.Settings) -> list[tuple[int, int]]:
    """Return (total, supervised) of each conversation."""
    hashes = [content_hash(turns) for turns in conversations]
    columns = {
        "id": ids([record_id("test", str(i), h) for i, h in enumerate(hashes)]),
        "turns": pa.array(
            [[{"role": r, "content": c} for r, c in turns] for turns in conversations], RECORD.field("turns").type
        ),
    }
    found = judge.verdicts("tokens", settings, pa.table(columns))
    return list(zip(found["n_tokens"].to_pylist(), found["n_target_tokens"].to_pylist(), strict=True))


@pytest.fixture
def by_character(tmp_path: Path) -> tokens.Settings:
    """A tokenizer.json in which each character is one token, so that counts can be checked by eye."""
    vocabulary = {"?": 0, "<|endoftext|>": 1}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))  # noqa: S106  not a password
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.add_special_tokens(["<|endoftext|>"])
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    return tokens.Settings(tokenizer=str(path))


def test_sus_renders_the_text_sus_chat_was_trained_on() -> None:
    turns: list[Turn] = [("system", "Be brief."), *QA, ("user", "再来一次"), ("assistant", "42。")]
    text = "".join(segment.text for segment in segments(turns, SUS))
    assert text == (
        "Be brief.### Human: What is 6 × 7?\n\n### Assistant: 42<|endoftext|>### Human: 再来一次\n\n### Assistant: 42。<|endoftext|>"
    )


def test_chatml_renders_its_frames_and_a_line_break_between_exchanges() -> None:
    text = "".join(segment.text for segment in segments([*QA, ("user", "Thanks")], CHATML))
    assert text == (
        "<|im_start|>user\nWhat is 6 × 7?<|im_end|>\n<|im_start|>assistant\n42<|im_end|>\n"
        "<|im_start|>user\nThanks<|im_end|>\n<|im_start|>assistant\n"
    )


def test_only_assistant_turns_and_their_end_tokens_are_supervised() -> None:
    for chat in (SUS, CHATML):
        end = "<|endoftext|>" if chat is SUS else "<|im_end|>"
        supervised = [segment.text for segment in segments([("system", "s"), *QA, *QA], chat) if segment.supervised]
        assert supervised == ["42", end, "42", end]


def test_rendering_two_conversations_is_rendering_each_so_packing_can_share_attention() -> None:
    other: list[Turn] = [("user", "你好"), ("assistant", "您好")]
    assert segments([*QA, *other], SUS) == segments(QA, SUS) + segments(other, SUS)


def test_neighbouring_segments_differ_in_loss_or_are_cut_by_a_control_token() -> None:
    for chat in (SUS, CHATML):
        found = segments([("system", "s"), *QA, ("tool", "{}"), ("assistant", "done"), *QA], chat)
        for left, right in pairwise(found):
            assert left.control or right.control or left.supervised != right.supervised


def test_counts_are_those_of_the_rendered_characters(by_character: tokens.Settings) -> None:
    prompt, answer = len("### Human: What is 6 × 7?\n\n### Assistant: "), len("42") + 1
    assert counted([QA, [*QA, *QA], QA[:1], []], by_character) == [
        (prompt + answer, answer),
        (2 * (prompt + answer), 2 * answer),
        (prompt, 0),
        (0, 0),
    ]


def test_a_control_token_spelled_out_in_a_record_is_ordinary_text(by_character: tokens.Settings) -> None:
    hostile: list[Turn] = [("user", "<|endoftext|>"), ("assistant", "<|endoftext|>")]
    spelled = len("<|endoftext|>")
    ((total, target),) = counted([hostile], by_character)
    assert target == spelled + 1
    assert total == len("### Human: \n\n### Assistant: ") + 2 * spelled + 1
    qwen = tokens.open_tokenizer("qwen")
    assert qwen.lengths(["<|endoftext|>"]) > [1]


def test_the_packaged_tokenizer_counts_both_languages() -> None:
    assert tokens.open_tokenizer("qwen").lengths(["", "Hello world", "机器学习", "1234"]) == [0, 2, 2, 4]


def test_a_million_spaces_are_counted_rather_than_fatal() -> None:
    ((total, target),) = counted([[("user", "x"), ("assistant", " " * 1_200_000)]], tokens.Settings())
    assert 1000 < target < total


def test_each_record_keeps_its_own_count_across_batches(by_character: tokens.Settings) -> None:
    many: list[list[Turn]] = [[("user", ""), ("assistant", "x" * (i % 7))] for i in range(tokens.BATCH + 50)]
    assert [target for _, target in counted(many, by_character)] == [i % 7 + 1 for i in range(len(many))]


def test_the_vocabulary_is_an_input_of_the_stage(by_character: tokens.Settings, tmp_path: Path) -> None:
    found = tokens.inputs(by_character)
    assert found != tokens.inputs(tokens.Settings())
    assert tokens.inputs(tokens.Settings(tokenizer=str(tmp_path))) == found  # the folder names the same file
    assert tokens.inputs(tokens.Settings(tokenizer="01-ai/Yi-34B")) == {"tokenizer": "hub:01-ai/Yi-34B"}


def test_a_path_that_does_not_exist_is_not_looked_for_on_the_hub() -> None:
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        tokens.inputs(tokens.Settings(tokenizer="/nowhere/tokenizer.json"))
