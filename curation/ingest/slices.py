"""The slices of a source, each written by a worker of its own, and what makes one source of them again.

A slice's shards are called slice-<slice>-<shard>.parquet, and slice-<slice>.json beside them says that they are whole, so that a killed
run goes on with the slices that are left. When all are there, the shards get their numbers and the manifest is written.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from curation import shards

STAGE, QUARANTINED = "ingest", "quarantine"
PASS = 1 << 25  # ids compared at a time, at some 32 bytes each: 1 GiB


class Written(BaseModel):
    """What a finished slice holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: str
    rows: int  # of the file
    records: dict[str, int]  # file → rows
    quarantined: dict[str, int]


class Folders(BaseModel):
    """Where the slices of one source are written."""

    model_config = ConfigDict(frozen=True)
    root: Path
    source: str
    key: str

    @property
    def records(self) -> Path:
        """The folder of the records' shards, notes and ids."""
        return shards.folder(self.root, "records", self.source)

    @property
    def quarantine(self) -> Path:
        """The folder of the quarantined rows' shards."""
        return shards.folder(self.root, QUARANTINED, self.source)

    def written(self, number: int) -> Written | None:
        """Return what the note of a slice says, None where it is not whole or of another key."""
        try:
            note = Written.model_validate_json(self._note(number).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None
        there = all((self.records / f).is_file() for f in note.records)
        there = there and all((self.quarantine / f).is_file() for f in note.quarantined)
        return note if there and note.key == self.key else None

    def note(self, number: int, written: Written, given: Collection[int]) -> None:
        """Say that a slice is whole. `given`: hashes of the ids it has given."""
        _save(self._ids(number), np.fromiter(given, np.uint64, len(given)))
        shards.write_atomic(self._note(number), written.model_dump_json().encode())

    def begin(self, number: int) -> None:
        """Remove what an earlier run wrote of a slice, its note first."""
        self._note(number).unlink(missing_ok=True)
        for folder in (self.records, self.quarantine):
            for stale in folder.glob(f"slice-{number:05d}-*.parquet"):
                stale.unlink()

    def clear(self) -> None:
        """Remove what is of another key, the manifest first; what whole slices of this one have written stays."""
        notes = [int(path.name[6:11]) for path in self.records.glob("slice-?????.json")]
        kept = {number for number in notes if self.written(number)}
        for folder in (self.records, self.quarantine):
            (folder / shards.MANIFEST).unlink(missing_ok=True)
            for path in (*folder.glob("part-*.parquet"), *folder.glob("slice-*")):
                if not (path.name.startswith("slice-") and int(path.name[6:11]) in kept):
                    path.unlink()

    def taken(self, number: int) -> list[int]:
        """Return the hashes of a slice's ids that earlier slices have given, as far as that was found out."""
        path = self._taken(number)
        return np.load(path, allow_pickle=False).tolist() if path.is_file() else []

    def clashes(self, count: int) -> list[int]:
        """Return the slices, of so many, that gave ids which earlier ones had given, once these are noted for them as taken."""
        given = [np.load(self._ids(n), allow_pickle=False, mmap_mode="r") for n in range(count)]
        clashing = set[int]()
        for hashes, owners in _shares(given):
            order = np.argsort(hashes, kind="stable")
            again = order[1:][hashes[order][1:] == hashes[order][:-1]]
            for number in np.unique(owners[again]).tolist():
                found = hashes[again[owners[again] == number]]
                _save(self._taken(number), np.union1d(np.array(self.taken(number), np.uint64), found))
                clashing.add(number)
        return sorted(clashing)

    def join(self, count: int) -> None:
        """Make one source of so many slices, the records' manifest last; raises RuntimeError where one is not whole."""
        slices = [note for number in range(count) if (note := self.written(number))]
        if len(slices) < count:
            raise RuntimeError(f"{self.records}: {count - len(slices)} of {count} slices are missing; run ingest again")
        for folder in (self.quarantine, self.records):
            shards.number(folder)
        shards.finish(self.quarantine, QUARANTINED, self.source, self.key)
        rows, bad = sum(one.rows for one in slices), sum(sum(one.quarantined.values()) for one in slices)
        shards.finish(self.records, STAGE, self.source, self.key, {"rows": rows, "quarantined": bad})
        for path in self.records.glob("slice-*"):
            path.unlink()

    def _note(self, number: int) -> Path:
        return self.records / f"slice-{number:05d}.json"

    def _ids(self, number: int) -> Path:
        return self.records / f"slice-{number:05d}.ids.npy"

    def _taken(self, number: int) -> Path:
        return self.records / f"slice-{number:05d}.taken.npy"


def _shares(given: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield all hashes and the slice each is of, in their order, so many at a time that equal ones come together."""
    shares = -(-sum(map(len, given)) // PASS)
    for share in range(shares):
        chosen = [one[one % shares == share] for one in given]
        yield np.concatenate(chosen), np.repeat(np.arange(len(given), dtype=np.int32), [len(one) for one in chosen])


def _save(path: Path, values: np.ndarray) -> None:
    data = io.BytesIO()
    np.save(data, values, allow_pickle=False)
    shards.write_atomic(path, data.getvalue())
