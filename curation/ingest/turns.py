"""Lists of turns, under whatever names roles and contents go."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from curation.record import Turn

Fields = Mapping[str, Any]  # a row under lower-cased names

NAMES = {
    "system": ("system", "developer", "系统", "context"),
    "user": ("user", "human", "prompter", "client", "patient", "student", "questioner", "usr", "用户", "人类", "患者", "病人",
             "来访者", "学生", "问"),
    "assistant": ("assistant", "gpt", "chatgpt", "gpt4", "bot", "chatbot", "bard", "bing", "claude", "model", "ai", "moss",
                  "counselor", "doctor", "teacher", "agent", "助手", "助理", "机器人", "医生", "咨询师", "老师", "答",
                  "function_call", "function-call", "tool_call"),
    "tool": ("tool", "observation", "function", "function_response", "function-response", "tool_response", "ipython",
             "environment", "function response", "tool response"),
}  # fmt: skip
ROLES = {name: role for role, names in NAMES.items() for name in names}
ROLE, CONTENT = ("role", "from", "speaker"), ("content", "value", "text", "message", "utterance")
# One entry holding both sides of an exchange.
PAIRS = (("human", "assistant"), ("user", "assistant"), ("input", "output"), ("instruction", "output"), ("query", "response"),
         ("prompt", "response"), ("question", "answer"), ("human", "gpt"), ("user", "bot"), ("q", "a"))  # fmt: skip
NARRATOR = ("旁白", "narrator")
TALKERS = "Human|HUMAN|User|USER|Assistant|ASSISTANT|System|SYSTEM|GPT|FUNCTION RESPONSE|用户|助手"
TRANSCRIPT = re.compile(rf"(?:(?:^|\n|</s>)[ \t]*(?:<s>)?[ \t]*|###[ \t]*)({TALKERS})[ \t]*[:：][ \t]?")
END_MARKS = (
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|im_end|>",
    "<|eot_id|>",
    "</s>",
    "<eoh>",
    "<eom>",
    "<eoa>",
    "<eot>",
    "<eoc>",
    "<eor>",
)
# RE2 of the ends by which a trimmed prompt may be a transcript up to the answer, and an answer bear a template's mark.
UP_TO_ANSWER = f"(?:{'|'.join(name for name in TALKERS.split('|') if ROLES[name.lower()] == 'assistant')})[ \\t]*[:：]$"
MARKED = f"(?:{'|'.join(map(re.escape, END_MARKS))})$"


class UnusableError(ValueError):
    """A row that cannot become a record, and why: reason (snake_case) and detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def text(value: Any) -> str:  # noqa: PLR0911, one return a kind
    """Return a field as text: a string as it is, parts of type text joined, a number printed; raises UnusableError."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, list):
        return "\n".join(_part(part) for part in value)
    if isinstance(value, dict) and any(k in value for k in ("text", "value", "content", "parts")):
        return _part(value)
    if isinstance(value, dict):
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return str(value)


def _part(part: Any) -> str:
    if not isinstance(part, dict):
        return text(part)
    kind = part.get("type", "text")
    if isinstance(kind, str) and kind in ("text", "input_text", "output_text"):
        return text(part.get("text", part.get("value", part.get("content", part.get("parts")))))
    raise UnusableError("not_text", f"a content part of type {kind!r:.40}; only text can be trained on here")


def is_talk(value: Any) -> bool:
    """Say whether a value is a list of turns that are objects."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def exchange(said: list[Any]) -> tuple[list[Turn], list[Any]]:
    """Return the turns of a list of turns, pairs or bare strings, and each entry's other fields (None where there are none).

    Raises UnusableError for a role nobody knows.
    """
    if all(isinstance(e, str) for e in said):
        return alternating(said), []
    if all(isinstance(e, list | tuple) and len(e) == 2 for e in said):
        return [t for a, b in said for t in (("user", text(a)), ("assistant", text(b)))], []
    if not all(isinstance(e, dict) for e in said):
        raise UnusableError("bad_turns", "a list of turns that are neither objects, strings nor pairs")
    lowered = [{k.lower(): v for k, v in e.items() if isinstance(k, str)} for e in said]
    role = next((k for k in ROLE if k in lowered[0]), None)
    content = next((k for k in CONTENT if k in lowered[0]), None)
    if role is None:
        pair = next((p for p in PAIRS if p[0] in lowered[0] and p[1] in lowered[0]), None)
        if pair:
            return _pairs(lowered, pair)
        if content is None:
            raise UnusableError(
                "bad_turns", f"a turn with the fields {', '.join(lowered[0])!r:.80}, none of them a role or a content"
            )
        return alternating([e.get(content) for e in lowered]), _others(lowered, {content})
    if content is None and not any(k in lowered[0] for k in ("tool_calls", "function_call")):
        raise UnusableError(
            "bad_turns", f"a turn with the fields {', '.join(lowered[0])!r:.80}, none of them a content"
        )
    return _roles(lowered, role, content or "content")


