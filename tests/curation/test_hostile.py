"""Files and rows made to do harm end in quarantine, with their file, row and reason; what is sound beside them is read."""

from __future__ import annotations

import gzip
import io
import json
import resource
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from curation import shards
from curation.engine import Engine
from curation.files import tables, unpack
from curation.ingest import Normaliser, Settings, resolve, run
from curation.normalise import normalise, unsettled

GOOD = b'{"instruction": "q", "output": "a"}\n'
NUMBERED = b"".join(b'{"instruction": "q%d", "output": "%d"}\n' % (i, i * 7919) for i in range(20_000))


def ingested(folder: Path, name: str, data: bytes) -> tuple[int, list[tuple[int | None, str]]]:
    """Return the records of a file, and (row, reason) of what was quarantined."""
    path = folder / name
    path.write_bytes(data)
    sources = resolve([str(path)])
    ((records, _),) = run(folder / "root", sources, Settings(), Engine(), 1, Normaliser(normalise, unsettled)).values()
    found = [r for t in shards.read_shards(folder / "root" / "quarantine" / sources[0].name) for r in t.to_pylist()]
    assert all(r["file"].startswith(name) and r["detail"] for r in found)
    return records, [(r["row"], r["reason"]) for r in found]


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


LINE = '{"instruction": "你好世界，你好", "output": "一二三四"}\n'
ROWS: dict[str, tuple[str, bytes, str]] = {
    "nested 10,000 deep": ("a.jsonl", b'{"a": ' + nested(10_000) + b"}\n", "too_deep"),
    "nested too deep to be written again": ("a.jsonl", b'{"foo": ' + nested(990) + b"}\n", "unknown_format"),
    "turns nested deep": ("a.jsonl", b'{"messages": ' + nested(990) + b"}\n", "bad_turns"),
    "an answer nested deep": ("a.jsonl", b'{"instruction": "q", "output": ' + nested(900) + b"}\n", "too_deep"),
    "half of a UTF-16 pair": ("a.jsonl", b'{"instruction": "q\\ud83d", "output": "a"}\n', "lone_surrogate"),
    "NUL, escaped": ("a.jsonl", b'{"instruction": "q\\u0000", "output": "a"}\n', "nul"),
    "NUL, raw": ("a.jsonl", b'{"instruction": "q\0", "output": "a"}\n', "nul"),
    "a name twice": ("a.jsonl", b'{"instruction": "q", "output": "a", "output": "b"}\n', "duplicate_key"),
    "a name twice inside": (
        "a.jsonl",
        b'{"messages": [{"role": "user", "content": "a", "content": "b"}]}\n',
        "duplicate_key",
    ),
    "Latin-1": ("a.jsonl", '{"instruction": "café", "output": "a"}\n'.encode("latin-1"), "undecodable"),
    "an integer of 6,000 digits": ("a.jsonl", b'{"instruction": "q", "n": ' + b"9" * 6_000 + b"}\n", "malformed_json"),
    "no JSON": ("a.jsonl", b'{"instruction": "q" "output": }\n', "malformed_json"),
    "YAML nested a million deep": ("a.yaml", b"- q: " + b"[" * 1_000_000 + b"\n", "too_deep"),
    "YAML aliases": ("a.yaml", b"- {a: &x [1, 2], b: [*x, *x]}\n", "yaml_alias"),
    "a cell of 10 MB": ("a.csv", b'q,"' + b"x" * 10_000_000 + b'"\n', "too_long"),
    "NUL in a cell": ("a.csv", b"q\0,a\n", "nul"),
}  # fmt: skip
AROUND = {
    "a.jsonl": (GOOD * 3, GOOD),
    "a.yaml": (b"- {instruction: q, output: a}\n" * 3, b"- {instruction: q, output: a}\n"),
    "a.csv": (b"instruction,output\n" + b"q,a\n" * 3, b"q,a\n"),
}


@pytest.mark.parametrize("what", ROWS)
def test_a_hostile_row_costs_itself_and_no_other(tmp_path: Path, what: str) -> None:
    name, row, reason = ROWS[what]
    before, after = AROUND[name]
    assert ingested(tmp_path, name, before + row + after) == (4, [(4, reason)])


def test_a_line_of_gbk_among_utf8_costs_itself(tmp_path: Path) -> None:
    around = LINE.encode()
    assert ingested(tmp_path, "a.jsonl", around * 3 + LINE.encode("gb18030") + around) == (4, [(4, "undecodable")])


def test_a_line_of_utf16_among_utf8_costs_itself(tmp_path: Path) -> None:
    records, bad = ingested(tmp_path, "a.jsonl", GOOD * 3 + GOOD.decode().encode("utf-16-le") + GOOD * 3)
    assert records == 5  # the next line begins with the second half of a UTF-16 line end
    assert {reason for _, reason in bad} == {"malformed_json"}


