"""What is sent for a prompt: the instruction first (so that servers cache it), then the unchanged history.

Nothing of the instruction or of a hint enters a trace: its turns are the original history and the model's text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.client import Question
from curation.identity import digest
from curation.record import Turn
from curation.synthesise.settings import Settings

FOLDER = Path(__file__).parent / "prompts"
LANGUAGES = ("zh", "en")
REFERENCE = "{reference}"  # where a hint file wants the reference answer
SEEDS = 1 << 31  # seeds are below it, as servers hold them in 32 bits with a sign

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[A-Za-z]{2,}")
_LEAK = re.compile(
    r"\b(?:(?:given|provided|known|told|stated|expected|correct|reference|target) (?:final )?answer"
    r"|answer (?:\w+ )?(?:was|is|has been) (?:already )?(?:given|provided|known|told)|already know(?:n)?|hint|work(?:ing)? backwards?"
    r"|(?:to )?(?:match|confirm|check against) (?:the )?(?:given|expected|known))\b"
    r"|提示|参考(?:答案|结果)|标准答案|正确答案|(?:已知|给定|给出|提供)的?(?:最终)?(?:答案|结果)|(?:答案|结果)(?:已经?|事先)(?:知道|给出|给定)|事先知道|倒推",
    re.IGNORECASE,
)
_OPENING = 80  # characters of the first line, in which a solution of more lines cannot have arrived at its answer yet
_STATES = re.compile(r"\banswer(?: \w+){0,3} is\b|(?:答案|结果)(?:应该|一定)?(?:是|为)|####|\\boxed", re.IGNORECASE)


@dataclass(frozen=True)
class Prompts:
    """The instruction and the hint of each language. `hash` is the identity of the instructions, `hint_hash` of both."""

    texts: dict[str, str]
    hints: dict[str, str]

    @property
    def hash(self) -> str:
        """Identity of what every prompt is asked with."""
        return digest(self.texts)

    @property
    def hint_hash(self) -> str:
        """Identity of what a prompt is asked with the second time."""
        return digest(self.texts, self.hints)


def load(folder: Path | None, *, hint: bool = False) -> Prompts:
    """Read zh.txt and en.txt, and the hints where wanted; raises ValueError where one is missing or empty."""
    folder = folder or FOLDER
    hints = {lang: _read(folder / f"hint.{lang}.txt") for lang in LANGUAGES} if hint else {}
    for lang, text in hints.items():
        if REFERENCE not in text:
            raise ValueError(f"{folder}/hint.{lang}.txt must say {REFERENCE} where the reference answer belongs")
    return Prompts({lang: _read(folder / f"{lang}.txt") for lang in LANGUAGES}, hints)


def _read(path: Path) -> str:
    text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    if not text:
        raise ValueError(f"{path} is missing or empty; synthesise needs a prompt in each of {', '.join(LANGUAGES)}")
    return text


def language(question: str, lang: str | None) -> str:
    """Return zh or en: the record's own language where it is one of them, else by the question's script."""
    if lang in LANGUAGES:
        return lang
    return "zh" if len(_HAN.findall(question)) > len(_WORD.findall(question)) else "en"


def messages(history: Sequence[Turn], instruction: str, hint: str = "") -> list[dict[str, str]]:
    """Return the chat messages; a system turn of the record, then a hint, follow the instruction in one system message."""
    system = [content for role, content in history if role == "system"]
    head = {"role": "system", "content": "\n\n".join([instruction, *system, *([hint] if hint else [])])}
    return [head, *({"role": role, "content": content} for role, content in history if role != "system")]


def question(row: dict[str, Any], prompts: Prompts, settings: Settings, *, hint: bool = False) -> Question:
    """Return what is asked for a selected prompt (schema PROMPT, its id as bytes)."""
    history = [(turn["role"], turn["content"]) for turn in row["turns"]]
    hinted = prompts.hints[row["lang"]].replace(REFERENCE, row["reference"]) if hint else ""
    seed = (int.from_bytes(row["id"][:8], "big") + row["turn"] + settings.seed) % SEEDS
    body = {"messages": messages(history, prompts.texts[row["lang"]], hinted), **settings.sampling, "seed": seed}
    return Question(digest(settings.model, body), body)


def leaks(text: str, asked: str) -> bool:
    """Say whether a text written under a hint gives away that its answer was known: it says so, or begins with it."""
    if any(match[0].casefold() not in asked.casefold() for match in _LEAK.finditer(text)):
        return True
    first, _, rest = text.strip().partition("\n")
    return bool(rest and _STATES.search(first[:_OPENING]))
