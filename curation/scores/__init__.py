"""Judge by a model: how likely it finds each answer, given its question (perplexity) and with it against without (IFD).

Scores only what every other judge keeps, and only where endpoints are configured; drops nothing by itself (policy.max_ifd,
policy.max_ppl). Reads the catalog and records/, writes verdicts/scores/. Reading order: settings, measure, run.
"""

from curation.scores.run import SCHEMA, key, missing, run
from curation.scores.settings import Settings

__all__ = ["SCHEMA", "Settings", "key", "missing", "run"]
