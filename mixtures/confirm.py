"""What fresh seeds say: the gain with its interval, the noise floor, and how much one metric carries the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # Student's quantile; scipy.stats takes seconds to import

Array = NDArray[np.float64]
PAIRS = 2  # fewest pairs that have a spread


@dataclass(frozen=True)
class Interval:
    """A mean difference and its confidence interval."""

    mean: float
    low: float
    high: float
    pairs: int
    confidence: float

    @property
    def detectable(self) -> bool:
        """Say whether zero lies outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class LeftOut:
    """The choice made again without one metric."""

    metric: str
    moved: float  # share of the tokens that the choice would place in other domains: half the sum of |differences|
    signal: float  # sd of the metric over different mixtures ÷ sd over repeats of one; infinite without noise


def paired(natural: Array, proposed: Array, confidence: float = 0.9) -> Interval:
    """Return natural − proposed with Student's interval over pairs that share a seed; positive: the proposal is better.

    A pair with a missing side is left out; raises ValueError where fewer than two remain.
    """
    gains = np.asarray(natural, float) - np.asarray(proposed, float)
    gains = gains[np.isfinite(gains)]
    if len(gains) < PAIRS:
        raise ValueError(
            f"{len(gains)} pairs of confirmation runs finished; an interval needs {PAIRS}: run the search again"
        )
    mean = float(gains.mean())
    half = float(stdtrit(len(gains) - 1, (1 + confidence) / 2) * gains.std(ddof=1) / np.sqrt(len(gains)))
    return Interval(mean, mean - half, mean + half, len(gains), confidence)


def planner(gain: Interval, spread: float, more: Sequence[int] = (2, 4, 8, 16)) -> tuple[tuple[int, float], ...]:
    """Return, for so many more pairs of confirmation runs, half of the interval on the gain to be expected.

    `spread` is the sd of a pair's difference; two runs buy a pair.
    """
    sizes = [gain.pairs + k for k in more]
    return tuple(
        (k, float(stdtrit(n - 1, (1 + gain.confidence) / 2)) * spread / float(np.sqrt(n)))
        for k, n in zip(more, sizes, strict=True)
    )


def spread_of(gain: Interval) -> float:
    """Return the sd of a pair's difference, read back from the interval."""
    quantile = float(stdtrit(gain.pairs - 1, (1 + gain.confidence) / 2))
    return (gain.high - gain.mean) * float(np.sqrt(gain.pairs)) / quantile


def noise_floor(repeats: Array) -> float:
    """Return the sd over repeats of one mixture with different seeds; NaN with fewer than two."""
    known = repeats[np.isfinite(repeats)]
    return float(known.std(ddof=1)) if len(known) >= PAIRS else float("nan")


def signal(values: Array, repeats: Array) -> float:
    """Return the sd of a metric over different mixtures ÷ its noise floor."""
    known, floor = values[np.isfinite(values)], noise_floor(repeats)
    if len(known) < PAIRS:
        return float("nan")
    return float(known.std(ddof=1)) / floor if floor > 0 else (float("nan") if np.isnan(floor) else float("inf"))


def left_out(choices: Mapping[str, Array], chosen: Array, signals: Mapping[str, float]) -> tuple[LeftOut, ...]:
    """Return how far the choice moves when each metric is left out; `choices` are those made without it."""
    return tuple(
        LeftOut(metric, float(abs(choice - chosen).sum()) / 2, signals.get(metric, float("nan")))
        for metric, choice in choices.items()
    )


def verdict(gain: Interval) -> str:
    """Say the result in one sentence; the gain is a fraction of the natural mixture's composite."""
    span = f"{gain.confidence:.0%} interval {gain.low:+.2%} to {gain.high:+.2%}, {gain.pairs} fresh seeds a side"
    if not gain.detectable:
        return f"No detectable gain: the proposed mixture differs from the natural one by {gain.mean:+.2%} ({span})."
    if gain.mean < 0:
        return f"The natural mixture is better: the proposed one is {-gain.mean:.2%} worse on the composite ({span})."
    return f"The proposed mixture is {gain.mean:.2%} better than the natural one on the composite ({span})."
