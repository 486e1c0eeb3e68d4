"""The ledger: one line a finished proxy run, appended and synced, never rewritten. What it holds is never run again.

A run's key is the identity of its non-zero weights by domain name, its seed and the proxy's identity, so a domain
that joins later does not make earlier runs foreign. A line cut short by a kill is passed over.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.identity import digest

Array = NDArray[np.float64]
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Run:
    """A proxy run of the search; metrics are empty where it failed."""

    name: str
    kind: str  # natural, space_filling, expected_improvement or front, top, confirmation
    seed: int
    weights: Array
    metrics: Mapping[str, float]


class Ledger:
    """The finished runs of one file under one proxy identity."""

    def __init__(self, path: Path, names: Sequence[str], proxy: str) -> None:
        self.path, self.names, self.proxy = path, tuple(names), proxy
        self.done: dict[str, dict[str, float]] = {}
        self.metrics: tuple[str, ...] = ()  # of the first run that finished under this proxy: less is a partial run
        for line in read(path):
            if line["status"] == "finished":
                self._keep(line["key"], line["metrics"], line.get("proxy"))

    def key(self, weights: Array, seed: int) -> str:
        """Return the identity of a run."""
        return digest(self._named(weights), seed, self.proxy)

    def _named(self, weights: Array) -> dict[str, float]:
        return {name: float(w) for name, w in zip(self.names, weights, strict=True) if w > 0}

    def find(self, weights: Array, seed: int) -> dict[str, float] | None:
        """Return the metrics of a finished run, or None."""
        return self.done.get(self.key(weights, seed))

    def _keep(self, key: str, metrics: dict[str, float], proxy: str | None) -> None:
        self.done[key] = metrics
        if proxy == self.proxy:
            self.metrics = self.metrics or tuple(metrics)

    def earlier(self) -> list[Run]:
        """Return every finished run of the file but confirmations whose domains are all known, the last of equal keys once.

        A domain that joined later has weight 0 in them; those with a domain that is gone are left out, with a warning. Their
        proxies may differ: what they measured is taken as it is.
        """
        found: dict[str, Run] = {}
        gone: list[str] = []
        for line in read(self.path):
            weights = line.get("weights", {})
            if line["status"] == "finished" and line["kind"] != "confirmation" and set(weights) <= set(self.names):
                w = np.array([float(weights.get(name, 0.0)) for name in self.names])
                found[line["key"]] = Run(line["name"], line["kind"], int(line["seed"]), w, line["metrics"])
            elif line["status"] == "finished" and line["kind"] != "confirmation":
                gone += sorted(set(weights) - set(self.names))
        for name, count in Counter(gone).items():
            LOG.warning("%d earlier runs are not reused: they weigh %s, which is no domain any more", count, name)
        return list(found.values())

    def add(self, run: Run, why: str = "") -> bool:
        """Append a run and sync it to disk; returns whether it counts as finished.

        It does when all its metrics are finite, it lacks none that the others have, and no reason `why` against it is given.
        """
        lost = sorted(m for m in {*self.metrics, *run.metrics} if not math.isfinite(run.metrics.get(m, math.nan)))
        why = why or (
            "it has no metrics" if not run.metrics else f"no finite value of {', '.join(lost)}" if lost else ""
        )
        good, key = not why, self.key(run.weights, run.seed)
        if good and key in self.done:
            return True
        line = {
            "key": key,
            "status": "finished" if good else "failed",
            **({"why": why} if why else {}),
            "name": run.name,
            "kind": run.kind,
            "seed": run.seed,
            "proxy": self.proxy,
            "weights": self._named(run.weights),
            "metrics": {k: float(v) if math.isfinite(v) else None for k, v in run.metrics.items()},
        }
        self._append(json.dumps(line, ensure_ascii=False, allow_nan=False))
        if good:
            self._keep(key, {k: float(v) for k, v in run.metrics.items()}, self.proxy)
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
