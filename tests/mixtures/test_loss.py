"""Bits per byte of held-out answers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from mixtures.evaluate.loss import HeldOut, bits_per_byte, load, windows


def tiny_model() -> LlamaForCausalLM:
    """Return a random one-layer Llama over 50 tokens."""
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=32, bos_token_id=None, eos_token_id=None, tie_word_embeddings=True,
    ))  # fmt: skip


def held_out(lengths: tuple[int, ...], n_bytes: tuple[int, ...]) -> HeldOut:
    """Return one random conversation a domain, its second half scored."""
    rng = np.random.default_rng(0)
    tokens, scored = np.zeros((len(lengths), 16), np.int32), np.zeros((len(lengths), 16), np.bool_)
    for row, length in enumerate(lengths):
        tokens[row, :length] = rng.integers(1, 50, length)
        scored[row, length // 2 : length] = True
    names = tuple("abcdefg"[: len(lengths)])
    return HeldOut(names, np.arange(len(lengths), dtype=np.int32), tokens, scored, np.array(n_bytes))


def test_the_batched_pass_gives_each_domain_the_loss_computed_by_hand() -> None:
    model, sample = tiny_model(), held_out((16, 6, 9), (10, 20, 7))
    found = bits_per_byte(model, sample, batch=2)
    for row, name in enumerate(sample.names):
        tokens = torch.from_numpy(sample.tokens[row].astype(np.int64))
        with torch.no_grad():
            chances = model(tokens[None]).logits[0].log_softmax(-1)
        nats = -sum(float(chances[i - 1, tokens[i]]) for i in np.flatnonzero(sample.scored[row]))
        assert found[name] == pytest.approx(nats / math.log(2) / sample.n_bytes[row], rel=1e-5)


def test_the_size_of_the_batches_does_not_change_the_losses() -> None:
    model, sample = tiny_model(), held_out((16, 6, 9, 3, 12), (10, 20, 7, 4, 5))
    assert bits_per_byte(model, sample, batch=1) == pytest.approx(bits_per_byte(model, sample, batch=5), rel=1e-5)


def test_a_domain_without_scored_bytes_is_left_out() -> None:
    found = bits_per_byte(tiny_model(), held_out((16, 6), (10, 0)))
    assert list(found) == ["a"]


def test_evaluation_leaves_no_gradient() -> None:
    model = tiny_model()
    bits_per_byte(model, held_out((16, 6), (10, 5)))
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 12, 13, 40, 41])
def test_windows_score_each_supervised_token_once_but_the_first(length: int) -> None:
    tokens, supervised = np.arange(1, length + 1), np.ones(length, np.bool_)
    cut, scored = windows(tokens, supervised, length=8, most=1000)
    assert sorted(cut[scored]) == list(range(2, length + 1))


def test_a_scored_token_of_a_later_window_has_half_a_window_of_context() -> None:
    cut, scored = windows(np.arange(1, 41), np.ones(40, np.bool_), length=8, most=1000)
    assert not scored[1:, :4].any()
    assert (np.diff(cut[0]) == 1).all()


def test_windows_of_a_long_question_alone_are_left_out_and_answers_are_cut_at_the_limit() -> None:
    supervised = np.arange(100) >= 80
    cut, scored = windows(np.arange(100), supervised, length=8, most=5)
    assert sorted(cut[scored]) == [80, 81, 82, 83, 84]
    assert len(cut) == 2


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    sample = held_out((16, 6), (10, 5))
    sample.save(tmp_path / "held_out.npz")
    again = load(tmp_path / "held_out.npz")
    assert again.names == sample.names
    for column in ("domain", "tokens", "scored", "n_bytes"):
        assert (getattr(again, column) == getattr(sample, column)).all()
