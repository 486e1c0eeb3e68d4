"""`prefect run synthesize` on a curated corpus: short keys, the plan, the view traces, and every judge's verdict on a trace."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from flows import cli

sys.path.insert(0, str(Path(__file__).parents[1] / "curation"))
from endpoint import MODEL, Server, adds, serve

VIEW = "id parent_id sample accepted reason verified agreement method model prompt_hash answer".split()


class Job:
    """A curated root and a server to ask."""

    def __init__(self, root: Path, server: Server) -> None:
        self.root, self.server = root, server

    def run(self, *words: str) -> int:
        return cli.main(["synthesize", f"root={self.root}", f"endpoints={self.server.url}", f"model={MODEL}", *words])

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.root / "corpus.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, prefect: None) -> Iterator[Job]:
    folder = tmp_path_factory.mktemp("synthesize")
    source, benchmark = folder / "raw" / "sums.jsonl", folder / "benchmarks" / "sums.jsonl"
    things = "apples pears plums figs limes dates nuts beans seeds shells coins stones".split()
    rows = [
        {
            "instruction": f"Anna has {7 * i + 3} {thing} and Ben brings her {11 * i + 5} more {thing} from the market in the "
            f"old town. How many {thing} does Anna have in all after Ben has come home to her kitchen?",
            "output": f"She has {7 * i + 3} + {11 * i + 5} = {18 * i + 8} {thing}.\n#### {18 * i + 8}",
        }
        for i, thing in enumerate(things, 1)
    ]  # fmt: skip
    source.parent.mkdir()
    benchmark.parent.mkdir()
    source.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    benchmark.write_text(json.dumps({"question": "What is the capital of the country whose flag is a red disc on white?", "answer": "Tokyo"}))  # fmt: skip
    root = folder / "corpus"
    assert cli.main(["curate", f"root={root}", f"sources={source}", f"benchmarks={benchmark.parent}", "workers=1"]) == 0
    with serve(adds) as server:
        yield Job(root, server)


def test_a_plan_tells_what_a_run_would_cost_and_does_nothing(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(job.root.rglob("*"))
    assert job.run("where=keep", "samples=4", "limit=7", "--plan") == 0
    told = capsys.readouterr().out
    assert "7 prompts selected" in told
    assert "28 samples to make" in told
    assert "GPU-hours" in told
    assert not job.server.asked
    assert [p for p in sorted(job.root.rglob("*")) if p.is_file()] == [p for p in before if p.is_file()]


def test_short_keys_run_it_and_traces_has_a_row_a_sample_accepted_ones_being_records(job: Job) -> None:
    assert job.run("where=keep AND lang = 'en'", "samples=4", "limit=7") == 0
    assert [row[0] for row in job.ask("DESCRIBE traces")][: len(VIEW)] == VIEW
    assert job.ask("SELECT count(*), count(*) FILTER (accepted), count(DISTINCT id), count(DISTINCT parent_id) FROM traces") == [(28, 14, 28, 7)]  # fmt: skip
    assert job.ask("SELECT count(*) FROM traces JOIN records USING (id)") == [(14,)]
    assert job.ask(
        "SELECT count(*) FROM traces AS t JOIN records AS r USING (id) WHERE accepted AND t.parent_id = r.parent_id"
    ) == [(14,)]
    assert set(job.ask("SELECT reason FROM traces")) == {(None,), ("not_equal_reference",), ("truncated",)}
    assert job.ask("SELECT DISTINCT verified, model, server FROM traces WHERE accepted") == [
        (True, MODEL, "vllm 0.32.0")
    ]
    assert job.ask(
        "SELECT count(*) FROM records AS r ANTI JOIN traces AS t USING (id) WHERE parent_id IS NOT NULL"
    ) == [(0,)]


def test_traces_pass_through_every_judge_like_any_record(job: Job) -> None:
    stages = job.ask(
        "SELECT v.stage, count(*) FROM verdicts AS v JOIN traces AS t USING (id) GROUP BY stage ORDER BY stage"
    )
    assert dict(stages) == dict.fromkeys(
        ("exact", "fuzzy", "language", "quality", "skill", "decontaminate", "tokens"), 14
    )
    parents = job.ask("SELECT id FROM lineage WHERE kind = 'trace'")
    assert len(parents) == 14


def test_a_second_run_has_nothing_to_do_and_a_wider_one_asks_only_what_is_new(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = len(job.server.asked)
    assert job.run("where=keep AND lang = 'en'", "samples=4", "limit=7") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert len(job.server.asked) == asked
    assert job.run("where=keep AND lang = 'en'", "samples=4") == 0
    assert (
        job.ask("SELECT count(DISTINCT parent_id) FROM traces")[0][0]
        == len(set(job.server.asked))
        == len(job.server.asked)
    )


@pytest.mark.parametrize("query", ["traces_by_skill", "traces_rejected"])
def test_the_ready_questions_about_traces_have_answers(job: Job, query: str) -> None:
    text = (Path(__file__).parents[2] / "sql" / "queries" / f"{query}.sql").read_text(encoding="utf-8")
    assert len(job.ask(text)) >= 2


def test_the_report_is_beside_the_samples(job: Job) -> None:
    page = (job.root / "synthesis" / "traces-tiny-model" / "report.html").read_text(encoding="utf-8")
    assert "not_equal_reference" in page
    assert "GPU-hours" in page
