"""Domains: what a mixture gives weights to. They are defined in the catalog's view `domains`, nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

QUERY = """
SELECT domain, count(*) AS records, sum(n_tokens)::BIGINT AS tokens, sum(n_target_tokens)::BIGINT AS target_tokens
FROM domains GROUP BY domain ORDER BY domain
"""


@dataclass(frozen=True, eq=False)
class Domains:
    """The kept corpus by domain: names sorted, and for each its records, total tokens and supervised tokens."""

    names: tuple[str, ...]
    records: Counts
    tokens: Counts
    target_tokens: Counts

    def plain(self) -> dict[str, list[int]]:
        """Return name → [records, tokens, target_tokens]: what an identity is computed from."""
        columns = zip(self.names, self.records, self.tokens, self.target_tokens, strict=True)
        return {name: [int(r), int(t), int(s)] for name, r, t, s in columns}


def read_domains(catalog: Path) -> Domains:
    """Return the domains of the one cut, read from the catalog `<root>/corpus.duckdb`.

    Raises FileNotFoundError without a catalog, ValueError where the cut is empty or a domain has no name or no token.
    """
    if not catalog.is_file():
        raise FileNotFoundError(f"no catalog at {catalog}; run `curate` first")
    with duckdb.connect(str(catalog), read_only=True) as connection:
        rows = connection.execute(QUERY).fetchall()
    if not rows:
        raise ValueError(f"the cut is empty: the view `domains` of {catalog} has no row; look at the view `funnel`")
    return domains_of(rows)


def domains_of(rows: list[tuple[Any, ...]]) -> Domains:
    """Return Domains of (name, records, tokens, target_tokens) rows; raises ValueError on a nameless or empty domain."""
    for name, records, tokens, target in rows:
        if not name or not str(name).strip():
            raise ValueError(f"{records} kept records have no domain; see sql/domains.sql")
        if tokens is None or tokens <= 0 or target is None or target < 0:
            raise ValueError(f"domain {name!r} has {tokens} tokens in {records} records; run the stage `tokens` again")
    rows = sorted(rows)
    if len({row[0] for row in rows}) != len(rows):
        raise ValueError("a domain is named twice; expected one row a domain")
    names, *counts = zip(*rows, strict=True)
    return Domains(names, *(np.array(column, dtype=np.int64) for column in counts))
