"""Compiled kernels are never older than the code they inline, and count no references."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numba.core.caching import NullCache
from numba.core.errors import NumbaError

from curation.kernels import inlined, kernel, maker

ROOT = Path(__file__).parents[2]


def cache(folder: Path, home: Path | None = None) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {"HOME": str(home or folder)}
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


def test_a_cache_that_no_process_has_used_for_a_month_is_removed(tmp_path: Path) -> None:
    used, unused = (tmp_path / ".cache" / "cuvee" / f"numba-{name}" for name in ("used", "unused"))
    for folder in (used, unused):
        (folder / "kernel").mkdir(parents=True)
    os.utime(unused, (time.time() - 31 * 24 * 3600,) * 2)
    now = Path(cache(ROOT, tmp_path))
    assert {now, used} == set(now.parent.iterdir())


@inlined
def first(pair, at):  # type: ignore[no-untyped-def]
    left, _ = pair
    return left[at]


def total(pair):  # type: ignore[no-untyped-def]
    value = 0
    for at in range(len(pair[0])):
        value += first(pair, at)
    return value


def beginning(array):  # type: ignore[no-untyped-def]
    return array[:2]


def doubled(array):  # type: ignore[no-untyped-def]
    return np.zeros(len(array)) + 2 * array


def counts(compiled) -> bool:  # type: ignore[no-untyped-def]
    """Say whether the compiled code speaks to the runtime that counts references."""
    compiled._cache = NullCache()  # code that comes from the disk cannot be looked at
    compiled((np.arange(5), np.arange(5)))
    return any("@NRT_" in code for code in compiled.inspect_llvm().values())


def test_a_kernel_counts_no_references_where_a_maker_does() -> None:
    assert not counts(kernel(total))
    assert counts(maker(total))


@pytest.mark.parametrize("function", [beginning, doubled])
def test_a_kernel_that_would_hand_out_or_make_an_array_is_refused(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NumbaError):
        kernel(function)(np.arange(5))
