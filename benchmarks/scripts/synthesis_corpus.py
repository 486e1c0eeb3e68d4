"""Makes a catalog of N kept word problems whose answer is 42: python -m benchmarks.scripts.synthesis_corpus ROOT N."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from curation import shards
from curation.record import RECORD, content_hash, ids, prompt_group, record_ids

SHARD = 50_000


def tables(count: int) -> Iterator[pa.Table]:
    """Yield the records, SHARD at a time."""
    for start in range(0, count, SHARD):
        numbers = range(start, min(start + SHARD, count))
        turns = [[("user", problem(n)), ("assistant", "#### 42")] for n in numbers]
        hashes = [content_hash(t) for t in turns]
        names = [str(n) for n in numbers]
        columns = {
            "id": ids(record_ids("boxes", [name.encode() for name in names], hashes)), "content_hash": ids(hashes),
            "prompt_group": [prompt_group(t) for t in turns], "source": ["boxes"] * len(turns),
            "source_id": names, "licence": ["MIT"] * len(turns),
            "turns": [[{"role": role, "content": content} for role, content in t] for t in turns],
            "parent_id": ids([None] * len(turns)), "meta": ["{}"] * len(turns),
        }  # fmt: skip
        yield pa.table(columns, schema=RECORD)


def problem(number: int) -> str:
    """Return a question of some 300 characters."""
    return (
        f"Store {number} keeps its goods in boxes. On the first shelf there are {number % 97 + 3} boxes, on the second there are "
        f"{number % 89 + 5}, and a driver brings {number % 83 + 7} more in the morning and takes {number % 79 + 2} of them away in the "
        "evening, since they belong to the store next door. How many items are left in the store when it closes for the night?"
    )


def main() -> None:
    """Write the records and a catalog with the views that a selection reads."""
    root, count = Path(sys.argv[1]), int(sys.argv[2])
    folder = root / "records" / "boxes"
    shards.write_tables(folder, "k", tables(count), RECORD)
    shards.finish(folder, "ingest", "boxes", "k")
    with duckdb.connect(str(root / "corpus.duckdb")) as con:
        con.execute(f"CREATE VIEW records AS SELECT * FROM read_parquet('{folder.absolute()}/*.parquet')")
        con.execute("CREATE VIEW kept AS SELECT id, true AS keep FROM records")
        con.execute("CREATE VIEW skill AS SELECT id, 'math' AS skill, ['math'] AS skills FROM records")
        con.execute("CREATE VIEW language AS SELECT id, 'en' AS lang FROM records")


if __name__ == "__main__":
    main()
