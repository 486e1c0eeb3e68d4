"""OpenAssistant trees: the path of best-ranked replies is the conversation."""

from __future__ import annotations

from typing import Any

from curation.ingest.turns import ROLES, UnusableError, text
from curation.record import Turn

DEPTH = 64  # turns; the deepest published tree has 13


def best_path(message: dict[str, Any]) -> tuple[list[Turn], int]:
    """Return the turns from a tree's prompt down its best-ranked replies, and how many replies were left out.

    A reply without a rank comes after every ranked one, in the file's order; deleted ones are passed over.
    """
    turns: list[Turn] = []
    left_out = 0
    node: Any = message
    while isinstance(node, dict) and len(turns) < DEPTH:
        role = ROLES.get(str(node.get("role", "")).lower())
        if role is None:
            raise UnusableError("bad_roles", f"the role {node.get('role')!r:.40} in a tree of messages")
        turns.append((role, text(node.get("text"))))
        replies = [r for r in node.get("replies") or [] if isinstance(r, dict) and not r.get("deleted")]
        left_out += max(0, len(replies) - 1)
        node = min(replies, key=_rank) if replies else None
    if len(turns) > 1 and turns[-1][0] == "user":
        turns.pop()  # a question nobody answered ends nothing
    return turns, left_out


def _rank(reply: dict[str, Any]) -> float:
    rank = reply.get("rank")
    return float(rank) if isinstance(rank, int | float) else float("inf")
