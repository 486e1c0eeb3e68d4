"""What a researcher sets for a synthesis run."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

WHERE = "keep AND skill IN ('math', 'reasoning') AND lang IN ('zh', 'en') AND parent_id IS NULL"


class Settings(BaseModel):
    """Which records to rewrite, by whom, and what is accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    endpoints: tuple[str, ...] = Field(
        default=(), description="base URLs that end in /v1, one or many; none: synthesis is skipped"
    )
    model: str = Field(default="default", description="the model's name as the endpoint serves it", min_length=1)
    name: str = Field(default="", description="name of the source written; empty: traces-<model>")
    api_key_env: str = Field(
        default="OPENAI_API_KEY", description="environment variable with the key; unset for a local server"
    )
    where: str = Field(
        default=WHERE, description="SQL over id, source, licence, meta, parent_id, turns, keep, skill, skills, lang"
    )
    limit: int | None = Field(
        default=None, description="at most this many records, in the order of their ids (a fixed random order)", ge=1
    )
    need_reference: bool = Field(default=True, description="select only records whose reference answer can be told")
    prompts: Path | None = Field(default=None, description="folder with zh.txt and en.txt; none: those of this package")
    samples: int = Field(default=4, description="samples a record", ge=1)
    temperature: float = Field(default=0.7, description="sampling temperature", ge=0)
    top_p: float = Field(default=0.95, description="nucleus", gt=0, le=1)
    max_tokens: int = Field(default=1024, description="output tokens a sample", ge=1)
    seed: int = Field(default=0, description="added to the seed of each record, which comes from its id")
    concurrency: int = Field(default=64, description="requests under way at once, over all endpoints", ge=1)
    timeout: float = Field(default=300.0, description="seconds for one request", gt=0)
    retries: int = Field(
        default=5, description="further attempts after 429, 5xx, a timeout or an unreadable reply", ge=0
    )
    backoff: float = Field(default=0.5, description="seconds before the first retry; doubles, with jitter", ge=0)
    min_chars: int = Field(default=20, description="shorter samples are rejected", ge=0)
    max_chars: int = Field(default=12_000, description="longer samples are rejected", ge=1)
    min_agreement: float = Field(
        default=0.5, description="without a reference: the share of samples that must agree, more than this", ge=0, lt=1
    )
    traces_per_prompt: int = Field(default=1, description="accepted samples of one prompt that become records", ge=1)
    verify_seconds: float = Field(default=5.0, description="for one symbolic comparison", gt=0)

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
