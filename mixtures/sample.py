"""Deterministic, nested sampling of a mixture from the catalog, shared by the proxies and the hand-off.

A domain's records stand in the order of a hash of their id and the seed: whole epochs of that order, then a
prefix of it. The domains are interleaved by Sainte-Laguë's rule: a record is due when the mixture has grown to
the size at which its domain's share reaches the middle of that record. A draw is the prefix of this one sequence
whose tokens come nearest to the budget, so with equal weights and seed a smaller budget's draw is the beginning
of a larger one's, the total is off by half a record at most, and every stretch of the draw holds the mixture.
(Correcting by largest remainders would not nest: a domain may lose a record when the budget grows.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import xxhash

from curation.catalog import connect
from curation.record import id_bytes

SLACK = 1e-9  # relative; a share computed in floating point may pass an exact cap by this much
SUM_TOLERANCE = 1e-6
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64 finaliser, Steele et al. 2014
MIX_2 = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Supply:
    """The kept records that a mixture may draw from, one row each, ordered by id."""

    ids: np.ndarray  # V16, ascending bytewise
    domain: np.ndarray  # int32, index into names
    n_tokens: np.ndarray  # int64
    names: tuple[str, ...]  # sorted; weights are aligned with it

    @property
    def tokens(self) -> np.ndarray:
        """Tokens of each domain, int64[k]."""
        sums = np.bincount(self.domain, weights=self.n_tokens, minlength=len(self.names))  # float64: exact below 2^53
        return sums.astype(np.int64)

    @property
    def records(self) -> np.ndarray:
        """Records of each domain, int64[k]."""
        return np.bincount(self.domain, minlength=len(self.names)).astype(np.int64)

    @property
    def natural(self) -> np.ndarray:
        """Weights of the natural mixture: each domain's share of all tokens."""
        return self.tokens / max(1, int(self.tokens.sum()))

    def take(self, rows: np.ndarray) -> Supply:
        """Return the supply of these rows alone, the domains unchanged."""
        return Supply(self.ids[rows], self.domain[rows], self.n_tokens[rows], self.names)


def read_supply(catalog: Path) -> Supply:
    """Read the view `domains` of a catalog (corpus.duckdb); raises ValueError where it is empty or has nulls."""
    with connect(catalog) as connection:
        connection.execute("SET arrow_lossless_conversion = true")  # a UUID as 16 bytes, not as text
        query = "SELECT DISTINCT domain FROM domains ORDER BY domain"
        found = [row[0] for row in connection.execute(query).fetchall()]
        names = tuple(sorted(name for name in found if name is not None))
        connection.register("names", pa.table({"domain": names, "code": np.arange(len(names), dtype=np.int32)}))
        table = connection.sql(
            "SELECT id, code, n_tokens::BIGINT AS n_tokens FROM domains LEFT JOIN names USING (domain) ORDER BY id"
        ).to_arrow_table()
    nulls = {name: table[name].null_count for name in table.column_names if table[name].null_count}
    if nulls or not table.num_rows:
        raise ValueError(f"the view domains of {catalog} has {table.num_rows} rows, nulls in {nulls}; expected kept "
                         "records, each with a domain and n_tokens: run the tokens and skill stages, then the catalog")  # fmt: skip
    columns = [table[name].to_numpy() for name in ("code", "n_tokens")]
    return Supply(id_bytes(table["id"]), columns[0].astype(np.int32), columns[1], names)


def draw(supply: Supply, weights: np.ndarray, budget: int, seed: int, epoch_cap: float | None) -> np.ndarray:
    """Return rows of `supply` (int64, repeated where a domain needs more than one epoch) that hold `budget` tokens.

    The total is within half a record of the budget. Each domain is within about half a record of weights[d] × budget,
    plus its share of the other domains' rounding. Rows come interleaved, each prefix a smaller draw of the same mixture.
    Raises ValueError where weights are no shares or a domain would need more than `epoch_cap` epochs.
    """
    weights = checked(weights, supply.names)
    if budget <= 0:
        raise ValueError(f"expected a budget of at least one token, got {budget}")
    _check_cap(supply, weights * budget, epoch_cap)
    order, starts = _ordered(supply, seed)
    active = np.flatnonzero(weights > 0)
    largest = int(supply.n_tokens.max(initial=0))
    horizon = budget + (len(active) + 1) * largest  # the cut lies before it: rounding costs half a record a domain
    rows, due = [], []
    for d in active:
        own = order[starts[d] : starts[d + 1]]
        limit = float(weights[d]) * horizon
        if epoch_cap is not None:
            limit = min(limit, epoch_cap * float(supply.n_tokens[own].sum()))
        sequence, middle = _epochs(own, supply.n_tokens, limit)
        rows.append(sequence)
        due.append(middle / (2 * weights[d]))
    return _cut(rows, due, supply.n_tokens, budget)


