"""Turns answered prompts into samples (every one, with its verdict) and traces (the accepted ones, as records)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pyarrow as pa

from curation.record import ID, RECORD, TRACE, content_hash, ids, prompt_group, record_id
from curation.synthesise.equal.symbolic import Compare
from curation.synthesise.gate import Verdict, gate
from curation.synthesise.prompt import Prompts, leaks, question
from curation.synthesise.reply import Reply
from curation.synthesise.settings import Settings

LINEAGE = ("model", "prompt_hash", "server", "sample", "turn", "method", "agreement", "verified", "answer", "hinted")
Row = dict[str, Any]


@dataclass(frozen=True)
class Answered:
    """A selected prompt (schema PROMPT, its id as bytes) with its reply and, where it was asked again, the hinted one."""

    row: Row
    reply: Reply | None  # None: nobody answered
    hinted: Reply | None = None
    judged: str | None = None  # the answer that the model says equals the reference, against the rules


@dataclass(frozen=True)
class Made:
    """The samples (schema TRACE) and the traces (schema RECORD) of some prompts."""

    samples: pa.Table
    records: pa.Table


def make(answered: Iterable[Answered], prompts: Prompts, settings: Settings, symbolic: Compare) -> Made:
    """Gate the replies to selected prompts. A hinted reply counts only where the first one gave no accepted sample."""
    samples: list[Row] = []
    for one in answered:
        own = _samples(one, prompts, settings, symbolic)
        if one.hinted is not None and not any(sample["accepted"] for sample in own):
            own += _hinted(one.row, one.hinted, len(own), prompts, settings, symbolic)
        samples += _limited(own, settings.traces_per_prompt)
    for sample in samples:
        _name(sample)
    records = [_record(sample) for sample in samples if sample["accepted"]]
    for sample in samples:
        sample["text"] = None if sample["accepted"] else sample["text"]
    return Made(_table(samples, TRACE), _table(records, RECORD))


def _samples(one: Answered, prompts: Prompts, settings: Settings, symbolic: Compare) -> list[Row]:
    row, reply = one.row, one.reply
    made = {"prompt_hash": prompts.hash, "sampling": _sampling(row, prompts, settings, hint=False), "hinted": False}
    if reply is None or not reply.choices:
        text = "" if reply is None else reply.error
        reason = "unanswered" if reply is None else "request_rejected"
        own = [_sample(row, 0, (text, ""), Verdict(accepted=False, reason=reason), settings)]
        return [sample | made | _cost(reply, 0, first=True) for sample in own]
    verdicts = gate(reply.choices, row["reference"], row["lang"], settings, symbolic, one.judged)
    return _gated(row, reply, verdicts, settings, made)


def _hinted(row: Row, reply: Reply, first: int, prompts: Prompts, settings: Settings, symbolic: Compare) -> list[Row]:
    made = {"prompt_hash": prompts.hint_hash, "sampling": _sampling(row, prompts, settings, hint=True), "hinted": True}
    asked = "\n".join(turn["content"] for turn in row["turns"])
    verdicts = [
        replace(v, accepted=False, reason="leaked_reference") if v.accepted and leaks(text, asked) else v
        for v, (text, _) in zip(
            gate(reply.choices, row["reference"], row["lang"], settings, symbolic), reply.choices, strict=True
        )
    ]
    return [s | {"sample": s["sample"] + first} for s in _gated(row, reply, verdicts, settings, made)]


def _gated(row: Row, reply: Reply, verdicts: list[Verdict], settings: Settings, made: Row) -> list[Row]:
    shares = _share_out(reply.output_tokens, [len(text) for text, _ in reply.choices])
    return [
        _sample(row, number, choice, verdict, settings) | made | _cost(reply, share, first=number == 0)
        for number, (choice, verdict, share) in enumerate(zip(reply.choices, verdicts, shares, strict=True))
    ]


def _sample(row: Row, number: int, choice: tuple[str, str], verdict: Verdict, settings: Settings) -> Row:
    text, finish = choice
    return {
        "parent_id": row["id"], "turn": row["turn"], "sample": number, "text": text, "finish_reason": finish or None,
        "accepted": verdict.accepted, "reason": verdict.reason, "verified": verdict.verified,
        "agreement": verdict.agreement, "method": verdict.method, "answer": verdict.answer,
        "source": settings.source, "model": settings.model, "skill": row["skill"], "lang": row["lang"], "prompt": row,
    }  # fmt: skip


def _sampling(row: Row, prompts: Prompts, settings: Settings, *, hint: bool) -> str:
    body = question(row, prompts, settings, hint=hint).body
    return orjson.dumps({k: v for k, v in body.items() if k != "messages"}, option=orjson.OPT_SORT_KEYS).decode()


def _cost(reply: Reply | None, output_tokens: int, *, first: bool) -> Row:
    if reply is None:
        return {"server": None, "prompt_tokens": 0, "output_tokens": 0}
    prompt_tokens = reply.prompt_tokens if first else 0
    return {"server": reply.server or None, "prompt_tokens": prompt_tokens, "output_tokens": output_tokens}


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


def _limited(samples: list[Row], most: int | None) -> list[Row]:
    """Reject the accepted samples beyond the `most` that agree best."""
    best = sorted((s for s in samples if s["accepted"]), key=lambda s: (-(s["agreement"] or 0.0), s["sample"]))
    for sample in best[most:] if most is not None else ():
        sample |= {"accepted": False, "reason": "surplus"}
    return samples


def _record(sample: Row) -> Row:
    row = sample["prompt"]
    meta = {name: sample[name] for name in LINEAGE}
    meta |= {"sampling": orjson.loads(sample["sampling"]), "parent_source": row["source"]}
    return sample | {
        "licence": row["licence"],
        "turns": [*row["turns"], {"role": "assistant", "content": sample["text"]}],
        "meta": orjson.dumps(meta, option=orjson.OPT_SORT_KEYS).decode(),
    }


def _name(sample: Row) -> None:
    """Give a sample the id of the record that it is, or would be."""
    sample["source_id"] = f"{sample['parent_id'].hex()}-{sample['turn']}-{sample['sample']}"
    turns = [*((turn["role"], turn["content"]) for turn in sample["prompt"]["turns"]), ("assistant", sample["text"])]
    sample["content_hash"], sample["prompt_group"] = content_hash(turns), prompt_group(turns)
    sample["id"] = record_id(sample["source"], sample["source_id"], sample["content_hash"])


def _table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        values = [row[field.name] for row in rows]
        columns.append(ids(values) if field.type == ID else pa.array(values, field.type))
    return pa.Table.from_arrays(columns, schema=schema)
