"""Exact duplicates and same-prompt groups, over several sources and shards."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import compare, exact, shards
from curation.engine import Engine
from curation.record import RECORD, content_hash, id_bytes, ids, prompt_group, record_id

SETTINGS = exact.Settings()


def pair(question: str, answer: str) -> list[tuple[str, str]]:
    return [("user", question), ("assistant", answer)]


def write(root: Path, source: str, *parts: list[list[tuple[str, str]]]) -> None:
    tables, row = [], 0
    for part in parts:
        hashes = [content_hash(turns) for turns in part]
        names = [f"{source}:{row + n}" for n in range(len(part))]
        row += len(part)
        columns = {
            "id": ids([record_id(source, n, h) for n, h in zip(names, hashes, strict=True)]),
            "content_hash": ids(list(hashes)),
            "prompt_group": [prompt_group(turns) for turns in part],
            "source": [source] * len(part),
            "source_id": names,
            "licence": pa.nulls(len(part), pa.string()),
            "turns": pa.array([[{"role": r, "content": c} for r, c in t] for t in part], RECORD.field("turns").type),
            "parent_id": ids([None] * len(part)),
            "meta": ["{}"] * len(part),
        }
        tables.append(pa.table(columns, schema=RECORD))
    folder = shards.folder(root, "records", source)
    shards.write_tables(folder, "k", tables, RECORD)
    shards.finish(folder, "ingest", source, "k")


def run(root: Path) -> int:
    return compared(root, shards.sources(root))


def compared(root: Path, sources: list[str], settings: exact.Settings = SETTINGS) -> int:
    return compare.compare(root, sources, {"exact": settings}, Engine(), 1)["exact"]


def verdicts(root: Path, source: str) -> pa.Table:
    return pa.concat_tables(shards.read_shards(shards.folder(root, "verdicts", "exact", source)))


def records(root: Path, source: str) -> pa.Table:
    return pa.concat_tables(shards.read_shards(shards.folder(root, "records", source)))


def test_copies_in_two_sources_share_a_cluster_named_by_the_smallest_id(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("Name a colour.", "Red."), pair("Name a fruit.", "Fig.")])
    write(tmp_path, "b", [pair("说一种水果。", "苹果。")], [pair("name a  COLOUR.", "Red.")])
    assert run(tmp_path) == 4
    a, b = verdicts(tmp_path, "a"), verdicts(tmp_path, "b")
    smallest = min(bytes(id_bytes(a["id"])[0]), bytes(id_bytes(b["id"])[1]))
    assert [x and x.bytes for x in a["cluster_id"].to_pylist()] == [smallest, None]
    assert [x and x.bytes for x in b["cluster_id"].to_pylist()] == [None, smallest]
    assert a["cluster_size"].to_pylist() == [2, 1]
    assert b["cluster_size"].to_pylist() == [1, 2]


def test_every_record_is_kept_and_the_schema_is_the_declared_one(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("q", "a"), pair("q", "a")])
    run(tmp_path)
    table = verdicts(tmp_path, "a")
    assert table.schema.remove_metadata() == exact.SCHEMA
    assert table["keep"].to_pylist() == [True, True]
    assert table["reason"].null_count == 2


def test_verdicts_lie_in_shards_of_the_same_names_with_the_same_ids_in_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        "a",
        [pair(f"q{n}", f"a{n % 3}") for n in range(50)],
        [pair(f"r{n}", "a") for n in range(7)],
        [pair("z", "z")],
    )
    run(tmp_path)
    for shard in shards.shard_paths(shards.folder(tmp_path, "records", "a")):
        judged = pq.read_table(shards.folder(tmp_path, "verdicts", "exact", "a") / shard.name)
        assert (id_bytes(judged["id"]) == id_bytes(pq.read_table(shard)["id"])).all()


def test_punctuation_keeps_sums_apart(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("2+2=", "4"), pair("2*2=", "4")])
    run(tmp_path)
    table = verdicts(tmp_path, "a")
    assert table["cluster_size"].to_pylist() == [1, 1]
    assert table["prompt_group_size"].to_pylist() == [1, 1]


def test_two_answers_to_one_prompt_are_one_prompt_group_but_no_duplicates(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("Tell a joke.", "A horse walks into a bar."), pair("Tell a joke.", "Knock, knock.")])
    write(tmp_path, "b", [pair("tell a  joke.", "No."), pair("Tell a tale.", "Once.")])
    run(tmp_path)
    groups = verdicts(tmp_path, "a")["prompt_group"].to_pylist() + verdicts(tmp_path, "b")["prompt_group"].to_pylist()
    assert groups[0] == groups[1] == groups[2] != groups[3]
    assert verdicts(tmp_path, "b")["prompt_group_size"].to_pylist() == [3, 1]
    assert verdicts(tmp_path, "a")["cluster_id"].null_count == 2


def test_the_prompt_is_everything_before_the_last_assistant_turn(tmp_path: Path) -> None:
    chat = [("user", "hi"), ("assistant", "hello"), ("user", "bye")]
    other = [("user", "hi"), ("assistant", "good day"), ("user", "bye")]
    swapped = [("user", "bye"), ("assistant", "hello"), ("user", "hi")]
    write(
        tmp_path, "a", [[*chat, ("assistant", "x")], [*chat, ("assistant", "y")], [*other, ("assistant", "x")], swapped]
    )
    write(
        tmp_path,
        "b",
        [[("assistant", "alone")], [("system", "hi"), ("assistant", "x")], [("user", "hi"), ("assistant", "x")]],
    )
    run(tmp_path)
    a, b = verdicts(tmp_path, "a")["prompt_group"].to_pylist(), verdicts(tmp_path, "b")["prompt_group"].to_pylist()
    assert a[0] == a[1]
    assert len({a[0], a[2], a[3]}) == 3
    assert b[0] is None
    assert b[1] != b[2]  # a system prompt is not a question


def test_a_second_run_does_nothing_and_a_changed_source_is_judged_again(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("q", "a")])
    write(tmp_path, "b", [pair("r", "a")])
    assert run(tmp_path) == 2
    before = shards.read_manifest(shards.folder(tmp_path, "verdicts", "exact", "a"))
    assert run(tmp_path) == 0
    write(tmp_path, "b", [pair("q", "a")])
    assert run(tmp_path) == 2
    assert verdicts(tmp_path, "a")["cluster_size"].to_pylist() == [2]
    assert shards.read_manifest(shards.folder(tmp_path, "verdicts", "exact", "a")) != before


def test_the_order_of_sources_does_not_change_the_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, "a", [pair("q", "a"), pair("s", "t")])
        write(tmp_path / name, "b", [pair("q", "a")])
    compared(tmp_path / "one", ["a", "b"])
    compared(tmp_path / "two", ["b", "a"])
    for source in ("a", "b"):
        first, second = (
            shards.read_manifest(shards.folder(tmp_path / n, "verdicts", "exact", source)) for n in ("one", "two")
        )
        assert first == second


def test_an_empty_source_gets_an_empty_shard(tmp_path: Path) -> None:
    write(tmp_path, "a", [])
    write(tmp_path, "b", [pair("q", "a")])
    assert run(tmp_path) == 1
    assert verdicts(tmp_path, "a").num_rows == 0
    assert verdicts(tmp_path, "b").num_rows == 1


def test_a_source_without_records_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"records/nowhere has no manifest.json"):
        compared(tmp_path, ["nowhere"])


def test_no_text_is_read(tmp_path: Path) -> None:
    write(tmp_path, "a", [pair("q", "a"), pair("q", "a")])
    (path,) = shards.shard_paths(shards.folder(tmp_path, "records", "a"))
    shards.write_shard(path, shards.read_shard(path).drop_columns(["turns"]), "k")
    run(tmp_path)
    assert verdicts(tmp_path, "a")["cluster_size"].to_pylist() == [2, 2]
