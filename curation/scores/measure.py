"""One conversation's scores, from the log-probabilities a server gives the tokens of its prompt.

Perplexity is exp(mean −log p) over all tokens of the last answer, given the conversation before it in the model's own chat
template. IFD (instruction-following difficulty; Li et al. 2024, Superfiltering) is the perplexity of the answer given the
question over that of the answer alone: near 0 the question says it all, 1 and more it is no help. An answer's first
token has no probability without a context, so both sides of IFD leave it out. Question and answer are tokenised apart: the
answer has the same tokens on both sides. Three requests: /tokenize twice, one completion of two prompts that adds no token.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import orjson

from curation.client import Question
from curation.identity import digest
from curation.record import Turn

Scores = dict[str, float | int | str | None]
MAX_MEAN = 700.0  # of −log p: its exponential is a float still


@dataclass(frozen=True)
class Step(Question):
    """A request on the way to a score: the answer to be scored, and the prompt's tokens once they are known."""

    answer: str = ""
    prompt: tuple[int, ...] | None = None
    max_tokens: int = 0


def first(turns: list[Turn], model: str, max_tokens: int) -> Step | str:
    """Return the first request for a conversation, or the note why there is none."""
    last = max((i for i, (role, _) in enumerate(turns) if role == "assistant"), default=-1)
    if last < 0 or not turns[last][1].strip():
        return "no_answer"
    history = [{"role": role, "content": content} for role, content in turns[:last]]
    if not any(role == "user" for role, _ in turns[:last]):
        return "no_question"
    body = {"messages": history, "add_generation_prompt": True}
    return Step(key_of(turns, model, max_tokens), body, "/tokenize", answer=turns[last][1], max_tokens=max_tokens)


def key_of(turns: list[Turn], model: str, max_tokens: int) -> str:
    """Return what a conversation's scores are journalled under."""
    return digest("scores", [list(turn) for turn in turns], model, max_tokens)


def read(step: Question, body: bytes, _server: str) -> Scores | Step:
    """Read a reply: the scores, or the request that follows. Raises ValueError, KeyError or TypeError for garbage."""
    if not isinstance(step, Step):
        raise TypeError("scores ask in steps")
    reply = orjson.loads(body)
    if step.path != "/tokenize":
        return _scores(reply["choices"], len(step.prompt or ()))
    tokens = tuple(int(token) for token in reply["tokens"])
    if step.prompt is None:
        asked = {"prompt": step.answer, "add_special_tokens": False}
        return Step(step.key, asked, "/tokenize", answer=step.answer, prompt=tokens, max_tokens=step.max_tokens)
    if len(step.prompt) + len(tokens) > step.max_tokens:
        return noted("too_long") | {"n_tokens": len(tokens), "n_prompt": len(step.prompt)}
    if not tokens:
        return noted("no_answer")
    prompts = [[*step.prompt, *tokens], list(tokens)]
    asked = {"prompt": prompts, "echo": True, "logprobs": 0, "max_tokens": 0, "temperature": 0.0}
    return Step(step.key, asked, "completions", prompt=step.prompt)


def _scores(choices: list[dict[str, Any]], n_prompt: int) -> Scores:
    given, alone = [c["logprobs"]["token_logprobs"] for c in sorted(choices, key=lambda c: int(c["index"]))]
    answer = [float(p) for p in given[n_prompt:]]
    if len(answer) != len(alone) or not answer:
        raise ValueError(f"{len(given)} tokens of prompt and answer, {len(alone)} of the answer: they do not fit")
    rest = [float(p) for p in alone[1:]]
    ppl = _perplexity(answer)
    one, other = (_perplexity(answer[1:]), _perplexity(rest)) if rest else (None, None)
    ifd = one / other if one is not None and other else None
    return {"ppl": ppl, "ppl_alone": other, "ifd": ifd, "n_tokens": len(answer), "n_prompt": n_prompt, "note": None}


def _perplexity(logs: list[float]) -> float:
    mean = -sum(logs) / len(logs)
    if not math.isfinite(mean):
        raise ValueError("a log-probability is not finite")
    return math.exp(min(mean, MAX_MEAN))


def noted(note: str) -> Scores:
    """Return the row of a conversation without scores."""
    return {"ppl": None, "ppl_alone": None, "ifd": None, "n_tokens": None, "n_prompt": None, "note": note}
