"""What the user names → sources → shards: one pass, nothing lost, nothing done twice."""

from __future__ import annotations

import json
import os
import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import files, shards
from curation.engine import Engine
from curation.files import Lines
from curation.identity import file_digest
from curation.ingest import Normaliser, Settings, Source, hub, key, plain, resolve, run
from curation.ingest.batch import Limits, block_records, records
from curation.ingest.columns import columns
from curation.ingest.rows import Rows
from curation.ingest.shapes import shape
from curation.ingest.thoughts import CLOSED, OPENED
from curation.ingest.turns import END_MARKS, TALKERS
from curation.normalise import normalise, unsettled
from curation.record import QUARANTINE, RECORD

NORMALISER = Normaliser(normalise, unsettled)
GOOD = '{"id": "x", "instruction": "q", "output": "a"}\n'


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def ingest(root: Path, *specs: str | dict[str, object], rows: int = 50_000) -> dict[str, tuple[int, int]]:
    return run(root, resolve(specs), Settings(rows_per_shard=rows), Engine(), 1, NORMALISER)


def test_a_file_becomes_shards_of_records_and_of_quarantined_rows(tmp_path: Path) -> None:
    raw = put(tmp_path / "in" / "a.jsonl", GOOD * 5 + '{"foo": 1}\nnot json\n')
    root = tmp_path / "root"
    assert ingest(root, {"path": str(raw), "licence": "MIT"}, rows=2) == {"a.jsonl": (5, 2)}
    paths = shards.shard_paths(root / "records" / "a.jsonl")
    tables = [pq.read_table(p) for p in paths]
    assert [p.name for p in paths] == [f"part-0000{i}-of-00003.parquet" for i in range(3)]
    assert tables[0].schema.remove_metadata() == RECORD
    first = tables[0].to_pylist()[0]
    assert first["turns"] == [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    assert (first["source"], first["licence"], first["source_id"], first["parent_id"]) == ("a.jsonl", "MIT", "x", None)
    assert len({r["id"] for t in tables for r in t.to_pylist()}) == 5
    (bad,) = shards.read_shards(root / "quarantine" / "a.jsonl")
    assert bad.schema.remove_metadata() == QUARANTINE
    assert [(r["file"], r["row"], r["reason"]) for r in bad.to_pylist()] == [
        ("a.jsonl", 6, "unknown_format"), ("a.jsonl", 7, "malformed_json"),
    ]  # fmt: skip


def test_a_file_without_any_record_is_recorded_as_such(tmp_path: Path) -> None:
    put(tmp_path / "in" / "empty.json", "")
    put(tmp_path / "in" / "odd.jsonl", '{"foo": 1}\n')
    assert ingest(tmp_path / "root", str(tmp_path / "in")) == {"empty.json": (0, 1), "odd.jsonl": (0, 1)}
    assert shards.sources(tmp_path / "root") == ["empty.json", "odd.jsonl"]


def test_a_second_run_does_no_work_and_a_changed_file_is_done_again(tmp_path: Path) -> None:
    raw = put(tmp_path / "in" / "a.jsonl", GOOD)
    root = tmp_path / "root"
    ingest(root, str(raw))
    before = {p: (p.stat().st_mtime_ns, file_digest(p)) for p in root.rglob("*") if p.is_file()}
    assert ingest(root, str(raw)) == {"a.jsonl": (1, 0)}
    assert {p: (p.stat().st_mtime_ns, file_digest(p)) for p in root.rglob("*") if p.is_file()} == before
    put(raw, GOOD * 2)
    assert ingest(root, str(raw)) == {"a.jsonl": (2, 0)}


def test_the_same_bytes_come_out_wherever_the_root_and_the_file_lie(tmp_path: Path) -> None:
    written = []
    for place in ("one", "two"):
        raw = put(tmp_path / place / "a.jsonl", GOOD * 3 + "broken\n")
        ingest(tmp_path / place / "root", str(raw))
        shutil.rmtree(tmp_path / place / "root" / "records" / "a.jsonl")  # a source half done is done again, the same
        ingest(tmp_path / place / "root", str(raw))
        root = tmp_path / place / "root"
        written.append({str(p.relative_to(root)): file_digest(p) for p in root.rglob("*") if p.is_file()})
    assert written[0] == written[1]
    assert len(written[0]) == 4


def test_a_source_that_is_no_longer_named_is_left_alone(tmp_path: Path) -> None:
    one, two = (put(tmp_path / f"{n}.jsonl", GOOD) for n in "ab")
    ingest(tmp_path / "root", str(one))
    ingest(tmp_path / "root", str(two))
    assert shards.sources(tmp_path / "root") == ["a.jsonl", "b.jsonl"]


def test_the_key_follows_settings_and_content_and_not_the_place(tmp_path: Path) -> None:
    one, two = put(tmp_path / "a" / "x.jsonl", GOOD), put(tmp_path / "b" / "x.jsonl", GOOD)
    keys = [key(Source(name="x", path=p), Settings(), NORMALISER) for p in (one, two)]
    assert keys[0] == keys[1]
    assert key(Source(name="x", path=one), Settings(max_chars=5), NORMALISER) != keys[0]
    assert key(Source(name="x", path=one, licence="MIT"), Settings(), NORMALISER) != keys[0]


def test_a_folder_is_read_recursively_without_what_is_not_data(tmp_path: Path) -> None:
    for name in ("b/x.jsonl", "a.jsonl", ".hidden/y.jsonl", ".z.jsonl", "README.md", "LICENSE", "SOURCES.md", "run.py"):
        put(tmp_path / name, GOOD)
    assert [s.name for s in resolve([str(tmp_path)])] == ["a.jsonl", "b__x.jsonl"]


def test_globs_and_single_files_resolve_and_a_file_named_twice_is_one_source(tmp_path: Path) -> None:
    for name in ("x1.jsonl", "x2.jsonl", "y.jsonl"):
        put(tmp_path / name, GOOD)
    specs: list[str | dict[str, object]] = [
        str(tmp_path / "x*.jsonl"),
        {"path": str(tmp_path / "x2.jsonl"), "licence": "MIT"},
    ]
    assert [(s.name, s.licence) for s in resolve(specs)] == [("x1.jsonl", ""), ("x2.jsonl", "MIT")]


def test_names_are_safe_and_unique(tmp_path: Path) -> None:
    for name in ("a/b.jsonl", "a__b.jsonl", "数据 集?.jsonl", "数据 集!.jsonl", "n" * 200 + ".jsonl"):
        put(tmp_path / name, GOOD)
    names = [s.name for s in resolve([str(tmp_path)])]
    assert "a__b.jsonl" in names
    assert len(set(names)) == 5
    assert all(len(n.encode()) < 200 and not set(n) & set(" ?!/\\") for n in names)


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "a" / "x.jsonl", GOOD)
    put(tmp_path / "b" / "x.jsonl", GOOD)
    with pytest.raises(ValueError, match="give one of them a `name`"):
        resolve([str(tmp_path / "a"), str(tmp_path / "b")])
    named = resolve([str(tmp_path / "a"), {"path": str(tmp_path / "b" / "x.jsonl"), "name": "other"}])
    assert [s.name for s in named] == ["x.jsonl", "other"]


