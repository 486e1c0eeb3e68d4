"""A corpus with planted duplicates, for benchmarks/dedup.py: `python -m benchmarks.corpus FOLDER [records] [seed]`.

Texts are runs of invented words (English) or of Han characters (40%), drawn by a Zipf-like law; so they hold what a
deduplicator looks at and nothing that anyone wrote. 10% are exact copies, 10% near copies (words replaced here and there, or
in one block), 3% hard negatives (35 to 50% replaced in one block). Writes FOLDER/parquet (id, lang, text), FOLDER/alpaca (the same as
instruction and output, id as a string) and FOLDER/truth.parquet: id, lang, kind, base_id, cluster_id, j_w5 (Jaccard of the
5-grams of words or Han characters to the base). Seeded: the same arguments write the same texts.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

RECORDS, SEED, SHARDS = 100_000, 7, 16
LENGTH = {"en": 130, "zh": 330}  # words, characters
SPACE = {"en": " ", "zh": ""}
TRUTH = pa.schema(
    [("id", pa.int64()), ("lang", pa.string()), ("kind", pa.string()), ("base_id", pa.int64()), ("cluster_id", pa.int64()),
     ("j_w5", pa.float64())]
)  # fmt: skip


@dataclass
class Words:
    """The vocabularies, and the dice that choose from them."""

    dice: random.Random
    of: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        letters = "etaoinshrdlucmfwypvbgk"
        english = ["".join(self.dice.choices(letters, k=self.dice.randint(2, 9))) for _ in range(20_000)]
        chinese = [chr(0x4E00 + int(self.dice.paretovariate(0.9) * 20) % 20_000) for _ in range(20_000)]
        self.of = {"en": english, "zh": chinese}

    def draw(self, lang: str, count: int) -> list[str]:
        """Return `count` words, the first of the vocabulary most often."""
        words = self.of[lang]
        return [words[int(len(words) * self.dice.random() ** 3)] for _ in range(count)]


def make(folder: Path, records: int = RECORDS, seed: int = SEED) -> Path:
    """Write the corpus and return its folder; truth.parquet is written last."""
    dice = random.Random(seed)  # noqa: S311 - seeded data, no secrets
    words = Words(dice)
    copies = records // 10
    kinds = ["exact"] * copies + ["near"] * copies + ["hardneg"] * (records * 3 // 100)
    bases = records - len(kinds)
    places = list(range(records))
    dice.shuffle(places)  # so that copies lie in all shards
    texts: list[tuple[str, str]] = [("", "")] * records
    truth: list[tuple[object, ...]] = [()] * records
    said = []
    for number, kind in enumerate(["base"] * bases + kinds):
        place = places[number]
        if kind == "base":
            lang = "zh" if dice.random() < 0.4 else "en"
            tokens = words.draw(lang, max(12, round(LENGTH[lang] * dice.lognormvariate(-0.2, 0.6))))
            said.append((lang, tokens))
            base = number
        else:
            base = dice.randrange(bases)
            lang, tokens = said[base]
            tokens = _edited(words, lang, tokens, kind)
        cluster = place if kind == "hardneg" else places[base]
        asked = len(said[base][1]) // 5  # tokens of the instruction
        texts[place] = (lang, f"{SPACE[lang].join(tokens[:asked])}?\n\n{SPACE[lang].join(tokens[asked:])}")
        truth[place] = (place, lang, kind, places[base], cluster, _jaccard(said[base][1], tokens))
    _write(folder, texts, truth)
    return folder


def _edited(words: Words, lang: str, tokens: list[str], kind: str) -> list[str]:
    if kind == "exact":
        return tokens
    share = words.dice.uniform(0.35, 0.5) if kind == "hardneg" else words.dice.choice((0.01, 0.02, 0.04, 0.08))
    count = max(1, round(share * len(tokens)))
    edited = list(tokens)
    if kind == "near" and words.dice.random() < 0.5:
        for at in words.dice.sample(range(len(tokens)), count):
            edited[at] = words.draw(lang, 1)[0]
    else:
        start = words.dice.randrange(len(tokens) - count + 1)
        edited[start : start + count] = words.draw(lang, count)
    return edited


def _jaccard(first: Sequence[str], second: Sequence[str]) -> float:
    a, b = ({tuple(t[n : n + 5]) for n in range(max(1, len(t) - 4))} for t in (first, second))
    return len(a & b) / len(a | b)


def _write(folder: Path, texts: list[tuple[str, str]], truth: list[tuple[object, ...]]) -> None:
    for name in ("parquet", "alpaca"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    step = -(-len(texts) // SHARDS)
    for shard, start in enumerate(range(0, len(texts), step)):
        part = list(enumerate(texts[start : start + step], start))
        columns = {
            "id": [n for n, _ in part],
            "lang": [lang for _, (lang, _) in part],
            "text": [t for _, (_, t) in part],
        }
        pq.write_table(pa.table(columns), folder / "parquet" / f"part-{shard:05d}.parquet", compression="zstd")
        with (folder / "alpaca" / f"part-{shard:05d}.jsonl").open("w", encoding="utf-8") as out:
            for number, (_, text) in part:
                question, _, answer = text.partition("\n\n")
                row = {"id": str(number), "instruction": question, "output": answer}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    columns = {name: [row[n] for row in truth] for n, name in enumerate(TRUTH.names)}
    pq.write_table(pa.table(columns, schema=TRUTH), folder / "truth.parquet", compression="zstd")


def main() -> None:
    """Write a corpus as the command line asks."""
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    make(Path(sys.argv[1]), *map(int, sys.argv[2:4]))


if __name__ == "__main__":
    main()
