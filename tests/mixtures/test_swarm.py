import numpy as np
import pytest
from scipy.stats import kstest

from mixtures.domain import Domains, domains_of
from mixtures.limits import Bound, InfeasibleError, limits
from mixtures.swarm import Spread, candidates, fill
from mixtures.written import quantise


def corpus(n: int = 12) -> Domains:
    tokens = np.random.default_rng(1).lognormal(12, 1.5, n)
    return domains_of([(f"{'zh' if k % 2 else 'en'}-{k:02d}", 5, int(t), int(t) // 2) for k, t in enumerate(tokens)])


BOUNDS = (
    Bound(domains="zh-*", floor=0.4, ceiling=0.5),
    Bound(domains="*-0?", ceiling=0.8),
    Bound(domains="en-*", floor=0.005, each=True),
)


def test_every_candidate_obeys_every_limit_and_so_does_its_written_form() -> None:
    domains = corpus()
    budget = int(domains.tokens.sum() * 1.2)
    space = limits(domains, BOUNDS, budget, 4.0)
    found = candidates(space, domains.tokens / domains.tokens.sum(), 500, 3)
    assert all(space.holds(w) for w in found)
    for w in found[:40]:
        steps = quantise(w, space) * 10_000
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-9)
        written = np.round(steps) / 10_000
        assert abs(written.sum() - 1) < 1e-12
        assert (budget * written / domains.tokens <= 4 + 1e-6).all()
        assert 0.4 - 1e-12 <= written[6:].sum() <= 0.5 + 1e-12
        assert (written[:6] >= 0.005 - 1e-12).all()


def test_the_same_seed_gives_the_same_candidates_and_another_seed_others() -> None:
    space, centre = limits(corpus(), BOUNDS, 100_000, 4.0), np.full(12, 1 / 12)
    first = candidates(space, centre, 20, 5)
    np.testing.assert_array_equal(first, candidates(space, centre, 20, 5))
    assert abs(first - candidates(space, centre, 20, 6)).max() > 0.01


def test_without_limits_that_bind_the_chains_keep_their_dirichlet_law() -> None:
    domains = domains_of([(name, 1, 10**9, 1) for name in "abcd"])
    space = limits(domains, (), 1000, 4.0)
    found = candidates(space, np.full(4, 0.25), 3000, 0, Spread(0.5, 0.5000001))  # Dirichlet(.5, .5, .5, .5)
    assert kstest(found[:, 0], "beta", args=(0.5, 1.5)).pvalue > 1e-3


def test_a_cut_law_is_the_law_conditioned_on_the_limits() -> None:
    domains = domains_of([(name, 1, 10**9, 1) for name in "abc"])
    space = limits(domains, (Bound(domains="[ab]", floor=0.7), Bound(domains="a", ceiling=0.5)), 1000, 4.0)
    found = candidates(space, np.full(3, 1 / 3), 3000, 0, Spread(1.0, 1.0000001))  # uniform
    free = np.random.default_rng(0).dirichlet(np.ones(3), 60_000)
    kept = free[(free[:, 0] + free[:, 1] >= 0.7) & (free[:, 0] <= 0.5)]
    for k in range(3):
        assert kstest(found[:, k], kept[:, k]).pvalue > 1e-3


def test_equalities_leave_room_where_there_is_room() -> None:
    domains = domains_of([(name, 1, 10**9, 1) for name in ("en-a", "en-b", "zh-a", "zh-b")])
    half = Bound(domains="en-*", floor=0.5, ceiling=0.5)
    fixed = Bound(domains="zh-a", floor=0.2, ceiling=0.2)
    space = limits(domains, (half, fixed), 1000, 4.0)
    found = candidates(space, np.full(4, 0.25), 200, 0)
    np.testing.assert_allclose(found[:, 2:], [[0.2, 0.3]] * 200, atol=1e-9)
    assert np.ptp(found[:, 0]) > 0.3


def test_a_conflict_is_explained_by_the_constraints_that_make_it_and_no_others() -> None:
    bounds = (Bound(domains="zh-*", floor=0.7), Bound(domains="en-*", floor=0.4), Bound(domains="en-00", ceiling=0.9))
    with pytest.raises(
        InfeasibleError, match=r"these 2 conflict: zh-\* at least 0.7; en-\* at least 0.4 \(search.bounds\)"
    ):
        limits(corpus(), bounds, 100_000, 4.0)


def test_a_floor_above_the_supply_names_the_epoch_cap() -> None:
    domains = corpus()
    budget = int(domains.tokens.sum())
    with pytest.raises(InfeasibleError, match=r"at most 1 epochs of en-00.*en-00 at least 0.9"):
        limits(domains, (Bound(domains="en-00", floor=0.9),), budget, 1.0)


def test_a_budget_above_the_whole_supply_says_how_far_the_corpus_goes() -> None:
    domains = corpus()
    with pytest.raises(InfeasibleError, match=r"supply only 80\.0% of the token budget"):
        limits(domains, (), int(domains.tokens.sum() * 5), 4.0)


def test_a_pattern_that_matches_nothing_lists_the_domains() -> None:
    with pytest.raises(ValueError, match="'fr-\\*' matches no domain; the domains are en-00"):
        limits(corpus(), (Bound(domains="fr-*", floor=0.1),), 100_000, 4.0)


def test_runs_that_fill_space_lie_farther_apart_than_chance() -> None:
    space = limits(corpus(), (), 100_000, 4.0)
    pool = candidates(space, np.full(12, 1 / 12), 1500, 0)

    def nearest(points: np.ndarray) -> float:
        squares = ((np.sqrt(points)[:, None] - np.sqrt(points)[None]) ** 2).sum(axis=2)
        return float(squares[np.triu_indices(len(points), 1)].min())

    rng = np.random.default_rng(0)
    random = [nearest(pool[rng.choice(1500, 12, replace=False)]) for _ in range(20)]
    assert nearest(fill(pool, pool[:1], 12, 0)) > max(random)
