"""`prefect run verify-handoff path=<dir>`: the trainer engineer's check of what was received. Needs no server."""

from __future__ import annotations

from pathlib import Path

from mixtures.handoff import verify as checks


def verify(path: str) -> int:
    """Print one line a check; returns 1 where any failed, else 0."""
    failed = 0
    for check in checks.verify(Path(path)):
        print(f"{'ok  ' if check.passed else 'FAIL'}  {check.name}: {check.detail}")
        failed += not check.passed
    print(f"verify-handoff: {'all checks passed' if not failed else f'{failed} check(s) failed'}: {path}")
    return 1 if failed else 0
