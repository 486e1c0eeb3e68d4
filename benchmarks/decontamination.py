"""Decontamination beside datatrove's NGramsDecont, on copies of benchmark items planted into clean records.

python -m benchmarks.decontamination [--benchmarks FOLDER] [--clean FILE ...] [--each 40] [--seed 7], or
`make bench-decontamination BENCHMARKS=<folder> DATA=<folder>`
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import measure, page, peers
from benchmarks.decontaminate_truth import PLACES, Case, language, paragraphs, plant, plant_short
from benchmarks.given import given
from curation.decontaminate.benchmarks import Benchmark, load

# Role play and counselling in English and Chinese, tools' documentation: by inspection without a benchmark item.
CLEAN = ("gpteacher_roleplay.json.gz", "emollm_tiangou.json.gz", "haruhi_weixiaobao_dialogue.jsonl.gz",
         "kdconv_film_dev.json.gz", "gpteacher_toolformer_sim0.9.json.gz")  # fmt: skip
PEER = ("datatrove[io,processing]==0.10.1", "spacy[ja]", "jieba", "setuptools")
SIZES = (8, 12, 20, 40, 80)
SHORT = 8  # words of the items planted in every place
SCRIPTS = Path(__file__).parent / "scripts"


def main() -> None:
    """Plant, judge with both, print the tables and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmarks", type=Path, help="folder of benchmark files; or BENCHMARKS=<folder>")
    parser.add_argument(
        "--clean", type=Path, nargs="*", help=f"dumps without items of theirs; or DATA=<folder of {CLEAN}>"
    )
    parser.add_argument("--each", type=int, default=40, help="items planted of each benchmark")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    asked.benchmarks = given("BENCHMARKS", "a folder of benchmark files", asked.benchmarks)
    asked.clean = asked.clean or [given("DATA", "a folder of instruction dumps") / name for name in CLEAN]
    found, texts = load(asked.benchmarks), paragraphs(asked.clean)
    cases = [*plant(found, texts, asked.each, asked.seed), *_clean(texts, asked.seed)]
    cases += plant_short(found, texts, SHORT, 60, asked.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder, found, cases)
        ours = measure.run([sys.executable, "-m", "benchmarks.scripts.decontaminate_stage", folder, asked.benchmarks])
        peer = peers.python("datatrove-decont", PEER)
        theirs = measure.run([peer, SCRIPTS / "datatrove_decont.py", folder])
        version = peers.version(peer, "datatrove")
    page.write("decontamination", "Decontamination", _body(asked, cases, ours, theirs), [f"datatrove {version}"])


def _clean(texts: dict[str, list[str]], seed: int) -> list[Case]:
    """Return 2,000 records of each language without an item."""
    rng = random.Random(seed)  # noqa: S311 - a draw, no secret
    return [
        Case((("user", rng.choice(held)), ("assistant", rng.choice(held))), "clean", lang=lang)
        for lang, held in texts.items()
        for _ in range(2000)
    ]


def _write(folder: Path, benchmarks: Sequence[Benchmark], cases: Sequence[Case]) -> None:
    turns = [[{"role": role, "content": text} for role, text in case.turns] for case in cases]
    pq.write_table(pa.table({"lang": [c.lang for c in cases], "turns": turns}), folder / "planted.parquet")
    with (folder / "items.jsonl").open("w", encoding="utf-8") as out:
        for item in (i for b in benchmarks for i in b.items if i.questions):
            row = {"lang": language(item.questions[0]), "text": "\n".join([item.questions[0], *item.options])}
            out.write(json.dumps(row) + "\n")
    with (folder / "records.jsonl").open("w", encoding="utf-8") as out:
        for case in cases:
            out.write(json.dumps({"lang": case.lang, "text": "\n".join(text for _, text in case.turns)}) + "\n")


