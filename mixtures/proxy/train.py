"""Training of one small Llama on one CPU thread: what a worker process does. Same job, same losses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load, save
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM

from curation.shards import write_atomic
from mixtures.evaluate.loss import HeldOut, answer_losses, bits_per_byte
from mixtures.evaluate.loss import load as load_held_out
from mixtures.proxy.packing import Run
from mixtures.proxy.settings import Settings

CLIP = 1.0  # largest norm of a gradient
BETAS = (0.9, 0.95)
HEAD = "lm_head.weight"  # tied to the embeddings, so not stored


def train_base(run: Run, path: Path) -> float:
    """Pretrain a fresh model on all tokens of `run`, write its weights to `path`; returns the last steps' mean loss.

    Draws a bar of tokens with rate and ETA. Raises FloatingPointError where the loss is no number.
    """
    _single_threaded(run.seed)
    model = LlamaForCausalLM(_config(run.settings))
    recent: list[float] = []
    with tqdm(total=run.tokens.size, desc="base", unit=" tokens", unit_scale=True, mininterval=1) as bar:
        for loss, tokens in _steps(model, run, run.settings.base_lr):
            recent = [*recent[-19:], loss]
            bar.update(tokens)
            bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
    mean = sum(recent) / len(recent)
    if not math.isfinite(mean):
        raise FloatingPointError(f"the base diverged at learning rate {run.settings.base_lr}; set a lower base_lr")
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name != HEAD}
    write_atomic(path, save(weights))
    return mean


def fine_tune(run: Run, base: Path, held_out: Path) -> dict[str, float]:
    """Fine-tune the base on the answers of `run`; returns bits per byte by domain, or nothing where it diverged."""
    _single_threaded(run.seed)
    model = LlamaForCausalLM(_config(run.settings))
    missing = model.load_state_dict(_weights(base), strict=False)
    if missing.unexpected_keys or [key for key in missing.missing_keys if key != HEAD]:
        raise ValueError(f"{base} does not hold the weights of this model ({missing}); delete its folder and run again")
    if not all(math.isfinite(loss) for loss, _ in _steps(model, run, run.settings.lr)):
        return {}
    return bits_per_byte(model, _held_out(held_out))


def _steps(model: LlamaForCausalLM, run: Run, peak: float) -> Iterator[tuple[float, int]]:
    """Train step by step; yields the loss of each and the tokens it saw.

    Every run of one budget takes the same number of steps: a language that this tokenizer splits finely has larger
    steps, not more of them, since the final run's steps are counted by the target tokenizer.
    """
    steps = min(run.steps, len(run.tokens))
    warm = max(1, round(run.settings.warmup * steps))
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, betas=BETAS, weight_decay=0.0, foreach=True)
    schedule = LambdaLR(optimizer, lambda s: min((s + 1) / warm, 0.5 * (1 + math.cos(math.pi * s / steps))))
    model.train()
    for rows in np.array_split(np.arange(len(run.tokens)), steps):
        tokens = torch.from_numpy(run.tokens[rows].astype(np.int64))
        loss = answer_losses(model, tokens, torch.from_numpy(run.supervised[rows])).mean()
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        schedule.step()
        yield loss.item(), tokens.numel()


def _config(settings: Settings) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=settings.vocabulary, hidden_size=settings.hidden, intermediate_size=settings.intermediate,
        num_hidden_layers=settings.layers, num_attention_heads=settings.heads, num_key_value_heads=settings.heads,
        max_position_embeddings=settings.window, tie_word_embeddings=True, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip


def _single_threaded(seed: int) -> None:
    """One thread a worker: two workers then double the rate, and sums are always taken in one order."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(seed)


@cache
def _weights(path: Path) -> dict[str, torch.Tensor]:
    return load(path.read_bytes())


@cache
def _held_out(path: Path) -> HeldOut:
    return load_held_out(path)
