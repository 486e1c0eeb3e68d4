"""The search replayed over published tables beside random rows, RegMix's LightGBM and one Gaussian process.

    python -m benchmarks.mixture_search [folder with regmix/ and olmix_dclm/]

A run is a look at a row. Simple regret at two budgets over the same seeds, in standard deviations of the objective over the table.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks import page
from benchmarks.given import given
from benchmarks.mixture_fit import DROPPED, HEADLINE, RUNS
from mixtures import finished, replay, tables

BUDGETS, BATCH, SEEDS = (16, 32), 4, 16


def main() -> None:
    """Replay every table at each budget and write the section."""
    folder = given("MIXTURES", RUNS, *sys.argv[1:2])
    regmix, dclm = ("regmix/train_{}_1m.csv", "regmix/test_{}_1m.csv"), ("olmix_dclm/dclm_{}.csv",)
    head = (
        f"Mean ± sd of the regret over {SEEDS} seeds (worst; seeds that found the best row of all), batches of {BATCH}."
    )
    told = [f"{head} RegMix: training and test runs in one pool."]
    for title, names, kinds, objective in (
        ("RegMix 1M, mean of 13 losses", regmix, ("mixture", "pile_loss"), "mean"),
        ("RegMix 1M, Pile-CC", regmix, ("mixture", "pile_loss"), HEADLINE),
        ("Olmix DCLM, composite", dclm, ("ratios", "metrics"), ""),
    ):
        ratios, metrics = ([folder / name.format(kind) for name in names] for kind in kinds)
        table = finished.read(ratios, metrics, objective or _composite(metrics[0]), scaled=False)
        began = time.process_time()
        rows: dict[str, list[str]] = {}
        for budget in BUDGETS:
            for label, found in replay.replay(table, replay.plans(budget, BATCH), SEEDS, workers=1).items():
                cell = f"{found.mean():.3f} ± {found.std():.3f} ({found.max():.3f}; {int((found == 0).sum())})"
                rows.setdefault(label, [label]).append(cell)
        spent = f"{len(table.wide)} rows, {len(table.domains)} domains; {time.process_time() - began:.0f} CPU-s"
        told.append(f"{title} ({spent}):\n\n{page.table(['', *(f'{n} runs' for n in BUDGETS)], list(rows.values()))}")
    page.write("mixture_search", "Mixture search", "\n\n".join(told), [f"lightgbm {version('lightgbm')}"])


def _composite(metrics: Path) -> str:
    """Return the mean of the metrics that the runs' authors keep, as mixtures.replay takes an objective."""
    return ",".join(f"{name}=1" for name in tables.read_metrics(metrics).columns if name not in DROPPED)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
