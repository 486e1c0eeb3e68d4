"""The dedup stage alone, from records to clusters and keepers: what benchmarks/dedup.py measures.

python -m benchmarks.scripts.dedup_stage ROOT exact,fuzzy [memory_gb]
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from curation import catalog, compare, exact, fuzzy, shards
from curation.engine import Engine


def main() -> None:
    """Judge again from nothing, then write ROOT/keepers.parquet: id and keep of every record."""
    root, stages = Path(sys.argv[1]), sys.argv[2].split(",")
    memory = float(sys.argv[3]) if len(sys.argv) > 3 else 4.0
    for name in ("work", "verdicts", "judged"):
        shutil.rmtree(root / name, ignore_errors=True)
    (root / "corpus.duckdb").unlink(missing_ok=True)
    names = shards.sources(root)
    known = {"exact": exact.Settings(memory_gb=memory), "fuzzy": fuzzy.Settings(memory_gb=memory)}
    settings = {stage: known[stage] for stage in stages}
    compare.compare(root, names, settings, Engine(), 2)
    keys = {stage: compare.key(stage, root, names, value) for stage, value in settings.items()}
    for name in names:
        catalog.consolidate(root, name, keys)
    catalog.build(root, names, catalog.Policy())
    with catalog.connect(root / "corpus.duckdb") as con:
        con.execute(f"SET memory_limit = '{memory / 2}GB'")
        con.execute(f"COPY (SELECT id, keep FROM kept) TO '{root}/keepers.parquet'")


if __name__ == "__main__":
    main()
