"""Names near duplicates over all sources: cluster_id, cluster_size and the Jaccard to the nearest.

Two conversations are compared as the tokens of all their turns, roles apart. Those with equal content_hash are one
text here, and its cluster is given to every copy, so fuzzy clusters contain the exact ones. Nothing is dropped here:
`sql/keepers.sql` chooses each cluster's keeper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation.clusters import Keys, named, record_ids, values
from curation.fuzzy.cluster import cluster
from curation.fuzzy.join import Rule
from curation.fuzzy.sign import Signing, sign
from curation.identity import code, digest
from curation.spill import Spill
from curation.utf8 import numbers

SCHEMA = pa.schema(
    [
        ("id", pa.uuid()),
        ("keep", pa.bool_()),  # always true
        ("reason", pa.string()),  # always null
        ("cluster_id", pa.uuid()),  # the smallest record id, by bytes, of the cluster; null where alone
        ("cluster_size", pa.int32()),  # records in the cluster, 1 where alone
        ("jaccard", pa.float32()),  # the largest verified Jaccard to another member; null where alone
    ]
)
COLUMNS = ["id", "content_hash", "turns"]  # of a record


class Settings(BaseModel):
    """When two records are near duplicates."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    threshold: float = Field(
        0.8, gt=0, le=1, description="Jaccard of the shingle sets from which two records are joined"
    )
    ngram: int = Field(5, ge=1, le=32, description="tokens a shingle: Latin words, Han characters")
    bands: int = Field(12, ge=1, le=256, description="bands of the signature: records meet where one band is equal")
    rows: int = Field(5, ge=1, le=32, description="permutations a band")
    seed: int = Field(1, ge=0, description="draws the permutations")
    exact_numbers_below: int = Field(
        256,
        ge=0,
        description="two records of at most this many tokens stay apart where each has a number that the other lacks, or "
        "their arithmetic signs differ: templated sums are different problems; 0 turns it off",
    )
    answer_threshold: float = Field(
        0.5,
        ge=0,
        le=1,
        description="two records stay apart where their last assistant turns have a lower Jaccard than this: one long "
        "prompt with two answers is two examples; 0 turns it off",
    )
    leaders: int = Field(32, ge=1, description="records of one bucket that are compared with all the rest of it")
    memory_gb: float = Field(
        4, gt=0, description="memory that the clustering may take, GiB; beyond it, it spills to <root>/work"
    )

    @property
    def signing(self) -> Signing:
        """Return the part on which signatures depend."""
        return Signing.model_validate(self.model_dump(include=set(Signing.model_fields)))

    @property
    def rule(self) -> Rule:
        """Return the part on which the joining depends."""
        return Rule(self.ngram, self.threshold, self.answer_threshold, self.exact_numbers_below, self.leaders)


def keys_identity(settings: Settings) -> str:
    """Return the identity of the settings and the code that make the keys."""
    return digest("fuzzy keys", settings.signing, code("curation.fuzzy.sign"))


def identity(settings: Settings) -> str:
    """Return the identity of the settings and the code that make the verdicts; the memory is of no account."""
    return digest(settings.model_dump(exclude={"memory_gb"}), code("curation.fuzzy.run"))


def prepare(settings: Settings) -> Callable[[pa.Table], pa.Table]:
    """Return the function records → keys."""
    return partial(sign, signing=settings.signing)


def group(keys: Keys, settings: Settings, spill: Spill) -> Iterator[pa.Table]:
    """Yield one table of verdicts a keys file, its rows in the file's order."""
    root, nearest = cluster(keys, settings.bands, settings.rule, spill)
    clusters = named(record_ids(keys, spill), root, spill)
    for _, rows in keys.files():
        columns = clusters.columns(rows.start, rows.stop, spill)
        jaccard = numbers(nearest[rows], values(columns[-1]) == 1)
        yield pa.Table.from_arrays([*columns, jaccard], schema=SCHEMA)
