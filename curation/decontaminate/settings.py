"""What the decontamination judge may be told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Where the benchmarks are and how much of an item makes a record contaminated.

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
    bits: float = Field(
        45.0,
        ge=10,
        description="information that a text has to hold to be found anywhere in a turn: about five telling words; a "
        "question with less counts only with its options or answer, or as most of what a user says",
    )
    overlap: float = Field(
        0.85, gt=0.5, le=1, description="share of a question's information from which an altered copy is contaminated"
    )
    numbers: float = Field(
        0.9,
        ge=0,
        le=1,
        description="share of a question's numbers that an altered copy has to hold: others ask another thing",
    )
    answer_tokens: int = Field(30, ge=8, description="an answer is looked for by itself only from this many tokens")
    shared: int = Field(
        10,
        ge=1,
        description="a text that more benchmark items than this have is a template and identifies none of them",
    )
