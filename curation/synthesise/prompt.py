"""The messages sent for a record: the instruction first (so that servers cache it), then the unchanged history."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from curation.identity import digest
from curation.record import Turn

FOLDER = Path(__file__).parent / "prompts"
LANGUAGES = ("zh", "en")

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True)
class Prompts:
    """The instruction of each language and the identity of both."""

    texts: dict[str, str]
    hash: str


def load(folder: Path | None) -> Prompts:
    """Read zh.txt and en.txt; raises ValueError where one is missing or empty."""
    folder = folder or FOLDER
    texts = {}
    for language in LANGUAGES:
        path = folder / f"{language}.txt"
        text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
        if not text:
            raise ValueError(f"{path} is missing or empty; synthesise needs a prompt in each of {', '.join(LANGUAGES)}")
        texts[language] = text
    return Prompts(texts, digest(texts))


def language(question: str, lang: str | None) -> str:
    """Return zh or en: the record's own language where it is one of them, else by the question's script."""
    if lang in LANGUAGES:
        return lang
    return "zh" if len(_HAN.findall(question)) > len(_WORD.findall(question)) else "en"


def messages(history: list[Turn], instruction: str) -> list[dict[str, str]]:
    """Return the chat messages; a system turn of the record follows the instruction in one system message."""
    system = [content for role, content in history if role == "system"]
    head = {"role": "system", "content": "\n\n".join([instruction, *system])}
    return [head, *({"role": role, "content": content} for role, content in history if role != "system")]
