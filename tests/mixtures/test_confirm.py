import numpy as np
import pytest

from mixtures.confirm import left_out, noise_floor, paired, signal, verdict


def test_the_interval_covers_the_true_gain_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 1, (2000, 4))  # what a seed does to both sides cancels
    natural, proposed = 5 + shared + rng.normal(0, 0.1, (2000, 4)), 4.9 + shared + rng.normal(0, 0.1, (2000, 4))
    found = [paired(a, b) for a, b in zip(natural, proposed, strict=True)]
    assert np.mean([g.low <= 0.1 <= g.high for g in found]) == pytest.approx(0.9, abs=0.025)
    assert np.mean([g.high - g.low for g in found]) < 0.5


def test_the_interval_is_the_textbook_one() -> None:
    gain = paired(np.array([3.0, 4.0, 5.0]), np.array([2.0, 2.0, 2.0]))
    assert (gain.mean, gain.low, gain.high) == pytest.approx(
        (2.0, 2 - 2.91999 / np.sqrt(3), 2 + 2.91999 / np.sqrt(3)), abs=1e-4
    )


def test_the_three_verdicts_are_said_in_words() -> None:
    some, gain = np.array([1.0, 1.1, 0.9, 1.0]), np.array([0.1, 0.11, 0.09, 0.1])
    assert verdict(paired(some, some - gain)).startswith("The proposed mixture is 10.00% better")
    assert verdict(paired(some, some - np.array([0.1, -0.1, 0.05, 0.0]))).startswith("No detectable gain")
    assert verdict(paired(some, some + gain)).startswith("The natural mixture is better")
    assert verdict(paired(some, some)).startswith("No detectable gain")


def test_failed_sides_are_left_out_and_one_pair_is_not_enough() -> None:
    assert paired(np.array([1.0, np.nan, 2.0]), np.array([0.5, 0.5, 1.0])).pairs == 2
    with pytest.raises(ValueError, match="1 pairs of confirmation runs finished"):
        paired(np.array([1.0, np.nan]), np.array([0.5, 0.5]))


def test_noise_and_signal() -> None:
    repeats = np.array([1.0, 3.0])
    assert noise_floor(repeats) == pytest.approx(np.sqrt(2))
    assert signal(np.array([0.0, 4.0]), repeats) == pytest.approx(2.0)
    assert signal(np.array([0.0, 4.0]), np.array([1.0, 1.0])) == float("inf")
    assert np.isnan(signal(np.array([0.0, 4.0]), np.array([1.0])))


def test_leaving_a_metric_out_is_measured_in_tokens_moved() -> None:
    rows = left_out({"m": np.array([0.7, 0.3]), "k": np.array([0.5, 0.5])}, np.array([0.5, 0.5]), {"m": 3.0})
    assert [(r.metric, round(r.moved, 6)) for r in rows] == [("m", 0.2), ("k", 0.0)]
