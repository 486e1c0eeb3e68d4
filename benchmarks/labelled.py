"""Real records that were labelled by reading them, kept as places and labels, found again in the dumps they came from.

tests/curation/language_cases.csv: draw, source, source_id, turn, hash (xxh3_64 of the turn's text), lang (`a|b` where a
reader would take either), script (blank: not labelled), stratum (what the turn was drawn for).
    A turn's language is that of the words that speak to the reader. Code, formulae, links, JSON and tool calls speak no
    language whatever their strings say; what is quoted, names and titles do not count. Where two languages are left, one
    with two thirds of the words decides (a Han character is .6 of a word), else the one of the instruction. `und`: nothing
    is left. A lone common word of an alphabet, a docstring, or translated code is `en|und` or `und|zh`. Turns on which
    a reader gave up (6 of 966) are left out.
tests/curation/quality_cases.csv: finding, source, source_id, content_hash, right (1: a reader agrees with the finding).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import xxhash
from pyarrow import csv

from curation import ingest, shards
from curation.engine import Engine
from curation.normalise import normalise, unsettled
from curation.record import flat_turns, id_bytes

FOLDER = Path("tests/curation")
DUMPS = "the instruction dumps that were read for the labels (the public files that tests/curation/*_cases.csv name)"
ROOT = Path(".cuvee/labelled")


def cases(name: str) -> list[dict[str, str]]:
    """Return the labelled cases of tests/curation/<name>_cases.csv, all columns as text."""
    path = Path(__file__).parents[1] / FOLDER / f"{name}_cases.csv"
    table = csv.read_csv(path)
    found: list[dict[str, str]] = table.cast(pa.schema([(c, pa.string()) for c in table.column_names])).to_pylist()
    return found


def corpus(dumps: Path, root: Path = ROOT) -> Path:
    """Ingest the dumps that hold labelled records (nothing, where that is done) and return the root of their records."""
    named = {case["source"] for name in ("language", "quality") for case in cases(name)}
    return ingested([source for source in ingest.resolve([str(dumps)]) if source.name in named], root)


def ingested(sources: list[ingest.Source], root: Path) -> Path:
    """Ingest sources (nothing, where that is done) and return the root of their records."""
    normaliser = ingest.Normaliser(normalise, unsettled)
    ingest.run(root, sources, ingest.Settings(), Engine(), os.cpu_count() or 1, normaliser)
    return root


def records(root: Path) -> Iterator[pa.Table]:
    """Yield the records of a corpus, a shard at a time."""
    for source in shards.sources(root):
        yield from shards.read_shards(shards.folder(root, "records", source))


def turns(root: Path, hashes: set[str]) -> dict[str, str]:
    """Return hash → text of the turns of a corpus whose hash is asked for."""
    found: dict[str, str] = {}
    for table in records(root):
        for text in flat_turns(table).contents.to_pylist():
            key = xxhash.xxh3_64_hexdigest(text.encode())
            if key in hashes:
                found[key] = text
    return found


def of_content(root: Path, hashes: set[str]) -> pa.Table:
    """Return the records of a corpus whose content_hash (hex) is asked for, the first of each content."""
    rows = []
    for table in records(root):
        keys = [key.tobytes().hex() for key in id_bytes(table["content_hash"])]
        rows.append(table.take(pa.array([row for row, key in enumerate(keys) if key in hashes], pa.int64())))
        hashes = hashes - {key for key in keys if key in hashes}
    return pa.concat_tables(rows)
