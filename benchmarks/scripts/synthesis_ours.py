"""One synthesis with its memory watched: python -m benchmarks.scripts.synthesis_ours ROOT GATED URL CONCURRENCY LIMIT.

Asks LIMIT prompts and stops when all are answered; then runs again on the first GATED of them, which asks nothing, gates and
writes. Prints JSON: seconds and CPU seconds of asking, the resident memory (MiB) when a quarter, half … of the journal was written.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from curation.synthesise import Settings, run
from curation.synthesise.answers import Answers

QUARTERS = (0.25, 0.5, 0.75, 1.0)


class Asked(Exception):  # noqa: N818 - ends the first of the two runs
    """All prompts are answered."""


def main() -> None:
    """Run twice, and print what was measured."""
    root, gated, url, concurrency, limit = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:])
    settings = Settings(
        endpoints=(url,), model="stub", name="bench", concurrency=concurrency, limit=limit, where="keep", retries=0
    )
    journal, ask = root / "synthesis" / "bench" / "journal.jsonl", Answers.ask
    seen: list[tuple[int, float]] = []
    asked: dict[str, Any] = {}

    def timed(self: Answers, questions: Any) -> None:
        stop = threading.Event()
        threading.Thread(target=watch, args=(journal, stop, seen), daemon=True).start()
        wall, cpu = time.perf_counter(), time.process_time()
        ask(self, questions)
        asked.update(asked=self.answered, wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)
        stop.set()
        raise Asked

    Answers.ask = timed  # type: ignore[method-assign]
    with suppress(Asked):
        run(root, root / "corpus.duckdb", settings)
    asked["before"] = time.process_time() - asked["cpu"]
    Answers.ask = ask  # type: ignore[method-assign]
    began, size = time.process_time(), journal.stat().st_size
    report = run(root, root / "corpus.duckdb", settings.model_copy(update={"limit": gated}))
    quarters = [next((mib for done, mib in seen if done >= size * q), seen[-1][1]) for q in QUARTERS]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    gate = (time.process_time() - began) / report.samples
    print(json.dumps(asked | {"quarters": quarters, "peak": peak, "journal": size, "gate": gate}))  # noqa: T201


def watch(journal: Path, stop: threading.Event, seen: list[tuple[int, float]]) -> None:
    """Note the journal's size and this process's memory twice a second."""
    while not stop.wait(0.5):
        seen.append((journal.stat().st_size, resident()))


def resident() -> float:
    """Return this process's resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


if __name__ == "__main__":
    main()