def test_what_cannot_be_had_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="does not exist"):
        resolve([str(tmp_path / "nothing")])
    with pytest.raises(FileNotFoundError, match="no file matches"):
        resolve([str(tmp_path / "*.jsonl")])
    with pytest.raises(ValueError, match="holds no data file"):
        resolve([str(tmp_path / "empty")])
    with pytest.raises(ValueError, match="knows name, path"):
        resolve([{"file": "x"}])
    with pytest.raises(ValueError, match="nearest: conversation"):
        resolve([{"path": str(put(tmp_path / "a.jsonl", GOOD)), "format": "conversations"}])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "a.jsonl", GOOD).chmod(0)
    with pytest.raises(PermissionError, match="may not be read"):
        resolve([str(tmp_path / "a.jsonl")])


def test_a_local_data_set_folder_is_read_as_the_hub_would_give_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    put(
        tmp_path / "set" / "train.jsonl",
        "".join(json.dumps({"instruction": f"q{i}", "output": "a"}) + "\n" for i in range(3)),
    )
    sources = resolve([{"hub": str(tmp_path / "set"), "name": "mine"}])
    assert run(tmp_path / "root", sources, Settings(), Engine(), 1, NORMALISER) == {"mine": (3, 0)}
    assert key(sources[0], Settings(), NORMALISER) == key(sources[0], Settings(), NORMALISER)


def test_the_configuration_names_fields_by_a_glob_of_sources(tmp_path: Path) -> None:
    put(
        tmp_path / "in" / "odd.jsonl",
        '{"data": {"ask": "q", "past": [["p", "o"]], "told": ["a"]}, "s": "be kind", "k": 1}\n',
    )
    put(tmp_path / "in" / "plain.jsonl", GOOD)
    names = {"system": "s", "history": "data.past", "prompt": "data.ask", "response": "data.told.0"}
    settings = Settings(fields={"odd*": names})
    sources = resolve([str(tmp_path / "in")])
    assert run(tmp_path / "root", sources, settings, Engine(), 1, NORMALISER) == {
        "odd.jsonl": (1, 0),
        "plain.jsonl": (1, 0),
    }
    (odd,) = shards.read_shards(tmp_path / "root" / "records" / "odd.jsonl")
    assert [(t["role"][0], t["content"]) for t in odd.to_pylist()[0]["turns"]] == [
        ("s", "be kind"), ("u", "p"), ("a", "o"), ("u", "q"), ("a", "a"),
    ]  # fmt: skip
    assert key(sources[0], settings, NORMALISER) != key(sources[0], Settings(), NORMALISER)
    assert key(sources[1], settings, NORMALISER) == key(sources[1], Settings(), NORMALISER)
    with pytest.raises(ValueError, match="'quesiton' is none of prompt"):
        Settings(fields={"*": {"quesiton": "q"}})


