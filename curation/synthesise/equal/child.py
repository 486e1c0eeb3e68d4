"""The child of symbolic.py: reads [reference, answer] a line, writes 1 (equal) or 0; says `ready` first.

Its parent watches the time, so math-verify's own alarms are off. Only LaTeX parsing is used: math-verify's plain
expressions go through sympy's parse_expr, which evaluates text.
"""

from __future__ import annotations

import json
import logging
import re
import resource
import sys
from typing import Any

MEMORY = 4 << 30  # bytes of address space; 9^9^9 must not take the machine down
DECIMAL = re.compile(r"-?(\d*)\.(\d{2,})")


def main() -> None:
    """Answer pairs until standard input closes."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.disable(logging.CRITICAL)
    from math_verify import LatexExtractionConfig, parse, verify

    output = sys.stdout
    sys.stdout = sys.stderr  # nothing that a library prints may pass for an answer
    output.write("ready\n")
    output.flush()
    rule = [LatexExtractionConfig()]
    for line in sys.stdin:
        pair = json.loads(line)
        left, right = (parse(f"${text}$", extraction_config=rule, parsing_timeout=None) for text in pair)
        equal = (
            bool(left) and bool(right) and (verify(left, right, timeout_seconds=None) or _rounded(pair, left, right))
        )
        output.write("1\n" if equal else "0\n")
        output.flush()


def _rounded(pair: list[str], left: list[Any], right: list[Any]) -> bool:
    """Say whether one is a decimal and the other rounds to it: a reference of two places, an answer of four digits."""
    for written, other, least in ((pair[0], right, 2), (pair[1], left, 4)):
        match = DECIMAL.fullmatch(written)
        if match and len((match[1] + match[2]).lstrip("0")) >= least and hasattr(other[0], "evalf"):
            value = other[0].evalf(30)
            if value.is_Float and value.is_finite:
                return bool(abs(value - float(written)) * 2 * 10 ** len(match[2]) <= 1)
    return False


if __name__ == "__main__":
    main()
