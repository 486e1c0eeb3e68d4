"""The fuzzy judge: near duplicates, by MinHash with every candidate pair verified.

minhash.py (signatures) · sign.py (phase one, a shard at a time) · similar.py (are two texts near duplicates?) ·
cluster.py (phase two, over all sources) · run.py (settings, schema, key, run)
"""

from curation.fuzzy.run import SCHEMA, Settings, key, run

__all__ = ["SCHEMA", "Settings", "key", "run"]
