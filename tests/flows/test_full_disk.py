"""A disk that fills up is told in words, and what was finished on it is kept."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from curation.spill import Spill
from flows import cli

MB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no `mount` here")
    if done.returncode:
        pytest.skip(f"this user may not mount a file system: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_an_array_that_the_disk_has_no_room_for_is_refused_before_it_is_filled(disk: Path) -> None:
    spill = Spill(disk, 1)
    spill.array(np.uint8, 2 * MB)[:] = 1
    with pytest.raises(OSError, match="No space left"):
        spill.array(np.uint8, 3 * MB)


@pytest.mark.usefixtures("prefect")
def test_a_run_on_a_full_disk_ends_with_a_sentence_that_says_what_to_do(
    disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dice = np.random.default_rng(1)
    for name, rows in (("small", 10), ("large", 20_000)):
        lines = [f'{{"instruction": "Spell this.", "output": "{dice.bytes(200).hex()}"}}\n' for _ in range(rows)]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    given = ["curate", "workers=1", f"root={disk}/corpus"]
    assert cli.main([*given, f"sources={tmp_path}/small.jsonl"]) == 0
    assert cli.main([*given, f"sources={tmp_path}/large.jsonl"]) == 1
    assert f"the disk of root={disk}/corpus is full" in capfd.readouterr().err
    assert (disk / "corpus" / "records" / "small.jsonl" / "manifest.json").is_file()
