"""What a researcher sets for scores by a model."""

from __future__ import annotations

from pydantic import Field

from curation.client import Connection


class Settings(Connection):
    """Which survivors are scored, and by which model. Without endpoints and without server.model nothing is."""

    where: str = Field(
        default="true",
        description="which survivors, a SQL predicate over the view cut, e.g. skill_skill = 'math' AND language_lang = 'en'",
    )
    limit: int | None = Field(
        default=None, description="at most this many survivors, in the order of their ids (a fixed random order)", ge=1
    )
    max_tokens: int = Field(
        default=8192, description="a longer conversation, in the model's tokens, is noted as too_long instead", ge=2
    )
