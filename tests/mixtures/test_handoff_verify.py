from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from handoff_catalog import MIXTURE, build

from mixtures.handoff.manifest import Settings
from mixtures.handoff.materialise import handoff
from mixtures.handoff.verify import CHECKS, verify

FIRST = "part-00000-of-00003.jsonl"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    settings = Settings(mix="mix", budget_tokens=5_000, max_tokens=600, shard_records=30)
    handoff(build(root), MIXTURE, settings, root / "mix", {})
    return root / "mix"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(made, tmp_path / "mix")


def failed(folder: Path, **options: bool) -> dict[str, str]:
    return {c.name: c.detail for c in verify(folder, **options) if not c.passed}


def edit(folder: Path, change: Callable[[list[dict[str, Any]]], None], *, forge: bool = False) -> None:
    """Change the lines of the first shard; `forge` writes their new hash into the manifest, as a careful forger would."""
    path = folder / "data" / FIRST
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    change(lines)
    path.write_bytes(b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines))
    if forge:
        rehash(folder, f"data/{FIRST}")


def rehash(folder: Path, name: str) -> None:
    told = json.loads((folder / "manifest.json").read_bytes())
    raw = (folder / name).read_bytes()
    entry = {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
    told["files"][name] = entry
    for shard in told["shards"]:
        if name == f"data/{shard['file']}":
            shard.update(entry)
    (folder / "manifest.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def retell(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    told = json.loads((folder / "manifest.json").read_bytes())
    change(told)
    (folder / "manifest.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")


def relineage(folder: Path, column: str, change: Callable[[list[Any]], None]) -> None:
    table = pq.read_table(folder / "lineage.parquet")
    values = table[column].to_pylist()
    change(values)
    at = table.schema.get_field_index(column)
    pq.write_table(
        table.set_column(at, table.schema.field(at), pa.array(values, table.schema.field(at).type)),
        folder / "lineage.parquet",
    )
    rehash(folder, "lineage.parquet")


def test_what_was_just_made_passes_every_check(folder: Path) -> None:
    checks = verify(folder)
    assert [c.name for c in checks] == list(CHECKS)
    assert [c for c in checks if not c.passed] == []
    assert failed(folder, retokenise=False) == {}


def test_one_flipped_byte_fails_the_hashes_and_names_the_file(folder: Path) -> None:
    path = folder / "data" / FIRST
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"user")] ^= 1
    path.write_bytes(raw)
    found = failed(folder)
    assert found["hashes"].startswith(f"data/{FIRST}: sha256: expected ")
    assert f"data/{FIRST} line 1: expected the roles system, user, assistant, tool, found 'tser'" in found["turns"]


def test_a_flipped_byte_of_any_file_is_found(folder: Path) -> None:
    names = sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"
    )
    assert {"DATASHEET.md", "launch/ms-swift.sh", "lineage.parquet", "reports/funnel.json"} <= set(names)
    for name in names:
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
        assert f"{name}: sha256" in failed(folder, retokenise=False)["hashes"]
        (folder / name).write_bytes(raw)


def test_a_dropped_line_fails_the_counts_with_both_numbers(folder: Path) -> None:
    edit(folder, lambda lines: lines.pop(3), forge=True)
    found = failed(folder)
    assert found["counts"] == f"data/{FIRST}: expected 30 lines, found 29"
    assert f"data/{FIRST} line 4: expected id" in found["lineage"]


@pytest.mark.parametrize("name", ["lines", "records", "n_tokens", "n_target_tokens"])
def test_a_changed_count_of_a_shard_is_found(folder: Path, name: str) -> None:
    def change(told: dict[str, Any]) -> None:
        told["shards"][1][name] += 1

    retell(folder, change)
    found = failed(folder)
    assert "counts" in found
    assert f"sum of the shards' {name}" in found["manifest"]


@pytest.mark.parametrize("name", ["achieved", "asked", "longest"])
def test_a_changed_total_is_found(folder: Path, name: str) -> None:
    retell(folder, lambda told: told.update({name: told[name] + 1_000}))
    assert "budget" in failed(folder)


def test_a_budget_that_the_data_miss_is_found(folder: Path) -> None:
    def change(told: dict[str, Any]) -> None:
        told["asked"] = told["settings"]["budget_tokens"] = 6_000

    retell(folder, change)
    assert "expected 6,000 tokens to within its longest record" in failed(folder)["budget"]


def test_another_mixture_than_the_data_hold_is_found(folder: Path) -> None:
    retell(folder, lambda told: told.update(mixture={"zh-math": 0.2, "en-code": 0.6, "en-chat": 0.2}))
    assert "expected 3,000 tokens to within a record" in failed(folder)["budget"]


