"""Raw dumps → records: every common instruction format, told by its content, one row one record.

sources.py   what the user names (file, folder, glob, hub:…) → `Source`s
shapes.py    row → turns: which format a row has; with turns.py, choices.py and oasst.py for the harder ones
rows.py      row → record or quarantine row: ids, meta, the structural checks
run.py       a source → its shards
"""

from curation.ingest.run import Settings, key, run
from curation.ingest.sources import Source, resolve

__all__ = ["Settings", "Source", "key", "resolve", "run"]
