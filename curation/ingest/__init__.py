"""Raw dumps → records: every common instruction format, told by its content.

sources.py   what the user names (file, folder, glob, hub:…) → `Source`s
shapes.py    row → turns: which format a row has; with turns.py, choices.py, thoughts.py, compared.py and oasst.py
             for the harder ones
plain.py     the short way to the same turns for rows of plain strings
rows.py      row → what it says (turns, id, meta), or why it says nothing
batch.py     what rows say → a table of records: normalised, checked and hashed many at a time
output.py    tables on their way to disk: row groups, shards, quarantine
slices.py    the slices of a large file, each written on its own, and what joins them
run.py       sources → their shards
"""

from curation.ingest.batch import Normaliser
from curation.ingest.run import Settings, key, run, stale
from curation.ingest.sources import Source, resolve

__all__ = ["Normaliser", "Settings", "Source", "key", "resolve", "run", "stale"]
