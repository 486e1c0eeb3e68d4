"""What a benchmark is given: a path as its argument, or in the variable of the same name of `make bench`."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def explained() -> None:
    """Print what the running benchmark says of itself, and end the program, where help was asked for."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(sys.modules["__main__"].__doc__)  # noqa: T201 - its output
        sys.exit(0)


def given(variable: str, what: str, argument: str | Path | None = None) -> Path:
    """Return the path; without one, or where it is not there, say what is needed and how to give it, and end the program.

    Nothing given ends with 0, so that `make bench` goes on to the next benchmark; a path that is not there with 2.
    """
    explained()
    value = str(argument or os.environ.get(variable, ""))
    if value and Path(value).exists():
        return Path(value)
    name = Path(sys.argv[0]).stem
    why = f"there is no {value}" if value else f"skipped: it needs {what}"
    print(f"{name}: {why}; make bench-{name} {variable}=<path>, or the path as argument")  # noqa: T201 - its output
    sys.exit(2 if value else 0)
