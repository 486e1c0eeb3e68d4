from pathlib import Path

import numpy as np
import pytest

from mixtures.ledger import Ledger, Run, read
from mixtures.objective import mismatch, objective
from mixtures.plan import Settings

HALF = np.array([0.5, 0.5])


def runs() -> list[Run]:
    other = [Run("x", "space_filling", 9, np.array([0.1, 0.9]), {"a": 4.0, "b": 10.2, "mean": 7.1})]
    natural = [{"a": 2.0, "b": 10.0, "mean": 6.0}, {"a": 2.1, "b": 9.0, "mean": 5.55}]
    return [*(Run(f"n{k}", "natural", k, HALF, m) for k, m in enumerate(natural)), *other]


def test_weights_and_scales_are_what_is_said() -> None:
    goal = objective(runs(), Settings(objective=(("a", 3.0), ("b", 1.0)), normalise="none", scales=(("b", 5.0),)))
    assert goal.shares == {"a": 0.75, "b": 0.25}
    assert goal.of({"a": 2.0, "b": 10.0}) == pytest.approx(0.75 * 2 + 0.25 * 10 / 5)


def test_a_metric_that_does_not_repeat_loses_its_weight() -> None:
    goal = objective(runs(), Settings(objective=(("[ab]", 1.0),), reproducible=True))
    assert goal.shares["a"] > 0.85
    assert sum(goal.shares.values()) == pytest.approx(1.0)


def test_a_composite_is_not_counted_beside_its_components() -> None:
    told = Settings(objective=(("*", 1.0),), composites=(("mean", ("a", "b")),))
    assert set(objective(runs(), told).shares) == {"a", "b"}


def test_each_line_of_a_pareto_objective_is_a_goal() -> None:
    goal = objective(runs(), Settings(aim="pareto", objective=(("a", 1.0), ("*", 2.0)), normalise="none"))
    assert {name: dict(part.shares) for name, part in goal.parts.items()} == {
        "a": {"a": 1.0},
        "*": {"b": 0.5, "mean": 0.5},
    }
    assert goal.parts["*"].of({"a": 1.0, "b": 2.0, "mean": 4.0}) == 3.0
    with pytest.raises(ValueError, match=r"needs two goals or more, and all metrics fall under '\*'"):
        objective(runs(), Settings(aim="pareto", objective=(("*", 1.0),)))
    with pytest.raises(ValueError, match="judge the composite alone"):
        Settings(aim="pareto", sharp=0.1)


def test_a_guard_is_a_fraction_worse_than_natural() -> None:
    goal = objective(runs(), Settings(objective=(("a", 1.0),), guards=(("b", 0.02),)))
    assert goal.guards == {"b": pytest.approx(9.5 * 1.02)}


def test_a_composite_that_its_components_do_not_make_is_told_with_both_numbers() -> None:
    composites = (("mean", ("a", "b")),)
    assert not mismatch({"a": 1.0, "b": 2.0, "mean": 1.5001}, composites)
    said = mismatch({"a": 1.0, "b": 2.0, "mean": 3.5}, composites)
    assert said == "mean is 3.5, and the mean of its 2 components is 1.5"


def test_refused_and_partial_runs_are_marked_with_the_reason_and_never_counted(tmp_path: Path) -> None:
    book = Ledger(tmp_path / "ledger.jsonl", ("x", "y"), "p")
    assert book.add(Run("whole", "natural", 0, HALF, {"a": 1.0, "b": 2.0}))
    assert not book.add(Run("partial", "natural", 1, HALF, {"a": 1.0}))
    assert not book.add(Run("refused", "natural", 2, HALF, {"a": 1.0, "b": 2.0}), "mean is 3, not 1.5")
    assert [line.get("why") for line in read(book.path)] == [None, "no finite value of b", "mean is 3, not 1.5"]
    again = Ledger(tmp_path / "ledger.jsonl", ("x", "y"), "p")
    assert [again.find(HALF, seed) is not None for seed in range(3)] == [True, False, False]


def test_earlier_runs_count_for_a_domain_that_joins(tmp_path: Path) -> None:
    old = Ledger(tmp_path / "ledger.jsonl", ("x", "y"), "p")
    old.add(Run("n", "natural", 0, HALF, {"a": 1.0}))
    old.add(Run("c", "confirmation", 1, HALF, {"a": 1.0}))
    (run,) = Ledger(tmp_path / "ledger.jsonl", ("x", "xx", "y"), "q").earlier()
    np.testing.assert_array_equal(run.weights, [0.5, 0.0, 0.5])


def test_earlier_runs_of_a_domain_that_is_gone_are_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Ledger(tmp_path / "ledger.jsonl", ("x", "y"), "p").add(Run("n", "natural", 0, HALF, {"a": 1.0}))
    assert Ledger(tmp_path / "ledger.jsonl", ("x", "z"), "p").earlier() == []
    assert "1 earlier runs are not reused: they weigh y, which is no domain any more" in caplog.text
