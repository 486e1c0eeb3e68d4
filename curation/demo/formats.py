"""The native formats of the demo's raw files: a list of rows in, bytes out, the same bytes for the same rows."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.demo.domains import Conversation

MULTI_TURN = frozenset({"sharegpt", "messages", "history", "zip"})  # formats that hold more than one exchange
LINES = frozenset({"sharegpt", "messages", "history", "pairs"})  # formats of one JSON value a line
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold


def native(kind: str, turns: Conversation) -> Any:
    """Return one conversation as the format writes it."""
    (question, answer), rest = turns[0], turns[1:]
    if kind == "alpaca":
        return {"instruction": question, "input": "", "output": answer}
    if kind in {"sharegpt", "zip"}:
        return {"conversations": [{"from": f, "value": v} for q, a in turns for f, v in (("human", q), ("gpt", a))]}
    if kind == "messages":
        return {"messages": [{"role": r, "content": c} for q, a in turns for r, c in (("user", q), ("assistant", a))]}
    if kind == "history":
        last_question, last_answer = turns[-1]
        return {"query": last_question, "response": last_answer, "history": [[q, a] for q, a in turns[:-1]]}
    if rest:
        raise ValueError(f"format {kind} holds one exchange, got {len(turns)}")
    return {"prompt": question, "completion": answer}


def broken(kind: str, number: int) -> tuple[Any, str]:
    """Return a row that no reader can take, and what is wrong with it; a str is written as it is in a line format."""
    rows: tuple[tuple[Any, str], ...] = (
        ({"note": f"row {number} has neither question nor answer"}, "missing fields"),
        (number if kind == "alpaca" else {"messages": f"text {number}"}, "bad types"),
        ([number, None, "a list where an object belongs"], "not an object"),
    )
    cut = ('{"messages": [{"role": "user", "content": "cut off in the mid' + str(number), "malformed JSON")
    return (*rows, cut)[number % 4] if kind in LINES else rows[number % 3]


def encode(kind: str, rows: list[Any]) -> bytes:
    """Write native rows as one file of the format: alpaca, sharegpt, messages, history, pairs, csv, tsv, parquet."""
    if kind == "alpaca":
        return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode()
    if kind in LINES:
        text = "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)
        return gzip.compress(text.encode(), 6, mtime=0) if kind == "sharegpt" else text.encode()
    if kind in {"csv", "tsv"}:
        buffer = io.StringIO()
        writer = csv.DictWriter(
            buffer, ["prompt", "completion"], delimiter="," if kind == "csv" else "\t", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
        return buffer.getvalue().encode()
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([("prompt", pa.string()), ("completion", pa.string())])), sink)
    return bytes(sink.getvalue())


def archive(members: dict[str, list[Any]]) -> bytes:
    """Write JSON arrays as the members of one zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, rows in members.items():
            file.writestr(
                zipfile.ZipInfo(name, _DATE), json.dumps(rows, ensure_ascii=False, indent=1), zipfile.ZIP_DEFLATED
            )
    return buffer.getvalue()
