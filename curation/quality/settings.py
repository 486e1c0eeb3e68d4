"""What the quality judge may be told."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """The rules' own limits, set where precision was found; see the attributes for what policy may move."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    refusal_chars: int = Field(default=300, ge=0, description="a response longer than this says more than its refusal")
    loop_share: float = Field(
        default=0.6, gt=0, le=1, description="share of 8-grams repeated within 64 tokens that makes a loop"
    )
    loop_tokens: int = Field(
        default=60, ge=9, description="a response with fewer tokens is no loop: a refrain may be asked for"
    )
    mojibake_per_1000: float = Field(
        default=5, gt=0, description="broken sequences per 1,000 characters of a turn that drop a record"
    )
    model: str = Field(
        default="", description="path to a model of `python -m curation.classifier quality`; empty: no model score"
    )
    echo_chars: int = Field(
        default=20, ge=1, description="a response shorter than this is no echo; a Han character counts two and a half"
    )
    cut_chars: int = Field(default=100, ge=0, description="a response shorter than this is not called truncated")
    comma_chars: int = Field(
        default=300, ge=0, description="a shorter response may end in a Chinese comma: careless rather than truncated"
    )
