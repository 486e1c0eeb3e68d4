"""Turns answered records into samples (every one, with its verdict) and traces (the accepted ones, as records)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from curation.record import ID, RECORD, Turn, content_hash, ids, prompt_group, record_id
from curation.synthesise.answer import reference
from curation.synthesise.equal.symbolic import Compare
from curation.synthesise.gate import Verdict, gate
from curation.synthesise.journal import Reply
from curation.synthesise.prompt import Prompts, language
from curation.synthesise.select import split
from curation.synthesise.settings import Settings

SAMPLES = pa.schema(
    [
        ("id", ID),  # of the sample; a trace has the id of its sample
        ("parent_id", ID),
        ("sample", pa.int32()),
        ("accepted", pa.bool_()),
        ("reason", pa.string()),  # null where accepted
        ("verified", pa.bool_()),  # equals a reference answer
        ("agreement", pa.float64()),  # share of the record's samples that give this answer
        ("method", pa.string()),
        ("model", pa.string()),
        ("prompt_hash", pa.string()),
        ("answer", pa.string()),
        ("text", pa.string()),  # of a refused request: what the endpoint said
        ("finish_reason", pa.string()),
        ("prompt_tokens", pa.int32()),  # of the prompt, the same for all samples of a record
        ("output_tokens", pa.int32()),  # the record's output tokens, shared out by length of text
    ]
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """The samples and the traces of some records."""

    samples: pa.Table
    records: pa.Table


def make(answered: Iterable[tuple[Row, Reply | None]], prompts: Prompts, settings: Settings, symbolic: Compare) -> Made:
    """Gate the replies to selected rows (id as bytes, turns as structs); None is a record that nobody answered."""
    samples: list[Row] = []
    records: list[Row] = []
    for row, reply in answered:
        own = _samples(row, reply, prompts, settings, symbolic)
        samples += own
        best = sorted((s for s in own if s["accepted"]), key=lambda s: (-s["agreement"], s["sample"]))
        records += [_record(row, sample, settings) for sample in best[: settings.traces_per_prompt]]
    return Made(_table(samples, SAMPLES), _table(records, RECORD))


def _samples(row: Row, reply: Reply | None, prompts: Prompts, settings: Settings, symbolic: Compare) -> list[Row]:
    history, response = split([(t["role"], t["content"]) for t in row["turns"]])
    lang = language(history[-1][1], row["lang"])
    if reply is None or not reply.choices:
        text = "" if reply is None else reply.error
        reason = "unanswered" if reply is None else "request_rejected"
        return [
            _sample(row, history, 0, (text, ""), Verdict(accepted=False, reason=reason))
            | _made_by(prompts, settings, 0, 0)
        ]
    known = reference(response, row["meta"])
    verdicts = gate(reply.choices, known, lang, settings, symbolic)
    shares = _share_out(reply.output_tokens, [len(text) for text, _ in reply.choices])
    return [
        _sample(row, history, number, choice, verdict) | _made_by(prompts, settings, reply.prompt_tokens, share)
        for number, (choice, verdict, share) in enumerate(zip(reply.choices, verdicts, shares, strict=True))
    ]


def _sample(row: Row, history: list[Turn], number: int, choice: tuple[str, str], verdict: Verdict) -> Row:
    text, finish = choice
    return {
        "history": history, "parent_id": row["id"], "sample": number, "text": text, "finish_reason": finish or None,
        "accepted": verdict.accepted, "reason": verdict.reason, "verified": verdict.verified,
        "agreement": verdict.agreement, "method": verdict.method, "answer": verdict.answer,
    }  # fmt: skip


def _made_by(prompts: Prompts, settings: Settings, prompt_tokens: int, output_tokens: int) -> Row:
    return {
        "source": settings.source, "model": settings.model, "prompt_hash": prompts.hash,
        "prompt_tokens": prompt_tokens, "output_tokens": output_tokens,
    }  # fmt: skip


def _share_out(total: int, lengths: list[int]) -> list[int]:
    """Divide `total` in proportion to the lengths; the parts add up to it."""
    whole = sum(lengths)
    if not whole:
        return [total, *([0] * (len(lengths) - 1))]
    reached, out, before = 0, [], 0
    for length in lengths:
        reached += length
        out.append(total * reached // whole - before)
        before += out[-1]
    return out


def _record(row: Row, sample: Row, settings: Settings) -> Row:
    turns = [*sample["history"], ("assistant", sample["text"])]
    meta = {k: sample[k] for k in ("model", "prompt_hash", "sample", "method", "agreement", "verified", "answer")}
    meta |= {"sampling": settings.sampling, "parent_source": row["source"]}
    return sample | {
        "licence": row["licence"],
        "turns": [{"role": role, "content": content} for role, content in turns],
        "meta": orjson.dumps(meta, option=orjson.OPT_SORT_KEYS).decode(),
    }


def _table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    for row in rows:
        row["source_id"] = f"{row['parent_id'].hex()}-{row['sample']}"
        row["content_hash"] = content_hash([*row["history"], ("assistant", row["text"])])
        row["prompt_group"] = prompt_group(row["history"])
        row["id"] = record_id(row["source"], row["source_id"], row["content_hash"])
    columns = []
    for field in schema:
        values = [row[field.name] for row in rows]
        columns.append(ids(values) if field.type == ID else pa.array(values, field.type))
    return pa.Table.from_arrays(columns, schema=schema)
