from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from curation.engine import Engine, place


def touch(folder: Path, unit: int) -> int:
    (folder / str(unit)).write_text(str(unit))
    return unit


def fail(unit: int) -> int:
    raise ValueError(f"unit {unit} is broken")


@pytest.mark.parametrize("workers", [1, 2])
def test_every_unit_is_worked_on_once_whatever_the_number_of_workers(tmp_path: Path, workers: int) -> None:
    place(list(range(13)), partial(touch, tmp_path), Engine(), workers, "touch", sum(range(13)))
    assert sorted(int(p.name) for p in tmp_path.iterdir()) == list(range(13))


def test_no_units_is_no_work() -> None:
    place([], fail, Engine(), 2, "nothing", 0)


def test_a_failing_unit_ends_the_run_with_its_own_error() -> None:
    with pytest.raises(ValueError, match="unit 0 is broken"):
        place([0], fail, Engine(), 1, "fail", 1)
