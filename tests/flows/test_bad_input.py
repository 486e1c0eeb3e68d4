"""Bad input as users meet it: one sentence that says what, where and what to do, and an exit code that is not 0."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest

from flows import cli

ROW = b'{"instruction": "Name the river that runs through Cairo.", "output": "It is the Nile."}\n'


def curate(capsys: pytest.CaptureFixture[str], *pairs: str) -> tuple[int, str]:
    """Run the command; returns its exit code and the sentence it ends with."""
    code = cli.main(["curate", "workers=1", "policy.max_drop=1", *pairs])
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("prefect run curate:")]
    assert len(errors) == (code != 0), errors
    return code, "".join(errors)


@pytest.mark.parametrize(
    ("pair", "code", "said"),
    [
        ("sources=nowhere.jsonl", 1, "nowhere.jsonl does not exist; name a file, a folder"),
        ("sources=empty", 1, "empty holds no data file; expected JSON"),
        ("root=a.jsonl/corpus", 1, "(Not a directory); name a folder you may write to"),
        ("benchmarks=nowhere", 1, "nowhere, which is no folder; give the folder of benchmark files"),
        ("tokens.templat=sus", 2, "did you mean tokens.template"),
    ],
)
def test_what_is_wrong_from_the_start_starts_nothing(
    pair: str, code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("a.jsonl").write_bytes(ROW)
    ended, sentence = curate(capsys, "root=corpus", "sources=a.jsonl", pair)
    assert ended == code
    assert said in sentence
    assert not Path("corpus/records").exists()


@pytest.mark.usefixtures("prefect")
def test_files_that_cannot_be_read_are_named_at_the_end_and_the_others_are_in_the_catalog(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "good.jsonl").write_bytes(ROW)
    (raw / "cut.jsonl.gz").write_bytes(gzip.compress(ROW * 50)[:30])
    (raw / "broken.parquet").write_bytes(b"PAR1 and no footer")
    (raw / "letter.docx").write_bytes(b"PK but no archive")
    given = (f"root={tmp_path}/corpus", f"sources={raw}")
    code, sentence = curate(capsys, *given)
    assert code == 1
    for name in ("broken.parquet", "cut.jsonl.gz", "letter.docx"):
        assert f"{name} (" in sentence
    assert "Repair or remove them, or accept it: policy.allow=" in sentence
    with duckdb.connect(str(tmp_path / "corpus" / "corpus.duckdb"), read_only=True) as con:
        assert con.execute("SELECT source, keep FROM kept").fetchall() == [("good.jsonl", True)]
        reasons = {str(row[0]) for row in con.execute("SELECT reason FROM quarantine").fetchall()}
    assert curate(capsys, *given) == (1, sentence), "a run that does no work fails as the first did"
    assert curate(capsys, *given, f"policy.allow={','.join(reasons)}") == (0, "")
    for name in ("broken.parquet", "cut.jsonl.gz", "letter.docx"):
        (raw / name).unlink()
    assert curate(capsys, *given) == (0, "")


@pytest.mark.usefixtures("prefect")
def test_a_stage_that_drops_nearly_everything_stops_the_run_and_says_how_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "same.jsonl").write_bytes(ROW * 50)
    given = (f"root={tmp_path}/corpus", f"sources={tmp_path}/same.jsonl", "policy.max_drop=0.9")
    code, sentence = curate(capsys, *given)
    assert code == 1
    assert "exact dropped 49 of 50 records (98.0%), more than the 90%" in sentence
    assert curate(capsys, *given, "policy.max_drop_stages.exact=1") == (0, "")
