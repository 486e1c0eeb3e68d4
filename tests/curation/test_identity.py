from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from curation import identity

ROOT = Path(__file__).parents[2]


def test_identity_does_not_depend_on_the_order_of_keys() -> None:
    assert identity.digest({"a": 1, "b": [1, 2]}) == identity.digest({"b": [1, 2], "a": 1})
    assert identity.digest({"a": 1}) != identity.digest({"a": 2})


@pytest.mark.parametrize("value", [{1, 2}, object(), {1: "a"}, b"bytes"])
def test_a_value_without_a_stable_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        identity.digest(value)


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        identity.digest(float("nan"))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("sample_stage", None)
    return tmp_path / "sample_stage.py"


def code(path: Path, text: str) -> str:
    path.write_text(text)
    importlib.invalidate_caches()
    identity.code.cache_clear()
    identity._syntax.cache_clear()
    identity._path.cache_clear()
    return identity.code("sample_stage")


def test_comments_and_docstrings_do_not_change_the_identity_of_code(module: Path) -> None:
    plain = code(module, "def f():\n    return 1\n")
    assert code(module, '"""Says more."""\n# why\ndef f():\n    """One."""\n    return 1\n') == plain
    assert code(module, "def f():\n    return 2\n") != plain


def test_code_counts_the_project_modules_it_imports() -> None:
    collected: dict[str, str] = {}
    identity._collect("curation.judge", collected)
    assert {"curation.judge", "curation.shards", "curation.identity", "curation.record"} <= set(collected)


def test_code_is_told_without_importing_what_it_names() -> None:
    ask = (
        "import sys; from curation import identity; seen = {}; identity._collect('curation.scores.run', seen); "
        "assert 'curation.client.fleet' in seen; print('curation.client.fleet' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
