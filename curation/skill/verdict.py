"""The skill judge's verdicts: its rules' findings, and what its model adds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation.classifier import model
from curation.classifier.features import features
from curation.judge import VERDICT
from curation.skill.rules import findings, narrowed

SKILLS = (
    "tool_use",
    "role_play",
    "long_text",
    "multi_turn",
    "translation",
    "code",
    "math",
    "safety",
    "reasoning",
    "writing",
    "knowledge",
    "general",
)
SCHEMA = pa.schema(
    [
        *VERDICT,
        ("skill", pa.string()),  # the primary one, never null
        ("skills", pa.list_(pa.string())),  # all of them, in the order of SKILLS
    ]
)


class Settings(BaseModel):
    """Where shape becomes a skill, and which model adds to the rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    long_bytes: int = Field(
        default=12_000, gt=0, description="UTF-8 bytes of one turn that make long text: some 3,000 tokens, zh or en"
    )
    multi_turns: int = Field(default=2, ge=2, description="answered user turns that make a conversation")
    model: str = Field(
        default="", description="path to a model of `python -m curation.classifier skill`; empty: rules alone"
    )


def inputs(settings: Settings) -> dict[str, str]:
    """Return the identities of the model and its card; none for the rules alone."""
    return model.identity(settings.model)


def prepare(settings: Settings) -> Callable[[pa.Table], pa.Table]:
    """Open the model where one is set; return records → verdicts (SCHEMA)."""
    opened = model.load(settings.model, "skill") if settings.model else None
    if opened is not None and not set(opened[0].labels) <= set(SKILLS):
        raise ValueError(f"{settings.model} knows other skills than {', '.join(SKILLS)}; train it again")

    def judge(records: pa.Table) -> pa.Table:
        found = findings(records, settings.long_bytes, settings.multi_turns)
        if opened is not None:
            chances = opened[0].probabilities(features(records, opened[1].shown))
            for column, name in enumerate(opened[0].labels):
                if name in opened[1].sure:
                    found[name] |= chances[:, column] >= opened[1].sure[name]
        return _verdicts(records, narrowed(found))

    return judge


def _verdicts(records: pa.Table, found: dict[str, np.ndarray]) -> pa.Table:
    n = records.num_rows
    found["general"] = ~np.any(list(found.values()), axis=0)
    matrix = np.stack([found[name] for name in SKILLS], axis=1)
    names = pa.array(SKILLS)
    rows, columns = np.nonzero(matrix)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int32)
    every = pa.ListArray.from_arrays(pa.array(offsets), names.take(pa.array(columns)))
    primary = names.take(pa.array(matrix.argmax(axis=1)))
    keep = pa.array(np.ones(n, bool))
    return pa.table([records["id"].combine_chunks(), keep, pa.nulls(n, pa.string()), primary, every], schema=SCHEMA)
