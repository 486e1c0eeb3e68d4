"""The fuzzy judge: near duplicates, by MinHash with every candidate pair verified.

run.py (settings, schema, what a comparing judge offers) · sign.py (keys of a record) · minhash.py (signatures) ·
cluster.py (over all sources) · buckets.py (who meets) · join.py (who is joined) · similar.py (are two texts near duplicates?) ·
operators.py, notes.py (what counts in sums)
"""

from curation.fuzzy.run import COLUMNS, SCHEMA, Settings, group, identity, keys_identity, prepare

__all__ = ["COLUMNS", "SCHEMA", "Settings", "group", "identity", "keys_identity", "prepare"]
