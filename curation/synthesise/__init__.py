"""Maker: chain-of-thought rewrites through OpenAI-compatible endpoints, verified, resumable a prompt at a time.

Reads the catalog, writes records/<name>/ (every accepted sample, as a record) and synthesis/<name>/ (every sample with its
reason, the journal of replies, the report). Reading order: settings, run, select, prompt, work, endpoint, client, answers,
journal, reply, accept, gate, answer, equal, traces, account, report.
"""

from curation.synthesise.account import Projection, told
from curation.synthesise.run import ASKING, STAGE, Report, plan, run
from curation.synthesise.settings import Settings

__all__ = ["ASKING", "STAGE", "Projection", "Report", "Settings", "plan", "run", "told"]
