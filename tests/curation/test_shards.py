from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from curation import shards

SCHEMA = pa.schema([("x", pa.int64())])


def write(folder: Path, key: str, *values: int) -> shards.Manifest:
    shards.write_tables(folder, key, [pa.table({"x": [v]}) for v in values], SCHEMA)
    return shards.finish(folder, "stage", "source", key)


def test_a_folder_is_done_once_its_manifest_is_there_and_not_before(tmp_path: Path) -> None:
    shards.write_tables(tmp_path, "k", [pa.table({"x": [1]})], SCHEMA)
    assert not shards.is_done(tmp_path, "k")
    with pytest.raises(FileNotFoundError, match="has not finished"):
        shards.shard_paths(tmp_path)
    shards.finish(tmp_path, "stage", "source", "k")
    assert shards.is_done(tmp_path, "k")
    assert not shards.is_done(tmp_path, "another key")


def test_shards_are_named_after_their_number_and_read_in_order(tmp_path: Path) -> None:
    manifest = write(tmp_path, "k", 7, 8, 9)
    assert [s.file for s in manifest.shards] == [f"part-{i:05d}-of-00003.parquet" for i in range(3)]
    assert [t["x"][0].as_py() for t in shards.read_shards(tmp_path)] == [7, 8, 9]
    assert manifest.rows == 3


def test_a_rerun_writes_the_same_bytes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a", "k", 1, 2), write(tmp_path / "b", "k", 1, 2)
    assert first == second
    assert (tmp_path / "a" / "manifest.json").read_bytes() == (tmp_path / "b" / "manifest.json").read_bytes()


def test_shards_of_an_older_key_are_swept_out(tmp_path: Path) -> None:
    write(tmp_path, "old", 1, 2, 3)
    manifest = write(tmp_path, "new", 4)
    assert [p.name for p in tmp_path.glob("*.parquet")] == [s.file for s in manifest.shards]


def test_what_a_killed_run_had_under_way_is_swept_out(tmp_path: Path) -> None:
    (tmp_path / ".manifest.json.12345.tmp").touch()
    (tmp_path / ".part-00000-of-00001.parquet.12345.tmp").write_bytes(b"PAR1")
    shards.finish(tmp_path, "language", "s", "k")
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


def test_a_folder_that_lost_a_shard_is_not_done(tmp_path: Path) -> None:
    manifest = write(tmp_path, "k", 1, 2)
    (tmp_path / manifest.shards[0].file).unlink()
    assert not shards.is_done(tmp_path, "k")


def test_half_a_manifest_is_no_manifest(tmp_path: Path) -> None:
    write(tmp_path, "k", 1)
    text = (tmp_path / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(text[: len(text) // 2])
    assert shards.read_manifest(tmp_path) is None


def test_a_shard_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "part.parquet").mkdir()
    with pytest.raises(OSError, match="part"):
        shards.write_shard(tmp_path / "part.parquet", pa.table({"x": [1]}), "k")
    assert [p.name for p in tmp_path.iterdir()] == ["part.parquet"]


def test_a_damaged_shard_is_named_and_counts_as_missing(tmp_path: Path) -> None:
    write(tmp_path, "k", 7)
    path = shards.shard_paths(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-20])
    told = rf"{path.name} is damaged .* delete it and the manifest.json beside it"
    with pytest.raises(ValueError, match=told):
        shards.read_shard(path)
    assert not shards.has_shard(path, "k")
    with pytest.raises(ValueError, match=told):  # its rows do not vanish
        shards.finish(tmp_path, "stage", "source", "k")
