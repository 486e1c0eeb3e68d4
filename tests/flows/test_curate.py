"""What one `prefect run curate` leaves for the next."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from flows import cli

LEAKED = "A train leaves Oslo at 9:40 and reaches Bergen 405 kilometres away at 16:25. What is its average speed?"


def contaminated(root: Path) -> int:
    with duckdb.connect(str(root / "corpus.duckdb"), read_only=True) as con:
        found = con.execute("SELECT count(*) FROM kept WHERE reason = 'contaminated'").fetchone()
    return int(found[0]) if found else -1


@pytest.mark.usefixtures("prefect")
def test_a_run_that_names_no_benchmarks_keeps_to_those_given_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/speeds.jsonl").write_text(json.dumps({"question": LEAKED, "answer": "60 km/h"}))
    rows = [{"instruction": "What do bees eat, and where do they find it?", "output": "Nectar and pollen, in flowers."}]
    rows.append({"instruction": LEAKED, "output": "405 km in 6.75 hours is 60 kilometres an hour."})
    (tmp_path / "raw.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    root = tmp_path / "corpus"
    monkeypatch.chdir(tmp_path)
    base = ["curate", f"root={root}", "workers=1"]
    assert cli.main([*base, "sources=raw.jsonl", "benchmarks=benchmarks"]) == 0
    assert contaminated(root) == 1
    monkeypatch.chdir(tmp_path.parent)
    assert cli.main(base) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert cli.main([*base, "quality.loop_share=0.5"]) == 0
    assert contaminated(root) == 1
    assert cli.main([*base, "benchmarks=none"]) == 0
    assert contaminated(root) == 0
    assert cli.main(base) == 0
    assert contaminated(root) == 0
