"""The child of symbolic.py: reads [reference, answer] a line, writes 1 (equal) or 0; says `ready` first.

Only LaTeX parsing is used: math-verify's plain expressions go through sympy's parse_expr, which evaluates text.
"""

from __future__ import annotations

import json
import logging
import resource
import sys

MEMORY = 4 << 30  # bytes of address space; 9^9^9 must not take the machine down


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
        reference, answer = json.loads(line)
        left = parse(f"${reference}$", extraction_config=rule, parsing_timeout=3)
        right = parse(f"${answer}$", extraction_config=rule, parsing_timeout=3)
        equal = bool(left) and bool(right) and verify(left, right, timeout_seconds=3)
        output.write("1\n" if equal else "0\n")
        output.flush()


if __name__ == "__main__":
    main()
