"""Which kept records a trainer can take as they are, and how their turns read as messages.

Trainers take at most one system message, first, then user and assistant in turn, an answer last. They read a control
token spelled in a text as the real one, and where an answer is empty ms-swift leaves its end token without loss: such
records would carry other masks than ours, so no draw takes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curation.catalog import connect
from curation.record import id_bytes
from curation.template import Template
from mixtures.sample import Supply

REASONS = ("too_long", "turn_order", "tool_turn", "control_token", "empty_answer")
BATCH = 65_536
SHAPES = """
WITH shaped AS (
    SELECT id, turns, array_to_string(list_transform(turns, lambda t: t.role[1]), '') AS shape FROM records
),
judged AS (
    SELECT id, shape[1] = 's' AS system, CASE
        WHEN NOT regexp_full_match(shape, 's?ua([ut]a)*') THEN 1
        WHEN $plain AND contains(shape, 't') THEN 2
        WHEN list_bool_or(list_transform(turns, lambda t: list_bool_or(
            list_transform($controls::VARCHAR[], lambda c: contains(t.content, c))))) THEN 3
        WHEN list_bool_or(list_transform(turns, lambda t: t.role = 'assistant' AND coalesce(t.content, '') = '')) THEN 4
        ELSE 0
    END AS reason FROM shaped
)
SELECT id, coalesce(system, false) AS system, reason FROM judged WHERE reason > 0 OR system
"""


@dataclass(frozen=True)
class Admission:
    """What of a supply may be drawn."""

    rows: np.ndarray  # int64, rows of the supply, ascending
    opening: np.ndarray  # bool, one a row of `rows`: the record has a system turn
    left_out: dict[str, int]  # records by reason, each under the first that holds


def admit(catalog: Path, supply: Supply, max_tokens: int, chat: Template) -> Admission:
    """Read the turns of every record once, in SQL; returns the rows of `supply` that a trainer can take."""
    reasons = np.full(len(supply.ids), -1, np.int8)
    opening = np.zeros(len(supply.ids), np.bool_)
    with connect(catalog) as con:
        con.execute("SET arrow_lossless_conversion = true")  # a UUID as 16 bytes, not as text
        values = {"plain": chat.tool != chat.user, "controls": list(chat.controls)}
        for batch in con.sql(SHAPES, params=values).to_arrow_reader(BATCH):
            ids = id_bytes(batch.column("id"))
            at = np.minimum(np.searchsorted(supply.ids, ids), len(supply.ids) - 1)
            known = supply.ids[at] == ids  # the others were not kept
            reason = batch.column("reason").to_numpy().astype(np.int8)
            opening[at[known]] = batch.column("system").to_numpy(zero_copy_only=False)[known]
            reasons[at[known]] = np.where(reason > 0, reason, -1)[known]
    reasons[supply.n_tokens > max_tokens] = 0
    rows = np.flatnonzero(reasons < 0)
    left_out = {name: int((reasons == code).sum()) for code, name in enumerate(REASONS)}
    return Admission(rows, opening[rows], left_out)


def messages(turns: list[tuple[str, str]], chat: Template) -> list[dict[str, str]]:
    """Return turns as messages; a tool's turn reads as a user's where the template renders both the same."""
    tool = "user" if chat.tool == chat.user else "tool"
    return [{"role": tool if role == "tool" else role, "content": content} for role, content in turns]
