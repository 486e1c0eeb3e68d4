"""Raw file → rows, on tiny files written here."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curation.files import Bad, Row, array, document, lines, read, read_blocks, tables, unpack

ROWS = [{"instruction": "一加一", "output": "二"}, {"instruction": "b", "output": "c"}]


def values(path: Path) -> list[Any]:
    return [item.value for item in read(path) if isinstance(item, Row)]


def bad(path: Path) -> list[tuple[int | None, str]]:
    return [(item.number, item.reason) for item in read(path) if isinstance(item, Bad)]


def put(folder: Path, name: str, data: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


JSONL = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in ROWS)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.json", json.dumps(ROWS, indent=2)),
        ("a.jsonl", JSONL),
        ("lines-called.json", "\ufeff" + JSONL.replace("\n", "\r\n\r\n")),
        ("noname", json.dumps(ROWS)),
        ("pretty-one-after-another.json", "\n".join(json.dumps(r, indent=1) for r in ROWS)),
        ("utf16.json", json.dumps(ROWS, ensure_ascii=False).encode("utf-16")),
        ("utf16-without-bom.jsonl", JSONL.encode("utf-16-le")),
        ("gb.jsonl", JSONL.encode("gb18030")),
        ("a.csv", "instruction,output\r\n一加一,二\r\nb,c\r\n"),
        ("a.tsv", "instruction\toutput\n一加一\t二\nb\tc\n"),
        ("a.yaml", "# rows\n- instruction: 一加一\n  output: 二\n- instruction: b\n  output: c\n"),
    ],
)
def test_the_same_rows_come_out_of_every_text_container(tmp_path: Path, name: str, data: str | bytes) -> None:
    path = put(tmp_path, name, data)
    assert values(path) == ROWS
    assert bad(path) == []


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_compression_is_told_by_the_first_bytes_and_not_by_the_name(tmp_path: Path, pack: Any) -> None:
    assert values(put(tmp_path, "no-suffix", pack(JSONL.encode()))) == ROWS


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_the_bytes_of_a_file_are_told_as_they_are_read(tmp_path: Path, pack: Any) -> None:
    path, told = put(tmp_path, "a.jsonl", pack(JSONL.encode() * 50_000)), list[int]()
    seen = [sum(told) for _ in read_blocks(path, told.append)]
    assert sum(told) == path.stat().st_size
    assert seen == sorted(seen)


def test_parquet_is_read_batch_by_batch(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    assert values(tmp_path / "a.parquet") == ROWS


def test_an_object_that_holds_one_list_hands_its_other_fields_to_each_row(tmp_path: Path) -> None:
    path = put(tmp_path, "a.json", json.dumps({"prompt": "P", "example": [{"question": "q"}]}, indent=1))
    assert values(path) == [{"question": "q", "container": {"prompt": "P"}}]


def test_a_dict_keyed_by_id_gives_each_row_its_id(tmp_path: Path) -> None:
    assert values(put(tmp_path, "a.json", json.dumps({"7": {"q": 1}, "9": {"q": 2}}))) == [
        {"id": "7", "q": 1},
        {"id": "9", "q": 2},
    ]


def test_one_conversation_in_a_file_is_one_row_and_not_its_turns(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert values(put(tmp_path, "list.json", json.dumps(turns, indent=1))) == [turns]
    assert values(put(tmp_path, "dict.json", json.dumps({"messages": turns}, indent=1))) == [{"messages": turns}]


def test_rows_are_numbered_by_line_in_jsonl_and_by_record_elsewhere(tmp_path: Path) -> None:
    path = put(tmp_path, "a.jsonl", '{"a":1}\n\n{"a":2}\n')
    assert [item.number for item in read(path)] == [1, 3]
    path = put(tmp_path, "a.csv", 'name,said\nx,"two\nlines"\ny,z\n')
    assert [(item.number, item.value["said"]) for item in read(path) if isinstance(item, Row)] == [
        (1, "two\nlines"),
        (2, "z"),
    ]


def test_a_table_without_header_gives_lists_and_loses_no_row(tmp_path: Path) -> None:
    path = put(tmp_path, "a.tsv", "Is it true that a dog barks?\tyes\tDogs bark.\nIs it?\tno\tIt isn't.\n")
    assert values(path)[0] == ["Is it true that a dog barks?", "yes", "Dogs bark."]
    mmlu = put(tmp_path, "b.csv", "Find x.,1,2,3,4,B\nFind y.,1,2,3,4,C\n")
    assert len(values(mmlu)) == 2
    ceval = put(tmp_path, "c.csv", "id,question,A,B,C,D\n0,q,1,2,3,4\n")
    assert values(ceval) == [{"id": "0", "question": "q", "A": "1", "B": "2", "C": "3", "D": "4"}]


def test_logiqa_blocks_are_rows(tmp_path: Path) -> None:
    block = "\nb\nAll men die.\nWhat follows?\nA.x\nB.y\nC.z\nD.w\n"
    row = {
        "answer": "b",
        "context": "All men die.",
        "question": "What follows?",
        "options": ["A.x", "B.y", "C.z", "D.w"],
    }
    assert values(put(tmp_path, "a.txt", block * 2)) == [row, row]


def test_every_row_that_parses_is_recovered_from_a_broken_array(tmp_path: Path) -> None:
    text = '[{"q": "a", "v": 1},\n{"q": "b" "v": 2},\n{"q": "c", "v": 3}\n{"q": "d", "v": 4},]'
    path = put(tmp_path, "a.json", text)
    assert [v["q"] for v in values(path)] == ["a", "c", "d"]
    assert bad(path) == [(2, "malformed_json"), (None, "malformed_document")]  # no comma after the third


def test_a_cut_off_array_keeps_its_whole_rows_and_says_that_it_was_cut(tmp_path: Path) -> None:
    path = put(tmp_path, "a.json", '[{"q": "a"}, {"q": "b"}, {"q": "c')
    assert [v["q"] for v in values(path)] == ["a", "b"]
    assert [reason for _, reason in bad(path)] == ["malformed_document", "malformed_json", "truncated_document"]


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_an_array_is_cut_into_rows_wherever_its_blocks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: int | None
) -> None:
    odd = ["}, {", "]", '"', "\\", '\\"', "\n\t", "长", "", "a\\\\", "[1,", "x" * 300]
    rows = [{"q": text, "n": [n, -1.5e3, None, True, {"a": [text]}]} for n, text in enumerate(odd * 3)]
    path = put(tmp_path, "a.json", json.dumps(rows, ensure_ascii=False, indent=indent))
    monkeypatch.setattr(unpack, "CHUNK", 61)
    monkeypatch.setattr(unpack, "PROBE", 61)
    for block in range(1, 200, 7):
        monkeypatch.setattr(array, "BLOCK", block)
        assert values(path) == rows
    assert [row.number for row in read(path)] == list(range(1, len(rows) + 1))


def test_an_array_that_holds_more_than_objects_is_read_to_its_end(tmp_path: Path) -> None:
    rows = [{"q": "a"}, {"q": "b"}, ["c", "d"], "e", {"q": "f"}]
    path = put(tmp_path, "a.json", json.dumps(rows))
    assert values(path) == rows
    assert bad(path) == []
    path = put(tmp_path, "joined.json", json.dumps(rows[:2]) + " " + json.dumps(rows[4:]))
    assert values(path) == [rows[0], rows[1], rows[4]]
    assert [row.number for row in read(path)] == [1, 2, 3]
    path = put(tmp_path, "b.json", '[{"q": "a"}, {"q": "two\nlines"}, {"q": NaN, "b": 1}]')
    assert [v["q"] for v in values(path)][:2] == ["a", "two\nlines"]
    assert len(values(path)) == 3


@pytest.mark.parametrize(("between", "end"), [(",,", ""), (" ", ""), (",", ",\n")])
def test_an_array_with_wrong_commas_is_said_to_be_broken_and_its_rows_are_read(
    tmp_path: Path, between: str, end: str
) -> None:
    path = put(tmp_path, "a.json", f'[{{"q": "a"}}{between}{{"q": "b"}}{end}]')
    assert [v["q"] for v in values(path)] == ["a", "b"]
    assert bad(path) == [(None, "malformed_document")]


def test_text_between_the_rows_of_an_array_is_told_and_the_rows_are_read(tmp_path: Path) -> None:
    path = put(tmp_path, "a.json", '[{"q": "a"}, {"q": "said "no" to it"}, {"q": "c"}]')
    assert [v["q"] for v in values(path)] == ["a", "c"]
    assert (2, "malformed_json") in bad(path)


def test_a_long_array_is_walked_as_it_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"q": f"{i} " + "长" * 40} for i in range(500)]
    monkeypatch.setattr(document, "WHOLE", 1_000)
    monkeypatch.setattr(unpack, "CHUNK", 700)
    monkeypatch.setattr(unpack, "PROBE", 100)
    path = put(tmp_path, "a.json", json.dumps(rows, ensure_ascii=False))
    assert values(path) == rows
    assert bad(path) == []


def test_a_bad_line_costs_one_row_and_says_what_is_wrong(tmp_path: Path) -> None:
    data = b'{"a": 1}\n{"a": \n{"a": "\xff\xfe broken"}\n{"a": NaN}\n{"a": "\\ud83d"}\n'
    path = put(tmp_path, "a.jsonl", data)
    assert bad(path) == [(2, "malformed_json"), (3, "undecodable"), (5, "lone_surrogate")]
    assert len(values(path)) == 2


def test_one_broken_byte_does_not_turn_utf8_into_mojibake(tmp_path: Path) -> None:
    path = put(tmp_path, "a.jsonl", JSONL.encode() + b'{"a": "caf\xe9"}\n')
    assert values(path) == ROWS
    assert bad(path) == [(3, "undecodable")]


def test_a_bad_yaml_entry_costs_one_row_and_aliases_are_refused(tmp_path: Path) -> None:
    path = put(tmp_path, "a.yaml", "- q: a\n- q: [unclosed\n- q: c\n- {a: &x [1, 2], b: [*x, *x]}\n")
    assert values(path) == [{"q": "a"}, {"q": "c"}]
    assert bad(path) == [(2, "malformed_yaml"), (4, "yaml_alias")]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.jsonl", b"", "empty_file"),
        ("a.json", b"[]", "empty_file"),
        ("a.json.gz", b'{"a": 1}', "corrupt_archive"),
        ("a.zip", b"PK\x03\x04 and no more", "corrupt_archive"),
        ("a.parquet", b"PAR1 and no more", "corrupt_parquet"),
        ("a.json", b"\x00\x01\x02\x03" * 9_000, "binary_file"),
        ("a.jsonl", b"7z\xbc\xaf\x27\x1c", "binary_file"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_to_be_once_and_never_raises(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    assert bad(put(tmp_path, name, data)) == [(None, reason)]


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_zip_members_are_read_in_order_and_named(tmp_path: Path) -> None:
    path = put(tmp_path, "a.zip", zipped({"z/2.json": b'{"chat": 1}', "1.jsonl": b'{"a":1}\n{"a":2}\n', "e.json": b""}))
    assert [(i.file, i.number) for i in read(path)] == [
        ("a.zip!z/2.json", 1), ("a.zip!1.jsonl", 1), ("a.zip!1.jsonl", 2), ("a.zip!e.json", None),
    ]  # fmt: skip


def test_hostile_zip_members_are_refused_by_name_and_the_others_read(tmp_path: Path) -> None:
    inner = zipped({"a.json": b"[]"})
    path = put(tmp_path, "a.zip", zipped({"../out.json": b'{"a":1}', "in.zip": inner, "ok.jsonl": b'{"a":1}\n'}))
    assert [reason for _, reason in bad(path)] == ["unsafe_member", "nested_archive"]
    assert values(path) == [{"a": 1}]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip"]


def test_an_archive_bomb_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "FREE_EXPANSION", 1 << 20)
    line = json.dumps({"a": "x" * 1000}).encode() + b"\n"
    assert bad(put(tmp_path, "a.jsonl.gz", gzip.compress(line * 9_000)))[-1] == (None, "archive_bomb")
    assert bad(put(tmp_path, "a.zip", zipped({"a.jsonl": line * 9_000})))[-1] == (None, "archive_bomb")


def test_a_line_without_end_is_refused_and_the_next_ones_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_ROW", 1_000)
    monkeypatch.setattr(unpack, "CHUNK", 256)
    monkeypatch.setattr(unpack, "PROBE", 100)
    path = put(tmp_path, "a.jsonl", b'{"a":1}\n{"a":"' + b"x" * 5_000 + b'"}\n{"a":3}\n')
    assert bad(path) == [(2, "row_too_large")]
    assert values(path) == [{"a": 1}, {"a": 3}]


def test_a_csv_record_with_too_many_or_too_large_cells_is_bad_and_the_next_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_CELL", 100)
    path = put(tmp_path, "a.csv", f"name,said\na,b\na,b,c\na,{'x' * 200}\nd,e\n")
    assert [reason for _, reason in bad(path)] == ["malformed_csv", "malformed_csv"]
    assert values(path) == [{"name": "a", "said": "b"}, {"name": "d", "said": "e"}]


def test_deep_nesting_is_a_bad_row_and_not_a_crash(tmp_path: Path) -> None:
    path = put(tmp_path, "a.jsonl", b'{"a":1}\n{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")
    assert bad(path) == [(2, "too_deep")]
    assert values(path) == [{"a": 1}]
