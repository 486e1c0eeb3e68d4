"""Surrogates of published proxy runs beside RegMix's LightGBM, the exponential law and trivial baselines.

    python -m benchmarks.mixture_fit [folder with regmix/ and olmix_dclm/]

Each method sees the same random subsets of the training runs and predicts runs it has not seen.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lightgbm import LGBMRegressor
from numpy.typing import NDArray
from scipy.optimize import least_squares
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks import page
from benchmarks.given import given
from mixtures import surrogate, tables

Array = NDArray[np.float64]
RUNS = "published runs of proxies, a folder with regmix/ and olmix_dclm/"
SEEDS = range(6)
SIZES = (32, 64)
HEADLINE = "metric/the_pile_pile_cc_val_loss"
# The authors of the DCLM runs leave these out of their composite.
DROPPED = (
    "qasper_yesno:rc::olmes", "sciriff_yesno:rc::olmes", "lab_bench_dbqa", "lab_bench_protocolqa", "medqa_en:rc::none",
    "ultrachat_masked_ppl", "wildchat_masked_ppl",
)  # fmt: skip
INSIDE = 1.645  # sds of a 90 % interval


@dataclass(frozen=True)
class Split:
    """Runs to learn from and runs to predict."""

    w: Array
    y: Mapping[str, Array]
    new: Array
    truth: Mapping[str, Array]
    names: tuple[str, ...]


Predictions = dict[str, tuple[Array, Array | None]]  # metric → mean, sd of a run where the method has one
Method = Callable[[Split], Predictions]


def ours(split: Split) -> Predictions:
    """Every choice made inside the training runs."""
    return {m: f.of_a_run(split.new) for m, f in surrogate.fit(split.w, split.y, split.names).items()}


def quick(split: Split) -> Predictions:
    """Without the ladder."""
    return {m: f.of_a_run(split.new) for m, f in surrogate.fit(split.w, split.y, split.names, quick=True).items()}


def regmix(split: Split) -> Predictions:
    """Fit with the settings of RegMix's notebook; it stops early on the test runs, which is not copied."""

    def one(y: Array) -> Array:
        model = LGBMRegressor(n_estimators=1000, learning_rate=0.01, random_state=42, n_jobs=1, verbose=-1)
        return np.asarray(model.fit(split.w, y).booster_.predict(split.new))

    return {m: (one(y), None) for m, y in split.y.items()}


def exponential(split: Split) -> Predictions:
    """Level + exp(line in the weights), robust least squares from several starts, as the law's authors fit it."""

    def one(y: Array) -> Array:
        best: tuple[float, Array] = (np.inf, np.zeros(2 + split.w.shape[1]))
        rng = np.random.default_rng(0)
        for _ in range(4):
            level = y.min() - np.ptp(y) * rng.uniform(0.05, 1)
            start = np.concatenate([[level, np.log(y.mean() - level)], rng.normal(0, 0.5, split.w.shape[1])])
            found = least_squares(
                lambda p: _law(p, split.w) - y,
                start,
                lambda p: _slopes(p, split.w),
                loss="huber",
                f_scale=0.02,
                max_nfev=100,
            )
            best = min(best, (float(found.cost), found.x), key=lambda pair: pair[0])
        return _law(best[1], split.new)

    return {m: (one(y), None) for m, y in split.y.items()}


def _law(p: Array, w: Array) -> Array:
    return np.asarray(p[0] + np.exp(np.clip(p[1] + w @ p[2:], -30, 30)))


def _slopes(p: Array, w: Array) -> Array:
    grown = (_law(p, w) - p[0])[:, None]
    return np.hstack([np.ones_like(grown), grown, grown * w])


def own(form: Callable[[Array], Array]) -> Method:
    """Return a line in the weight of the domain that the metric names, or else of the one that goes with it most."""

    def predict(split: Split) -> Predictions:
        return {
            m: (_line(form(split.w), y, form(split.new), surrogate.own(m, split.names)), None)
            for m, y in split.y.items()
        }

    return predict


def _line(x: Array, y: Array, new: Array, own: int | None) -> Array:
    if own is None:
        apart = x - x.mean(axis=0)
        own = int(np.argmax(abs(apart.T @ (y - y.mean())) / np.maximum(np.sqrt((apart**2).sum(axis=0)), 1e-12)))
    slope, level = np.polyfit(x[:, own], y, 1) if np.ptp(x[:, own]) > 0 else (0.0, y.mean())
    return np.asarray(level + slope * new[:, own])


METHODS: dict[str, Method] = {
    "Cuvée": ours,
    "Cuvée, quick": quick,
    "RegMix's LightGBM": regmix,
    "exponential law": exponential,
    "own weight": own(lambda w: w),
    "-log(own weight + .01)": own(lambda w: np.log(w + 0.01)),
}


