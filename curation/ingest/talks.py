"""Rows that hold a conversation: a list of turns, a tree, a pair of preferred and rejected answers, one long string."""

from __future__ import annotations

import re
from typing import Any

import orjson

from curation.ingest.fields import Shape, first, system
from curation.ingest.oasst import best_paths
from curation.ingest.templates import templated
from curation.ingest.turns import Fields, exchange, text, transcript, unmarked
from curation.record import Turn

CONVERSATIONS = (
    "messages",
    "conversations",
    "conversation",
    "dialogue",
    "dialog",
    "turns",
    "utterances",
    "chat",
    "data",
)
PROMPTS = ("inputs_pretokenized", "prompt", "query", "input", "inputs", "input_text", "question", "problem", "user", "human", "usrmsg", "user_prompt", "q", "问题",
           "提问", "instruction")  # fmt: skip
TEXTS = ("text", "content", "conversation_text", "dialogue", "chat", "conversation")


def conversation(fields: Fields) -> Shape | None:
    """ShareGPT, OpenAI messages, tool calls, KTO, Firefly, EmoLLM, KdConv, ChatHaruhi: a list of turns or pairs."""
    name = next((n for n in CONVERSATIONS if n in fields and _turns_like(fields[n])), None)
    if name is None:
        return None
    said = fields[name]
    said = orjson.loads(said) if isinstance(said, str) else said
    if name == "turns" and all(isinstance(e, str) for e in said):
        turns, others = [("user", e) for e in said], list[Any]()  # MT-Bench: the user's questions only
    else:
        turns, others = exchange(said)
    opening, used = system(fields)
    if opening and not (turns and turns[0][0] == "system"):
        turns, others = opening + turns, [None, *others] if others else []
    else:
        used = set()
    extra = {"turn_fields": others} if others else {}
    if "chosen" in fields:
        return _chosen(fields, turns, used | {name, "chosen"}, extra)
    return Shape(turns, used | {name}, extra)


def _chosen(fields: Fields, turns: list[Turn], used: set[str], extra: dict[str, Any]) -> Shape:
    """Return a conversation with its preferred answer, which may be in it already, or come as the conversation over again."""
    answer = reply(fields["chosen"])
    if len(answer) > 1:
        whole = answer if answer[0][0] == "system" else [t for t in turns[:1] if t[0] == "system"] + answer
        return Shape(whole, used, {} if whole != turns else extra)
    before = turns[:-1] if turns and turns[-1][0] == "assistant" else turns
    return Shape(before + answer, used, extra)


def _turns_like(value: Any) -> bool:
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return False
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict | str | list)


def reply(value: Any) -> list[Turn]:
    """Return the answer's turns: the chosen side of a pair, given as text, as a turn or as turns."""
    if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
        return exchange(value if isinstance(value, list) else [value])[0]
    return [("assistant", unmarked(text(value)))]


def moss(fields: Fields) -> Shape | None:
    """MOSS: chat → turn_1, turn_2 …, each with Human and MOSS (tools between them where they were used)."""
    chat = fields.get("chat")
    if not isinstance(chat, dict) or not all(isinstance(t, dict) for t in chat.values()):
        return None
    turns, used = system(fields)
    for turn in chat.values():
        parts = {str(k).lower(): _moss_said(v) for k, v in turn.items()}
        turns.append(("user", parts.get("human", "")))
        if parts.get("commands", "None") != "None":
            turns += [("assistant", parts["commands"]), ("tool", parts.get("tool responses", ""))]
        turns.append(("assistant", parts.get("moss", "")))
    return Shape(turns, used | {"chat"}, {})


def _moss_said(value: Any) -> str:
    return re.sub(r"\A\s*<\|[^|]{1,20}\|>:\s?", "", unmarked(text(value)))


def tree(fields: Fields) -> Shape | None:
    """OASST trees, and messages that carry their replies."""
    held, used = fields.get("prompt"), {"prompt"}
    if not (isinstance(held, dict) and "replies" in held):
        held, used = dict(fields), {"text", "role", "replies"}
        if not (isinstance(fields.get("replies"), list) and "text" in fields and "role" in fields):
            return None
    paths, left = best_paths(held)
    extra = {"replies_left_out": left, **({"lang": held.get("lang")} if "prompt" in used else {})}
    return Shape(paths[0], used, extra, tuple((turns, extra) for turns in paths[1:]))


def preference(fields: Fields) -> Shape | None:
    """Read a prompt with a chosen and a rejected answer, or the two whole conversations; the rejected side goes to meta."""
    if "chosen" not in fields:
        return None
    opening, used = system(fields)
    value = fields["chosen"]
    if isinstance(value, str) and transcript(value):
        return Shape(transcript(value), {"chosen"}, {})
    answer = reply(value)
    name = first(fields, PROMPTS)
    if len(answer) > 1 or name is None:
        return Shape(opening + answer, used | {"chosen"}, {})
    said = fields[name]
    turns = exchange(said)[0] if isinstance(said, list) else transcript(text(said)) or [("user", text(said))]
    if turns[-1] == ("assistant", ""):
        turns.pop()  # "Human: … Assistant:" leads up to the answer
    return Shape(opening + turns + answer, used | {name, "chosen"}, {})


def speech(fields: Fields) -> Shape | None:
    """Read a whole conversation in one string: "<s>Human: …</s><s>Assistant: …", "### Human: …"."""
    for name in TEXTS:
        value = fields.get(name)
        turns = (transcript(value) or templated(value)) if isinstance(value, str) else []
        if turns:
            opening, used = system(fields) if turns[0][0] != "system" else ([], set())
            return Shape(opening + turns, used | {name}, {})
    return None
