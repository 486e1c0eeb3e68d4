from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import datasets
import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from handoff_catalog import MIXTURE, build, conversations
from transformers.utils.chat_template_utils import render_jinja_template

from curation.template import SUS, segments
from mixtures.handoff import manifest
from mixtures.handoff.manifest import Settings
from mixtures.handoff.materialise import handoff
from mixtures.handoff.verify import verify

SMALL = Settings(mix="small", budget_tokens=9_000, max_tokens=600, shard_records=60)
SHARED = SMALL.model_copy(update={"mix": "shared", "packing": "shared"})


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("root"))


def lines(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "data").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").split("\n")[:-1]]


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in [*manifest.files(folder), manifest.MANIFEST]}


def faults(folder: Path) -> list[str]:
    return [f"{c.name}: {c.detail}" for c in verify(folder) if not c.passed]


def swap(catalog: Path, folder: Path, statement: str) -> Path:
    """Return a copy of the catalog after one SQL statement."""
    folder.mkdir()
    copy = folder / "corpus.duckdb"
    copy.write_bytes(catalog.read_bytes())
    with duckdb.connect(str(copy)) as con:
        con.execute(statement)
    return copy


@pytest.mark.parametrize("packing", ["isolated", "shared"])
@pytest.mark.parametrize("budget", [400, 3_001, 20_000])
@pytest.mark.parametrize(
    "mixture", [MIXTURE, {"zh-math": 1.0}, {"en-chat": 0.25, "en-code": 0.75}], ids=["three", "one", "two"]
)
def test_the_budget_is_met_to_within_one_record(
    catalog: Path, tmp_path: Path, mixture: dict[str, float], budget: int, packing: str
) -> None:
    settings = Settings(budget_tokens=budget, packing=packing, max_tokens=600, shard_records=100, epoch_cap=8)
    made = handoff(catalog, mixture, settings, tmp_path / "mix", {})
    lineage = pq.read_table(tmp_path / "mix" / "lineage.parquet")
    tokens = lineage["n_tokens"].to_numpy()
    assert made.achieved == tokens.sum()
    assert abs(int(tokens.sum()) - budget) <= tokens.max()
    for domain in made.domains:
        found = int(tokens[lineage["domain"].to_numpy(zero_copy_only=False) == domain.domain].sum())
        assert found == domain.achieved
        assert abs(found - mixture[domain.domain] * budget) <= 2 * tokens.max()
    assert faults(tmp_path / "mix") == []