def checked(weights: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return weights as float64 summing to exactly one; raises ValueError where they are no shares of `names`."""
    weights = np.asarray(weights, np.float64)
    if weights.shape != (len(names),):
        raise ValueError(f"expected one weight for each of {len(names)} domains, got an array of shape {weights.shape}")
    if not np.isfinite(weights).all() or (weights < 0).any() or abs(weights.sum() - 1) > SUM_TOLERANCE:
        raise ValueError(
            f"weights must be shares >= 0 that sum to 1, got {dict(zip(names, weights.tolist(), strict=True))}"
        )
    shares: np.ndarray = weights / weights.sum()
    return shares


def hold_out(supply: Supply, tokens: int, records: int, share: float, seed: int) -> np.ndarray:
    """Return which rows are held out (bool[n]): the smallest hashes of each domain.

    A domain holds out records until it has both `tokens` tokens and `records` records, never more than `share` of its
    records. The choice hangs on ids alone: more records later move few of the held-out ones into training.
    """
    order, starts = _ordered(supply, f"holdout/{seed}")
    before, domain = _before(supply, order, starts), supply.domain[order]
    rank = np.arange(len(order)) - starts[domain]
    wanted = (before < tokens) | (rank < records)
    held = np.zeros(len(supply.ids), np.bool_)
    held[order[wanted & (rank < np.floor(share * supply.records)[domain])]] = True
    return held


def subsample(supply: Supply, fraction: float | np.ndarray, seed: int) -> np.ndarray:
    """Return the rows (int64, ascending) of a random part of every domain that holds `fraction` of its tokens.

    A proxy run on budget × f drawn from a subsample of f sees each domain as many times as the final run sees it.
    `fraction` may differ by domain (float[k]). A domain with records keeps one at least.
    """
    order, starts = _ordered(supply, f"subsample/{seed}")
    limits = np.minimum(fraction, 1.0) * supply.tokens
    domain = supply.domain[order]
    before = _before(supply, order, starts)
    taken = (2 * before + supply.n_tokens[order] <= 2 * limits[domain]) | (
        before == 0
    )  # up to its middle, or the first
    return np.sort(order[taken])


def _before(supply: Supply, order: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the tokens that stand before each row of `order` in its own domain (int64[n])."""
    before = np.concatenate(([0], np.cumsum(supply.n_tokens[order])))
    within: np.ndarray = before[:-1] - before[starts[supply.domain[order]]]
    return within


def _ordered(supply: Supply, salt: int | str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows sorted by domain, then by hash(id, salt), and where each domain starts (int64[k + 1])."""
    by_hash = np.argsort(_hashes(supply.ids, salt), kind="stable")
    order = by_hash[np.argsort(supply.domain[by_hash], kind="stable")]
    return order, np.concatenate(([0], np.cumsum(supply.records)))


def _hashes(ids: np.ndarray, salt: int | str) -> np.ndarray:
    words = np.ascontiguousarray(ids).view("<u8").reshape(-1, 2)
    key = np.uint64(xxhash.xxh3_64_intdigest(str(salt).encode()))
    return _mix(_mix(words[:, 0] ^ key) ^ words[:, 1])


def _mix(value: np.ndarray) -> np.ndarray:
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    value ^= value >> np.uint64(31)
    return value


def _epochs(own: np.ndarray, n_tokens: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Repeat a domain's order until it holds `limit` tokens; returns rows and twice the tokens before their middles."""
    tokens = n_tokens[own]
    running = np.cumsum(tokens)
    total = int(running[-1])
    whole = int(limit // total)
    rest = int(np.searchsorted(running - tokens, limit - whole * total, side="left"))
    sequence = np.concatenate((np.tile(own, whole), own[:rest]))
    epoch = np.repeat(np.arange(whole + 1, dtype=np.int64), [len(own)] * whole + [rest])
    within = np.concatenate((np.tile(2 * running - tokens, whole), (2 * running - tokens)[:rest]))
    return sequence, within + 2 * epoch * total


def _cut(rows: list[np.ndarray], due: list[np.ndarray], n_tokens: np.ndarray, budget: int) -> np.ndarray:
    sequence = np.concatenate(rows)[np.argsort(np.concatenate(due), kind="stable")]
    totals = np.concatenate(([0], np.cumsum(n_tokens[sequence])))
    return sequence[: int(np.argmin(np.abs(totals - budget)))].astype(np.int64)


def _check_cap(supply: Supply, asked: np.ndarray, epoch_cap: float | None) -> None:
    have = supply.tokens
    over = have == 0 if epoch_cap is None else asked > epoch_cap * have * (1 + SLACK)
    for d in np.flatnonzero((asked > 0) & over):
        epochs = "no records" if have[d] == 0 else f"{have[d]:,} tokens, {asked[d] / have[d]:.2f} epochs"
        raise ValueError(
            f"domain {supply.names[d]}: {asked[d]:,.0f} tokens asked of a supply of {epochs}; the cap is "
            f"{'none' if epoch_cap is None else epoch_cap}: lower its weight or the budget, raise the cap, or add data"
        )
