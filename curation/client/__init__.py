"""Asks OpenAI-compatible servers, one or a fleet. Reading order: work (what is to be asked), contract, endpoint (one server), fleet.

`fleet.ask` is imported where something is asked: the HTTP library takes a third of a CPU-second, and every catalog reads the
schemas of the stages that ask. Used by every stage that needs a model's answers; what becomes of a reply is theirs.
"""

from curation.client.contract import Connection, Read, Sink
from curation.client.work import Question

__all__ = ["Connection", "Question", "Read", "Sink"]
