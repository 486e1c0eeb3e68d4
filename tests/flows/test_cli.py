"""The command line as users type it: real processes, exit codes and sentences."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREFECT = str(Path(sys.executable).parent / "prefect")


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=cwd, capture_output=True, text=True, timeout=300, check=False, env=os.environ)


def test_prefect_run_lists_the_flows_with_a_line_each() -> None:
    done = run(PREFECT, "run", "--help")
    assert done.returncode == 0, done.stderr
    for flow in ("curate", "synthesize", "mixture-search", "handoff", "pipeline", "verify-handoff"):
        assert sum(line.strip().startswith(flow) for line in done.stdout.splitlines()) == 1


def test_a_flows_help_lists_its_keys_with_default_and_meaning() -> None:
    done = run(PREFECT, "run", "mixture-search", "--help")
    assert done.returncode == 0
    assert "swarm.runs=" in done.stdout
    assert "root=" in done.stdout
    assert "fuzzy.threshold" not in done.stdout


def test_python_dash_m_flows_is_the_same_command() -> None:
    plain, module = (
        run(PREFECT, "run", "handoff", "--help"),
        run(sys.executable, "-m", "flows", "run", "handoff", "--help"),
    )
    assert plain.stdout == module.stdout
    assert module.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("mixture-serch",), "mixture-search"),
        (("curate", "sorces=x"), "sources"),
        (("curate", "--conf", "x"), "--config"),
        (("verify-handoff",), "path="),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_the_nearest_name(arguments: tuple[str, ...], hint: str) -> None:
    done = run(sys.executable, "-m", "flows", "run", *arguments)
    assert done.returncode == 2
    assert hint in done.stderr
    assert "Traceback" not in done.stderr


def test_no_flow_at_all_prints_the_usage_and_ends_with_2() -> None:
    done = run(sys.executable, "-m", "flows", "run")
    assert done.returncode == 2
    assert "Usage" in done.stdout


def test_other_prefect_commands_still_work() -> None:
    assert run(PREFECT, "--version").stdout.strip().startswith("3.")
    assert run(PREFECT, "version").returncode == 0
