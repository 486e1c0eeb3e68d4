"""Asks the model whether two answers say the same, where most samples agree on one that the rules find unlike the reference.

Such a conflict is a reference that is wrong, or an answer in a form the rules cannot read. Off by default.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from curation import journal, shards
from curation.client import Question
from curation.identity import digest
from curation.journal import Journal
from curation.synthesise.accept import read_prompts
from curation.synthesise.prompt import FOLDER, LANGUAGES
from curation.synthesise.reply import Reply, restored
from curation.synthesise.settings import Settings
from curation.synthesise.traces import Row

SAMPLING = {"temperature": 0.0, "max_tokens": 256, "n": 1}  # a thinking model needs room before its yes
CONFLICTS = frozenset({"not_equal_reference", "verify_timeout"})
_YES = re.compile(r"\W*(?:yes|same|equal|equivalent|true|是|相同|相等|一致|等价)(?![a-z])", re.IGNORECASE)

Prompt = tuple[bytes, int]  # id of the record, number of the turn
Agreed = dict[Prompt, str]  # the answer that the model says equals the reference
Pairs = Iterable[tuple[Path, Path]]  # a shard of prompts and the one of its samples


def instructions(folder: Path | None) -> dict[str, str]:
    """Read judge.zh.txt and judge.en.txt; raises ValueError where one is missing."""
    found = {}
    for lang in LANGUAGES:
        path = (folder or FOLDER) / f"judge.{lang}.txt"
        if not path.is_file():
            raise ValueError(f"{path} is missing; synthesise.judge needs it")
        found[lang] = path.read_text(encoding="utf-8").strip()
    return found


def conflicts(samples: Iterable[Row], settings: Settings) -> dict[Prompt, str]:
    """Return the prompts with no accepted sample and one rejected answer that more than min_agreement of theirs give, and it."""
    answers: dict[Prompt, Counter[str]] = {}
    counts, accepted = Counter[Prompt](), set()
    for sample in samples:
        prompt = sample["parent_id"].bytes, sample["turn"]
        counts[prompt] += 1
        if sample["accepted"]:
            accepted.add(prompt)
        elif sample["reason"] in CONFLICTS and sample["answer"]:
            answers.setdefault(prompt, Counter())[sample["answer"]] += 1
    found = {}
    for prompt, given in answers.items():
        answer, times = given.most_common(1)[0]
        if prompt not in accepted and times > 1 and times > settings.min_agreement * counts[prompt]:
            found[prompt] = answer
    return found


def question(row: Row, answer: str, texts: dict[str, str], settings: Settings) -> Question:
    """Return what the model is asked about one conflict."""
    asked = f"{row['turns'][-1]['content']}\n\nA: {row['reference']}\nB: {answer}"
    messages = [{"role": "system", "content": texts[row["lang"]]}, {"role": "user", "content": asked}]
    body = {"messages": messages, **SAMPLING}
    return Question(digest(settings.model, "judge", body), body)


def doubts(pairs: Pairs, known: Journal, settings: Settings) -> Iterator[Question]:
    """Yield what the model has not been asked yet."""
    for asked in _asked(pairs, settings):
        questions = [question for _, question in asked.values()]
        found = known.find([question.key for question in questions]).tolist()
        yield from (question for question, at in zip(questions, found, strict=True) if at < 0)


def agreed(pairs: Pairs, known: Journal, settings: Settings) -> list[Agreed]:
    """Return for each shard the prompts where the model sides with its samples."""
    out = []
    for asked in _asked(pairs, settings):
        keys = [question.key for _, question in asked.values()]
        said = map(restored, journal.read(known.path, keys, known.find(keys)))
        out.append(
            {prompt: answer for (prompt, (answer, _)), reply in zip(asked.items(), said, strict=True) if agrees(reply)}
        )
    return out


def _asked(pairs: Pairs, settings: Settings) -> Iterator[dict[Prompt, tuple[str, Question]]]:
    """Yield for each shard its conflicts: the samples' answer, and what is asked about it."""
    texts = instructions(settings.prompts)
    for prompts, samples in pairs:
        columns = ["parent_id", "turn", "accepted", "reason", "answer"]
        found = conflicts(shards.read_shard(samples, columns).to_pylist(), settings)
        rows = ((row, found.get((row["id"], row["turn"]))) for row in read_prompts(prompts))
        yield {
            (row["id"], row["turn"]): (answer, question(row, answer, texts, settings)) for row, answer in rows if answer
        }


def agrees(reply: Reply | None) -> bool:
    """Say whether the reply begins with a yes, thinking apart."""
    return bool(reply and reply.choices and _YES.match(reply.choices[0][0].rpartition("</think>")[2]))
