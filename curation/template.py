"""Chat templates as data: a conversation as the segments a trainer tokenises, each supervised or not.

A segment is a longest run of text under one loss weight, cut at control tokens: ms-swift joins a prompt with the
frame around it before it tokenises, so "### Human: " and the question are one segment here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Name = Literal["sus", "chatml"]


class Segment(NamedTuple):
    """One piece of a rendered conversation."""

    text: str
    supervised: bool  # whether the loss counts its tokens
    control: bool  # one special token of the template; all other text is ordinary, whatever it spells


class Frame(BaseModel):
    """What stands around the content of a turn: pieces of text or control tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    before: tuple[str, ...] = Field(default=(), description="pieces before the content, never supervised")
    end: tuple[str, ...] = Field(default=(), description="pieces after the content that carry the loss of the content")
    after: tuple[str, ...] = Field(default=(), description="pieces after that, never supervised")


class Template(BaseModel):
    """A chat template without a token at the start of the text: render(A + B) = render(A) + joint + render(B)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    system: Frame
    user: Frame
    assistant: Frame
    tool: Frame
    joint: str = Field(default="", description="text between an assistant turn and the turn after it, not supervised")
    controls: tuple[str, ...] = Field(description="pieces that are one special token each")


SUS = Template(  # SUS-Chat-34B's own; ms-swift's built-in `sus` agrees, a system prompt bare in front
    system=Frame(),
    user=Frame(before=("### Human: ",), after=("\n\n### Assistant: ",)),
    assistant=Frame(end=("<|endoftext|>",)),
    tool=Frame(before=("### Human: ",), after=("\n\n### Assistant: ",)),
    controls=("<|endoftext|>",),
)

_ASK = ("<|im_end|>", "\n", "<|im_start|>", "assistant\n")
CHATML = Template(
    system=Frame(before=("<|im_start|>", "system\n"), after=("<|im_end|>", "\n")),
    user=Frame(before=("<|im_start|>", "user\n"), after=_ASK),
    assistant=Frame(end=("<|im_end|>",)),
    tool=Frame(before=("<|im_start|>", "tool\n"), after=_ASK),
    joint="\n",
    controls=("<|im_start|>", "<|im_end|>"),
)


def template(name: Name) -> Template:
    """Return the template of that name."""
    return SUS if name == "sus" else CHATML


def segments(turns: Sequence[tuple[str, str]], chat: Template) -> list[Segment]:
    """Return the conversation (role, content) as segments in order; joining their texts renders it.

    Raises AttributeError for a role outside record.ROLES. Content that spells a control token stays ordinary text.
    """
    out: list[Segment] = []
    pending: list[str] = []  # unsupervised text that is not yet a segment
    for number, (role, content) in enumerate(turns):
        frame: Frame = getattr(chat, role)
        if number and chat.joint and turns[number - 1][0] == "assistant":
            pending.append(chat.joint)
        _add(out, pending, frame.before, chat)
        if role == "assistant":
            _flush(out, pending)
            out.extend(Segment(text, supervised=True, control=False) for text in (content,) if text)
            out.extend(Segment(piece, supervised=True, control=piece in chat.controls) for piece in frame.end)
        else:
            pending.append(content)
        _add(out, pending, frame.after, chat)
    _flush(out, pending)
    return out


def _add(out: list[Segment], pending: list[str], pieces: tuple[str, ...], chat: Template) -> None:
    for piece in pieces:
        if piece in chat.controls:
            _flush(out, pending)
            out.append(Segment(piece, supervised=False, control=True))
        else:
            pending.append(piece)


def _flush(out: list[Segment], pending: list[str]) -> None:
    text = "".join(pending)
    pending.clear()
    if text:
        out.append(Segment(text, supervised=False, control=False))
