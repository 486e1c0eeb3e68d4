"""`python -m curation.demo OUT [--seed N]`: writes the demo's raw files, benchmarks and truth under OUT."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from curation.demo import generate


def main() -> int:
    """Generate and say what was written."""
    parser = argparse.ArgumentParser(prog="python -m curation.demo", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    truth = generate(arguments.out, arguments.seed)
    counts = ", ".join(f"{kind} {count}" for kind, count in truth.kinds.most_common())
    sys.stdout.write(f"{arguments.out}: {len(truth.rows)} rows ({counts}), {len(truth.items)} benchmark items\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
