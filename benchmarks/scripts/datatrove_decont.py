"""datatrove's NGramsDecont on planted records: `python datatrove_decont.py FOLDER`; runs in the peer's environment.

FOLDER holds items.jsonl and records.jsonl (lang, text). Prints JSON: the verdict (1: contaminated) of every record, and
the CPU seconds of the index and of the filter by language. Each language has datatrove's own tokenizer for it.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.decont.n_grams import NGramsDecontFilter, NGramsDecontIndexer


class Indexer(NGramsDecontIndexer):  # type: ignore[misc]
    """The indexer without the download of lighteval's own tasks, which it would add to the items given."""

    def save(self, labels: list[str]) -> None:
        """Write the hashes of the labels' n-grams as NGramsDecontIndexer.run does."""
        hashes = {value for label in labels for value in self.compute_hashes(label)}
        with self.output_folder.open("items.index.hashes", mode="wb") as out:
            np.array(list(hashes), dtype=self.config.hash_config.np_descr).tofile(out)


LANGUAGES = {"en": "eng", "zh": "zho"}


def main(folder: Path) -> None:
    """Index the items and filter the records, language by language."""
    items = [json.loads(line) for line in (folder / "items.jsonl").open(encoding="utf-8")]
    records = [json.loads(line) for line in (folder / "records.jsonl").open(encoding="utf-8")]
    found = [0] * len(records)
    costs = {}
    NGramsDecontIndexer._requires_dependencies = []  # noqa: SLF001 - lighteval, for tasks that it downloads itself
    for lang, language in LANGUAGES.items():
        index = folder / f"index-{lang}"
        began = time.process_time()
        labels = [i["text"] for i in items if i["lang"] == lang]
        Indexer(str(index), language=language).save(labels)
        built = time.process_time()
        judge = NGramsDecontFilter(str(index), language=language)
        judge.filter(Document(text=labels[0], id="warm"))  # loads the index
        loaded = time.process_time()
        mine = [n for n, r in enumerate(records) if r["lang"] == lang]
        for n in mine:
            found[n] = int(judge.filter(Document(text=records[n]["text"], id=str(n))) is not True)
        costs[lang] = {"index": built - began, "filter": time.process_time() - loaded, "records": len(mine)}
    print(json.dumps({"found": found, "costs": costs}))  # noqa: T201 - handed to the benchmark


if __name__ == "__main__":
    main(Path(sys.argv[1]))
