"""The ledger: one line a finished proxy run, appended and synced, never rewritten. What it holds is never run again.

A run's key is the identity of its non-zero weights by domain name, its seed and the proxy's identity, so a domain
that joins later does not make earlier runs foreign. A line cut short by a kill is passed over.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.identity import digest

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Run:
    """A proxy run of the search; metrics are empty where it failed."""

    name: str
    kind: str  # natural, space_filling, expected_improvement or confirmation
    seed: int
    weights: Array
    metrics: Mapping[str, float]


class Ledger:
    """The finished runs of one file under one proxy identity."""

    def __init__(self, path: Path, names: Sequence[str], proxy: str) -> None:
        self.path, self.names, self.proxy = path, tuple(names), proxy
        self.done: dict[str, dict[str, float]] = {}
        for line in read(path):
            if line["status"] == "finished":
                self.done[line["key"]] = line["metrics"]

    def key(self, weights: Array, seed: int) -> str:
        """Return the identity of a run."""
        return digest(self._named(weights), seed, self.proxy)

    def _named(self, weights: Array) -> dict[str, float]:
        return {name: float(w) for name, w in zip(self.names, weights, strict=True) if w > 0}

    def find(self, weights: Array, seed: int) -> dict[str, float] | None:
        """Return the metrics of a finished run, or None."""
        return self.done.get(self.key(weights, seed))

    def add(self, run: Run) -> bool:
        """Append a run and sync it to disk; returns whether it counts as finished: it has metrics and all are finite."""
        good = bool(run.metrics) and all(math.isfinite(v) for v in run.metrics.values())
        key = self.key(run.weights, run.seed)
        if good and key in self.done:
            return True
        line = {
            "key": key,
            "status": "finished" if good else "failed",
            "name": run.name,
            "kind": run.kind,
            "seed": run.seed,
            "proxy": self.proxy,
            "weights": self._named(run.weights),
            "metrics": {k: float(v) if math.isfinite(v) else None for k, v in run.metrics.items()},
        }
        self._append(json.dumps(line, ensure_ascii=False, allow_nan=False))
        if good:
            self.done[key] = {k: float(v) for k, v in run.metrics.items()}
        return good

    def _append(self, line: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as handle:
            if handle.tell():
                handle.seek(-1, os.SEEK_END)
                if handle.read(1) != b"\n":
                    line = "\n" + line  # after a line that a kill cut short
            handle.write(f"{line}\n".encode())
            handle.flush()
            os.fsync(handle.fileno())


def read(path: Path) -> list[dict[str, Any]]:
    """Return the ledger's whole lines in order; none where there is no file."""
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and {"key", "status", "metrics"} <= line.keys():
            lines.append(line)
    return lines
