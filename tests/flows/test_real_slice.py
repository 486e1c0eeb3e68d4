"""The same job on a slice of real dumps in their native formats, and a curation killed on the way."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
import yaml

from flows import cli

ROOT = Path(__file__).parents[2]
SMALL_FILE = 120_000  # bytes; the files below are 19 of 107, a megabyte in a dozen formats
SEARCH = {
    "swarm": {"runs": 6, "natural_repeats": 2, "confirm": 2, "batch": 2, "pool": 400},
    "proxy": {"base_tokens": 20_000, "vocabulary_tokens": 100_000, "tokens": 10_000, "vocabulary": 512},
    "handoff": {"budget_tokens": 100_000, "mix": "slice"},
    "policy": {"min_domain_records": 100},
}


def config(folder: Path, instructions: Path, benchmarks: Path) -> list[str]:
    """Write a config that names the small files; returns the arguments that use it."""
    sources = [str(p) for p in sorted(instructions.iterdir()) if p.stat().st_size < SMALL_FILE]
    chosen = folder / "benchmarks"
    chosen.mkdir()
    for path in sorted(benchmarks.iterdir()):
        if path.stat().st_size < SMALL_FILE:
            (chosen / path.name).symlink_to(path)
    file = folder / "slice.yaml"
    file.write_text(yaml.safe_dump({**SEARCH, "sources": sources, "benchmarks": str(chosen), "workers": 2}))
    return ["--config", str(file)]


def digests(root: Path) -> dict[str, str]:
    """Return the hash of every file that curation writes and later stages read."""
    paths = [
        p for part in ("records", "quarantine", "verdicts", "judged") for p in (root / part).rglob("*.*") if p.is_file()
    ]
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(paths)}


@pytest.mark.usefixtures("prefect")
def test_real_dumps_become_a_hand_off_and_a_killed_curation_writes_the_same_bytes(
    tmp_path: Path, instructions: Path, benchmarks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, whole, killed = config(tmp_path, instructions, benchmarks), tmp_path / "whole", tmp_path / "killed"
    assert cli.main(["pipeline", *arguments, f"root={whole}"]) == 0
    assert "interval" in capsys.readouterr().out
    with duckdb.connect(str(whole / "corpus.duckdb"), read_only=True) as con:
        kept, records = con.execute("SELECT count(*) FILTER (keep), count(*) FROM kept").fetchall()[0]
        assert records > 3000
        assert kept > records / 2
        assert con.execute("SELECT count(DISTINCT lang) >= 2 FROM language").fetchall() == [(True,)]
        assert con.execute("SELECT count(*) > 0 FROM decontaminate WHERE NOT keep").fetchall() == [(True,)]
    assert cli.main(["verify-handoff", f"path={whole}/handoff/slice"]) == 0

    command = [sys.executable, "-m", "flows", "run", "curate", *arguments, f"root={killed}"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ, start_new_session=True) as child:
        until = time.monotonic() + 300
        while not list(killed.glob("verdicts/exact/*/manifest.json")) and child.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGKILL)
    assert not (killed / "corpus.duckdb").exists(), "it was killed too late to show anything"
    assert cli.main(["curate", *arguments, f"root={killed}"]) == 0
    assert digests(killed) == digests(whole)
