"""One question and its answer, of which a lesson is made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Talk:
    """A system prompt ("" for none), a question and an answer, and the JSON object beside them."""

    lang: str  # zh or en
    system: str
    question: str
    answer: str
    meta: str = "{}"

    def turns(self) -> list[dict[str, str]]:
        """Return it as the turns of a record."""
        said = (("system", self.system), ("user", self.question), ("assistant", self.answer))
        return [{"role": role, "content": content} for role, content in said if content]


def language(text: str) -> str:
    """Return zh where a text has a Han character, else en."""
    return "zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en"


def joined(lang: str, *sentences: str) -> str:
    """Return the sentences that are not empty, with a space between English ones."""
    return (" " if lang == "en" else "").join(sentence for sentence in sentences if sentence)
