"""The layers of the design, checked by machine: flows → mixtures → curation, and stages that never meet."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = {"curation": {"curation"}, "mixtures": {"mixtures", "curation"}, "flows": {"flows", "mixtures", "curation"}}
STAGES = {
    "ingest",
    "normalise",
    "synthesise",
    "exact",
    "fuzzy",
    "language",
    "quality",
    "skill",
    "decontaminate",
    "tokens",
    "scores",
}
FILES = sorted(path for layer in LAYERS for path in (ROOT / layer).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def stage(path: Path) -> str:
    return Path(path.relative_to(ROOT).parts[1]).stem


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_layer_imports_only_the_layers_below_it(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    ours = {module.split(".")[0] for module in imports(path)} & set(LAYERS)
    assert ours <= LAYERS[layer], f"{name(path)} imports {ours - LAYERS[layer]}"


@pytest.mark.parametrize("path", [p for p in FILES if p.relative_to(ROOT).parts[0] != "flows"], ids=name)
def test_only_flows_know_prefect(path: Path) -> None:
    assert "prefect" not in {module.split(".")[0] for module in imports(path)}


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.relative_to(ROOT).parts[0] == "curation" and stage(p) in STAGES], ids=name
)
def test_stages_never_import_each_other(path: Path) -> None:
    own = stage(path)
    others = {m.split(".")[1] for m in imports(path) if m.startswith("curation.")} & STAGES - {own}
    assert not others, f"{name(path)} imports the stages {others}"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 300, f"{name(path)} has {text.count(chr(10))} lines; make it a folder of a few files"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 50, f"{name(path)}:{node.lineno} {node.name} has {length} lines"


def test_no_module_is_a_drawer_for_anything() -> None:
    assert not [name(p) for p in FILES if p.stem in {"utils", "util", "helpers", "common", "types", "misc"}]


def test_every_view_says_its_grain_in_its_first_line() -> None:
    for path in (ROOT / "sql").glob("*.sql"):
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
        assert first.startswith("-- one row"), f"{name(path)} begins with {first!r}"


def test_the_catalog_creates_a_view_for_every_file_of_sql() -> None:
    from curation.catalog import VIEWS

    assert {p.stem for p in (ROOT / "sql").glob("*.sql")} == set(VIEWS)