def published(folder: Path) -> tuple[list[tables.Joined], tables.Joined]:
    """Return RegMix's training and test runs, and DCLM's runs."""
    pairs = [
        (folder / "regmix" / f"{side}_mixture_1m.csv", folder / "regmix" / f"{side}_pile_loss_1m.csv")
        for side in ("train", "test")
    ]
    pairs.append((folder / "olmix_dclm" / "dclm_ratios.csv", folder / "olmix_dclm" / "dclm_metrics.csv"))
    first, second, third = (tables.join(tables.read_ratios(r), tables.read_metrics(m)) for r, m in pairs)
    return [first, second], third


def _columns(table: tables.Table, rows: NDArray[np.intp] | slice) -> dict[str, Array]:
    return dict(zip(table.columns, table.values[rows].T, strict=True))


def of_regmix(runs: list[tables.Joined], size: int, seed: int) -> Split:
    """Return a random subset of the training runs, and all test runs."""
    train, test = runs
    some = np.random.default_rng(seed).choice(len(train.ratios.values), size, replace=False)
    every = slice(None)
    return Split(
        train.ratios.values[some], _columns(train.metrics, some), test.ratios.values, _columns(test.metrics, every),
        train.ratios.columns,
    )  # fmt: skip


def of_dclm(runs: tables.Joined, size: int, seed: int) -> Split:
    """Return a random subset of the runs, and the rest; one metric, the mean of the benchmarks that the authors keep."""
    kept = [k for k, name in enumerate(runs.metrics.columns) if name not in DROPPED]
    mean = runs.metrics.values[:, kept].mean(axis=1)
    order = np.random.default_rng(seed).permutation(len(mean))
    some, rest = order[:size], order[size:]
    w = runs.ratios.values
    return Split(w[some], {"composite": mean[some]}, w[rest], {"composite": mean[rest]}, runs.ratios.columns)


def _inside(pairs: Predictions, truth: Mapping[str, Array]) -> float:
    shares = [(abs(truth[m] - mean) < INSIDE * sd).mean() for m, (mean, sd) in pairs.items() if sd is not None]
    return float(np.mean(shares)) if shares else float("nan")


def _figures(pairs: Predictions, split: Split) -> list[float]:
    """Return rank and MSE × 1000 of the headline, rank of the mean over metrics, share inside the 90 % intervals."""
    headline = HEADLINE if HEADLINE in pairs else next(iter(pairs))
    total = np.mean([mean for mean, _ in pairs.values()], axis=0)
    truth = np.mean(list(split.truth.values()), axis=0)
    error = float(((pairs[headline][0] - split.truth[headline]) ** 2).mean()) * 1000
    ranks = [surrogate.rank(pairs[headline][0], split.truth[headline]), surrogate.rank(total, truth)]
    return [np.nan_to_num(ranks[0]), error, np.nan_to_num(ranks[1]), _inside(pairs, split.truth)]


def measure(method: Method, splits: list[Split]) -> tuple[Array, float]:
    """Return the figures of each subset (subsets × 4) and CPU-seconds a subset."""
    began = time.process_time()
    made = [method(split) for split in splits]
    cost = (time.process_time() - began) / len(splits)
    return np.array([_figures(pairs, split) for pairs, split in zip(made, splits, strict=True)]), cost


def _cell(values: Array, digits: int = 3) -> str:
    if np.isnan(values).any():
        return "–"
    return f"{values.mean():.{digits}f} ({values.min():.{digits}f}–{values.max():.{digits}f})"


def main(folder: Path) -> None:
    """Measure, print, and write the section of docs/BENCHMARKS.md."""
    regmix_runs, dclm_runs = published(folder)
    rows: list[list[object]] = []
    for size in SIZES:
        sides = [[of_regmix(regmix_runs, size, s) for s in SEEDS], [of_dclm(dclm_runs, size, s) for s in SEEDS]]
        for name, method in METHODS.items():
            with threadpool_limits(limits=1):
                (first, cost), (second, _) = (measure(method, splits) for splits in sides)
            row = [_cell(first[:, 0]), _cell(first[:, 1], 1), _cell(first[:, 2]), _cell(first[:, 3])]
            rows.append([size, name, *row, _cell(second[:, 0]), _cell(second[:, 3]), cost])
    head = [
        "runs", "", "Pile-CC, rank", "MSE × 1000", "mean of 13 losses, rank", "inside 90 %", "DCLM composite, rank",
        "inside 90 %", "CPU-s for 13 metrics",
    ]  # fmt: skip
    page.write("mixture_fit", "Surrogates of mixture runs", f"{_intro()}\n\n{page.table(head, rows)}")


def _intro() -> str:
    return (
        f"Mean (least–most) over {len(SEEDS)} random subsets of the training runs, the same for all methods: RegMix's 1M-parameter "
        "runs (17 domains, 256 test runs; the mean of 13 losses is the mean of 13 surrogates) and the DCLM swarm of Olmix (24 topics, "
        "the composite of the benchmarks its authors keep, the other runs as test). Rank is Spearman's. Intervals are for a new run. "
        "`quick` tries the mean of the two processes against the constant only; the rest of Cuvée's time is the ladder."
    )


if __name__ == "__main__":
    main(given("MIXTURES", RUNS, *sys.argv[1:2]))
