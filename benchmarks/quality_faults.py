"""Faults planted in good real records, to see how many of each the quality judge names: its recall, kind by kind.

A fault is a function of (prompt, answer, another record's answer, a generator of chance) → the faulty (prompt, answer),
or None where this record cannot carry it. Some of the faults no rule is meant to see; they are here to say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from curation import judge, quality
from curation.normalise import normalise
from curation.record import RECORD, Turn, content_hash, ids, record_id

Exchange = tuple[str, str]
Fault = Callable[[str, str, str, np.random.Generator], Exchange | None]
LEAST = 80  # characters of an answer that is cut, looped or garbled
WIDE = 5  # characters beyond ASCII, without which the wrong codec changes next to nothing
SENTENCE = re.compile(r"(?<=[.!?。！？])\s*")


def _codec(written: str, read: str) -> Fault:
    def garble(prompt: str, answer: str, _other: str, _chance: np.random.Generator) -> Exchange | None:
        if sum(ord(c) > 127 for c in answer) < WIDE:
            return None
        return prompt, answer.encode(written, "ignore").decode(read, "replace")

    return garble


def _last_sentence_again(prompt: str, answer: str, _other: str, chance: np.random.Generator) -> Exchange:
    last = [s for s in SENTENCE.split(answer) if s][-1]
    return prompt, answer + ("" if last[-1] > "\u2e80" else " ").join([""] + [last] * int(chance.integers(6, 30)))


def _last_words_again(prompt: str, answer: str, _other: str, chance: np.random.Generator) -> Exchange:
    tail = answer[-int(chance.integers(8, 40)) :]
    return prompt, answer + tail * int(chance.integers(12, 40))


def _cut(prompt: str, answer: str, _other: str, chance: np.random.Generator) -> Exchange:
    return prompt, answer[: int(len(answer) * chance.uniform(0.4, 0.9))]


def _fence(prompt: str, answer: str, _other: str, _chance: np.random.Generator) -> Exchange | None:
    if answer.count("```") < 2 or answer.count("```") % 2:
        return None
    return prompt, answer[: answer.rindex("```")]


def _next_task(prompt: str, answer: str, other: str, chance: np.random.Generator) -> Exchange:
    word = "说明" if prompt and prompt[0] > "\u2e80" else "Instruction"
    return prompt, f"{answer}\n{chance.integers(2, 20)}. {word}: {other[:60]}"


# The finding expected of each, or None where no rule looks for it.
FAULTS: dict[str, tuple[str | None, Fault]] = {
    "UTF-8 read as Latin-1": ("mojibake", _codec("utf-8", "latin-1")),
    "UTF-8 read as Windows-1252": ("mojibake", _codec("utf-8", "cp1252")),
    "UTF-8 read as GB 18030": ("mojibake", _codec("utf-8", "gb18030")),
    "GB 18030 read as UTF-8": ("mojibake", _codec("gb18030", "utf-8")),
    "the last sentence 6 to 29 times more": ("loop", _last_sentence_again),
    "the last 8 to 39 characters 12 to 39 times more": ("loop", _last_words_again),
    "the prompt for an answer": ("prompt_echo", lambda p, _a, _o, _c: (p, p)),
    "keys in a row for a prompt": ("no_question", lambda _p, a, _o, c: (" ".join(c.choice(["asdf", "jkl", "qwer", "zxcv"], 3)), a)),
    "marks for an answer": ("wordless", lambda p, _a, _o, c: (p, "".join(c.choice(list("?!.-=。"), 6)))),
    "the next task of a list behind it": ("run_on", _next_task),
    "the last code fence gone": ("unclosed_fence", _fence),
    "cut in the middle, at 40 to 90%": ("truncation", _cut),
    "an answer in the other language": ("wrong_language", lambda p, _a, o, _c: (p, o)),
    "another record's answer": (None, lambda p, _a, o, _c: (p, o)),
}  # fmt: skip


def recall(samples: dict[str, pa.Table], seed: int = 7) -> Iterator[tuple[str, str | None, str, int, float, float]]:
    """Yield (fault, finding, language, records, share with the finding, share dropped) for good records of each language.

    `samples`: language → records (schema RECORD); those of one exchange with an answer of LEAST characters or more are used.
    """
    good = {lang: list(_exchanges(table)) for lang, table in samples.items()}
    chance = np.random.default_rng(seed)
    for name, (finding, fault) in FAULTS.items():
        for lang, exchanges in good.items():
            other = next(k for k in good if k != lang) if finding == "wrong_language" else lang
            made = []
            for prompt, answer in exchanges:
                elsewhere = good[other][int(chance.integers(len(good[other])))][1]
                faulty = fault(prompt, answer, elsewhere, chance)
                if faulty is not None:
                    made.append(normalise([("user", faulty[0]), ("assistant", faulty[1])]))
            if made:
                found = judge.verdicts("quality", quality.Settings(), _table(made))
                named = [finding in flags for flags in found["flags"].to_pylist()]
                dropped = [not keep for keep in found["keep"].to_pylist()]
                yield name, finding, lang, len(made), float(np.mean(named)), float(np.mean(dropped))


def _exchanges(records: pa.Table) -> Iterator[Exchange]:
    verdicts = judge.verdicts("quality", quality.Settings(), records)
    for turns, keep, flags in zip(
        records["turns"].to_pylist(), *(verdicts[c].to_pylist() for c in ("keep", "flags")), strict=True
    ):
        if (
            keep
            and not flags
            and [t["role"] for t in turns] == ["user", "assistant"]
            and len(turns[1]["content"]) >= LEAST
        ):
            yield turns[0]["content"], turns[1]["content"]


def _table(conversations: list[list[Turn]]) -> pa.Table:
    hashes = [content_hash(turns) for turns in conversations]
    turns = [[{"role": role, "content": content} for role, content in talk] for talk in conversations]
    return pa.table(
        {
            "id": ids([record_id("planted", str(n), h) for n, h in enumerate(hashes)]),
            "turns": pa.array(turns, RECORD.field("turns").type),
            "meta": pa.array(["{}"] * len(turns), pa.string()),
        }
    )
