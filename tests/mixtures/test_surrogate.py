import csv
from pathlib import Path

import numpy as np
import pytest

from mixtures import surrogate
from mixtures.ladder import AVERAGE
from mixtures.surrogate import fit, own, rank

TABLES = Path(__file__).parents[2] / "../shared/data/mixtures/regmix"


def runs(n: int, domains: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(domains, 0.7), n)


def table(name: str) -> tuple[list[str], np.ndarray]:
    with (TABLES / name).open() as handle:
        header, *rows = csv.reader(handle)
    return header[1:], np.array(rows, dtype=float)[:, 1:]


def law(v: np.ndarray) -> np.ndarray:
    return 2 - 0.1 * np.log(v[:, 2] + 0.01) - 0.03 * np.log(v[:, 4] + 0.01)


@pytest.mark.parametrize("quick", [False, True])
def test_a_clean_law_is_learned_and_its_intervals_hold(quick: bool) -> None:
    new, inside = runs(400, 6, 1), []
    for seed in range(4):
        w, rng = runs(32, 6, 20 + seed), np.random.default_rng(seed)
        fitted = fit(w, {"m": law(w) + 0.01 * rng.normal(size=32)}, quick=quick)["m"]
        mean, sd = fitted.of_a_run(new)
        assert rank(mean, law(new)) > 0.97
        inside.append((abs(law(new) + 0.01 * rng.normal(size=400) - mean) < 1.645 * sd).mean())
        assert fitted.cv_error < 0.5 * fitted.table[0].cv_error
    assert 0.8 < np.mean(inside) < 0.97


def test_joint_draws_have_the_mean_and_the_sd_that_are_told_and_hang_together() -> None:
    w, new = runs(24, 6), runs(50, 6, 1)
    fitted = fit(w, {"m": law(w) + 0.03 * np.random.default_rng(2).normal(size=24)}, quick=True)["m"]
    mean, sd = fitted.predict(new)
    draws = fitted.sample(new, 4000, np.random.default_rng(3))
    assert draws.shape == (4000, 50)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.1 * sd.max())
    np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.1)
    same = fitted.sample(np.vstack([new[:1], new[:1]]), 100, np.random.default_rng(4))
    np.testing.assert_allclose(same[:, 0], same[:, 1], atol=1e-3 * sd[0])


def test_another_rung_is_taken_only_when_its_lead_is_no_luck() -> None:
    rng, every = np.random.default_rng(0), np.arange(24)
    base = rng.normal(size=24)
    errors = {"constant": base, AVERAGE: 0.5 * base, "LightGBM": 0.2 * base}
    assert surrogate._choose(errors, every)[0] == "LightGBM"
    assert "standard errors ahead of the mean of the GPs" in surrogate._choose(errors, every)[1]
    luck = errors | {"LightGBM": 0.49 * np.roll(base, 5)}
    assert surrogate._choose(luck, every) == (
        AVERAGE,
        "explains 75% of the variance of held-out runs; the lead of LightGBM may be luck",
    )


def test_runs_that_spoil_the_others_are_left_out_though_they_hide_one_another_and_surprising_ones_stay() -> None:
    w = runs(32, 6, 3)
    clean = law(w) + 0.01 * np.random.default_rng(4).normal(size=32)
    spoilt = clean.copy()
    spoilt[[4, 9, 20]] = [9.0, -3.0, 9.0]
    both = fit(w, {"clean": clean, "spoilt": spoilt}, quick=True)
    assert both["clean"].outliers == {}
    assert sorted(both["spoilt"].outliers) == [4, 9, 20]
    assert both["spoilt"].runs == 29
    assert np.isnan(both["spoilt"].held_out[[4, 9, 20]]).all()
    assert both["spoilt"].cv_error < 1.5 * both["clean"].cv_error
    alone = runs(32, 6, 3)
    alone[:, 2] = np.maximum(alone[:, 2], 0.2)
    alone[11, 2] = 0  # the only run without the domain: far off, and true
    alone /= alone.sum(axis=1, keepdims=True)
    assert fit(alone, {"m": -np.log(alone[:, 2] + 0.01)}, quick=True)["m"].outliers == {}


