"""What a researcher sets for a synthesis run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field

from curation.client import Connection

WHERE = "keep AND lang IN ('zh', 'en') AND skill IN ('math', 'reasoning', 'code') AND (reference IS NOT NULL OR short)"


class Settings(Connection):
    """Which turns to rewrite, by whom, what is accepted, and what it costs."""

    name: str = Field(default="", description="name of the source written; empty: traces-<model>")
    where: str = Field(
        default=WHERE,
        description="which prompts, a SQL predicate over id, source, licence, meta, turns, keep, skill, skills, lang, and of the "
        "turn to rewrite question, response, short (120 characters at most, one line), reference (its answer where one can be "
        "told); the catalog's views may be used: id IN (SELECT id FROM …). Traces are never rewritten",
    )
    turns: Literal["last", "all"] = Field(
        default="last", description="assistant turns that are rewritten, each given the original turns before it"
    )
    limit: int | None = Field(
        default=None, description="at most this many prompts, in the order of their ids (a fixed random order)", ge=1
    )
    prompts: Path | None = Field(
        default=None, description="folder with zh.txt and en.txt (and hint.zh.txt, hint.en.txt); none: this package's"
    )
    hint: bool = Field(
        default=False,
        description="ask again, the reference answer in the instruction, where no sample was accepted; marked `hinted`",
    )
    samples: int = Field(default=4, description="samples a prompt", ge=1)
    temperature: float = Field(default=0.7, description="sampling temperature", ge=0)
    top_p: float = Field(default=0.95, description="nucleus", gt=0, le=1)
    max_tokens: int = Field(default=1024, description="output tokens a sample", ge=1)
    seed: int = Field(default=0, description="added to the seed of each prompt, which comes from its record's id")
    min_chars: int = Field(default=20, description="shorter samples are rejected", ge=0)
    max_chars: int = Field(default=12_000, description="longer samples are rejected", ge=1)
    min_agreement: float = Field(
        default=0.5, description="without a reference: the share of samples that must agree, more than this", ge=0, lt=1
    )
    traces_per_prompt: int | None = Field(
        default=None, description="accepted samples of one prompt that become records; none: all", ge=1
    )
    verify_seconds: float = Field(default=5.0, description="for one symbolic comparison", gt=0)
    judge: bool = Field(
        default=False,
        description="ask the model itself (judge.zh.txt, judge.en.txt) where most samples agree on an answer unlike the reference; "
        "accepted so, a sample's method is judge",
    )
    gpus: int = Field(default=1, description="GPUs behind all endpoints, for the accounting", ge=1)
    gpu_tokens_per_second: float = Field(
        default=6500.0, description="output tokens a second one GPU is expected to make (8B model, H100)", gt=0
    )
    gpu_hour_price: float = Field(default=2.5, description="price of one GPU-hour, in your currency", ge=0)
    expected_tokens: int = Field(
        default=400, description="output tokens a sample, for a projection while fewer than 50 replies are known", ge=1
    )

    @property
    def source(self) -> str:
        """The name of the source written, safe for a path."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.name or f"traces-{self.model}").strip("-.")

    @property
    def sampling(self) -> dict[str, float | int]:
        """The parameters that decide what a model answers."""
        return {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_tokens,
            "n": self.samples,
            "seed": self.seed,
        }
