"""A mixture: the share of total tokens each domain has; and `mixture.json`, the chosen one by domain name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.shards import write_atomic
from mixtures.domain import Domains

Array = NDArray[np.float64]
ROUNDING = 0.02  # published tables miss a sum of 1 by rounding; more than this is another unit


@dataclass(frozen=True, eq=False)
class Mixture:
    """A name and one weight a domain, in the order of the domains, summing to 1."""

    name: str
    weights: Array


def natural(domains: Domains) -> Mixture:
    """Return the mixture the corpus has by itself: each domain by its tokens."""
    return Mixture("natural", domains.tokens / domains.tokens.sum())


def epochs(weights: Array, budget: int, domains: Domains) -> Array:
    """Return how often each domain's tokens are read when `budget` tokens are drawn with these weights."""
    return weights * budget / domains.tokens


def supervised(domains: Domains, weights: Array) -> Array:
    """Return each domain's share of the supervised tokens under weights that are shares of all tokens."""
    parts = weights * domains.target_tokens / domains.tokens
    return np.asarray(parts / parts.sum()) if parts.sum() > 0 else parts


def check(weights: Array, where: str, tolerance: float = ROUNDING) -> Array:
    """Return the rows renormalised to 1; raises ValueError on NaN, a negative weight, or a sum off by more than `tolerance`."""
    if (wrong := ~np.isfinite(weights) | (weights < 0)).any():
        raise ValueError(f"{where}: expected finite weights of at least 0, got {weights[wrong][:3].tolist()}")
    sums = np.atleast_2d(weights).sum(axis=1)
    worst = sums[np.argmax(abs(sums - 1))] if len(sums) else 1.0
    if abs(worst - 1) > tolerance:
        raise ValueError(f"{where}: expected weights that sum to 1, got {worst:.4f}; give shares of total tokens")
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float64)


def by_name(domains: Domains, values: Array) -> dict[str, float]:
    """Return domain name → value."""
    return dict(zip(domains.names, values.tolist(), strict=True))


def write_mixture(path: Path, mixture: Mixture, domains: Domains, budget: int, provenance: Mapping[str, Any]) -> None:
    """Write mixture.json: name, budget_tokens, weights and epochs by domain name, provenance."""
    content = {
        "name": mixture.name,
        "budget_tokens": budget,
        "weights": by_name(domains, mixture.weights),
        "epochs": by_name(domains, epochs(mixture.weights, budget, domains)),
        "provenance": provenance,
    }
    write_atomic(path, (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_mixture(path: Path, names: Sequence[str]) -> Mixture:
    """Return a mixture.json's weights in the order of `names`; a domain it does not name has weight 0.

    Raises ValueError where it weighs a domain that is not among `names`, or its weights do not sum to 1.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    given = content.get("weights")
    if not isinstance(given, dict) or not given:
        raise ValueError(f"{path}: expected an object `weights` of domain → share, got {type(given).__name__}")
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ValueError(f"{path}: no domain {unknown[0]!r} in this corpus; its domains are {', '.join(names)}")
    weights = np.array([given.get(name, 0.0) for name in names], dtype=np.float64)
    return Mixture(str(content.get("name", path.stem)), check(weights, str(path), 1e-6))
