"""What a classifier sees of a record: the head of its system prompt, of its first question and of its first answer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from curation.classifier.words import words
from curation.record import Turns, flat_turns

SYSTEM, ANSWER = "#", ">"  # stand before the words of those turns; a question's words stand bare
DECLARED = r'"(?:tools|functions)":"?\[\s*\\*"?\{'  # a list of at least one, as it stands in meta


class Shown(BaseModel):
    """Code points of each turn that the classifier is shown; 0 leaves a turn out."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    system: int = Field(default=200, ge=0, description="of the system prompt")
    ask: int = Field(default=500, ge=0, description="of the first user turn")
    answer: int = Field(default=500, ge=0, description="of the first assistant turn")


def features(records: pa.Table, shown: Shown) -> pa.LargeStringArray:
    """Return one text a record of `records` (column `turns`, and `meta` where a system prompt is shown), as fastText reads it."""
    turns = flat_turns(records)
    shows = [("user", shown.ask, ""), ("assistant", shown.answer, ANSWER)]
    said = [(first(turns, role), limit, sign) for role, limit, sign in shows if limit]
    if shown.system:
        said[:0] = [(text, shown.system, SYSTEM) for text in (declared(records["meta"]), first(turns, "system"))]
    parts = [words(pc.utf8_slice_codeunits(text, 0, limit), sign) for text, limit, sign in said]
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, pa.scalar(" ", pa.large_string()))


def declared(meta: pa.ChunkedArray) -> pa.Array:
    """Return the start of the tools that each record's meta declares, "" where it declares none: a trainer shows them too."""
    found = pc.extract_regex(meta.combine_chunks(), rf"(?s){DECLARED}(?P<tools>.{{0,900}})")
    return pc.replace_substring(pc.fill_null(pc.struct_field(found, "tools"), ""), '\\"', '"')


def first(turns: Turns, role: str) -> pa.Array:
    """Return each record's first turn of a role, "" where it has none."""
    count = len(turns.offsets) - 1
    record = np.repeat(np.arange(count), np.diff(turns.offsets))
    at = np.flatnonzero(pc.equal(turns.roles, role).to_numpy(zero_copy_only=False))
    rows, index = np.unique(record[at], return_index=True)
    where = np.full(count, -1)
    where[rows] = at[index]
    return pc.fill_null(turns.contents.take(pa.array(where, mask=where < 0)), "")
