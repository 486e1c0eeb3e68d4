"""Identity is computed: of a value, of a stage's code, of a file. Equal identity means equal output."""

from __future__ import annotations

import ast
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

import xxhash
from pydantic import BaseModel

PACKAGES = ("curation", "mixtures", "flows")
CHUNK = 1 << 20


def digest(*values: Any) -> str:
    """Return 32 hex digits of the values' canonical JSON.

    Raises TypeError for a value that has no stable serialisation (a set, an object, NaN).
    """
    text = json.dumps([_plain(v) for v in values], sort_keys=True, ensure_ascii=False, allow_nan=False)
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        if not all(isinstance(k, str) for k in value):
            raise TypeError(f"identity needs string keys, got {list(value)[:3]!r}")
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"no stable serialisation for {type(value).__name__}: {value!r:.80}")


@cache
def code(module: str) -> str:
    """Return 32 hex digits of a module's code and of every project module it imports, comments and docstrings apart.

    A package is named as its `__init__`; name the module that does the work.
    """
    seen: dict[str, str] = {}
    _collect(module, seen)
    return digest(dict(sorted(seen.items())))


def _collect(module: str, seen: dict[str, str]) -> None:
    if module in seen:
        return
    seen[module], imported = _syntax(module)
    for name in imported:
        _collect(name, seen)


@cache
def _syntax(module: str) -> tuple[str, tuple[str, ...]]:
    """Return a module's syntax tree as text, and the project modules it imports."""
    path = _path(module)
    if path is None:
        return "", ()
    said, names = list[Any](), list[str]()
    todo: list[Any] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:  # by hand: ast.walk and ast.dump take twice as long, for dozens of modules in every process
        node = todo.pop()
        if isinstance(node, ast.expr_context):
            continue  # load or store: told by where the name stands
        if isinstance(node, ast.AST):
            kind = type(node)
            said.append(kind.__name__)
            todo += [getattr(node, name, None) for name in kind._fields]
            if kind is ast.ImportFrom or kind is ast.Import:
                names += _imported(node)
        elif isinstance(node, list):
            kept = [child for child in node if not _is_docstring(child)]
            said.append(len(kept))
            todo += kept
        else:
            said.append(node)
    return repr(said), tuple(n for n in names if n.split(".")[0] in PACKAGES and _path(n))


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def _is_docstring(node: Any) -> bool:
    """Say whether a node is a string that stands alone: a docstring, or no more than a comment."""
    return type(node) is ast.Expr and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def _path(module: str) -> Path | None:
    """Return the file of a project module, None where there is none; find_spec would import all that the name goes through."""
    package, *rest = module.split(".")
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    place = Path(spec.origin).parent.joinpath(*rest)
    files = (place / "__init__.py", place.with_suffix(".py")) if rest else (Path(spec.origin),)
    return next((file for file in files if file.is_file()), None)


def file_digest(path: Path) -> str:
    """Return 32 hex digits of a file's bytes."""
    state = xxhash.xxh3_128()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            state.update(chunk)
    return state.hexdigest()
