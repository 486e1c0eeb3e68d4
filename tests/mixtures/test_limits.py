from dataclasses import replace

import numpy as np
import pytest

from mixtures.domain import Domains, domains_of
from mixtures.limits import Bound, InfeasibleError, limits
from mixtures.mixture import supervised
from mixtures.swarm import candidates
from mixtures.written import quantise


def corpus() -> Domains:
    rows = [("en-chat", 9, 5000, 4000), ("en-math", 9, 3000, 900), ("zh-chat", 9, 1500, 1200), ("zh-math", 9, 500, 100)]
    return replace(domains_of(rows), groups={"licence:nc": np.array([0.5, 0.0, 1.0, 0.0]), "source:x": np.eye(4)[1]})


NATURAL = np.array([0.5, 0.3, 0.15, 0.05])


def test_a_licence_is_bounded_by_its_part_of_each_domain() -> None:
    space = limits(corpus(), (Bound(domains="licence:nc", ceiling=0.3),), 1000, 4.0)
    found = candidates(space, NATURAL, 200, 0)
    share = found @ np.array([0.5, 0.0, 1.0, 0.0])
    assert share.max() <= 0.3 + 1e-9
    assert share.max() > 0.25
    assert not space.holds(NATURAL)


def test_a_floor_on_supervised_tokens_counts_those_only() -> None:
    space = limits(corpus(), (Bound(domains="*-math", floor=0.3, of="supervised"),), 1000, 4.0)
    found = candidates(space, NATURAL, 200, 0)
    shares = np.array([supervised(corpus(), w)[[1, 3]].sum() for w in found])
    assert shares.min() >= 0.3 - 1e-9
    assert supervised(corpus(), NATURAL)[[1, 3]].sum() < 0.3
    assert [round(share, 3) for _, _, share, _ in space.slack(NATURAL)][-1] == 0.161


def test_no_candidate_moves_more_tokens_than_the_distance_allows_and_many_move_nearly_so_many() -> None:
    space = limits(corpus(), (), 1000, 4.0, distance=0.2)
    found = candidates(space, NATURAL, 300, 0)
    moved = abs(found - NATURAL).sum(axis=1) / 2
    assert moved.max() <= 0.2 + 1e-9
    assert (moved > 0.15).mean() > 0.2
    assert all(space.holds(quantise(w, space)) for w in found[:30])


def test_sparse_candidates_hold_no_more_domains_than_allowed_and_every_floor() -> None:
    space = limits(corpus(), (Bound(domains="zh-math", floor=0.1),), 1000, 4.0, most=2)
    found = candidates(space, NATURAL, 60, 0)
    assert ((found > 0).sum(axis=1) <= 2).all()
    assert (found[:, 3] >= 0.1 - 1e-9).all()
    assert all(np.count_nonzero(quantise(w, space)) <= 2 for w in found[:20])


def test_a_distance_too_short_for_a_floor_is_named_with_it() -> None:
    far = Bound(domains="zh-*", floor=0.6)
    with pytest.raises(InfeasibleError, match=r"these 2 conflict: zh-\* at least 0.6; at most 0.1 of the tokens moved"):
        limits(corpus(), (far,), 1000, 4.0, distance=0.1)


def test_too_few_domains_for_the_budget_are_told_with_what_they_supply() -> None:
    with pytest.raises(InfeasibleError, match=r"the 1 largest may hold only 50\.0% of the tokens"):
        limits(corpus(), (), 10_000, 1.0, most=1)


def test_a_budget_that_no_data_can_fill_names_the_keys_and_what_to_set_them_to() -> None:
    with pytest.raises(InfeasibleError) as told:
        limits(corpus(), (), 1_400_000_000, 4.0)
    for words in (
        "handoff.epoch_cap=4",
        "handoff.budget_tokens=1,400,000,000",
        "lower handoff.budget_tokens to 39,984",
    ):
        assert words in str(told.value)
    space = limits(corpus(), (), 39_984, 4.0)
    assert space.holds(quantise(NATURAL, space))


def test_each_change_that_is_named_is_enough_and_hardly_less_is() -> None:
    floor = Bound(domains="zh-*", floor=0.7)
    with pytest.raises(InfeasibleError) as told:
        limits(corpus(), (floor,), 20_000, 4.0)
    said = str(told.value)
    assert "lower the floor of zh-* (search.bounds) to 0.4" in said
    assert "raise handoff.epoch_cap to 7.003" in said
    limits(corpus(), (Bound(domains="zh-*", floor=0.4),), 20_000, 4.0)
    limits(corpus(), (floor,), 20_000, 7.003)
    with pytest.raises(InfeasibleError):
        limits(corpus(), (Bound(domains="zh-*", floor=0.402),), 20_000, 4.0)
    with pytest.raises(InfeasibleError):
        limits(corpus(), (floor,), 20_000, 6.99)


def test_two_conflicts_at_once_are_not_ended_by_one_change() -> None:
    apart = (
        Bound(domains="en-*", floor=0.8),
        Bound(domains="zh-*", floor=0.3),
        Bound(domains="*-math", floor=0.7),
        Bound(domains="*-chat", floor=0.5),
    )
    with pytest.raises(InfeasibleError, match=r"these 2 conflict.*no single change is enough"):
        limits(corpus(), apart, 1000, 4.0)


def test_a_mixture_on_which_the_solver_breaks_down_is_written_all_the_same() -> None:
    tokens = {"en-chat": 4_000_000, "en-math": 300_000, "zh-chat": 2_500_000, "zh-math": 200_000}
    space = limits(domains_of([(name, 10, n, n // 2) for name, n in tokens.items()]), (), 3_000_000, 4.0)
    aim = np.array([0.3862, 0.1788833333333, 0.2943, 0.1406166666667])
    np.testing.assert_allclose(quantise(aim / aim.sum(), space), aim, atol=1e-4)
