"""The record: one conversation a row, written once by a maker and never copied on.

Ids are 128 bits, held in Parquet as UUID, so that DuckDB joins them as integers and prints them as text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import xxhash

ID = pa.uuid()
ROLES = ("system", "user", "assistant", "tool")
TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))

RECORD = pa.schema(
    [
        ("id", ID),  # hash of source, source_id and content: the same in every run
        ("content_hash", ID),  # hash of the folded conversation: equal means exact duplicate
        (
            "prompt_group",
            pa.int64(),
        ),  # hash of the folded turns before the last assistant turn; null where there are none
        ("source", pa.string()),
        ("source_id", pa.string()),  # the row's own id where it has one, else file and row number
        ("licence", pa.string()),
        ("turns", TURNS),
        ("parent_id", ID),  # of a synthesised trace: the record it rewrites
        ("meta", pa.string()),  # JSON object of every other field of the row
    ]
)

QUARANTINE = pa.schema(
    [
        ("source", pa.string()),
        ("file", pa.string()),  # as the user named it, with `!member` for a file inside an archive
        ("row", pa.int64()),  # 1-based; null where the whole file is at fault
        ("reason", pa.string()),  # a snake_case name
        ("detail", pa.string()),  # what was expected and what came, for a person
        ("excerpt", pa.string()),  # at most 500 characters of the row as read
    ]
)

TRACE = pa.schema(
    [
        ("id", ID),  # of the sample; an accepted one is a record of this id
        ("parent_id", ID),  # of the record that it rewrites a turn of
        ("sample", pa.int32()),  # number among the samples of its prompt, those asked with a hint last
        ("accepted", pa.bool_()),
        ("reason", pa.string()),  # null where accepted
        ("verified", pa.bool_()),  # equals the reference answer
        ("agreement", pa.float64()),  # share of the prompt's samples that give this answer
        ("method", pa.string()),  # how the answer was compared
        ("model", pa.string()),
        ("prompt_hash", pa.string()),
        ("answer", pa.string()),
        ("turn", pa.int32()),  # position of the turn that it rewrites, 0 being the conversation's first turn
        ("hinted", pa.bool_()),  # the model was told the reference answer
        ("skill", pa.string()),  # of the record that it rewrites
        ("lang", pa.string()),  # zh or en: what was asked in
        ("source", pa.string()),  # of the traces
        ("sampling", pa.string()),  # JSON object of the sampling parameters, the request's own seed included
        ("server", pa.string()),  # what answered, e.g. vllm 0.32.0, where it told
        ("finish_reason", pa.string()),
        ("prompt_tokens", pa.int32()),  # of the request, on its first sample; 0 on the others
        ("output_tokens", pa.int32()),  # the request's output tokens, shared out by length of text
        ("text", pa.string()),  # of a rejected sample, or what the endpoint said; an accepted one's is in its record
    ]
)

Turn = tuple[str, str]  # role, content


@dataclass(frozen=True)
class Turns:
    """The turns of a table of records, flat: record i holds turns offsets[i]:offsets[i + 1]."""

    offsets: np.ndarray  # int64, one more than there are records
    roles: pa.StringArray
    contents: pa.StringArray


def flat_turns(records: pa.Table) -> Turns:
    """Return the turns of `records` without copying their text."""
    column = records.column("turns").combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], TURNS)
    starts = column.offsets  # read from its buffer, since to_numpy() would import pandas in every worker
    offsets = np.frombuffer(starts.buffers()[1], np.int32, len(starts), starts.offset * 4).astype(np.int64)
    values = column.values.slice(offsets[0], offsets[-1] - offsets[0])
    return Turns(offsets - offsets[0], values.field("role"), values.field("content"))


def fold(text: str) -> str:
    """Return `text` as compared for exact duplicates: NFKC, case folded, white space collapsed.

    Punctuation stays: without it "1+1" and "1-1" would be one record.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def content_hash(turns: list[Turn]) -> bytes:
    """Return 16 bytes that are equal for conversations with the same roles and the same folded text."""
    return xxhash.xxh3_128_digest(_folded(turns))


def prompt_group(turns: list[Turn]) -> int | None:
    """Return 64 bits, signed, that are equal for conversations with the same roles and folded text before their last answer.

    Without an assistant turn every turn is prompt; None where there is no turn before it.
    """
    answers = [at for at, (role, _) in enumerate(turns) if role == "assistant"]
    prompt = turns[: answers[-1]] if answers else turns
    if not prompt:
        return None
    return int.from_bytes(xxhash.xxh3_64_digest(_folded(prompt)), "big", signed=True)


def _folded(turns: list[Turn]) -> bytes:
    """Return what is hashed of turns: of a part of them, the beginning of what is hashed of all."""
    return b"".join(
        b"%b\x1f%b\x1e" % (role.encode(), fold(content).encode("utf-8", "surrogatepass")) for role, content in turns
    )


def record_id(source: str, source_id: str, content: bytes) -> bytes:
    """Return the 16 bytes that name one record; `content` is its content_hash."""
    state = xxhash.xxh3_128()
    for part in (source.encode("utf-8", "surrogatepass"), source_id.encode("utf-8", "surrogatepass"), content):
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.digest()


def record_ids(source: str, source_ids: Sequence[bytes], contents: Sequence[bytes]) -> list[bytes]:
    """Return record_id of each record of one source, whose own ids are given as UTF-8."""
    name = source.encode("utf-8", "surrogatepass")
    before, between = len(name).to_bytes(8, "little") + name, (16).to_bytes(8, "little")
    digest = xxhash.xxh3_128_digest
    begun = cache(lambda size: before + size.to_bytes(8, "little"))
    return [
        digest(b"".join((begun(len(own)), own, between, content)))
        for own, content in zip(source_ids, contents, strict=True)
    ]


def ids(values: Sequence[bytes | None]) -> pa.ExtensionArray:
    """Return 16-byte values as an Arrow column of type ID."""
    return pa.ExtensionArray.from_storage(ID, pa.array(values, pa.binary(16)))


def id_bytes(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Return a null-free ID column as a NumPy array of void16 (bytewise comparable, hashable by view)."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # pyarrow keeps a chunked array for an empty column
        column = column.chunk(0) if column.num_chunks else ids([])
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    start = storage.offset * 16
    buffer = storage.buffers()[1]
    if buffer is None or len(storage) == 0:
        return np.empty(0, "V16")
    return np.frombuffer(buffer, "V16", count=len(storage), offset=start)
