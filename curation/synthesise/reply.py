"""What an endpoint answered to one prompt, and how it is kept in the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from curation.client import Question


@dataclass(frozen=True)
class Reply:
    """The samples of one request, (text, finish_reason) each; none where it was refused, for what `error` says."""

    choices: tuple[tuple[str, str], ...]
    prompt_tokens: int = 0
    output_tokens: int = 0  # of all samples together
    server: str = ""  # name and version, where it told
    error: str = ""


def read(_: Question, data: bytes, server: str) -> Reply:
    """Read a chat completion; raises ValueError, KeyError, TypeError or AttributeError where it is none."""
    body = orjson.loads(data)
    choices = sorted(body["choices"], key=lambda c: c.get("index") or 0)
    samples = tuple((str(c["message"]["content"] or ""), str(c.get("finish_reason"))) for c in choices)
    if not samples:
        raise ValueError("no choices")
    usage = body.get("usage") or {}
    prompt, output = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    return Reply(samples, prompt, output, server)


def restored(value: Any) -> Reply | None:
    """Return a reply as the journal holds it, None where the question has none (or what is there is damaged)."""
    try:
        choices = tuple((str(text), str(finish)) for text, finish in value["choices"])
        return Reply(choices, value["prompt_tokens"], value["output_tokens"], value["server"], value["error"])
    except (KeyError, TypeError, ValueError):
        return None
