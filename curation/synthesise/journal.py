"""Every answered record, one JSON line each, durable: what is in the journal is never asked again.

A line reaches the kernel before its record counts as answered, so kill -9 loses only requests under way; fsync
follows within SYNC_SECONDS, which bounds what a power cut can take.
"""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

SYNC_SECONDS = 1.0


@dataclass(frozen=True)
class Reply:
    """What an endpoint answered to one record: (text, finish_reason) a sample, or why it refused."""

    key: str
    choices: tuple[tuple[str, str], ...]
    prompt_tokens: int
    output_tokens: int  # of all samples together
    error: str = ""  # what the endpoint said of a request that it will never accept


class Journal:
    """The replies so far. Only offsets are held in memory; texts are read back when wanted."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file = path.open("ab+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise RuntimeError(
                f"{path} is in use: another synthesise run writes to it; wait for it or stop it"
            ) from error
        self._offsets: dict[str, int] = {}
        self._synced = time.monotonic()
        self._load()

    def _load(self) -> None:
        self._file.seek(0)
        end = 0
        for line in self._file:
            if not line.endswith(b"\n"):  # a write cut off by a crash
                self._file.truncate(end)
                break
            if (reply := _reply(line)) is not None:
                self._offsets[reply.key] = end
            end += len(line)
        self._file.seek(0, os.SEEK_END)

    def __contains__(self, key: str) -> bool:
        return key in self._offsets

    def add(self, reply: Reply) -> None:
        """Append one reply."""
        offset = self._file.seek(0, os.SEEK_END)
        self._file.write(orjson.dumps(reply, default=str) + b"\n")
        self._file.flush()
        self._offsets[reply.key] = offset
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Force what was added to the disk."""
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def get(self, key: str) -> Reply | None:
        """Return the reply to a key, None where it has none."""
        if key not in self._offsets:
            return None
        self._file.seek(self._offsets[key])
        return _reply(self._file.readline())

    def close(self) -> None:
        """Sync and release the journal."""
        self.sync()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _reply(line: bytes) -> Reply | None:
    try:
        fields = orjson.loads(line)
        choices = tuple((str(text), str(finish)) for text, finish in fields["choices"])
        return Reply(fields["key"], choices, fields["prompt_tokens"], fields["output_tokens"], fields["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None  # a damaged line: its record is asked again
