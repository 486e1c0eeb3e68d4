"""rensa's deduplicator over word 5-grams, tokenised in Python; runs in rensa's own environment.

rensa_minhash.py SOURCE WORK TOKENS: SOURCE holds Parquet with id and text; TOKENS is `shingles`, or `split` for the words that
rensa's own examples take, without shingles. WORK/kept.txt lists what stays.
"""

import re
import sys
from pathlib import Path

import pyarrow.parquet as pq
from rensa import RMinHash, RMinHashDeduplicator  # type: ignore[import-not-found]

WORD = re.compile(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+")
NGRAM, PERMUTATIONS, BANDS, THRESHOLD, SEED = 5, 128, 16, 0.8, 42  # its default bands find half as many


def shingles(text: str) -> list[str]:
    """Return the 5-grams of Latin words and Han characters."""
    words = WORD.findall(text.lower())
    return [" ".join(words[n : n + NGRAM]) for n in range(max(1, len(words) - NGRAM + 1))]


def main() -> None:
    """Keep the first of each group of near duplicates."""
    source, work = Path(sys.argv[1]), Path(sys.argv[2])
    tokens = shingles if sys.argv[3] == "shingles" else str.split
    work.mkdir(parents=True, exist_ok=True)
    index = RMinHashDeduplicator(threshold=THRESHOLD, num_perm=PERMUTATIONS, use_lsh=True, num_bands=BANDS, seed=SEED)
    kept = []
    for path in sorted(source.glob("*.parquet")):
        table = pq.read_table(path, columns=["id", "text"])
        for number, text in zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True):
            signature = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
            signature.update(tokens(text))
            if index.add(str(number), signature):
                kept.append(number)
    (work / "kept.txt").write_text("\n".join(map(str, kept)))


if __name__ == "__main__":
    main()
