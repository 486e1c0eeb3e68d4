"""One synthesis with its memory watched: python -m benchmarks.scripts.synthesis_ours ROOT URL CONCURRENCY LIMIT.

Prints JSON: seconds and CPU seconds of asking, the resident memory (MiB) when a quarter, half … of the journal was written.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from curation.synthesise import Settings, run
from curation.synthesise.answers import Answers

QUARTERS = (0.25, 0.5, 0.75, 1.0)


def main() -> None:
    """Run, and print what was measured."""
    root, url, concurrency, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    settings = Settings(
        endpoints=(url,), model="stub", name="bench", concurrency=concurrency, limit=limit, where="keep", retries=0
    )
    seen: list[tuple[int, float]] = []
    journal, stop = root / "synthesis" / "bench" / "journal.jsonl", threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            if journal.is_file():
                seen.append((journal.stat().st_size, resident()))

    asked: dict[str, Any] = {}
    ask = Answers.ask

    def timed(self: Answers, questions: Any) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        ask(self, questions)
        asked.update(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)
        stop.set()

    Answers.ask = timed  # type: ignore[method-assign]
    threading.Thread(target=watch, daemon=True).start()
    began = time.process_time()
    report = run(root, root / "corpus.duckdb", settings, workers=1)
    whole = time.process_time() - began
    final = journal.stat().st_size
    quarters = [next((mib for size, mib in seen if size >= final * q), seen[-1][1]) for q in QUARTERS]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"asked": report.asked, "records": report.records, "wall": asked["wall"], "cpu": asked["cpu"], "whole_cpu": whole, "quarters": quarters, "peak": peak, "journal": final}))  # noqa: T201  # fmt: skip


def resident() -> float:
    """Return this process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


if __name__ == "__main__":
    main()
