"""What a hand-off is asked to be (Settings) and what it says it is (Manifest)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curation.tokens import Settings as Counting

MANIFEST = "manifest.json"
DATA = "data"
LINEAGE = "lineage.parquet"
CHUNK = 1 << 20
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
MODEL = r"^[A-Za-z0-9._/~-]+$"  # it goes into shell commands


class Settings(BaseModel):
    """One hand-off."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    mix: str = Field("mix", pattern=NAME, description="name of the mixture; the hand-off lies in <root>/handoff/<mix>/")
    budget_tokens: int = Field(1_400_000_000, gt=0, description="tokens asked for; met to within one record")
    max_tokens: int = Field(8192, gt=0, description="longest line in tokens; longer records never enter")
    packing: Literal["isolated", "shared"] = Field(
        "isolated",
        description="isolated: one conversation a line; shared: as many as fit max_tokens share a line and attention",
    )
    related: float = Field(
        0.5, ge=0, le=1, description="shared packing: share of the records that lie only among their own domain"
    )
    shard_records: int = Field(32_768, gt=0, description="records a shard; one shard's text is held in memory")
    seed: int = Field(0, description="seed of the draw and of its order")
    epoch_cap: float = Field(4.0, gt=0, description="most times a domain may be repeated")
    tokens: Counting = Field(Counting(), description="how the catalog's tokens were counted; verify counts so again")
    model: str = Field("01-ai/Yi-34B", pattern=MODEL, description="model that the launch scripts train")


class Shard(BaseModel):
    """One data file."""

    model_config = ConfigDict(frozen=True)
    file: str
    sha256: str
    bytes: int
    lines: int
    records: int  # equal to lines unless packing is shared
    n_tokens: int
    n_target_tokens: int


class Domain(BaseModel):
    """What one domain was asked for and gave; tokens everywhere."""

    model_config = ConfigDict(frozen=True)
    domain: str
    weight: float
    asked: float
    achieved: int
    n_target_tokens: int
    records: int  # drawn, repeats included
    distinct: int  # of them
    supply: int  # tokens of all its records that may be drawn
    epochs: float  # achieved / supply


class Digest(BaseModel):
    """Size and content of one file."""

    model_config = ConfigDict(frozen=True)
    sha256: str
    bytes: int


class Manifest(BaseModel):
    """A finished hand-off. Carries no time and no host: a rerun writes the same bytes."""

    model_config = ConfigDict(frozen=True)
    stage: Literal["handoff"] = "handoff"
    key: str  # identity of the settings, the mixture, the records drawn, the reports and the code
    settings: Settings
    tokenizer: str  # identity of the vocabulary that counted the tokens
    asked: int
    achieved: int
    longest: int  # tokens of the longest record drawn: |achieved - asked| is at most this
    left_out: dict[str, int]  # kept records that no draw may take, by reason, see admit.py
    lines: int
    records: int
    n_target_tokens: int
    mixture: dict[str, float]
    domains: list[Domain]
    shards: list[Shard]
    files: dict[str, Digest]  # every file of the folder but this one, by relative path
    provenance: dict[str, Any]  # as the caller gave it: keys of the search and of the catalog


def load(folder: Path) -> Manifest:
    """Return the folder's manifest; raises ValueError, in one sentence, where there is none or it is not one."""
    path = folder / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(
            f"{path}: expected a manifest, found no such file; the hand-off was not finished, run it again"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ValueError(
            f"{path}: expected the manifest of a hand-off, found a fault at {where}: {first['msg']}"
        ) from None


def as_json(value: Any) -> bytes:
    """Return a value as JSON for people and programs, the same bytes for the same value."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write(path: Path, content: bytes) -> None:
    """Write a file of a hand-off that is not yet in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def sha256(path: Path) -> Digest:
    """Return the digest of a file's bytes."""
    state, size = hashlib.sha256(), 0
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            state.update(chunk)
            size += len(chunk)
    return Digest(sha256=state.hexdigest(), bytes=size)


def files(folder: Path) -> list[str]:
    """Return the relative paths of every file of the folder but its manifest, sorted."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return sorted(name for name in found if name != MANIFEST)
