"""The README is true: every command, path and key in it exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import COMMANDS
from flows.config import keys

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(enumerate(re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)))
SHELL = [line for kind, body in BLOCKS.values() if kind == "sh" for line in body.splitlines() if line.strip()]
TREE = next(body for kind, body in BLOCKS.values() if kind == "text" and body.startswith("flows/"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
OTHERS = {".", "duckdb", "make"}  # the commands that are not Prefect's; `.` activates the environment


@pytest.mark.parametrize("line", SHELL)
def test_every_command_exists(line: str) -> None:
    program, *words = shlex.split(line.split("   #", maxsplit=1)[0])
    if program == "make":
        assert all(re.search(rf"(?m)^{re.escape(word)}:", MAKEFILE) for word in words if "=" not in word), line
    elif program == "duckdb":
        for path in re.findall(r"< (\S+)", line):
            assert (ROOT / path).is_file(), path
    elif program == "prefect" and words[0] == "run":
        assert words[1] in {*COMMANDS, "--help"}, line
        for word in words[2:]:
            if "=" in word and not word.startswith("path="):
                name = word.partition("=")[0]
                assert name in keys() or (words[1] == "synthesize" and f"synthesise.{name}" in keys()), word
            elif word.endswith(".yaml"):
                assert (ROOT / word).is_file(), word
    elif program == "python":
        assert words[0] == "-m", line
        said = subprocess.run(
            [sys.executable, "-m", words[1], "--help"], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert all(flag in said.stdout for flag in words if flag.startswith("--")), line
    else:
        assert program == "." or (program == "prefect" and words[0] in {"server", "work-pool", "deploy", "worker"}), (
            line
        )


def test_every_path_of_the_tree_exists() -> None:
    folder = ROOT
    for line in TREE.splitlines():
        if not line.startswith(" "):
            folder = ROOT / line.split()[0]
            assert folder.is_dir(), line
        names = re.findall(r"(?<![\w.])([\w.-]+(?:/|\.py|\.sql|\.yaml|\.md))(?![\w/])", line.split("  #")[0])
        for name in names:
            assert any((base / name).exists() for base in (folder, ROOT, ROOT / "flows" / "configs")), (
                f"{name} in {line!r}"
            )


def test_every_picture_and_link_exists() -> None:
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", TEXT) if not t.startswith("http")]
    assert targets
    assert all((ROOT / target).is_file() for target in targets)
    assert any(target.endswith(".png") for target in targets)


def test_every_file_in_backticks_exists() -> None:
    for name in re.findall(r"`((?:flows|curation|mixtures|sql|tests|docs)/[\w./-]*)`", TEXT):
        assert (ROOT / name).exists(), name


def test_the_readme_opens_with_one_sentence_and_the_two_commands() -> None:
    lines = [line for line in TEXT.splitlines() if line.strip()]
    assert lines[0] == "# Cuvée"
    assert lines[1].count(".") == 1
    assert lines[1].endswith(".")
    assert lines[2:5] == ["```sh", lines[3], lines[4]]
    assert lines[3].startswith("make demo ")
    assert lines[4].startswith("make test ")


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in TEXT
