"""Compiled kernels are never older than the code they inline."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def cache(folder: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    command = [sys.executable, "-c", "import os, curation; print(os.environ['NUMBA_CACHE_DIR'])"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_change_in_any_file_gives_the_kernels_another_cache(tmp_path: Path) -> None:
    (tmp_path / "curation").mkdir()
    shutil.copy(ROOT / "curation" / "__init__.py", tmp_path / "curation")
    (tmp_path / "curation" / "callee.py").write_text("STEP = 1\n")
    before = cache(tmp_path)
    assert cache(tmp_path) == before
    (tmp_path / "curation" / "callee.py").write_text("STEP = 22\n")
    assert cache(tmp_path) != before