def test_a_hub_name_carries_config_and_split_and_says_so_when_the_hub_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert hub.parts("a/b") == ("a/b", None, "train")
    assert hub.parts("a/b:c:test") == ("a/b", "c", "test")
    assert hub.parts("a/b::test") == hub.parts("a/b@test") == ("a/b", None, "test")
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="check the name and the network"):
        hub.identity("no-such-owner/no-such-set")


ODD = [
    '{"id": "b", "instruction": " q ", "output": "a"}', '{"id": "a", "instruction": "q", "output": "é\\u0301"}',
    '{"id": "a", "instruction": "ＡＢＣ　Straße", "output": "a</s>"}', '{"id": "c", "instruction": "", "output": ""}',
    '{"id": "", "instruction": "q\\u0000", "output": "a"}', '{"id": " d", "instruction": "q", "output": "👍\u200d"}',
]  # fmt: skip
TALKS = [
    '{"id": 1, "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}], "tools": "[]"}',
    '{"id": 2, "messages": [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "q"}], "tools": "t"}',
    '{"id": 3, "messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], "tools": "t"}',
]
GIVEN = [
    '{"instruction": "q", "input": "", "output": "a"}', '{"instruction": "q", "input": "i", "output": "a"}',
    '{"instruction": "q", "input": " ", "output": "a"}', '{"instruction": "", "input": "i", "output": "a"}',
]  # fmt: skip


MORE = [
    '{"instruction": "q", "output": "a", "rank": 0.5, "tags": ["x", "\\n"], "of": {"a": {"b": null}}, "when": null}',
    '{"instruction": "r", "output": "b", "rank": 1, "tags": [], "of": {}, "when": "2024"}',
]
LONGER = [
    '{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "extra": [1.5]}',
    '{"conversations": [{"from": "human", "value": "r"}], "extra": {"of": 2}}',
]


