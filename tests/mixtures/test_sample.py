"""Draws of a mixture: exact, nested, deterministic."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from mixtures.sample import Supply, draw, hold_out, read_supply, subsample

NAMES = ("en-code", "en-math", "zh-chat")


def supply_of(records: tuple[int, ...] = (400, 300, 200), seed: int = 1) -> Supply:
    """Return a supply of records of 10 to 300 tokens."""
    rng = np.random.default_rng(seed)
    total = sum(records)
    ids = np.sort(rng.integers(0, 256, (total, 16), dtype=np.uint8).view("S16").ravel())
    domain = rng.permutation(np.repeat(np.arange(len(records), dtype=np.int32), records))
    return Supply(ids.view("V16"), domain, rng.integers(10, 301, total), NAMES[: len(records)])


def drawn_tokens(supply: Supply, rows: np.ndarray) -> np.ndarray:
    """Return the tokens of each domain in a draw."""
    return np.bincount(supply.domain[rows], weights=supply.n_tokens[rows], minlength=len(supply.names)).astype(np.int64)


@pytest.mark.parametrize("budget", [5_000, 33_333, 100_000, 400_000])
def test_a_draw_meets_the_budget_within_half_a_record_and_every_share_within_its_rounding(budget: int) -> None:
    supply = supply_of()
    weights = np.array([0.5, 0.3, 0.2])
    got = drawn_tokens(supply, draw(supply, weights, budget, seed=7, epoch_cap=None))
    assert abs(got.sum() - budget) <= 150
    assert (np.abs(got - weights * budget) <= 300).all()


def test_a_smaller_budget_is_the_beginning_of_a_larger_one() -> None:
    supply = supply_of()
    weights = np.array([0.6, 0.1, 0.3])
    largest = draw(supply, weights, 300_000, seed=7, epoch_cap=None)
    for budget in range(1_000, 300_000, 17_011):
        smaller = draw(supply, weights, budget, seed=7, epoch_cap=None)
        assert (largest[: len(smaller)] == smaller).all()


def test_a_domain_with_a_larger_weight_keeps_the_records_it_had_with_a_smaller_one() -> None:
    supply = supply_of()
    less = draw(supply, np.array([0.2, 0.4, 0.4]), 20_000, seed=7, epoch_cap=None)
    more = draw(supply, np.array([0.6, 0.2, 0.2]), 20_000, seed=7, epoch_cap=None)
    of_code = [rows[supply.domain[rows] == 0] for rows in (less, more)]
    assert len(of_code[0]) < len(of_code[1])
    assert (of_code[1][: len(of_code[0])] == of_code[0]).all()


def test_two_and_a_half_epochs_hold_every_record_two_or_three_times() -> None:
    supply = supply_of()
    budget = int(2.5 * supply.tokens[1])
    rows = draw(supply, np.array([0.0, 1.0, 0.0]), budget, seed=7, epoch_cap=3)
    times = np.bincount(rows, minlength=len(supply.ids))
    assert set(times[supply.domain == 1]) == {2, 3}
    assert not times[supply.domain != 1].any()
    first = rows[: supply.records[1]]
    assert len(set(first)) == supply.records[1], "the first epoch is whole before the second begins"


def test_at_an_epoch_cap_of_one_no_record_comes_twice() -> None:
    supply = supply_of()
    rows = draw(supply, supply.natural, int(supply.tokens.sum()), seed=7, epoch_cap=1)
    assert sorted(rows) == list(range(len(supply.ids)))


def test_over_the_cap_the_error_names_domain_supply_epochs_and_cap() -> None:
    supply = supply_of()
    have = int(supply.tokens[2])
    with pytest.raises(
        ValueError, match=rf"domain zh-chat: .* tokens asked of a supply of {have:,} tokens, 3\.00 epochs; the cap is 2"
    ):
        draw(supply, np.array([0.0, 0.0, 1.0]), 3 * have, seed=7, epoch_cap=2)


def test_a_weight_on_a_domain_without_records_is_an_error_even_without_a_cap() -> None:
    supply = supply_of((50, 50, 0))
    assert len(draw(supply, np.array([0.5, 0.5, 0.0]), 1_000, seed=7, epoch_cap=None))
    with pytest.raises(ValueError, match=r"zh-chat.*no records"):
        draw(supply, np.array([0.4, 0.4, 0.2]), 1_000, seed=7, epoch_cap=None)


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.7, 0.7, -0.4], [0.5, 0.5, 0.5], [np.nan, 0.5, 0.5]])
def test_weights_that_are_no_shares_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        draw(supply_of(), np.array(weights), 1_000, seed=7, epoch_cap=None)


def test_equal_seeds_draw_equal_rows_and_other_seeds_other_rows() -> None:
    supply = supply_of()
    first, again, other = (draw(supply, supply.natural, 10_000, seed, None) for seed in (1, 1, 2))
    assert (first == again).all()
    assert set(first) != set(other)


def test_the_order_of_a_domain_hangs_on_ids_and_not_on_other_records() -> None:
    supply = supply_of()
    fewer = np.flatnonzero(supply.domain != 0)
    part = supply.take(fewer)
    of_math = np.array([0.0, 1.0, 0.0])
    assert (fewer[draw(part, of_math, 9_000, 7, None)] == draw(supply, of_math, 9_000, 7, None)).all()


def test_held_out_records_reach_their_tokens_and_never_pass_their_share() -> None:
    supply = supply_of((400, 300, 20))
    held = hold_out(supply, tokens=2_000, records=5, share=0.1, seed=0)
    part = supply.take(np.flatnonzero(held))
    assert (part.tokens[:2] >= 2_000).all()
    assert (part.tokens[:2] < 2_300).all()
    assert part.records[2] == 2, "a tenth of 20, though it asks for 5"


def test_the_mean_subsample_holds_its_fraction_of_every_domain() -> None:
    supply = supply_of()
    shares = [supply.take(subsample(supply, 0.2, seed)).tokens / supply.tokens for seed in range(20)]
    np.testing.assert_allclose(np.mean(shares, axis=0), 0.2, atol=0.01)


def test_a_run_on_a_subsample_sees_as_many_epochs_as_the_final_run_on_all() -> None:
    supply = supply_of()
    weights = np.array([0.1, 0.2, 0.7])
    final = draw(supply, weights, 120_000, seed=3, epoch_cap=None)
    part = supply.take(subsample(supply, 0.25, seed=3))
    proxy = draw(part, weights, 30_000, seed=3, epoch_cap=None)
    np.testing.assert_allclose(
        drawn_tokens(part, proxy) / part.tokens, drawn_tokens(supply, final) / supply.tokens, rtol=0.05
    )


def test_a_tiny_subsample_keeps_one_record_of_every_domain() -> None:
    supply = supply_of()
    assert (supply.take(subsample(supply, 1e-9, seed=0)).records == 1).all()


def test_the_supply_is_read_from_the_catalog_in_the_order_of_ids(tmp_path: Path) -> None:
    catalog = tmp_path / "corpus.duckdb"
    with duckdb.connect(str(catalog)) as connection:
        connection.execute(
            "CREATE TABLE domains(id UUID, domain VARCHAR, source VARCHAR, n_tokens INT, n_target_tokens INT)"
        )
        connection.execute(
            "INSERT INTO domains VALUES ('ff000000-0000-0000-0000-000000000001', 'zh', 's', 5, 1), "
            "('00000000-0000-0000-0000-00000000ff00', 'en', 's', 7, 1), ('80000000-0000-0000-0000-000000000000', 'zh', 's', 9, 1)"
        )
    supply = read_supply(catalog)
    assert supply.names == ("en", "zh")
    assert [i.tobytes().hex()[:2] for i in supply.ids] == ["00", "80", "ff"]
    assert supply.domain.tolist() == [0, 1, 1]
    assert supply.n_tokens.tolist() == [7, 9, 5]
    assert supply.tokens.tolist() == [7, 14]


def test_a_catalog_whose_records_lack_a_domain_is_refused(tmp_path: Path) -> None:
    catalog = tmp_path / "corpus.duckdb"
    with duckdb.connect(str(catalog)) as connection:
        connection.execute("CREATE TABLE domains AS SELECT uuid() AS id, NULL::VARCHAR AS domain, 3 AS n_tokens")
    with pytest.raises(ValueError, match=r"nulls in \{'code': 1\}"):
        read_supply(catalog)
