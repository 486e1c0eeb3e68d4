"""A large JSONL or Parquet file is read in slices: the same records as in one go, in as many processes as there are."""

from __future__ import annotations

import gzip
import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import files, shards
from curation.engine import Engine
from curation.identity import file_digest
from curation.ingest import Normaliser, Settings, resolve, run
from curation.normalise import normalise, unsettled
from curation.record import Turn

NORMALISER = Normaliser(normalise, unsettled)


def row(number: int, **more: str) -> str:
    return json.dumps({"instruction": f"What is {number} + {number}?", "output": f"It is {2 * number}.", **more})


def ingest(
    root: Path, raw: Path, size: int, normaliser: Normaliser = NORMALISER, workers: int = 1
) -> dict[str, tuple[int, int]]:
    settings = Settings(slice_bytes=size, rows_per_shard=7)
    return run(root, resolve([str(raw)]), settings, Engine(), workers, normaliser)


def held(root: Path, stage: str, raw: Path) -> list[dict[str, Any]]:
    return [r for table in shards.read_shards(root / stage / raw.name) for r in table.to_pylist()]


@pytest.mark.parametrize("seed", range(30))
def test_slices_are_whole_lines_that_cover_a_file_and_know_their_numbers(tmp_path: Path, seed: int) -> None:
    dice, path = random.Random(seed), tmp_path / "a.jsonl"
    lines = [b'{"output": "%s"}' % ("字" * dice.randrange(20)).encode() for _ in range(dice.randrange(2, 40))]
    size = dice.randrange(1, sum(map(len, lines)) // 2)
    path.write_bytes(b"\n".join(lines))
    slices = files.cut(path, size)
    assert (slices[0].begin, slices[0].row, slices[-1].end) == (0, 1, path.stat().st_size)
    assert all(one.end == two.begin and one.end - one.begin >= size for one, two in pairwise(slices))
    for one in slices:
        said = path.read_bytes()[one.begin : one.end].removesuffix(b"\n").split(b"\n")
        assert said == lines[one.row - 1 : one.row - 1 + len(said)]


def test_what_is_compressed_or_no_rows_of_its_own_is_read_whole(tmp_path: Path) -> None:
    text = "".join(row(n) + "\n" for n in range(50))
    listed = json.dumps([json.loads(line) for line in text.splitlines()])
    for name, data in {
        "a.jsonl.gz": gzip.compress(text.encode()),
        "b.json": listed.encode(),
        "c.csv": b"instruction,output\n" + b"what,that\n" * 50,
        "d.jsonl": text.encode("utf-16"),
        "e.jsonl": text.replace("\n", "\r").encode(),
        "f.jsonl": row(1).encode(),
    }.items():
        (tmp_path / name).write_bytes(data)
        assert files.cut(tmp_path / name, 64) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_slices_give_the_records_and_the_quarantine_that_the_whole_file_gives(tmp_path: Path, workers: int) -> None:
    lines = [row(n, **({"id": f"q{n}"} if n % 3 else {})) for n in range(40)]
    lines[5], lines[6], lines[17] = "broken", "", '{"foo": 1}'
    raw = tmp_path / "a.jsonl"
    raw.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    assert len(files.cut(raw, 300)) > 5
    assert (
        ingest(tmp_path / "whole", raw, 1 << 20)
        == ingest(tmp_path / "cut", raw, 300, workers=workers)
        == {"a.jsonl": (37, 2)}
    )
    for stage in ("records", "quarantine"):
        assert held(tmp_path / "cut", stage, raw) == held(tmp_path / "whole", stage, raw)
    assert [r["row"] for r in held(tmp_path / "cut", "quarantine", raw)] == [6, 18]
    names = {p.name for p in (tmp_path / "cut" / "records" / raw.name).iterdir()}
    assert not any(name.startswith("slice") for name in names)
    manifest = shards.finished(tmp_path / "cut" / "records" / raw.name)
    assert names == {"manifest.json", *(s.file for s in manifest.shards)}


def test_parquet_is_cut_between_row_groups(tmp_path: Path) -> None:
    raw = tmp_path / "a.parquet"
    rows = [json.loads(row(n, id=f"q{n}")) for n in range(90)]
    rows[47] = {"instruction": None, "output": None, "id": None}
    pq.write_table(pa.Table.from_pylist(rows), raw, row_group_size=10)
    size = raw.stat().st_size // 4
    assert [(one.begin, one.end, one.row) for one in files.cut(raw, size)] == [(0, 3, 1), (3, 6, 31), (6, 9, 61)]
    assert ingest(tmp_path / "whole", raw, 1 << 20) == ingest(tmp_path / "cut", raw, size) == {"a.parquet": (89, 1)}
    for stage in ("records", "quarantine"):
        assert held(tmp_path / "cut", stage, raw) == held(tmp_path / "whole", stage, raw)
    assert [r["row"] for r in held(tmp_path / "cut", "quarantine", raw)] == [48]


def test_a_broken_row_group_costs_its_slice_alone(tmp_path: Path) -> None:
    raw = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([json.loads(row(n)) for n in range(90)]), raw, row_group_size=10)
    with pq.ParquetFile(raw) as file:
        place = file.metadata.row_group(4).column(0).data_page_offset
    data = bytearray(raw.read_bytes())
    data[place : place + 40] = b"\xff" * 40
    raw.write_bytes(data)
    assert ingest(tmp_path / "root", raw, len(data) // 4) == {"a.parquet": (60, 1)}
    assert [r["reason"] for r in held(tmp_path / "root", "quarantine", raw)] == ["corrupt_parquet"]


def test_an_id_that_came_in_a_slice_before_carries_its_row_number(tmp_path: Path) -> None:
    ids = ["a", "b", "a", "c", "a", "b", "a#9", "d", "a"]
    raw = tmp_path / "a.jsonl"
    raw.write_text("".join(row(n, id=name) + "\n" for n, name in enumerate(ids)))
    root = tmp_path / "root"
    ingest(root, raw, len(row(0, id="a")) * 3)
    assert [(one.row, one.number) for one in files.cut(raw, len(row(0, id="a")) * 3)] == [(1, 0), (4, 1), (7, 2)]
    assert [r["source_id"] for r in held(root, "records", raw)] == [
        "a",
        "b",
        "a#2",
        "c",
        "a#5",
        "b#6",
        "a#9",
        "d",
        "a#9#2",
    ]


def test_a_run_that_was_stopped_goes_on_with_the_slices_that_are_left(tmp_path: Path) -> None:
    raw, root = tmp_path / "a.jsonl", tmp_path / "root"
    raw.write_text("".join(row(n) + "\n" for n in range(30)))

    stop = True

    def turns(said: list[Turn]) -> list[Turn]:
        if stop:
            raise KeyboardInterrupt
        return normalise(said)

    def look(offsets: Any, roles: Any, contents: Any) -> Any:
        found = unsettled(offsets, roles, contents)
        found[[i for i, text in enumerate(contents[::2].to_pylist()) if "25 + 25" in text]] = 1
        return found

    with pytest.raises(KeyboardInterrupt):
        ingest(root, raw, 300, Normaliser(turns, look))
    folder = root / "records" / raw.name
    assert shards.read_manifest(folder) is None
    kept = {file_digest(p): p.stat().st_mtime_ns for p in folder.glob("slice-*.parquet")}
    assert len(kept) > 1
    stop = False
    assert ingest(root, raw, 300, Normaliser(turns, look)) == {"a.jsonl": (30, 0)}
    again = {file_digest(p): p.stat().st_mtime_ns for p in folder.glob("part-*.parquet")}
    assert kept.items() <= again.items()
    ingest(tmp_path / "whole", raw, 1 << 20)
    assert held(root, "records", raw) == held(tmp_path / "whole", "records", raw)
