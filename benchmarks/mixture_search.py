"""The search replayed over a published table beside random rows, RegMix's LightGBM and one Gaussian process.

    python -m benchmarks.mixture_search --ratios R1.csv,R2.csv --metrics M1.csv,M2.csv

Simple regret at two budgets, mean ± sd over seeds, in standard deviations of the objective over the table.
"""

from __future__ import annotations

import argparse
import os
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks import page
from mixtures import replay

BUDGETS = (16, 32)


def main() -> None:
    """Replay at each budget and write the section."""
    parser = argparse.ArgumentParser(description="simple regret of the search and of its peers")
    parser.add_argument("--ratios", required=True, help="CSV files of weights, after commas")
    parser.add_argument("--metrics", required=True, help="CSV files of metrics, after commas")
    parser.add_argument("--objective", default="mean", help="as in mixtures.replay")
    parser.add_argument("--seeds", type=int, default=16, help="replays of each method")
    given = parser.parse_args()
    files = [[Path(p) for p in text.split(",")] for text in (given.ratios, given.metrics)]
    table = replay.read(files[0], files[1], given.objective, scaled=False)
    rows: dict[str, list[str]] = {}
    began = time.process_time()
    for budget in BUDGETS:
        for label, found in replay.replay(table, replay.plans(budget, 4), given.seeds, workers=1).items():
            rows.setdefault(label, [label]).append(f"{found.mean():.3f} ± {found.std():.3f}")
    spent = time.process_time() - began
    body = page.table(["method", *(f"{budget} runs" for budget in BUDGETS)], list(rows.values()))
    about = (
        f"{len(table.wide)} rows, {len(table.domains)} domains, {len(table.goal.shares)} metrics; {given.seeds} seeds"
    )
    page.write(
        "mixture_search",
        "Mixture search",
        f"{about}, {spent:.0f} CPU-s.\n\n{body}",
        [f"lightgbm {version('lightgbm')}"],
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