def alternating(said: Sequence[Any]) -> list[Turn]:
    """Return contents without roles as user and assistant by turns."""
    return [("assistant" if i % 2 else "user", text(c)) for i, c in enumerate(said)]


def _pairs(entries: list[dict[str, Any]], pair: tuple[str, str]) -> tuple[list[Turn], list[Any]]:
    turns: list[Turn] = []
    for entry in entries:
        if entry.get("system"):
            turns.append(("system", text(entry["system"])))
        turns += [("user", text(entry.get(pair[0]))), ("assistant", text(entry.get(pair[1])))]
    return turns, _others(entries, {*pair, "system"})


def _roles(entries: list[dict[str, Any]], role: str, content: str) -> tuple[list[Turn], list[Any]]:
    names = [str(e.get(role) or "").strip() or NARRATOR[0] for e in entries]
    roles = [ROLES.get(n.lower()) for n in names]
    spoken = [_content(e, content) for e in entries]
    others = _others(entries, {role, content, "tool_calls", "function_call", "reasoning_content"})
    if all(roles):
        return list(zip((r or "" for r in roles), spoken, strict=True)), others
    if any(r and n.isascii() for n, r in zip(names, roles, strict=True)) or len(set(names)) < 2:
        unknown = next((n for n, r in zip(names, roles, strict=True) if not r), "")
        raise UnusableError(
            "bad_roles", f"the role {unknown!r:.40} is none of user, assistant, system, tool or their usual names"
        )
    return cast_of(names, spoken), [{"character": n} for n in names]


def _content(entry: dict[str, Any], key: str) -> str:
    said = text(entry.get(key))
    said = thought(text(entry.get("reasoning_content")), said)
    calls = entry.get("tool_calls") or ([entry["function_call"]] if entry.get("function_call") else [])
    if not isinstance(calls, list) or not calls:
        return said
    made = [_call(c) for c in calls]
    called = orjson.dumps(made[0] if len(made) == 1 else made, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return f"{said}\n{called}" if said else called


def thought(reasoning: str, said: str) -> str:
    """Return an answer with the reasoning before it, as reasoning models write it; one that has its own already stays."""
    if not reasoning.strip() or said.lstrip().startswith("<think>"):
        return said
    return f"<think>\n{reasoning}\n</think>\n\n{said}"


def _call(call: Any) -> Any:
    """Return a tool call as {"name", "arguments"}, the form that ShareGPT's function_call turns have."""
    call = call.get("function", call) if isinstance(call, dict) else call
    if not isinstance(call, dict):
        return call
    arguments = call.get("arguments", {})
    if isinstance(arguments, str):
        with suppress(orjson.JSONDecodeError):  # a model's broken JSON is kept as it said it
            arguments = orjson.loads(arguments)
    return {"name": call.get("name"), "arguments": arguments}


def _others(entries: list[dict[str, Any]], used: set[str]) -> list[Any]:
    rest = [{k: v for k, v in e.items() if k not in used and v not in (None, "", [], {})} or None for e in entries]
    return rest if any(rest) else []


def cast_of(names: list[str], spoken: list[str]) -> list[Turn]:
    """Give the parts of a play: who speaks first is the user, of the others who speaks most (then last) is the assistant.

    With more than one character on the user's side, each line there says whose it is.
    """
    people = [n for n in names if n not in NARRATOR]
    first = people[0] if len(set(people)) > 1 else next(n for n in names if n in NARRATOR)
    others = [n for n in people if n != first]
    counts = Counter(others)
    played = next(n for n in reversed(others) if counts[n] == max(counts.values()))
    named = len(set(names)) > 2
    turns: list[Turn] = []
    for name, line in zip(names, spoken, strict=True):
        role = "assistant" if name == played else "user"
        said = f"{name}：{line}" if named and role == "user" else line
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n{said}")
        else:
            turns.append((role, said))
    return turns


def transcript(said: str) -> list[Turn]:
    """Return the turns of "Human: … Assistant: …" in one string (with or without <s>, ###), or [] where it is none."""
    marks = list(TRANSCRIPT.finditer(said))
    if not marks or said[: marks[0].start()].strip():
        return []
    ends = [m.start() for m in marks[1:]] + [len(said)]
    return [(ROLES[m.group(1).lower()], unmarked(said[m.end() : end])) for m, end in zip(marks, ends, strict=True)]


def led(said: str) -> list[Turn]:
    """Return a prompt as the turns it quotes where it is a transcript up to the answer ("Human: … Assistant:"), else as one."""
    turns = transcript(said) if said.rstrip().endswith((":", "：")) else []
    return turns[:-1] if turns[:1] != [("assistant", "")] and turns[-1:] == [("assistant", "")] else [("user", said)]


def unmarked(said: str) -> str:
    """Return a text without the end-of-text marks of some model's template at its end."""
    stripped = said.rstrip()
    end = len(stripped)
    while mark := next((m for m in END_MARKS if stripped.endswith(m, 0, end)), ""):
        end -= len(mark)
        while end and stripped[end - 1].isspace():  # a step at a time: a hostile row may hold nothing but marks
            end -= 1
    return said if end == len(stripped) else stripped[:end]