def test_a_metric_finds_its_own_domain_by_words() -> None:
    names = ("train_the_pile_arxiv", "train_the_pile_pubmed_central", "train_the_pile_pubmed_abstracts")
    assert own("metric/the_pile_pubmed_abstracts_val_loss", names) == 2
    assert own("metric/the_pile_arxiv_val_loss", names) == 0
    assert own("arc_easy:rc::olmes", names) is None
    assert own("loss/b", ("a", "b")) == 1
    assert own("hellaswag", ("a",)) is None


def test_pure_noise_keeps_the_constant_and_says_so() -> None:
    kept = 0
    for seed in range(6):
        fitted = fit(runs(20, 8, seed), {"m": np.random.default_rng(100 + seed).normal(size=20)})["m"]
        kept += fitted.name == "constant"
        if fitted.name == "constant":
            assert fitted.note == "no form predicts held-out runs better than their mean"
            assert np.ptp(fitted.predict(runs(5, 8, 9))[0]) == 0
    assert kept >= 4


def test_a_metric_named_after_a_domain_is_judged_by_that_domains_own_weight() -> None:
    w = runs(20, 5)
    values = 1 - 0.2 * np.log(w[:, 3] + 0.01)
    fitted = fit(w, {"loss/d": values}, ("a", "b", "c", "d", "e"))["loss/d"]
    formula = next(step for step in fitted.table if step.name == "-log(w+.01)")
    assert formula.cv_error < 1e-6


def test_missing_values_leave_only_their_own_metric() -> None:
    w = runs(24, 4)
    full = -np.log(w[:, 0] + 0.01)
    holes = full.copy()
    holes[::3] = np.nan
    holes[1] = np.inf
    fitted = fit(w, {"full": full, "holes": holes, "rare": np.where(np.arange(24) < 3, full, np.nan)})
    assert fitted["full"].runs == 24
    assert fitted["holes"].runs == 15
    assert np.isnan(fitted["holes"].held_out[::3]).all()
    assert rank(fitted["holes"].predict(w)[0], full) > 0.95
    assert fitted["rare"].name == "constant"
    assert "only 3 different mixtures" in fitted["rare"].note


def test_constant_metrics_constant_columns_and_one_mixture_give_an_answer() -> None:
    w = np.column_stack([runs(12, 3) * 0.5, np.full(12, 0.5), np.zeros(12)])
    fitted = fit(w, {"flat": np.full(12, 3.0), "m": -np.log(w[:, 0] + 0.01)})
    assert fitted["flat"].name == "constant"
    assert fitted["flat"].note == "the metric has the same value in every run"
    assert np.isfinite(fitted["m"].predict(w)[0]).all()
    same = fit(np.full((5, 2), 0.5), {"m": np.arange(5.0)})["m"]
    assert same.predict(np.array([[0.1, 0.9]]))[0] == pytest.approx([2.0])


def test_repeats_of_a_mixture_are_never_on_both_sides_of_a_fold() -> None:
    w = np.repeat(runs(8, 40), 4, axis=0)
    values = np.repeat(np.random.default_rng(5).normal(size=8), 4)  # each mixture its own value: nothing to learn
    assert fit(w, {"m": values})["m"].name == "constant"


def test_weights_that_are_not_numbers_and_metrics_without_values_are_refused() -> None:
    w = runs(8, 3)
    with pytest.raises(ValueError, match="'m' has no value in any of 8 runs"):
        fit(w, {"m": np.full(8, np.nan)})
    with pytest.raises(ValueError, match="expected 8 values"):
        fit(w, {"m": np.zeros(7)})
    w[2, 1] = np.nan
    with pytest.raises(ValueError, match="finite weights"):
        fit(w, {"m": np.zeros(8)})


@pytest.mark.skipif(not TABLES.is_dir(), reason="the published RegMix tables are not at ../shared/data/mixtures")
def test_published_runs_are_ranked_from_a_budget_that_people_can_pay() -> None:
    domains, w = table("train_mixture_1m.csv")
    metrics, y = table("train_pile_loss_1m.csv")
    _, new = table("test_mixture_1m.csv")
    _, truth = table("test_pile_loss_1m.csv")
    k = metrics.index("metric/the_pile_pile_cc_val_loss")
    w, new = w / w.sum(axis=1, keepdims=True), new / new.sum(axis=1, keepdims=True)
    ranks = []
    for seed in range(3):
        some = np.random.default_rng(seed).choice(len(w), 32, replace=False)
        ranks.append(rank(fit(w[some], {"m": y[some, k]}, tuple(domains))["m"].predict(new)[0], truth[:, k]))
    assert np.mean(ranks) > 0.95
