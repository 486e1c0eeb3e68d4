"""Environments of the peers, built once under .cuvee/peers/<name> with uv, each with its own pins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(".cuvee/peers")


def python(name: str, requirements: Sequence[str]) -> Path:
    """Return the Python of the peer's environment, built where it is not there under these requirements."""
    folder = FOLDER.absolute() / name
    asked, found = "\n".join(requirements), folder / ".requirements"
    interpreter = folder / "bin" / "python"
    if found.is_file() and found.read_text() == asked:
        return interpreter
    uv = Path(sys.executable).parent / "uv"  # --no-config: our overrides are not the peers'
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--no-config", "--python", interpreter, *requirements], check=True)
    found.write_text(asked)
    return interpreter


def version(interpreter: Path, package: str) -> str:
    """Return the version of a package in a peer's environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([interpreter, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
