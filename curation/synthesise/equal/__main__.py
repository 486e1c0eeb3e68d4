"""Reads {"reference": …, "answer": …} a line, writes {"equal": …, "method": …} a line: the gate's own comparison.

A line that is no such pair (or blank) is answered {"equal": false, "method": "invalid", "error": …}, so that line n of
the output always belongs to line n of the input. An answer may be a whole solution, a number or null.
"""

from __future__ import annotations

import json
import sys
from typing import BinaryIO, TextIO

from curation.synthesise.equal import equal
from curation.synthesise.equal.symbolic import Compare, Symbolic


def main(lines: BinaryIO, output: TextIO) -> int:
    """Answer every line; returns the number of those that were no pairs."""
    bad = 0
    with Symbolic() as symbolic:
        for line in lines:
            said = _answer(line, symbolic)
            bad += said["method"] == "invalid"
            output.write(json.dumps(said, ensure_ascii=False) + "\n")
            output.flush()
    return bad


def _answer(line: bytes, symbolic: Compare) -> dict[str, object]:
    try:
        pair = json.loads(line.decode("utf-8", "replace"))
        reference, answer = _text(pair["reference"]), _text(pair["answer"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = f'expected {{"reference": …, "answer": …}}, got {type(error).__name__} {error}'
        return {"equal": False, "method": "invalid", "error": what[:200]}
    return dict(equal(reference, answer, symbolic)._asdict())


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    count = main(sys.stdin.buffer, sys.stdout)
    if count:
        sys.stderr.write(f"{count} lines were no pairs\n")
