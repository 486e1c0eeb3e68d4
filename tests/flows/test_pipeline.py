"""The main job end to end, on the generated dump with known truth: every row, the catalog, the search, the hand-off."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from curation.demo import Truth, generate
from curation.lock import LOCK
from flows import cli

ROOT = Path(__file__).parents[2]
CLI = str(Path(sys.executable).parent / "duckdb")
# The demo's job with the least search that has all its parts: natural repeats, space filling, improvement, confirmation.
SMALL = (
    *("swarm.runs=6", "swarm.natural_repeats=2", "swarm.confirm=2", "swarm.batch=2", "swarm.pool=400"),
    *("proxy.base_tokens=20000", "proxy.vocabulary_tokens=100000", "proxy.tokens=10000", "proxy.vocabulary=512"),
    "handoff.budget_tokens=200000",
)


class Job:
    """A root with what the pipeline made of the dump."""

    def __init__(self, folder: Path, truth: Truth) -> None:
        self.folder, self.root, self.truth = folder, folder / "corpus", truth

    def run(self, flow: str, *pairs: str) -> int:
        config = str(ROOT / "flows" / "configs" / "demo.yaml")
        given = (f"root={self.root}", f"sources={self.folder / 'raw'}", f"benchmarks={self.folder / 'benchmarks'}")
        return cli.main([flow, "--config", config, *given, "workers=2", *SMALL, *pairs])

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.root / "corpus.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()

    def written(self) -> dict[str, int]:
        """Return every file below the root, but for the lock, with the time it was written."""
        files = (p for p in self.root.rglob("*") if p.is_file() and p != self.root / LOCK)
        return {str(p.relative_to(self.root)): p.stat().st_mtime_ns for p in files}


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, prefect: None) -> Iterator[Job]:
    folder = tmp_path_factory.mktemp("job")
    made = Job(folder, generate(folder))
    assert made.run("pipeline") == 0
    yield made
    shutil.rmtree(folder)


def test_a_budget_beyond_the_corpus_is_refused_with_its_key_before_anything_is_made(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    before = job.written()
    assert job.run("mixture-search", "handoff.budget_tokens=900000000") != 0
    assert "lower handoff.budget_tokens to " in capsys.readouterr().err
    assert job.written() == before


def test_the_plan_of_a_search_says_what_its_proxies_would_train_on(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    before = job.written()
    assert job.run("mixture-search", "--plan") == 0
    assert capsys.readouterr().out.startswith("mixture-search: nothing to do")
    assert job.run("mixture-search", "search.name=other", "swarm.runs=10", "swarm.confirm=3", "--plan") == 0
    assert "10 proxy runs and 6 more to confirm, of " in capsys.readouterr().out
    assert job.run("mixture-search", "swarm.runs=100", "--plan") == 0
    assert "finished runs, and none is run twice" in capsys.readouterr().out
    assert job.written() == before


def test_every_row_of_the_dump_is_a_record_or_in_quarantine_and_only_the_broken_ones_are(job: Job) -> None:
    records, bad = job.ask("SELECT count(*) FROM records"), job.ask("SELECT file, row FROM quarantine")
    assert records == [(len(job.truth.rows) - len(bad),)]
    assert {tuple(row) for row in bad} == {(t["file"], t["row"]) for t in job.truth.rows if t["kind"] == "broken"}


def test_what_was_planted_is_cut_and_what_is_good_is_kept(job: Job) -> None:
    query = "SELECT source_id, stage FROM records JOIN kept USING (id)"
    stage = {str(row): "" if s is None else str(s) for row, s in job.ask(query)}
    found: dict[str, Counter[str]] = {}
    for t in job.truth.rows:
        if t["kind"] != "broken":
            found.setdefault(t["kind"], Counter())[stage[f"{t['file']}:{t['row']}"]] += 1
    assert found["language"] == {"language": found["language"].total()}
    assert found["prompt_only"] == {"quality": found["prompt_only"].total()}
    assert found["loop"]["quality"] >= 0.9 * found["loop"].total()
    assert (
        found["contaminated"]["decontaminate"] + found["contaminated"]["exact"] >= 0.85 * found["contaminated"].total()
    )
    # Of a pair of copies either may be the keeper, so they are counted together with the good ones.
    assert found["exact"]["exact"] + found["good"]["exact"] >= found["exact"].total()
    assert found["good"]["quality"] + found["good"]["language"] + found["good"]["decontaminate"] == 0


def test_the_funnel_adds_up(job: Job) -> None:
    rows = job.ask("SELECT stage, records_in, dropped, kept FROM funnel ORDER BY position")
    assert rows[0][1] == len(job.truth.rows)
    assert all(after[1] == before[3] for before, after in pairwise(rows))
    assert all(come == dropped + kept for _, come, dropped, kept in rows)  # type: ignore[operator]
    assert job.ask("SELECT count(*) FROM kept WHERE keep") == [(rows[-1][3],)]
    assert job.ask("SELECT count(*) FROM domains") == [(rows[-1][3],)]


def test_the_catalogs_views_have_the_columns_that_are_promised(job: Job) -> None:
    promised = {
        "records": {"id", "source", "source_id", "licence", "turns", "parent_id", "meta"},
        "fuzzy": {"id", "keep", "reason", "cluster_id"},
        "language": {"id", "keep", "reason", "lang"},
        "decontaminate": {"id", "keep", "reason", "item"},
        "tokens": {"id", "keep", "reason", "n_tokens", "n_target_tokens"},
        "quality": {"id", "keep", "reason"},
        "skill": {"id", "keep", "reason"},
        "exact": {"id", "keep", "reason"},
        "verdicts": {"id", "stage", "keep", "reason"},
        "kept": {"id", "keep", "reason"},
        "quarantine": {"file", "row", "reason"},
        "observations": {"run", "metric", "value"},
        "lineage": {"id", "shard"},
    }
    for view, columns in promised.items():
        assert columns <= {str(row[0]) for row in job.ask(f"DESCRIBE {view}")}, view
        assert job.ask(f"SELECT count(*) > 0 FROM {view}") == [(True,)], view


@pytest.mark.parametrize("query", sorted((ROOT / "sql" / "queries").glob("*.sql")), ids=lambda p: p.stem)
def test_every_ready_query_runs_in_the_plain_cli_while_another_reader_has_the_catalog_open(
    job: Job, query: Path
) -> None:
    with duckdb.connect(str(job.root / "corpus.duckdb"), read_only=True), query.open() as text:
        command = [CLI, "-readonly", "-csv", str(job.root / "corpus.duckdb")]
        done = subprocess.run(command, stdin=text, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1, "the query found nothing in a corpus that has some of everything"


def test_the_search_compares_itself_with_the_formula_and_gives_its_gain_an_interval(job: Job) -> None:
    folder = job.root / "search" / "search"
    ratios, metrics = ((folder / name).read_text().splitlines() for name in ("ratios.csv", "metrics.csv"))
    assert ratios[0].startswith("run,name,index,")
    assert len(ratios) == len(metrics) == 1 + 6 + 2 * 2
    assert sum("natural" in line for line in ratios) >= 2
    verdict = json.loads((folder / "mixture.json").read_text())["provenance"]["verdict"]
    assert "interval" in verdict or "No detectable gain" in verdict
    assert "−log(w+.01)" in (folder / "report.html").read_text()


def test_the_hand_off_verifies_until_a_byte_is_wrong(
    job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "handoff"
    shutil.copytree(job.root / "handoff" / "demo", whole)
    manifest = json.loads((whole / "manifest.json").read_text())
    assert abs(manifest["achieved"] - 200_000) <= manifest["longest"]
    assert cli.main(["verify-handoff", f"path={whole}"]) == 0
    shard = next((whole / "data").iterdir())
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(bytes(data))
    capsys.readouterr()
    assert cli.main(["verify-handoff", f"path={whole}"]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert any(shard.name in line for line in failed), failed


def test_a_second_run_does_no_work_and_says_so(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    before = job.written()
    assert job.run("pipeline") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert job.written() == before


def test_a_threshold_of_the_cut_moves_without_a_judge_and_moves_back(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    before, kept = job.written(), job.ask("SELECT count(*) FROM kept WHERE keep")
    assert job.run("curate", "policy.max_tokens=100") == 0
    assert "curate: catalog →" in capsys.readouterr().out
    assert {name for name, at in job.written().items() if before.get(name) != at} == {"corpus.duckdb"}
    assert job.ask("SELECT count(*) FROM kept WHERE reason = 'too_long'") > [(0,)]
    assert job.run("curate") == 0
    assert job.ask("SELECT count(*) FROM kept WHERE keep") == kept


def test_one_judges_setting_runs_that_judge_again_and_no_other(job: Job) -> None:
    before = job.written()
    assert job.run("curate", "quality.echo_chars=21") == 0
    written = {name for name, at in job.written().items() if before.get(name) != at}
    folders = {name.split("/")[1] if name.startswith("verdicts/") else name.split("/")[0] for name in written}
    assert "quality" in folders
    assert folders <= {"quality", "judged", "corpus.duckdb"}
    assert job.run("curate") == 0
