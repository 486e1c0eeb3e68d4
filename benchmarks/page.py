"""Prints a benchmark's table and writes it as a section of docs/BENCHMARKS.md, in place of the one of the same name."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from llvmlite.binding import get_host_cpu_name

PAGE = Path("docs/BENCHMARKS.md")
OURS = ("numpy", "numba", "pyarrow", "duckdb", "datatrove", "fasttext-community")


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; floats are shown with three significant digits."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)])


def write(name: str, title: str, body: str, peers: Sequence[str] = ()) -> None:
    """Print the section and put it on the page; `peers` are "name version" of what was measured beside Cuvée."""
    section = f"<!-- {name} -->\n## {title}\n\n{body}\n\n{_machine(peers)}\n<!-- /{name} -->"
    print(section)  # noqa: T201 - a benchmark's output
    text = PAGE.read_text(encoding="utf-8")
    place = re.compile(rf"<!-- {re.escape(name)} -->.*?<!-- /{re.escape(name)} -->", re.DOTALL)
    text = place.sub(lambda _: section, text) if place.search(text) else f"{text.rstrip()}\n\n{section}\n"
    PAGE.write_text(text, encoding="utf-8")


def _machine(peers: Sequence[str]) -> str:
    ours = ", ".join(f"{package} {version(package)}" for package in OURS)
    beside = f" Peers: {', '.join(peers)}." if peers else ""
    return f"{os.cpu_count()} cores, {platform.machine()} ({get_host_cpu_name()}), Python {platform.python_version()}; {ours}.{beside}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
