"""Cuvée's judge on planted records: `python -m benchmarks.scripts.decontaminate_stage FOLDER BENCHMARKS`.

FOLDER holds planted.parquet (lang, turns). Prints JSON: the verdict of every record with the item it names, and the CPU
seconds of the index (its build, and its opening from the cache) and of the judgement by language.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.decontaminate import Settings, prepare
from curation.record import TURNS, ids


def main(folder: Path, benchmarks: str) -> None:
    """Build the index, then judge the records, language by language."""
    planted = pq.read_table(folder / "planted.parquet")
    names = ids([n.to_bytes(16, "big") for n in range(planted.num_rows)])
    records = pa.table({"id": names, "turns": planted["turns"].cast(TURNS)})
    settings = Settings(benchmarks=benchmarks, cache=str(folder / "cache"))
    began = time.process_time()
    prepare(settings)
    built = time.process_time()
    judge = prepare(settings)
    opened = time.process_time()
    judge(records.slice(0, 1))  # compiled code is loaded once a process
    costs: dict[str, dict[str, float]] = {}
    found = np.zeros(planted.num_rows, np.int8)
    items: list[list[str]] = [[] for _ in range(planted.num_rows)]
    for lang in ("en", "zh"):
        rows = np.flatnonzero(pc.equal(planted["lang"], lang).to_numpy())
        mine = records.take(pa.array(rows))
        start = time.process_time()
        verdicts = judge(mine)
        costs[lang] = {"filter": time.process_time() - start, "records": len(rows)}
        for row, verdict in zip(rows, verdicts.select(["keep", "item", "twins"]).to_pylist(), strict=True):
            found[row] = not verdict["keep"]
            items[row] = [verdict["item"], *(verdict["twins"] or [])]
    print(  # noqa: T201 - handed to the benchmark
        json.dumps({"found": found.tolist(), "items": items, "costs": costs, "index": [built - began, opened - built]})
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
