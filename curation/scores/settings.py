"""What a researcher sets for scores by a model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from curation.server import Server


class Settings(BaseModel):
    """Which survivors are scored, and by which model. Without endpoints and without server.model nothing is."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    endpoints: tuple[str, ...] = Field(
        default=(),
        description="vLLM servers, base URLs that end in /v1, or folders of files *.url; none, and no server.model: no scores",
    )
    server: Server = Server()
    model: str = Field(default="default", description="the model's name as the endpoint serves it", min_length=1)
    api_key_env: str = Field(
        default="OPENAI_API_KEY", description="environment variable with the key; unset for a local server"
    )
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
    concurrency: int = Field(default=32, description="requests under way at once at each endpoint", ge=1)
    timeout: float = Field(default=300.0, description="seconds for one request", gt=0)
    retries: int = Field(
        default=5, description="further attempts after 429, 5xx, a timeout or an unreadable reply", ge=0
    )
    backoff: float = Field(default=0.5, description="seconds before the first retry; doubles, with jitter", ge=0)
    health_seconds: float = Field(default=10.0, description="seconds between two health checks of an endpoint", gt=0)
    patience: float = Field(
        default=120.0, description="seconds that a run waits for an endpoint once none answers, before it ends", ge=0
    )

    @property
    def wanted(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self.endpoints or self.server.model)