def test_a_broken_element_of_an_array_costs_itself(tmp_path: Path) -> None:
    rows = [GOOD.strip()] * 3
    for bad, reason in (
        (b'{"instruction": "x" "output": }', "malformed_json"),
        (b'{"a": ' + nested(5_000) + b"}", "too_deep"),
    ):
        text = b"[" + b",\n".join([*rows, bad, *rows]) + b"]"
        assert ingested(tmp_path, "a.json", text) == (6, [(4, reason)])
    twice = b'{"instruction": "q", "output": "a", "output": "b"}'
    assert ingested(tmp_path, "b.json", b"[" + b",".join([*rows, twice]) + b"]") == (3, [(4, "duplicate_key")])


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf" + GOOD + b"\xef\xbb\xbf" + GOOD, (GOOD * 2).replace(b"\n", b"\r")])
def test_byte_order_marks_and_line_ends_of_old_macs_are_no_fault(tmp_path: Path, data: bytes) -> None:
    assert ingested(tmp_path, "a.jsonl", data) == (2, [])


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.yaml", "a.txt", "a.gz"])
def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, name: str) -> None:
    data = gzip.compress(b"") if name == "a.gz" else b""
    assert ingested(tmp_path, name, data) == (0, [(None, "empty_file")])


@pytest.mark.parametrize(("name", "pack"), [("a.jsonl.gz", gzip.compress), ("a.jsonl.zst", zstandard.compress)])
def test_a_truncated_archive_keeps_what_it_holds_and_says_that_it_was_cut(tmp_path: Path, name: str, pack: Any) -> None:
    records, bad = ingested(tmp_path, name, pack(NUMBERED)[:-5_000])
    assert 15_000 < records < 20_000
    assert bad[-1] == (None, "corrupt_archive")
    assert ingested(tmp_path, "b" + name, pack(NUMBERED[:400_003]) + pack(NUMBERED[400_003:])) == (20_000, [])


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_an_archive_that_expands_beyond_reason_is_stopped(
    tmp_path: Path, pack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "FREE_EXPANSION", 1 << 20)
    assert ingested(tmp_path, "a.jsonl", pack(GOOD + b"\n" * 100_000_000))[1] == [(None, "archive_bomb")]


def test_members_that_lead_out_of_an_archive_and_links_are_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    link = zipfile.ZipInfo("link.jsonl")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("ok.jsonl", "../a.jsonl", "/b.jsonl", "C:\\c.jsonl", "d/../../e.jsonl", "last.jsonl"):
            archive.writestr(name, GOOD)
        archive.writestr(link, "/etc/passwd")
    assert ingested(tmp_path, "a.zip", out.getvalue()) == (2, [(None, "unsafe_member")] * 5)
    assert not (tmp_path.parent / "a.jsonl").exists()


def test_a_tar_archive_is_named_as_one(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        member = tarfile.TarInfo("a.jsonl")
        member.size = len(NUMBERED)
        archive.addfile(member, io.BytesIO(NUMBERED))
    assert ingested(tmp_path, "a.tar.gz", out.getvalue()) == (0, [(None, "binary_file")])


def test_parquet_that_is_cut_or_claims_too_much_is_refused_and_a_row_of_bad_bytes_costs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "FREE_EXPANSION", 1 << 16)
    whole = io.BytesIO()
    pq.write_table(pa.table({"instruction": ["q"] * 500, "output": ["a"] * 500}), whole)
    assert ingested(tmp_path, "cut.parquet", whole.getvalue()[:-300]) == (0, [(None, "corrupt_parquet")])
    many = io.BytesIO()  # a million values in a few hundred bytes
    pq.write_table(pa.table({"n": pa.repeat(1, 1_000_000)}), many, compression="zstd")
    records, bad = ingested(tmp_path, "many.parquet", many.getvalue())
    assert records == 0
    assert bad[-1] == (None, "archive_bomb")
    ends = b"".join(n.to_bytes(4, "little") for n in (0, 1, 3, 4))
    texts = pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(ends), pa.py_buffer(b"a\xff\xfeb")])
    broken = io.BytesIO()
    pq.write_table(pa.table({"instruction": texts, "output": ["x", "y", "z"]}), broken)
    assert ingested(tmp_path, "bytes.parquet", broken.getvalue()) == (2, [(2, "undecodable")])


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_string_of_100_mb_is_refused_in_bounded_memory(tmp_path: Path, name: str) -> None:
    long = b'{"instruction": "q", "output": "' + b"x" * 100_000_000 + b'"}'
    data = GOOD + long + b"\n" + GOOD if name == "a.jsonl" else b"[" + b",".join([GOOD, long, GOOD]) + b"]"
    (tmp_path / name).write_bytes(data)
    code = "import sys; from pathlib import Path; from tests.curation.test_hostile import peak; peak(Path(sys.argv[1]), sys.argv[2])"
    out = subprocess.run([sys.executable, "-c", code, tmp_path, name], capture_output=True, text=True, check=True)
    records, reasons, megabytes = json.loads(out.stdout.splitlines()[-1])
    assert (records, reasons) == (2, ["row_too_large" if name == "a.jsonl" else "too_long"])
    assert megabytes < 1_000, "ten times the string"


def peak(folder: Path, name: str) -> None:
    """Print what became of a file, and by how much it raised the peak memory of a process whose kernels are compiled, in MiB."""
    ingested(folder, f"first-{name}", GOOD if name.endswith("l") else b"[" + GOOD + b"]")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    records, bad = ingested(folder, name, (folder / name).read_bytes())
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    used = more / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(json.dumps([records, [reason for _, reason in bad], used]))  # noqa: T201 - read by the test
