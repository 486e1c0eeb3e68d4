"""Asks OpenAI-compatible servers, one or a fleet. Reading order: work (what is to be asked), contract, endpoint (one server), fleet.

Used by every stage that needs a model's answers; what becomes of a reply is theirs.
"""

from curation.client.contract import Connection, Read, Sink
from curation.client.fleet import ask
from curation.client.work import Question

__all__ = ["Connection", "Question", "Read", "Sink", "ask"]
