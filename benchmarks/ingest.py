"""Raw JSONL → records in Parquet, beside datatrove, `datasets` and the least that any Python program must do.

    python -m benchmarks.ingest [FILE.jsonl]       a file of instruction/output rows; without one, one is made (200 MB)

Rates are raw megabytes a CPU-second of a whole process, its start included, and with the start taken off (the same command
on the first hundred rows), as the rate that a file of any size approaches.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from itertools import islice
from pathlib import Path

from benchmarks import measure, page, peers
from benchmarks.corpus import LENGTH, SPACE, Words
from benchmarks.given import explained

ROWS, WARM = 220_000, 100
RUNS = 3  # of each; the best counts, since other work on the machine only adds
CUVEE = """
import sys
from pathlib import Path
from curation.engine import Engine
from curation.ingest import Normaliser, Settings, resolve, run
from curation.normalise import normalise, unsettled
print(run(Path(sys.argv[2]), resolve([sys.argv[1]]), Settings(), Engine(), 1, Normaliser(normalise, unsettled)))
"""
DATATROVE = """
import sys
from pathlib import Path
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import ParquetWriter
source = Path(sys.argv[1])
steps = [JsonlReader(str(source.parent), glob_pattern=source.name, text_key="output"), ParquetWriter(sys.argv[2], compression="zstd")]
LocalPipelineExecutor(steps, tasks=1, workers=1, logging_dir=sys.argv[2] + "-log").run()
"""
DATASETS = """
import sys
from datasets import load_dataset
print(load_dataset("json", data_files=sys.argv[1], cache_dir=sys.argv[2]))
"""
ORJSON = """
import sys, orjson
with open(sys.argv[1], "rb") as lines:
    print(sum(len(orjson.loads(line)) for line in lines))
"""
ARROW = """
import sys, os
import pyarrow as pa, pyarrow.json as pj, pyarrow.parquet as pq
pa.set_cpu_count(1)
table = pj.read_json(sys.argv[1], read_options=pj.ReadOptions(use_threads=False, block_size=4 << 20))
pq.write_table(table, sys.argv[2], compression="zstd", compression_level=1)
"""
COMMANDS = {
    "Cuvée: recognised, normalised, hashed, checked, written": CUVEE,
    "datatrove JsonlReader → ParquetWriter": DATATROVE,
    'datasets load_dataset("json")': DATASETS,
    "floor: orjson.loads of each line": ORJSON,
    "floor: pyarrow.json read, zstd-1 Parquet written": ARROW,
}


def main() -> None:
    """Measure every command on one file and write the section."""
    explained()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(sys.argv[1]) if len(sys.argv) > 1 else made(Path(folder) / "made.jsonl")
        warm = Path(folder) / "warm.jsonl"
        with source.open("rb") as lines:
            warm.write_bytes(b"".join(islice(lines, WARM)))
        size = source.stat().st_size / 1e6
        rows = []
        for name, code in COMMANDS.items():
            whole, start = (best(code, path, Path(folder)) for path in (source, warm))
            rows.append([name, size / whole.cpu, size / max(whole.cpu - start.cpu, 1e-3), start.cpu, whole.peak_mb])
        ours = rows[0]
        table = page.table(
            ["", "MB a CPU-second", "its start taken off", "start, CPU-s", "peak MiB", "Cuvée is"],
            [[*row, f"{float(ours[2]) / float(row[2]):.2f}×"] for row in rows],  # type: ignore[arg-type]
        )
    body = (
        f"One file of {size:,.0f} MB of JSONL, 40% of it Chinese, one process; the best of {RUNS} runs. The ratio compares the rates "
        f"without the start.\n\n{table}"
    )
    versions = [f"{p} {peers.version(Path(sys.executable), p)}" for p in ("datatrove", "datasets", "orjson", "pyarrow")]
    page.write("ingest", "Ingest: raw JSONL → records", body, versions)


def best(code: str, source: Path, folder: Path) -> measure.Cost:
    """Return the cheapest of RUNS runs of a program on a file, each into a place of its own."""

    def once() -> measure.Cost:
        with tempfile.TemporaryDirectory(dir=folder) as out:
            return measure.run([sys.executable, "-c", code, source, Path(out) / "out"], {"HF_HUB_OFFLINE": "1"})

    return measure.best(RUNS, once)


def made(path: Path) -> Path:
    """Write ROWS seeded instruction/output rows of invented words, which compress about as text does."""
    words = Words(random.Random(7))  # noqa: S311 - seeded data, no secrets
    with path.open("w", encoding="utf-8") as out:
        for number in range(ROWS):
            lang = "zh" if words.dice.random() < 0.4 else "en"
            said = SPACE[lang].join(words.draw(lang, LENGTH[lang]))
            row = {"id": str(number), "instruction": said[:120], "output": said[120:]}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


if __name__ == "__main__":
    main()