def _body(asked: argparse.Namespace, cases: Sequence[Case], ours: measure.Cost, theirs: measure.Cost) -> str:
    mine, other = json.loads(ours.out.splitlines()[-1]), json.loads(theirs.out.splitlines()[-1])
    named = [hit and c.item in items for c, hit, items in zip(cases, mine["found"], mine["items"], strict=True)]
    drawn = [n for n, c in enumerate(cases) if not c.place]
    planted = [n for n in drawn if cases[n].kind != "clean"]

    def rows(key: Callable[[Case], str], numbers: Sequence[int]) -> list[list[object]]:
        groups: dict[str, list[int]] = {}
        for n in numbers:
            groups.setdefault(key(cases[n]), []).append(n)
        return [
            [k, len(g), *(_share(hits, g) for hits in (mine["found"], named, other["found"]))]
            for k, g in sorted(groups.items())
        ]

    head = ("", "records", "Cuvée finds", "names the item", "datatrove finds")
    verbatim = [n for n in planted if cases[n].kind == "verbatim"]
    speed = [
        [lang, cost["records"], cost["records"] / cost["filter"],
         other["costs"][lang]["records"] / other["costs"][lang]["filter"],
         f"{cost['records'] / cost['filter'] * other['costs'][lang]['filter'] / other['costs'][lang]['records']:,.0f}×"]
        for lang, cost in mine["costs"].items()
    ]  # fmt: skip
    intro = (
        f"{len(planted):,} copies of benchmark items planted into clean records, {asked.each} items of each benchmark, "
        f"seed {asked.seed}; `clean` are records without one, where every find is false. datatrove as documented: "
        "12-grams, its own tokenizer for each language, each item's question and options as its label."
    )
    index = (
        f"Index of every item: {mine['index'][0]:.1f} CPU-seconds to build, {mine['index'][1]:.2f} to open from its cache; "
        f"peak of the process {ours.peak_mb:,.0f} MiB. datatrove: "
        f"{sum(c['index'] for c in other['costs'].values()):.0f} CPU-seconds, {theirs.peak_mb:,.0f} MiB."
    )
    whole = ["all planted", len(planted), *(_share(h, planted) for h in (mine["found"], named, other["found"]))]
    parts = [
        intro,
        page.table(head, [whole, *rows(lambda c: f"{c.kind}, {c.lang}", drawn)]),
        "By length of the item as planted, in words or Han characters:",
        page.table(head, rows(lambda c: f"{c.lang}, {_size(c.size)}", planted)),
        "Verbatim copies by length:",
        page.table(head, rows(lambda c: f"{c.lang}, {_size(c.size)}", verbatim)),
        f"Every item of at most {SHORT} words (up to 60 a benchmark) in each place, Cuvée finds:",
        page.table(("", "records a place", *PLACES), _places(cases, mine["found"])),
        "By benchmark, all kinds:",
        page.table(head, rows(lambda c: c.benchmark, planted)),
        "Records per CPU-second after the index is built:",
        page.table(("", "records", "Cuvée", "datatrove", "ratio"), speed),
        index,
    ]
    return "\n\n".join(parts)


def _places(cases: Sequence[Case], found: Sequence[object]) -> list[list[object]]:
    """Return the share found by language and kind, a column for each of PLACES."""
    groups: dict[str, dict[str, list[int]]] = {}
    for n, case in enumerate(cases):
        if case.place:
            groups.setdefault(f"{case.kind}, {case.lang}", {}).setdefault(case.place, []).append(n)
    return [[k, len(g[PLACES[0]]), *(_share(found, g[p]) for p in PLACES)] for k, g in sorted(groups.items())]


def _size(words: int) -> str:
    return next((f"to {size:02d}" for size in SIZES if words <= size), f"over {SIZES[-1]}")


def _share(hits: Sequence[object], rows: Sequence[int]) -> str:
    return f"{sum(bool(hits[n]) for n in rows) / len(rows):.4f}"


if __name__ == "__main__":
    main()
