import numpy as np
import pytest

from mixtures import ladder
from mixtures.ladder import RUNGS, average, constant

W = np.random.default_rng(0).dirichlet(np.full(5, 0.6), 30)
NEW = np.random.default_rng(1).dirichlet(np.full(5, 0.6), 40)
CORNERS = np.eye(5)


@pytest.mark.parametrize("name", RUNGS)
def test_every_rung_predicts_finite_means_and_sds_also_at_the_corners(name: str) -> None:
    y = 2 - 0.2 * np.log(W[:, 1] + 0.02)
    fitted = RUNGS[name](W, y, None)
    for points in (NEW, CORNERS):
        mean, sd = fitted.at(points)
        assert np.isfinite(mean).all()
        assert (sd >= 0).all()
        covariance = fitted.covariance(points)
        np.testing.assert_allclose(np.sqrt(np.diagonal(covariance)), sd, rtol=1e-6, atol=1e-9)
        assert np.linalg.eigvalsh(covariance).min() > -1e-8 * np.diagonal(covariance).max()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_exponential_law_finds_its_own(sign: int) -> None:
    def law(v: np.ndarray) -> np.ndarray:
        return sign * (2 + np.exp(-3 * v[:, 0] + v[:, 2]))

    mean, _ = ladder.exponential(W, law(W), None).at(NEW)
    assert np.sqrt(((mean - law(NEW)) ** 2).mean()) < 0.1 * law(NEW).std()


def test_the_exponential_law_does_not_explode_beyond_the_runs() -> None:
    y = 2 + np.exp(-3 * W[:, 0])
    mean, _ = ladder.exponential(W, y, None).at(np.array([[-40.0, 0, 0, 0, 0], [40.0, 0, 0, 0, 0]]))
    assert (abs(mean) < 10 * np.ptp(y) + y.max()).all()


def test_a_column_that_hardly_varies_does_not_carry_a_ridge_away() -> None:
    w = W.copy()
    w[:, 4] = 0
    w[3, 4] = 1e-3
    w /= w.sum(axis=1, keepdims=True)
    y = w[:, 0] + 0.02 * np.random.default_rng(2).normal(size=len(w))
    mean, _ = ladder.ridge(ladder.same)(w, y, None).at(CORNERS)
    assert abs(mean).max() < 2


def test_a_line_in_the_own_weight_takes_the_named_domain_or_else_the_closest() -> None:
    y = 1 - W[:, 3]
    for own in (3, None):
        np.testing.assert_allclose(RUNGS["own weight"](W, y, own).at(NEW)[0], 1 - NEW[:, 3], atol=1e-6)
    assert np.ptp(RUNGS["own weight"](W, y, 0).at(NEW)[0] - (1 - NEW[:, 3])) > 0.1


def test_the_average_is_less_sure_where_its_parts_disagree() -> None:
    low, high = constant(W, np.full(30, 1.0), None), constant(W, np.full(30, 3.0), None)
    mean, sd = average([low, high]).at(NEW)
    assert mean.tolist() == [2.0] * 40
    assert sd == pytest.approx([1.0] * 40)
