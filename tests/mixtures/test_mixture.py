from pathlib import Path

import numpy as np
import pytest

from mixtures.domain import domains_of
from mixtures.mixture import (
    Mixture,
    check,
    epochs,
    natural,
    read_mixture,
    write_mixture,
)

DOMAINS = domains_of([("a,b", 1, 300, 100), ("zh-数学", 1, 100, 50)])


def test_natural_weights_are_shares_of_tokens_and_every_domain_has_the_same_epochs() -> None:
    weights = natural(DOMAINS).weights
    assert weights.tolist() == [0.75, 0.25]
    assert epochs(weights, 800, DOMAINS).tolist() == [2.0, 2.0]


def test_negative_and_missing_weights_are_refused() -> None:
    for row in ([1.2, -0.2], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="expected finite weights"):
            check(np.array(row), "here")


def test_a_mixture_survives_its_file_and_unknown_domains_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mixture.json"
    write_mixture(path, Mixture("proposed", np.array([0.4, 0.6])), DOMAINS, 200, {"why": "test"})
    assert read_mixture(path, ["zh-数学", "new", "a,b"]).weights.tolist() == [0.6, 0.0, 0.4]
    with pytest.raises(ValueError, match="no domain 'a,b'"):
        read_mixture(path, ["zh-数学"])
