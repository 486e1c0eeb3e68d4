"""Domains: what a mixture gives weights to. They are defined in the catalog's view `domains`, nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Array = NDArray[np.float64]

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
    groups: Mapping[str, Array] = field(default_factory=dict)  # source:<name>, licence:<name> → its part of each domain

    def plain(self) -> dict[str, list[int]]:
        """Return name → [records, tokens, target_tokens]: what an identity is computed from."""
        columns = zip(self.names, self.records, self.tokens, self.target_tokens, strict=True)
        return {name: [int(r), int(t), int(s)] for name, r, t, s in columns}


PARTS = """
WITH licences AS (
    SELECT source, coalesce(nullif(licence, ''), 'unknown') AS licence, count(*) / sum(count(*)) OVER (PARTITION BY source) AS part
    FROM records GROUP BY source, licence
), cells AS (SELECT domain, source, sum(n_tokens) AS tokens FROM domains GROUP BY domain, source)
SELECT 'source:' || source AS name, domain, tokens::DOUBLE AS tokens FROM cells
UNION ALL SELECT 'licence:' || licence, domain, sum(tokens * part) FROM cells JOIN licences USING (source) GROUP BY licence, domain
"""


def with_groups(domains: Domains, catalog: Path) -> Domains:
    """Return the domains with the part that each source and licence has of each domain's tokens.

    A source with several licences has each by its part of the records, in all its domains alike.
    """
    with duckdb.connect(str(catalog), read_only=True) as connection:
        rows = connection.execute(PARTS).fetchall()
    at, groups = {name: i for i, name in enumerate(domains.names)}, dict[str, Array]()
    for name, domain, tokens in rows:
        parts = groups.setdefault(name, np.zeros(len(at)))
        parts[at[domain]] += tokens / domains.tokens[at[domain]]
    return replace(domains, groups=groups)


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
    records, tokens, target = (np.array(column, dtype=np.int64) for column in counts)
    return Domains(names, records, tokens, target)
