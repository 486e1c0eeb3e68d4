"""What a run will cost, by the speed of the model that is assumed, and what it did cost, by what came back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel, ConfigDict

from curation import journal, shards
from curation.journal import Journal
from curation.synthesise import reply
from curation.synthesise.accept import offsets, read_prompts
from curation.synthesise.prompt import Prompts
from curation.synthesise.settings import Settings

BYTES_A_TOKEN = 4.0  # of UTF-8, English and Chinese alike, with the vocabularies of current models
PREFILL = 10.0  # prompt tokens that a GPU reads in the time of writing one: batches of prompts are bound by arithmetic
PILOT = 50  # replies from which on their mean length is believed
LOOKED_AT = 400  # replies, at most

_COUNTS = """
SELECT coalesce(skill, 'none'), lang, hinted, reason, count(*), sum(prompt_tokens)::BIGINT, sum(output_tokens)::BIGINT
FROM read_parquet($files) GROUP BY ALL ORDER BY ALL
"""


class Projection(BaseModel):
    """What is left to do and what it will cost at the assumed speed."""

    model_config = ConfigDict(frozen=True)
    prompts: int
    answered: int  # by earlier runs
    samples: int  # of the prompts that are left
    prompt_tokens: int
    output_tokens: int
    tokens_a_sample: float
    measured: bool  # whether tokens_a_sample is the mean of earlier replies
    gpus: int
    gpu_tokens_per_second: float
    hours: float  # of all GPUs together, from the first request to the last
    gpu_hours: float
    cost: float


class Yield(BaseModel):
    """What came of the samples of one kind, or of all. Tokens count every request once."""

    model_config = ConfigDict(frozen=True)
    samples: int = 0
    accepted: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0


class Account(BaseModel):
    """What all samples of a source came to."""

    model_config = ConfigDict(frozen=True)
    total: Yield
    reasons: dict[str, int]
    by_skill: dict[str, Yield]
    by_language: dict[str, Yield]
    by_skill_and_reason: dict[str, dict[str, int]]
    hinted: Yield


def project(prompts: Iterable[Path], known: Journal, instructions: Prompts, settings: Settings) -> Projection:
    """Walk over the selected prompts and work out what is left of them."""
    total = left = size = 0
    looked: list[reply.Reply] = []
    for path in prompts:
        rows = list(read_prompts(path))
        found = offsets(rows, known, instructions, settings)[0]
        missing = [row for row, offset in zip(rows, found, strict=True) if offset < 0]
        total, left = total + len(rows), left + len(missing)
        size += sum(len(instructions.texts[row["lang"]].encode()) for row in missing)
        size += sum(len(turn["content"].encode()) for row in missing for turn in row["turns"])
        if len(looked) < LOOKED_AT:
            some = found[found >= 0][: LOOKED_AT - len(looked)]
            looked += [r for v in journal.values(known.path, some) if (r := reply.restored(v)) and r.choices]
    believed = len(looked) >= PILOT
    each = sum(r.output_tokens for r in looked) / sum(len(r.choices) for r in looked) if believed else None
    return _projection(total, left, int(size / BYTES_A_TOKEN), each, settings)


def _projection(total: int, left: int, prompt_tokens: int, each: float | None, settings: Settings) -> Projection:
    tokens = settings.expected_tokens if each is None else each
    output = int(left * settings.samples * tokens)
    gpu_hours = (output + prompt_tokens / PREFILL) / settings.gpu_tokens_per_second / 3600
    return Projection(
        prompts=total, answered=total - left, samples=left * settings.samples, prompt_tokens=prompt_tokens, output_tokens=output,
        tokens_a_sample=tokens, measured=each is not None, gpus=settings.gpus,
        gpu_tokens_per_second=settings.gpu_tokens_per_second, hours=gpu_hours / settings.gpus, gpu_hours=gpu_hours,
        cost=gpu_hours * settings.gpu_hour_price,
    )  # fmt: skip


def account(samples: Path) -> Account:
    """Count the samples of a finished folder."""
    with duckdb.connect() as con:
        rows = con.execute(_COUNTS, {"files": [str(p) for p in shards.shard_paths(samples)]}).fetchall()
    reasons, by_skill_and_reason = Counter[str](), dict[str, dict[str, int]]()
    for skill, _, _, reason, number, _, _ in rows:
        if reason is not None:
            reasons[reason] += number
            of_skill = by_skill_and_reason.setdefault(skill, {})
            of_skill[reason] = of_skill.get(reason, 0) + number
    skills, langs = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    return Account(
        total=_yield(rows),
        reasons=dict(sorted(reasons.items())),
        by_skill={skill: _yield([r for r in rows if r[0] == skill]) for skill in skills},
        by_language={lang: _yield([r for r in rows if r[1] == lang]) for lang in langs},
        by_skill_and_reason=by_skill_and_reason,
        hinted=_yield([r for r in rows if r[2]]),
    )


def _yield(rows: list[tuple[Any, ...]]) -> Yield:
    return Yield(
        samples=sum(row[4] for row in rows), accepted=sum(row[4] for row in rows if row[3] is None),
        prompt_tokens=sum(row[5] for row in rows), output_tokens=sum(row[6] for row in rows),
    )  # fmt: skip


def told(projection: Projection) -> str:
    """Return a projection in one sentence."""
    p = projection
    basis = "as measured on earlier replies" if p.measured else "assumed: synthesise.expected_tokens"
    return (
        f"{p.prompts:,} prompts selected, {p.answered:,} answered already; {p.samples:,} samples to make: "
        f"{p.prompt_tokens / 1e6:,.2f}M prompt tokens, {p.output_tokens / 1e6:,.2f}M output tokens ({p.tokens_a_sample:,.0f} a sample, "
        f"{basis}); at {p.gpu_tokens_per_second:,.0f} tokens/s a GPU {p.gpu_hours:,.2f} GPU-hours, {p.hours:,.2f} hours on "
        f"{p.gpus} GPU{'s' if p.gpus > 1 else ''}, cost {p.cost:,.2f}"
    )
