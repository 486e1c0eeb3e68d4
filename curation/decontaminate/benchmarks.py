"""A folder of benchmark files → items, with what could not be read said aloud."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from curation.decontaminate.items import Item, from_row, own_name
from curation.files import Row, read
from curation.identity import file_digest

SUFFIXES = {
    ".gz",
    ".zst",
    ".bz2",
    ".xz",
    ".zip",
    ".jsonl",
    ".ndjson",
    ".json",
    ".csv",
    ".tsv",
    ".txt",
    ".yaml",
    ".yml",
    ".parquet",
}


@dataclass(frozen=True)
class Benchmark:
    """The items of one file, and how many of its rows gave none."""

    name: str  # the file's name without suffixes
    file: str
    items: tuple[Item, ...]
    empty: int  # rows without a question or an answer
    bad: tuple[str, ...]  # what could not be read


def files(folder: Path) -> list[Path]:
    """Return the files under `folder`, hidden ones apart; raises FileNotFoundError where there is no such folder."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"decontaminate.benchmarks names {folder}, which is no folder; give the folder of benchmark files, "
            "or leave it empty to compare with none"
        )
    paths = (p for p in folder.rglob("*") if p.is_file())
    return sorted(p for p in paths if not any(part.startswith(".") for part in p.relative_to(folder).parts))


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of each benchmark file's bytes by its name in the folder."""
    return {p.relative_to(folder).as_posix(): file_digest(p) for p in files(folder)}


def load(folder: Path) -> list[Benchmark]:
    """Read every file of the folder; raises ValueError where none holds an item.

    Rows and files that cannot be read are logged as warnings, one line a file.
    """
    found = [_one(path, path.relative_to(folder).as_posix()) for path in files(folder)]
    for benchmark in found:
        if benchmark.bad:
            logger.warning(
                f"decontaminate: {len(benchmark.bad)} parts of benchmark {benchmark.file} cannot be read and are NOT "
                f"looked for: {'; '.join(benchmark.bad[:3])}"
            )
        if not benchmark.items:
            logger.warning(
                f"decontaminate: no question found in benchmark {benchmark.file}: nothing of it is looked for"
            )
    if not any(b.items for b in found):
        raise ValueError(
            f"no benchmark item in the {len(found)} files of {folder}: expected rows with a question, problem, prompt, "
            "instruction, … field, headerless rows of question, options and letter, or Q:/A: text"
        )
    return found


def bare(name: str) -> str:
    """Return a file name without the suffixes of its format and compression."""
    path = Path(name)
    while path.suffix.lower() in SUFFIXES:
        path = path.with_suffix("")
    return path.as_posix()


def _one(path: Path, name: str) -> Benchmark:
    items: list[Item] = []
    bad: list[str] = []
    empty = 0
    for row in read(path):
        if not isinstance(row, Row):
            where = row.file if row.number is None else f"{row.file} row {row.number}"
            bad.append(f"{where}: {row.reason} ({row.detail})")
            continue
        member = row.file.partition("!")[2]
        parts = [bare(name), *([bare(member)] if member else []), own_name(row.value) or str(row.number)]
        made = list(from_row(row.value, "/".join(parts)))
        items += made
        empty += not made
    return Benchmark(bare(name), name, tuple(items), empty, tuple(bad))