def test_a_lengthened_record_fails_tokens_and_lengths_even_under_a_new_hash(folder: Path) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        lines[7]["messages"][-1]["content"] += " and more" * 600

    edit(folder, change, forge=True)
    found = failed(folder)
    assert set(found) == {"tokens", "lengths"}
    assert found["tokens"].startswith(f"data/{FIRST} line 8: record ")
    assert f"data/{FIRST} line 8: expected at most 600 tokens, found 1," in found["lengths"]


def test_a_deleted_shard_and_a_stray_file_are_named(folder: Path) -> None:
    (folder / "data" / FIRST).unlink()
    assert failed(folder)["files"] == f"data/{FIRST}: expected by the manifest, found no such file"
    assert failed(folder)["counts"] == f"data/{FIRST}: expected 30 lines, found no such file"
    (folder / "data" / "part-00009.jsonl").write_text("{}\n")
    assert "and 1 more" in failed(folder)["files"]


def test_swapped_lines_are_found_by_lineage(folder: Path) -> None:
    edit(folder, lambda lines: lines.reverse(), forge=True)
    assert f"data/{FIRST} line 1: expected " in failed(folder)["lineage"]


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("turns", lambda lines: lines[0]["messages"].append({"role": "user", "content": "and then?"})),
        ("turns", lambda lines: lines[0]["messages"].insert(1, {"role": "system", "content": "late"})),
        ("turns", lambda lines: lines[0]["messages"][0].update(role="wizard")),
        ("turns", lambda lines: lines[0]["messages"][0].update(content="a <|endoftext|> b")),
        ("lines", lambda lines: lines[0].pop("channel")),
        ("lines", lambda lines: lines[0]["messages"][0].update(content=None)),
        ("lines", lambda lines: lines[0]["messages"].clear()),
        ("masks", lambda lines: lines[0].update(messages=lines[0]["messages"][:1])),
        ("lineage", lambda lines: lines[0].update(channel="other")),
        ("lineage", lambda lines: lines.append(lines[0])),
    ],
)
def test_a_line_that_is_not_what_a_trainer_takes_is_found(
    folder: Path, check: str, change: Callable[[Any], None]
) -> None:
    edit(folder, change, forge=True)
    assert FIRST in failed(folder)[check]


def test_a_line_that_is_no_json_is_named(folder: Path) -> None:
    path = folder / "data" / FIRST
    path.write_bytes(path.read_bytes()[:-30])
    found = failed(folder)
    assert f"data/{FIRST}: expected a line end at the end of the file" in found["lines"]
    assert "hashes" in found


def test_a_record_twice_in_an_epoch_is_found(folder: Path) -> None:
    def change(values: list[Any]) -> None:
        values[5] = values[4]

    relineage(folder, "id", change)
    assert "expected epoch 2, found epoch 1" in failed(folder)["lineage"]


def test_wrong_token_counts_are_found_by_counting_again(folder: Path) -> None:
    def change(values: list[Any]) -> None:  # sums stay as they are
        values[0], values[1] = values[0] + 3, values[1] - 3

    relineage(folder, "n_tokens", change)
    assert "tokens" in failed(folder)
    assert "tokens" not in failed(folder, retokenise=False)


def test_a_missing_manifest_is_a_failed_check_in_one_sentence(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    checks = verify(folder)
    assert [(c.name, c.passed) for c in checks] == [("manifest", False)]
    assert "expected a manifest, found no such file" in checks[0].detail
    assert not verify(folder / "nowhere")[0].passed
    assert not verify(folder / "DATASHEET.md")[0].passed


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"stage": "ingest"}', "\x00\xff"])
def test_a_corrupt_manifest_is_a_failed_check_in_one_sentence(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text, encoding="latin-1")
    checks = verify(folder)
    assert [(c.name, c.passed) for c in checks] == [("manifest", False)]
    assert "expected the manifest of a hand-off, found a fault at" in checks[0].detail
    assert "\n" not in checks[0].detail


def test_a_corrupt_lineage_is_a_failed_check(folder: Path) -> None:
    (folder / "lineage.parquet").write_bytes(b"not parquet")
    assert "expected a Parquet file" in failed(folder)["lineage"]
    pq.write_table(pa.table({"id": [1]}), folder / "lineage.parquet")
    assert "expected the columns" in failed(folder)["lineage"]


def test_a_tokenizer_that_cannot_be_opened_is_a_failed_check(folder: Path) -> None:
    retell(folder, lambda told: told["settings"]["tokens"].update(tokenizer="/nowhere/tokenizer.json"))
    assert "tokenizer /nowhere/tokenizer.json" in failed(folder)["tokens"]
    assert "tokens" not in failed(folder, retokenise=False)
