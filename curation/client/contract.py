"""What whoever asks hands in: where to ask and how, how a reply is read, and who takes what becomes of each question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from curation.client.work import Question

# Question, body of its reply, name of the server → what is kept, or the Question that follows from it (under the same key), which is
# asked at once; raises ValueError, KeyError, TypeError, IndexError or AttributeError for garbage, which is asked again.
Read = Callable[[Question, bytes, str], Any]


class Connection(Protocol):
    """What a stage's settings say of its servers, each as in synthesise.Settings."""

    @property
    def endpoints(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def api_key_env(self) -> str: ...  # noqa: D102
    @property
    def concurrency(self) -> int: ...  # noqa: D102
    @property
    def timeout(self) -> float: ...  # noqa: D102
    @property
    def retries(self) -> int: ...  # noqa: D102
    @property
    def backoff(self) -> float: ...  # noqa: D102
    @property
    def health_seconds(self) -> float: ...  # noqa: D102
    @property
    def patience(self) -> float: ...  # noqa: D102


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
