import numpy as np
import pytest

from mixtures import transfer
from mixtures.surrogate import rank
from mixtures.transfer import Measured

W = np.random.default_rng(0).dirichlet(np.full(8, 0.5), 80)
NEW = np.random.default_rng(1).dirichlet(np.full(8, 0.5), 200)
FEW = slice(0, 14)


def law(v: np.ndarray) -> np.ndarray:
    return 3 - 0.4 * np.log(v[:, 0] + 0.02) - 0.3 * np.log(v[:, 1] + v[:, 2] + 0.02) - 0.2 * np.sqrt(v[:, 5])


def dear(v: np.ndarray) -> np.ndarray:
    return 0.5 * law(v) - 0.1 * v[:, 3] + 1


def test_cheap_runs_that_rank_alike_make_few_dear_runs_go_further() -> None:
    cheap = Measured(W, {"m": law(W) + 0.02 * np.random.default_rng(2).normal(size=80)})
    runs = Measured(W[FEW], {"m": dear(W[FEW])})
    fitted, told = transfer.fit(runs, cheap, quick=True)
    alone, _ = transfer.fit(runs, Measured(W, {"other": law(W)}), quick=True)
    assert told["m"].used
    assert told["m"].why.startswith("used: rank correlation")
    error = [np.sqrt(((f["m"].predict(NEW)[0] - dear(NEW)) ** 2).mean()) for f in (fitted, alone)]
    assert error[0] < 0.5 * error[1]
    assert rank(fitted["m"].predict(NEW)[0], dear(NEW)) > 0.97
    mean, sd = fitted["m"].of_a_run(NEW)
    assert (abs(mean - dear(NEW)) < 1.645 * sd).mean() > 0.8


def test_cheap_runs_that_say_nothing_of_the_dear_ones_are_ignored_and_it_is_said() -> None:
    for seed in range(4):
        shuffled = np.random.default_rng(seed).permutation(law(W))
        other = 1 + np.log(W[:, 7] + 0.02)
        for values in (shuffled, other):
            fitted, told = transfer.fit(Measured(W[FEW], {"m": dear(W[FEW])}), Measured(W, {"m": values}), quick=True)
            assert not told["m"].used
            assert told["m"].why.startswith("ignored: ")
            assert "cheap" not in fitted["m"].name


def test_cheap_runs_that_only_repeat_what_the_dear_ones_say_are_not_needed() -> None:
    runs = Measured(W, {"m": dear(W)})
    noisy = Measured(W[:20], {"m": law(W[:20]) + 0.4 * np.random.default_rng(3).normal(size=20)})
    _, told = transfer.fit(runs, noisy, quick=True)
    assert not told["m"].used


def test_metrics_without_a_cheap_twin_gaps_and_too_few_runs_are_told() -> None:
    values = dear(W[FEW])
    gaps = np.where(np.arange(14) < 7, values, np.nan)
    runs = Measured(W[FEW], {"m": values, "own": values, "gaps": gaps, "void": values})
    cheap = Measured(W, {"m": law(W), "gaps": law(W), "void": np.full(80, np.nan), "more": law(W)})
    fitted, told = transfer.fit(runs, cheap, quick=True)
    assert list(fitted) == ["m", "own", "gaps", "void"]
    assert told["m"].used
    assert "do not have this metric" in told["own"].why
    assert "do not have this metric" in told["void"].why
    assert "7 dear runs cannot show" in told["gaps"].why


def test_tables_of_other_domains_are_refused() -> None:
    with pytest.raises(ValueError, match="7 domains in the cheap runs, 8 in the dear ones"):
        transfer.fit(Measured(W[FEW], {"m": dear(W[FEW])}), Measured(W[:, :7], {"m": law(W)}))
