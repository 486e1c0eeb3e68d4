"""What the user names → sources: one raw file each, or one data set of the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import xxhash
from pydantic import BaseModel, ConfigDict, Field, field_validator

from curation.ingest.shapes import READERS

UNSAFE = re.compile(r"[^\w.\-+=]")
MAX_NAME = 120  # bytes; a file system allows 255, and shards add to it
NOT_DATA = re.compile(
    r"(?i)(licen[cs]e|readme|notice|citation|authors|sources|changelog|checksums?|dataset_infos?|manifest)(\..*)?"
    r"|.*\.(md|rst|py|sh|ipynb|html?|css|js|png|jpe?g|gif|svg|pdf|lock|toml|cfg|ini|sha256|md5|bib|crc|part|tmp)"
)
FORMATS = ("auto", *READERS)
HUB = "hub:"
GLOB = re.compile(r"[*?\[]")


# What a field of the row can be for us: the names that the readers know.
OURS = (
    "prompt",
    "response",
    "system",
    "history",
    "messages",
    "instruction",
    "input",
    "output",
    "chosen",
    "rejected",
    "id",
)


class Source(BaseModel):
    """One raw file or one hub data set, and what the user says of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(description="unique and safe in a path: the folder of its shards")
    path: Path | None = Field(default=None, description="the raw file; null for a hub data set")
    hub: str = Field(
        default="",
        description="hub data set as name[:config][:split]; the split is train unless named, name::test names it alone",
    )
    licence: str = Field(default="", description="licence of the data, kept beside every record")
    fields: tuple[tuple[str, str], ...] = Field(
        default=(), description="(ours, the row's) field names where detection cannot know them; dots lead into objects"
    )
    format: str = Field(default="auto", description="one of " + ", ".join(FORMATS))

    @field_validator("fields")
    @classmethod
    def _ours(cls, value: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        for ours, theirs in value:
            if ours not in OURS or not theirs:
                raise ValueError(f"fields: {ours!r} is none of {', '.join(OURS)}, or names no field of the row")
        return value

    @field_validator("format")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in FORMATS:
            near = get_close_matches(value, FORMATS) or list(FORMATS)
            raise ValueError(f"unknown format {value!r}; nearest: {', '.join(near)}")
        return value


def mapped(source: Source, fields: Mapping[str, Mapping[str, str]]) -> Source:
    """Return a source with the fields that the configuration names for it: those of the first glob that matches its name, path or hub name.

    What stands beside the source itself goes before.
    """
    for glob, names in fields.items():
        if not source.fields and any(fnmatch(name, glob) for name in (source.name, source.hub, str(source.path or ""))):
            found = names
            break
    else:
        return source
    return Source(**{**source.model_dump(), "fields": tuple(found.items())})


def resolve(specs: Sequence[str | dict[str, Any]]) -> list[Source]:
    """Return the sources that files, folders, globs and hub names stand for, in order, each file once.

    A spec is a string, or a mapping with `path` or `hub` and any other field of Source (`fields` may be a mapping; with a
    folder, `name` goes before each file's). Raises FileNotFoundError, PermissionError or ValueError, each saying what to do.
    """
    found: dict[str, Source] = {}
    for spec in specs:
        for source in _resolved(spec):
            place = str(source.path.resolve()) if source.path else source.hub
            found[place] = source  # named again: the later, more particular word counts
    names: dict[str, Source] = {}
    for source in found.values():
        other = names.setdefault(source.name, source)
        if other is not source:
            one, two = (s.path or s.hub for s in (other, source))
            raise ValueError(f"two sources would be named {source.name!r}: {one} and {two}; give one of them a `name`")
    return list(found.values())


def _resolved(spec: str | dict[str, Any]) -> Iterator[Source]:
    options: dict[str, Any] = dict(spec) if isinstance(spec, dict) else {"path": spec}
    if isinstance(spec, str) and spec.startswith(HUB):
        options = {"hub": spec[len(HUB) :]}
    known = [*Source.model_fields]
    unknown = [k for k in options if k not in known]
    if unknown or not (options.get("path") or options.get("hub")):
        raise ValueError(
            f"a source needs `path` or `hub` and knows {', '.join(known)}; got {', '.join(options) or 'nothing'}"
        )
    if isinstance(options.get("fields"), dict):
        options["fields"] = tuple(options["fields"].items())
    if options.get("hub"):
        yield Source(**{**options, "name": options.get("name") or safe_name(options["hub"])})
        return
    prefix = options.pop("name", "")
    path = Path(options.pop("path")).expanduser()
    files = list(_files(path))
    for file, relative in files:
        name = safe_name(relative)
        if prefix:
            name = prefix if len(files) == 1 else f"{prefix}__{name}"
        yield Source(name=name, path=file, **options)


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the data files a path or a glob stands for, each with its name relative to the folder given."""
    if path.is_dir():
        _may_read(path)
        files = [p for p in sorted(path.rglob("*")) if p.is_file() and _is_data(p.relative_to(path))]
        if not files:
            raise ValueError(
                f"{path} holds no data file; expected JSON, JSONL, CSV, TSV, YAML, Parquet, text or archives of them"
            )
        base = path
    elif path.is_file():
        files, base = [path], path.parent
    elif GLOB.search(str(path)):
        base = Path(*_before_glob(path.parts))
        files = [p for p in sorted(base.glob(str(path.relative_to(base)))) if p.is_file()]
        if not files:
            raise FileNotFoundError(f"no file matches {path}; check the pattern and the folder {base}")
    else:
        raise FileNotFoundError(f"{path} does not exist; name a file, a folder, a glob or {HUB}<name> of a data set")
    for file in files:
        _may_read(file)
        yield file, str(file.relative_to(base))


def _before_glob(parts: tuple[str, ...]) -> Iterator[str]:
    for part in parts:
        if GLOB.search(part):
            return
        yield part


def _is_data(relative: Path) -> bool:
    return not any(p.startswith(".") for p in relative.parts) and not NOT_DATA.fullmatch(relative.name)


def _may_read(path: Path) -> None:
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise PermissionError(f"{path} may not be read by this user; grant read permission or leave it out")


def safe_name(relative: str) -> str:
    """Return a relative path as a folder name: "/" becomes "__"; where more had to change, a hash keeps it unique."""
    raw = relative.replace(os.sep, "/")
    name = UNSAFE.sub("_", raw.replace("/", "__")).lstrip(".")
    altered = name != raw.replace("/", "__") or "__" in raw
    while len(name.encode()) > MAX_NAME:
        name, altered = name[:-1], True
    return f"{name}-{xxhash.xxh3_64_hexdigest(raw.encode('utf-8', 'surrogateescape'))[:8]}" if altered else name
