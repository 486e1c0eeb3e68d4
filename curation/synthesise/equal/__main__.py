"""Reads {"reference": …, "answer": …} a line, writes {"equal": …, "method": …} a line: the gate's own comparison."""

from __future__ import annotations

import json
import sys

from curation.synthesise.equal import equal
from curation.synthesise.equal.symbolic import Symbolic


def main() -> int:
    """Compare every pair of standard input; returns 2 at a line that is not one."""
    with Symbolic() as symbolic:
        for number, line in enumerate(sys.stdin, start=1):
            if not line.strip():
                continue
            try:
                pair = json.loads(line)
                verdict = equal(str(pair["reference"]), str(pair["answer"]), symbolic)
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                sys.stderr.write(
                    f'line {number}: expected {{"reference": …, "answer": …}}, got {line[:80]!r} ({error})\n'
                )
                return 2
            sys.stdout.write(json.dumps({"equal": verdict.equal, "method": verdict.method}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
