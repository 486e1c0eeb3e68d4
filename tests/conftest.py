from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def prefect() -> Iterator[None]:
    """One real Prefect server with a database of its own, for all the flow runs of a session."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture(scope="session")
def instructions() -> Path:
    """Real instruction dumps in native formats, which lie beside the project where they may be had."""
    folder = SHARED / "instructions"
    if not folder.is_dir():
        pytest.skip("the real instruction dumps (../shared/data/instructions) are not here")
    return folder


@pytest.fixture(scope="session")
def benchmarks() -> Path:
    """Real benchmark files in native formats."""
    folder = SHARED / "benchmarks"
    if not folder.is_dir():
        pytest.skip("the real benchmark files (../shared/data/benchmarks) are not here")
    return folder


@pytest.fixture(scope="session")
def labelled_corpus(instructions: Path) -> Path:
    """The real dumps that hold the labelled records, ingested once and kept in .cuvee/labelled."""
    from benchmarks import labelled

    return labelled.corpus(instructions)