SPACES = [chr(code) for code in range(0x3100) if chr(code).isspace()]
TEXTS = [
    f"{before}q{after}" for space in SPACES for before, after in ((space, ""), ("", space), (f" {space}", f"{space}\n"))
]
TEXTS += [
    " a\n b",
    "\n \n\ta\n\tb\n",
    "\u3000a\nb",
    " a\nb",
    " \ta\r\n b",
    " a\x0b b",
    "\n\u200b a\n\u200b b ",
    "a:　",
    "a</s> \n",
    " ",
]
TEXTS += [f"Human: q\n\n{name}{colon}" for name in TALKERS.split("|") for colon in (":", "：", " \t: ", ":\n", "")]
TEXTS += [
    "Sum it up:",
    "An Assistant:",
    "助手：",
    "Human: q\nAssistant: a",
    *(f"a {mark} \n" for mark in END_MARKS),
    "<p>a</p>",
]
BLANKS = [json.dumps({"id": str(n % 50), "instruction": said, "output": said}) for n, said in enumerate(TEXTS)]
BLANK_TALKS = [
    json.dumps({"messages": [{"role": "user", "content": said}, {"role": "assistant", "content": said}]})
    for said in TEXTS
]
THOUGHTS = [
    json.dumps({"instruction": "q", "output": f" {OPENED} r {CLOSED} a"}),
    json.dumps({"instruction": "q", "output": f"a {OPENED} r {CLOSED} b"}),
]
THOUGHTFUL = [
    json.dumps({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": said}]})
    for said in ("a", f"{OPENED} r {CLOSED} a", f"\n{OPENED} r")
]
COLUMNS = [ODD, TALKS, GIVEN, MORE, LONGER, BLANKS, BLANK_TALKS, THOUGHTS, THOUGHTFUL]


@pytest.mark.parametrize("lines", COLUMNS)
def test_lines_read_as_columns_become_the_records_that_they_become_one_by_one(lines: list[str]) -> None:
    whole = Lines("f", 1, len(lines), "".join(line + "\n" for line in lines).encode())
    assert_columns_say_what_rows_say(whole)


def assert_columns_say_what_rows_say(block: files.Block) -> None:
    found = columns(block)
    assert found is not None
    source, limits = Source(name="s"), Limits(1_000, 300)
    table, refused = block_records(block, found, Rows(source), NORMALISER, limits)
    rows = Rows(source)
    read = [one for row in files.each(block) for one in rows.read(row)]
    slow, refused_slowly = records(read, source, NORMALISER, limits)
    assert table.to_pylist() == slow.to_pylist()
    assert refused == refused_slowly


@pytest.mark.parametrize("lines", [lines for lines in COLUMNS if lines != LONGER])
def test_parquet_read_as_columns_becomes_the_records_that_its_rows_become_one_by_one(lines: list[str]) -> None:
    batch = pa.RecordBatch.from_pylist([json.loads(line) for line in lines])
    assert_columns_say_what_rows_say(files.Cells("f", 1, len(lines), batch))
    assert_columns_say_what_rows_say(files.Cells("f", 2, len(lines) - 1, batch.slice(1)))


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "q", "output": None},
        {"instruction": "q", "output": ["a"]},
        {"instruction": "q", "output": b"a"},
        {"messages": []},
        {"messages": [{"role": "user", "content": "q", "weight": 0}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [None]},
        {"messages": None},
        {"id": None, "prompt": "q", "response": "a"},
        {"id": 0.5, "prompt": "q", "response": "a"},
        {"question": "q", "answer": "a"},
    ],
)
def test_parquet_that_one_plan_cannot_read_is_left_to_the_readers(row: dict[str, Any]) -> None:
    assert columns(files.Cells("f", 1, 1, pa.RecordBatch.from_pylist([row]))) is None


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "x", "instruction": "q", "output": "a", "output": "b"}',
        '{"id": "x", "instruction": "q", "output": "\\ud83d"}',
        '{"id": "x", "instruction": "q", "output": null}',
        '{"id": "x", "instruction": "q", "output": "a", "system": "s"}',
        '{"id": "x", "instruction": "q", "output": ["a", "b"]}',
        '{"id": "x", "messages": []}',
        "",
    ],
)
def test_lines_that_one_plan_cannot_read_are_left_to_the_readers(line: str) -> None:
    assert columns(Lines("f", 1, 2, f"{GOOD}{line}\n".encode())) is None


@pytest.mark.parametrize(
    "line",
    [
        '{"messages": [{"role": "user", "content": "q", "weight": 0}], "extra": [1]}',
        '{"messages": [{"role": "user", "content": "q"}], "extra": [{"a": 1, "a": 2}]}',
        '{"messages": [{"role": "user", "content": "q"}], "extra": ["\\ud83d"]}',
        '{"messages": [{"role": "user", "content": "q"}], "extra": [1], "more": 1}',
        '{"messages": [{"role": "user", "content": "q"}]}',
    ],
)
def test_what_the_columns_would_pass_over_is_left_to_the_readers(line: str) -> None:
    good = '{"messages": [{"role": "user", "content": "q"}], "extra": [1]}'
    assert columns(Lines("f", 1, 1, f"{good}\n".encode())) is not None
    assert columns(Lines("f", 1, 2, f"{good}\n{line}\n".encode())) is None


# Rows that hold nothing to learn from, whatever reads them.
RIGHTLY = {"no_question", "benchmark_item", "empty_conversation", "malformed_document"}


def test_of_every_real_file_nearly_every_row_becomes_a_record(instructions: Path) -> None:
    poor = {}
    for source in resolve([str(instructions)]):
        assert source.path is not None
        rows = Rows(source)
        read = [one for item in islice(files.read(source.path), 1_000) for one in rows.read(item)]
        table, refused = records(read, source, NORMALISER, Limits(4_000_000, 16_384))
        wrongly = [r.reason for r in refused if r.reason not in RIGHTLY]
        assert table.num_rows + len(refused) == len(read)
        if len(wrongly) > 0.005 * len(read):
            poor[source.name] = wrongly
    assert not poor


def test_the_short_way_through_the_readers_says_what_they_say(instructions: Path) -> None:
    short = 0
    for source in resolve([str(instructions)]):
        assert source.path is not None
        for item in islice(files.read(source.path), 200):
            by = plain.plan(tuple(item.value)) if isinstance(item, files.Row) and isinstance(item.value, dict) else None
            turns = plain.turns(item.value, by) if by and isinstance(item, files.Row) else None
            if turns is None or by is None:
                continue
            short += 1
            found = shape(item.value)
            assert (turns, ()) == (found.turns, found.others)
            assert not found.extra
            assert {n for n in item.value if n.lower() not in found.used and n != by.own} == set(by.rest)
    assert short > 5_000
