"""Puts the demo's dump together: good records, what is planted among them, and the truth about every row."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from curation.demo import defects
from curation.demo.domains import Conversation, domains
from curation.demo.exam import Item, exam
from curation.demo.formats import LINES, MULTI_TURN, archive, broken, encode, native

GOOD = 440  # records a domain
COPIES = 350  # of each kind, about 5% of all
CONTAMINATED = 160
PLANTED_ITEMS = 100  # benchmark items that are planted; the others stay unseen
FOREIGN = 20  # a language
ODD = {"junk": 90, "refusal": 120, "mojibake": 80, "loop": 80, "prompt_only": 80}
BROKEN = 48
FILES: dict[str, tuple[str, tuple[str, ...]]] = {  # file under raw/ → format, the domains it begins with
    "alpaca_en.json": ("alpaca", ("en_writing", "en_reasoning")),
    "alpaca_zh.json": ("alpaca", ("zh_writing", "zh_role")),
    "sharegpt_dialogue.jsonl.gz": ("sharegpt", ("en_dialogue", "zh_dialogue")),
    "messages_math_en.jsonl": ("messages", ("en_math",)),
    "history_math_zh.jsonl": ("history", ("zh_math",)),
    "completions_knowledge_en.csv": ("csv", ("en_knowledge",)),
    "completions_knowledge_zh.tsv": ("tsv", ("zh_knowledge",)),
    "pairs_translation.jsonl": ("pairs", ("translation",)),
    "conversations.zip!role_en.json": ("zip", ("en_role",)),
    "conversations.zip!reasoning_zh.json": ("zip", ("zh_reasoning",)),
    "code.parquet": ("parquet", ("en_code", "zh_code")),
}


@dataclass(eq=False)
class Row:
    """One row on its way into a file. `of` is the row it copies."""

    kind: str
    domain: str
    turns: Conversation
    of: Row | None = None
    detail: str = ""
    raw: Any = None
    place: tuple[str, int] = ("", 0)


@dataclass(frozen=True)
class Truth:
    """What was planted where. `rows` are the lines of truth.jsonl: file under raw/, 1-based row, kind, domain, and more."""

    rows: list[dict[str, Any]]
    items: list[Item]
    kinds: Counter[str] = field(default_factory=Counter)


def generate(out: Path, seed: int = 7) -> Truth:
    """Write <out>/raw, <out>/benchmarks and <out>/truth.jsonl, the same bytes for the same seed.

    Returns the truth. A row's number counts records from 1, a CSV header not among them. Kinds: good, exact, near
    (both with `of`, the row copied), contaminated (with `item` and `how`), language (with `detail`, its code), junk,
    refusal, mojibake, loop, prompt_only, broken (with `detail`).
    """
    benchmarks, items = exam(seed)
    files = _good(seed)
    _plant(random.Random(f"{seed}/plant"), files, items)
    for name, rows in files.items():
        random.Random(f"{seed}/{name}").shuffle(rows)
        for number, row in enumerate(rows, start=1):
            row.place = (name, number)
    truth = [_truth(row) for rows in files.values() for row in rows]
    _write(out / "raw", files)
    for name, data in benchmarks.items():
        _put(out / "benchmarks" / name, data)
    _put(out / "truth.jsonl", "".join(json.dumps(t, ensure_ascii=False) + "\n" for t in truth).encode())
    return Truth(truth, items, Counter(t["kind"] for t in truth))


def _good(seed: int) -> dict[str, list[Row]]:
    makers = domains(seed)
    files: dict[str, list[Row]] = {}
    for name, (_, own) in FILES.items():
        files[name] = []
        for domain in own:
            rng = random.Random(f"{seed}/{domain}")
            files[name] += [Row("good", domain, makers[domain](rng)) for _ in range(GOOD)]
    return files


def _plant(rng: random.Random, files: dict[str, list[Row]], items: list[Item]) -> None:
    good = [row for rows in files.values() for row in rows]
    originals = rng.sample(good, 2 * COPIES)
    planted = [Row("exact", o.domain, defects.exact_copy(rng, o.turns), o) for o in originals[:COPIES]]
    planted += [Row("near", o.domain, defects.near_copy(rng, o.turns), o) for o in originals[COPIES:]]
    makers = {
        "junk": defects.junk,
        "refusal": defects.refusal,
        "mojibake": defects.mojibake,
        "loop": defects.loop,
        "prompt_only": defects.prompt_only,
    }
    fresh = {d: m for d, m in domains(0).items() if not d.endswith(("_dialogue", "_knowledge"))}
    for kind, count in ODD.items():
        for _ in range(count):
            domain = rng.choice(list(fresh))
            planted.append(Row(kind, domain, makers[kind](rng, fresh[domain](rng))))
    planted += [
        Row("language", "", defects.foreign(rng, lang), detail=lang)
        for lang in defects.LANGUAGES
        for _ in range(FOREIGN)
    ]
    chosen = rng.sample(items, PLANTED_ITEMS)
    for number in range(CONTAMINATED):
        item = chosen[number % len(chosen)]
        domain = rng.choice(list(fresh))
        how, turns = defects.wrapped(rng, item.question, item.answer, fresh[domain](rng))
        planted.append(Row("contaminated", domain, turns, detail=f"{item.where[0]}:{item.where[1]}:{how}"))
    for row in planted:
        fitting = [name for name, (kind, _) in FILES.items() if len(row.turns) == 1 or kind in MULTI_TURN]
        files[rng.choice(fitting)].append(row)
    ready = [name for name, (kind, _) in FILES.items() if kind in LINES or kind in {"alpaca", "zip"}]
    for number in range(BROKEN):
        name = ready[number % len(ready)]
        raw, detail = broken(FILES[name][0], number // len(ready))
        files[name].append(Row("broken", "", [], detail=detail, raw=raw))


def _truth(row: Row) -> dict[str, Any]:
    known: dict[str, Any] = {"file": row.place[0], "row": row.place[1], "kind": row.kind, "domain": row.domain}
    if row.of is not None:
        known["of"] = {"file": row.of.place[0], "row": row.of.place[1]}
    if row.kind == "contaminated":
        name, number, how = row.detail.split(":")
        return known | {"item": {"file": name, "row": int(number)}, "how": how}
    return known | {"detail": row.detail} if row.detail else known


def _write(folder: Path, files: dict[str, list[Row]]) -> None:
    archives: dict[str, dict[str, list[Any]]] = {}
    for name, rows in files.items():
        kind = FILES[name][0]
        plain = [row.raw if row.kind == "broken" else native(kind, row.turns) for row in rows]
        if kind == "zip":
            file, _, member = name.partition("!")
            archives.setdefault(file, {})[member] = plain
        else:
            _put(folder / name, encode(kind, plain))
    for file, members in archives.items():
        _put(folder / file, archive(members))


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
