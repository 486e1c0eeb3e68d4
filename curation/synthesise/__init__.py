"""Maker: chain-of-thought rewrites through OpenAI-compatible endpoints, verified, resumable a record at a time.

Reads the catalog, writes records/<name>/ (one accepted trace a prompt) and synthesis/<name>/samples.parquet (every
sample with its reason). Reading order: settings, select, prompt, client, journal, gate, equal, run.
"""

from curation.synthesise.run import ASKING, STAGE, Report, key, run
from curation.synthesise.select import select
from curation.synthesise.settings import Settings

__all__ = ["ASKING", "STAGE", "Report", "Settings", "key", "run", "select"]
