"""OpenAssistant trees: down the best-ranked replies, one path for every way that people went on."""

from __future__ import annotations

from typing import Any

from curation.ingest.turns import ROLES, UnusableError, text
from curation.record import Turn

DEPTH = 64  # turns; the deepest published tree has 13
PATHS = 64  # of one tree; the widest published one has fewer than 30 replies


def best_paths(message: dict[str, Any]) -> tuple[list[list[Turn]], int]:
    """Return the conversations of a tree, and how many messages are in none of them.

    Of several answers to a prompt the best-ranked is followed; of several prompts after an answer each opens a
    conversation of its own, unless nobody answered it. A reply without rank comes after every ranked one, in the file's
    order; deleted ones are passed over.
    """
    paths: list[list[Turn]] = []
    open_ends: list[tuple[dict[str, Any], list[Turn]]] = [(message, [])]
    seen = 0
    while open_ends and len(paths) < PATHS:
        node, before = open_ends.pop()
        role = ROLES.get(str(node.get("role", "")).lower())
        if role is None:
            raise UnusableError("bad_roles", f"the role {node.get('role')!r:.40} in a tree of messages")
        turns = [*before, (role, text(node.get("text")))]
        seen += 1
        replies = _replies(node)
        if role == "user":
            ways = [min(replies, key=_rank)] if replies else []
        else:
            ways = [reply for reply in replies if _replies(reply)]
        if not ways or len(turns) >= DEPTH:
            paths.append(turns)
            continue
        open_ends += [(way, turns) for way in reversed(ways)]
    return paths, _count(message) - seen


def _replies(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [r for r in node.get("replies") or [] if isinstance(r, dict) and not r.get("deleted")]


def _count(node: dict[str, Any]) -> int:
    nodes, count = [node], 0
    while nodes:
        count += 1
        nodes += _replies(nodes.pop())
    return count


def _rank(reply: dict[str, Any]) -> float:
    rank = reply.get("rank")
    return float(rank) if isinstance(rank, int | float) else float("inf")
