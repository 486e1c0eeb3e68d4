"""Every answered question, one JSON line each, durable: what is in the journal is never asked again.

A line is with the kernel before its question counts as answered, so kill -9 loses only requests under way; a thread of its
own forces it to the disk within SYNC_SECONDS, which bounds what a power cut can take. In memory there are 16 bytes a line.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import orjson

SYNC_SECONDS = 1.0
IDLE = 600.0  # seconds between two answers from which on nobody was asking, rather than waiting
CHUNK = 1 << 20


class Journal:
    """The answers so far: append-only, one writer. Keys are 32 hex digits, values what JSON can hold."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise BlockingIOError(f"{path} is in use: another run writes to it; wait for it or stop it") from error
        self.cuts = Counter[str]()  # key → deaths of an endpoint that had it under way
        self.seconds = 0.0  # in which answers came in, over all runs
        self._last = 0.0
        self._keys, self._offsets = array("Q"), array("Q")
        self._sorted: tuple[np.ndarray, np.ndarray] | None = None
        self._end = self._load()
        self._dirty, self._closing, self._problem = False, threading.Event(), ""
        self._syncer = threading.Thread(target=self._sync_now_and_then, daemon=True)
        self._syncer.start()

    def _load(self) -> int:
        end = 0
        with self.path.open("rb", CHUNK) as lines:
            for line in lines:
                if not line.endswith(b"\n"):  # a write cut off by a crash
                    os.ftruncate(self._file, end)
                    break
                self._note(line, end)
                end += len(line)
        return end

    def _note(self, line: bytes, offset: int) -> None:
        try:
            entry = orjson.loads(line)
            key, at = entry["key"], float(entry["at"])
            half = _half(key)
        except (ValueError, KeyError, TypeError):
            return  # a damaged line: its question is asked again
        if entry.get("cut"):
            self.cuts[key] += 1
            return
        self._keys.append(half)
        self._offsets.append(offset)
        self._pass(at)

    def _pass(self, at: float) -> None:
        gap = at - self._last
        self.seconds += gap if 0 < gap < IDLE else 0.0
        self._last = at

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, keys: Sequence[str]) -> np.ndarray:
        """Return the offset of each key's last line, -1 where it has none or the key is empty (int64)."""
        if self._sorted is None or len(self._sorted[0]) != len(self._keys):
            halves, offsets = np.array(self._keys, np.uint64), np.array(self._offsets, np.int64)
            order = np.lexsort((offsets, halves))
            self._sorted = halves[order], offsets[order]
        halves, offsets = self._sorted
        wanted = np.array([_half(key) for key in keys], np.uint64)
        at = np.searchsorted(halves, wanted, "right") - 1
        if not len(halves):
            return np.full(len(wanted), -1, np.int64)
        asked = np.array([key != "" for key in keys], bool)
        return np.where(asked & (at >= 0) & (halves[at] == wanted), offsets[at], -1)

    def add(self, key: str, value: Any) -> None:
        """Append one answer."""
        at = time.time()
        offset = self._write({"key": key, "at": at, "value": value})
        self._keys.append(_half(key))
        self._offsets.append(offset)
        self._pass(at)

    def cut(self, key: str) -> None:
        """Append that an endpoint died while it had this question."""
        self._write({"key": key, "at": time.time(), "cut": True})
        self.cuts[key] += 1

    def _write(self, entry: dict[str, Any]) -> int:
        if self._problem:
            raise OSError(f"{self.path} could not be forced to the disk: {self._problem}")
        line = orjson.dumps(entry) + b"\n"
        offset, written = self._end, os.write(self._file, line)
        if written != len(line):
            os.ftruncate(self._file, offset)
            raise OSError(f"{self.path}: only {written} of {len(line)} bytes could be written; is the disk full?")
        self._end += written
        self._dirty = True
        return offset

    def _sync_now_and_then(self) -> None:
        while not self._closing.wait(SYNC_SECONDS):
            if self._dirty:
                self._dirty = False
                try:
                    os.fsync(self._file)
                except OSError as error:
                    self._problem = str(error)

    def close(self) -> None:
        """Force everything to the disk and release the journal."""
        self._closing.set()
        self._syncer.join()
        os.fsync(self._file)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path, keys: Sequence[str], offsets: np.ndarray) -> list[Any]:
    """Return the value at each offset, None where it is -1 or the line there is not the key's; needs no open journal."""
    values = []
    with path.open("rb") as file:
        for key, offset in zip(keys, offsets.tolist(), strict=True):
            entry = {}
            if offset >= 0:
                file.seek(offset)
                entry = orjson.loads(file.readline())
            values.append(entry["value"] if entry.get("key") == key else None)
    return values


def values(path: Path, offsets: np.ndarray) -> Iterator[Any]:
    """Yield the value at each offset."""
    with path.open("rb") as file:
        for offset in offsets.tolist():
            file.seek(offset)
            yield orjson.loads(file.readline())["value"]


def _half(key: str) -> int:
    """Return the first 64 of a key's 128 bits: among 10 million, two agree in one case of 370,000."""
    return int(key[:16] or "0", 16)
