"""Two goals that pull apart: one domain's loss against another's; the front is where the third has no weight."""

import numpy as np
import pytest

from mixtures import surrogate
from mixtures.objective import Objective
from mixtures.pareto import along, front, volume, weighed
from mixtures.propose import Model, improve, improvement


class Rows:
    """A pool of rows and nothing between them."""

    def __init__(self, wide: np.ndarray) -> None:
        self.wide = wide

    def near(self, _centre: np.ndarray, _turn: int) -> np.ndarray:
        return self.wide[:0]

    def between(self, best: np.ndarray, _anchor: np.ndarray) -> np.ndarray:
        return best


def losses(w: np.ndarray) -> np.ndarray:
    return 1 - np.sqrt(w[:, :2])


@pytest.fixture(scope="module")
def model() -> tuple[Model, np.ndarray]:
    w = np.random.default_rng(0).dirichlet(np.ones(3), 24)
    fitted = surrogate.fit(w, dict(zip("ab", losses(w).T, strict=True)), quick=True)
    scale = {"a": 1.0, "b": 1.0}
    parts = {name: Objective({name: 1.0}, scale) for name in scale}
    return Model(fitted, Objective({"a": 0.5, "b": 0.5}, scale, parts=parts)), w


def test_the_front_is_what_no_other_beats_everywhere() -> None:
    assert front(np.array([[1, 2], [2, 1], [2, 2], [1, 2]])).tolist() == [True, True, False, True]


def test_the_volume_is_that_of_the_boxes_counted_once() -> None:
    assert volume(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([3.0, 3.0])) == pytest.approx(3)
    boxes = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0], [0.9, 0.9, 0.9]])
    assert volume(boxes, np.ones(3)) == pytest.approx(0.5)
    assert volume(np.array([[4.0, 0.0]]), np.array([3.0, 3.0])) == 0


def test_runs_along_the_front_spread_from_one_goal_to_the_other(model: tuple[Model, np.ndarray]) -> None:
    found, taken = model
    pool = np.random.default_rng(1).dirichlet(np.ones(3), 400)
    points = along(found, Rows(pool), np.full(3, 1 / 3), taken, 6, seed=0)
    assert len({tuple(p) for p in points}) == 6
    assert points[:, 2].max() < 0.15
    assert np.ptp(points[:, 0]) > 0.5
    np.testing.assert_array_equal(points, along(found, Rows(pool), np.full(3, 1 / 3), taken, 6, seed=0))


def test_a_weighing_has_its_own_best_point_on_the_front(model: tuple[Model, np.ndarray]) -> None:
    found, _ = model
    line = np.column_stack([np.linspace(0.05, 0.95, 19), np.linspace(0.95, 0.05, 19), np.zeros(19)])
    best = [line[np.argmin(weighed(found, np.array([w, 1.0])).score(line)), 0] for w in (0.6, 1.0, 1.6)]
    assert best[0] < best[1] < best[2]
    assert best[1] == pytest.approx(0.5, abs=0.06)


def test_where_no_improvement_is_left_to_expect_the_best_predicted_is_run(model: tuple[Model, np.ndarray]) -> None:
    found, taken = model
    seen = np.vstack([taken, [0.5, 0.5, 0.0]])
    known = np.array([[0.1, 0.1, 0.8], [0.3, 0.2, 0.5], [0.15, 0.15, 0.7]])
    assert improvement(found, known, seen).max() == 0
    np.testing.assert_array_equal(improve(found, known, seen, 1), known[1:2])
