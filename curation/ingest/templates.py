"""A conversation in one string, in the template of some model: ChatML, Llama 2 and 3, Gemma, Zephyr, Alpaca, <user>."""

from __future__ import annotations

import re

from curation.ingest.turns import ROLES, unmarked
from curation.record import Turn

OPENING = re.compile(r"\s*(?:<s>|<\|begin_of_text\|>|<bos>|<\|endoftext\|>)?\s*")
# How each template begins, and one turn of it: role and content. A cut off last turn is read to its end.
TURNS = (
    ("<|im_start|>", re.compile(r"<\|im_start\|>[ ]?(\w+)\n(.*?)(?:<\|im_end\|>|(?=<\|im_start\|>)|\Z)", re.DOTALL)),
    ("<|start_header_id|>", re.compile(
        r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n*(.*?)(?:<\|eot_id\|>|<\|end_of_text\|>|(?=<\|start_header_id\|>)|\Z)", re.DOTALL)),
    ("<start_of_turn>", re.compile(r"<start_of_turn>(\w+)\n(.*?)(?:<end_of_turn>|(?=<start_of_turn>)|\Z)", re.DOTALL)),
    ("<|", re.compile(r"<\|(system|user|assistant)\|>\n?(.*?)(?:</s>|<\|end\|>|<\|endoftext\|>|(?=<\|(?:system|user|assistant)\|>)|\Z)", re.DOTALL)),
    ("<", re.compile(r"<(system|user|assistant)>\s?(.*?)(?:</(?:system|user|assistant)>|(?=<(?:system|user|assistant)>)|\Z)", re.DOTALL)),
)  # fmt: skip
PREFACE = 400  # characters that may stand before Alpaca's "### Instruction:"


def templated(said: str) -> list[Turn]:
    """Return the turns of a string that is wholly in one template, or [] where it is in none known here."""
    start = OPENING.match(said)
    body = said[start.end() :] if start else said
    if body.startswith("[INST]"):
        return _llama2(body)
    if (found := _alpaca(body)) is not None:
        return found
    turn = next((t for mark, t in TURNS if body.startswith(mark) and t.match(body)), None)
    if turn is None:
        return []
    turns = [(ROLES.get(m.group(1).lower(), ""), m.group(2).strip()) for m in turn.finditer(body)]
    return turns if all(role for role, _ in turns) else []


def _llama2(body: str) -> list[Turn]:
    turns: list[Turn] = []
    for exchange in body.split("[INST]")[1:]:
        asked, _, answer = exchange.partition("[/INST]")
        system, mark, rest = asked.partition("<</SYS>>")
        if mark:
            turns.append(("system", system.strip().removeprefix("<<SYS>>").strip()))
        turns += [
            ("user", (rest if mark else asked).strip()),
            ("assistant", unmarked(answer.rstrip().removesuffix("<s>")).strip()),
        ]
    return turns


def _alpaca(body: str) -> list[Turn] | None:
    preface, mark, rest = body.partition("### Instruction:")
    if not mark or len(preface) > PREFACE or (preface and not preface.startswith("Below is an instruction")):
        return None
    before, mark, answer = rest.partition("\n### Response:")
    task, _, given = before.partition("\n### Input:")
    task, given = task.strip(), given.strip()
    return [("user", f"{task}\n{given}" if given else task), ("assistant", unmarked(answer).strip())] if mark else None
