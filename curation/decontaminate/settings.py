"""What the decontamination judge may be told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Where the benchmarks are and how much of a question makes a record contaminated.

    The defaults are measured; the docstring of the package gives the figures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    benchmarks: str = Field(
        "", description="folder of benchmark files in their native formats; empty: nothing is compared"
    )
    cache: str = Field(
        "",
        exclude=True,
        description="folder that keeps the built index (no part of the identity); empty: built anew in each process",
    )
    words: int = Field(13, ge=4, le=64, description="length in tokens of the n-grams of a mostly alphabetic text")
    characters: int = Field(13, ge=4, le=64, description="length in tokens of the n-grams of a mostly Han text")
    overlap: float = Field(
        0.5, gt=0, le=1, description="share of a question's n-grams from which a record counts as contaminated"
    )
    short_words: int = Field(
        8,
        ge=4,
        description="a question of this many words (numbers and single letters apart) is found anywhere in a turn",
    )
    short_characters: int = Field(12, ge=4, description="the same for a mostly Han question, in tokens")
    answer_tokens: int = Field(
        30, ge=8, description="an answer is looked for only from this many tokens, numbers apart"
    )
    shared: int = Field(
        10, ge=1, description="text found in more benchmark items than this is a template and identifies none of them"
    )