def test_datasets_loads_the_lines_as_they_are(catalog: Path, tmp_path: Path) -> None:
    made = handoff(catalog, MIXTURE, SMALL, tmp_path / "small", {})
    files = sorted(str(p) for p in (tmp_path / "small" / "data").glob("*.jsonl"))
    loaded = datasets.load_dataset("json", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.column_names == ["id", "channel", "messages"]
    assert loaded.to_list() == lines(tmp_path / "small")
    assert len(loaded) == made.lines == made.records
    folder = datasets.load_dataset(str(tmp_path / "small" / "data"), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(folder) == made.lines


def test_every_line_holds_the_record_that_lineage_names(catalog: Path, tmp_path: Path) -> None:
    handoff(catalog, MIXTURE, SMALL, tmp_path / "small", {})
    with duckdb.connect(str(catalog), read_only=True) as con:
        query = "SELECT id::VARCHAR, domain, turns FROM records JOIN domains USING (id)"
        known = {row[0]: row[1:] for row in con.execute(query).fetchall()}
    rows = pq.read_table(tmp_path / "small" / "lineage.parquet").to_pylist()
    for line, row in zip(lines(tmp_path / "small"), rows, strict=True):
        domain, turns = known[line["id"]]
        assert (line["id"], line["channel"]) == (str(row["id"]), domain)
        assert [m["content"] for m in line["messages"]] == [t["content"] for t in turns]
        assert [m["role"] for m in line["messages"]] == [t["role"].replace("tool", "user") for t in turns]
    assert any(t["role"] == "tool" for line in lines(tmp_path / "small") for t in known[line["id"]][1])


@pytest.mark.parametrize("settings", [SMALL, SHARED], ids=["isolated", "shared"])
def test_a_rerun_writes_the_same_bytes(catalog: Path, tmp_path: Path, settings: Settings) -> None:
    handoff(catalog, MIXTURE, settings, tmp_path / "a", {"search": "k"})
    handoff(catalog, MIXTURE, settings, tmp_path / "b", {"search": "k"})
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    handoff(catalog, MIXTURE, settings.model_copy(update={"seed": 1}), tmp_path / "c", {"search": "k"})
    assert lines(tmp_path / "a") != lines(tmp_path / "c")


def test_a_second_run_does_no_work_and_brings_provenance_up_to_date(catalog: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small"
    handoff(catalog, MIXTURE, SMALL, folder, {"search": "first"})
    before = {name: (folder / name).stat().st_mtime_ns for name in [*manifest.files(folder), manifest.MANIFEST]}
    handoff(catalog, MIXTURE, SMALL, folder, {"search": "first"})
    after = {name: (folder / name).stat().st_mtime_ns for name in before}
    assert after == before
    assert handoff(catalog, MIXTURE, SMALL, folder, {"search": "second"}).provenance == {"search": "second"}
    changed = [name for name in before if (folder / name).stat().st_mtime_ns != before[name]]
    assert changed == [manifest.MANIFEST]
    assert faults(folder) == []
    (folder / "data" / "part-00000-of-00003.jsonl").unlink()
    handoff(catalog, MIXTURE, SMALL, folder, {"search": "second"})
    assert faults(folder) == []


def test_a_smaller_budget_is_the_beginning_of_a_larger_one(catalog: Path, tmp_path: Path) -> None:
    handoff(catalog, MIXTURE, SMALL, tmp_path / "large", {})
    handoff(catalog, MIXTURE, SMALL.model_copy(update={"budget_tokens": 2_000}), tmp_path / "small", {})
    small = lines(tmp_path / "small")
    assert len(small) > 0
    assert small == lines(tmp_path / "large")[: len(small)]


def test_too_small_a_supply_names_every_domain_and_the_budget_that_is_possible(catalog: Path, tmp_path: Path) -> None:
    settings = SMALL.model_copy(update={"budget_tokens": 10_000_000, "epoch_cap": 2.0})
    with pytest.raises(ValueError, match=r"10,000,000 tokens asked, at most [\d,]+ are possible") as caught:
        handoff(catalog, MIXTURE, settings, tmp_path / "mix", {})
    assert all(name in str(caught.value) for name in MIXTURE)
    possible = int(str(caught.value).split("at most ")[1].split(" ")[0].replace(",", ""))
    with pytest.raises(ValueError, match="are possible"):
        handoff(catalog, MIXTURE, settings.model_copy(update={"budget_tokens": possible + 10}), tmp_path / "mix", {})
    handoff(catalog, MIXTURE, settings.model_copy(update={"budget_tokens": possible}), tmp_path / "mix", {})
    assert faults(tmp_path / "mix") == []


def test_a_domain_that_the_catalog_lacks_is_named(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lacks: fr-poetry; it has: en-chat, en-code, zh-math"):
        handoff(catalog, {"zh-math": 0.5, "fr-poetry": 0.5}, SMALL, tmp_path / "mix", {})
    with pytest.raises(ValueError, match="sum to 1"):
        handoff(catalog, {"zh-math": 0.5}, SMALL, tmp_path / "mix", {})


def test_records_that_no_trainer_takes_are_left_out_and_counted(tmp_path: Path) -> None:
    bad = [
        [("user", "first"), ("user", "second"), ("assistant", "answer")],
        [("user", "no answer")],
        [("assistant", "no question")],
        [("user", "then"), ("system", "late"), ("assistant", "answer")],
        [("user", "end it"), ("assistant", "done <|endoftext|> and more")],
        [("user", "say nothing"), ("assistant", "")],
        [("user", "long"), ("assistant", "word " * 700)],
    ]
    good = [row for row in conversations() if row[0] == "zh-math"]
    catalog = build(tmp_path / "root", good + [("zh-math", turns) for turns in bad])
    settings = SMALL.model_copy(update={"budget_tokens": 40_000, "epoch_cap": 20.0})
    made = handoff(catalog, {"zh-math": 1.0}, settings, tmp_path / "mix", {})
    assert made.left_out == {"too_long": 1, "turn_order": 4, "tool_turn": 0, "control_token": 1, "empty_answer": 1}
    assert made.domains[0].distinct == len(good)
    assert made.domains[0].epochs > 3
    assert faults(tmp_path / "mix") == []
    with duckdb.connect(str(catalog), read_only=True) as con:
        unfit = {
            row[0] for row in con.execute("SELECT id::VARCHAR FROM records WHERE source_id::INT >= 120").fetchall()
        }
    assert len(unfit) == len(bad)
    assert not unfit & {line["id"] for line in lines(tmp_path / "mix")}


def test_shared_lines_join_whole_conversations_and_hold_none_twice(catalog: Path, tmp_path: Path) -> None:
    settings = SHARED.model_copy(update={"budget_tokens": 40_000, "epoch_cap": 8.0})
    made = handoff(catalog, MIXTURE, settings, tmp_path / "mix", {})
    rows = pq.read_table(tmp_path / "mix" / "lineage.parquet").to_pylist()
    found: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["shard"], row["row"]), []).append(row)
    said = lines(tmp_path / "mix")
    assert len(found) == len(said) == made.lines < made.records / 3
    assert max(row["epoch"] for row in rows) > 2
    alone, mixed = 0, 0
    for line, members in zip(said, found.values(), strict=True):
        assert sum(m["n_tokens"] for m in members) <= settings.max_tokens
        assert len({m["id"] for m in members}) == len(members)
        assert all(m["role"] != "system" for m in line["messages"][1:])
        assert sum(m["messages"] for m in members) == len(line["messages"])
        alone += line["channel"] != "mixed" and len(members) > 1
        mixed += line["channel"] == "mixed"
    assert alone
    assert mixed
    tokens = np.array([sum(m["n_tokens"] for m in members) for members in found.values()])
    opening = np.array([line["messages"][0]["role"] == "system" for line in said])
    assert np.median(tokens[~opening]) > 0.9 * settings.max_tokens  # a line has room for one system prompt only


def test_a_run_that_fails_leaves_the_earlier_hand_off_as_it_was(catalog: Path, tmp_path: Path) -> None:
    folder = tmp_path / "handoff" / "mix"
    handoff(catalog, MIXTURE, SMALL, folder, {})
    before = contents(folder)
    broken = swap(catalog, tmp_path / "broken", "DELETE FROM records WHERE source_id::INT % 3 = 0")
    with pytest.raises(ValueError, match=r"drawn from the view domains, \d+ found by their ids in the view records"):
        handoff(broken, MIXTURE, SMALL.model_copy(update={"seed": 5}), folder, {})
    assert contents(folder) == before
    assert [p.name for p in folder.parent.iterdir()] == ["mix"]


def test_what_a_killed_run_left_behind_is_cleared_away(catalog: Path, tmp_path: Path) -> None:
    left = tmp_path / ".mix.tmp" / "data"
    left.mkdir(parents=True)
    (left / "part-00000-of-00009.jsonl").write_text("half a li")
    handoff(catalog, MIXTURE, SMALL, tmp_path / "mix", {})
    assert faults(tmp_path / "mix") == []
    assert [p.name for p in tmp_path.iterdir()] == ["mix"]


def test_a_catalog_without_the_reports_views_still_hands_off(catalog: Path, tmp_path: Path) -> None:
    plain = swap(catalog, tmp_path / "plain", "DROP TABLE fuzzy")
    handoff(plain, MIXTURE, SMALL, tmp_path / "mix", {})
    assert "not available from this catalog" in json.loads((tmp_path / "mix" / "reports" / "fuzzy.json").read_bytes())
    assert "not available from this catalog" in (tmp_path / "mix" / "DATASHEET.md").read_text(encoding="utf-8")


def test_the_swift_script_names_the_data_beside_it_and_passes_options_on(catalog: Path, tmp_path: Path) -> None:
    handoff(catalog, MIXTURE, SMALL, tmp_path / "a mix", {})
    fake = tmp_path / "bin" / "swift"
    fake.parent.mkdir()
    fake.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    for script in ("ms-swift.sh", "megatron-swift.sh"):
        fake.with_name("megatron").write_bytes(fake.read_bytes())
        fake.with_name("megatron").chmod(0o755)
        command = [str(tmp_path / "a mix" / "launch" / script), "--seed", "7"]
        environment = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}"}
        said = subprocess.run(
            command, env=environment, cwd="/", capture_output=True, text=True, check=True
        ).stdout.split("\n")
        given = dict(zip(said[1::2], said[2::2], strict=False))
        assert said[0] == "sft"
        assert (given["--model"], given["--template"], given["--max_length"]) == ("01-ai/Yi-34B", "sus", "600")
        assert (given["--packing"], given["--seed"]) == ("true", "7")
        assert sorted(p.name for p in Path(given["--dataset"]).iterdir()) == [
            s.file for s in manifest.load(tmp_path / "a mix").shards
        ]


def test_the_launch_files_parse_and_name_this_hand_off(catalog: Path, tmp_path: Path) -> None:
    handoff(catalog, MIXTURE, SMALL, tmp_path / "mix", {})
    launch = tmp_path / "mix" / "launch"
    read = {
        name: yaml.safe_load((launch / name).read_bytes())
        for name in ("axolotl.yaml", "trl.yaml", "llamafactory/train.yaml")
    }
    assert (
        read["axolotl.yaml"]["sequence_len"]
        == read["trl.yaml"]["max_length"]
        == read["llamafactory/train.yaml"]["cutoff_len"]
        == 600
    )
    info = json.loads((launch / "llamafactory" / "dataset_info.json").read_bytes())
    assert (launch / "llamafactory" / info["small"]["file_name"]).resolve() == tmp_path / "mix" / "data"
    assert (launch / read["axolotl.yaml"]["datasets"][0]["path"]).is_dir()
    assert len(list(launch.glob(read["trl.yaml"]["datasets"][0]["data_files"]))) == len(
        manifest.load(tmp_path / "mix").shards
    )
    assert "@@" not in "".join(p.read_text(encoding="utf-8") for p in launch.rglob("*.*"))
    compile((launch / "llamafactory" / "train.py").read_bytes(), "train.py", "exec")


@pytest.mark.parametrize("settings", [SMALL, SHARED], ids=["isolated", "shared"])
def test_the_chat_template_for_other_trainers_renders_and_masks_as_ours(
    catalog: Path, tmp_path: Path, settings: Settings
) -> None:
    handoff(catalog, MIXTURE, settings, tmp_path / "mix", {})
    chat = (tmp_path / "mix" / "launch" / "chat_template.jinja").read_text(encoding="utf-8")
    said = [line["messages"] for line in lines(tmp_path / "mix")]
    texts, spans = render_jinja_template(conversations=said, chat_template=chat, return_assistant_tokens_mask=True)
    for messages, text, span in zip(said, texts, spans, strict=True):
        ours = segments([(m["role"], m["content"]) for m in messages], SUS)
        assert text == "".join(s.text for s in ours)
        assert "".join(text[start:stop] for start, stop in span) == "".join(s.text for s in ours if s.supervised)
