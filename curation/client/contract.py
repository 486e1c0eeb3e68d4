"""What whoever asks hands in: where to ask and how, how a reply is read, and who takes what becomes of each question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from curation.client.work import Question
from curation.server import Server

# Question, body of its reply, name of the server → what is kept, or the Question that follows from it (under the same key), which is
# asked at once; raises ValueError, KeyError, TypeError, IndexError or AttributeError for garbage, which is asked again.
Read = Callable[[Question, bytes, str], Any]


class Connection(BaseModel):
    """Whom to ask and how, the same keys in every section that asks a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    endpoints: tuple[str, ...] = Field(
        default=(),
        description="OpenAI-compatible servers, base URLs that end in /v1, one or many; or folders of files *.url, read again "
        "at every health check; none, and no server.model: nobody is asked",
    )
    server: Server = Server()
    model: str = Field(default="default", description="the model's name as the endpoint serves it", min_length=1)
    api_key_env: str = Field(
        default="OPENAI_API_KEY", description="environment variable with the key; unset for a local server"
    )
    concurrency: int = Field(default=64, description="requests under way at once at each endpoint", ge=1)
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


class Sink(Protocol):
    """Takes what becomes of each question, one of the first three; `cut` notes that an endpoint died of it, perhaps."""

    def done(self, key: str, value: Any) -> None:
        """Take a reply, read."""

    def refused(self, key: str, error: str) -> None:
        """Take a complaint: no endpoint will ever accept this request."""

    def failed(self, key: str, error: str) -> None:
        """Take note that all attempts failed; the next run asks again."""

    def cut(self, key: str) -> None:
        """Take note that an endpoint died while it had this question."""
