"""What is in a file is told from its first bytes; its name only decides between readings that both fit."""

from __future__ import annotations

import codecs
import io
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from curation.files.document import document, one_value
from curation.files.lines import blocks as line_blocks
from curation.files.lines import jsonl
from curation.files.row import MAX_DOCUMENT, MAX_MEMBERS, Bad, Block, Cells, FaultError, Item, Lines, joined, replay
from curation.files.tables import cells, delimiter, parquet, table
from curation.files.texts import LIST, blocks, is_logiqa, logiqa, yaml_rows
from curation.files.unpack import CHUNK, CORRUPT, SUFFIXES, bounded, decompress, utf8

ZIP, PARQUET = (b"PK\x03\x04", b"PK\x05\x06"), b"PAR1"
ENCRYPTED = 0x1  # bit of a zip member's flags


def read(path: Path) -> Iterator[Item]:
    """Yield the rows of one file, and Bad for each that cannot be read; raises OSError where the file cannot be opened."""
    for item in read_blocks(path):
        if isinstance(item, Lines | Cells):
            yield from each(item)
        else:
            yield item


def each(block: Block) -> Iterator[Item]:
    """Yield the rows of a block one by one."""
    return jsonl(block) if isinstance(block, Lines) else cells(block)


def read_blocks(path: Path, told: Callable[[int], None] | None = None) -> Iterator[Item | Block]:
    """Yield what `read` does, the lines of JSONL unparsed and the rows of Parquet in their columns.

    `told` hears of bytes as they are read, but of Parquet.
    """
    size = path.stat().st_size
    with io.BufferedReader(_Told(path, told), CHUNK) as handle:
        magic = handle.peek(4)[:4]
        if magic in ZIP:
            yield from _guarded(_zip(handle, path), path.name)
        elif magic == PARQUET or path.suffix.lower() == ".parquet":
            yield from _guarded(parquet(path, path.name), path.name)
        else:
            yield from _guarded(_stream(cast("BinaryIO", handle), size, path.name), path.name)


class _Told(io.FileIO):
    """A file that tells how many bytes are read of it."""

    def __init__(self, path: Path, told: Callable[[int], None] | None) -> None:
        super().__init__(path)
        self.told = told

    def readinto(self, buffer: Any) -> int | None:
        """Read into a buffer."""
        count = super().readinto(buffer)
        if self.told:
            self.told(count or 0)
        return count


def _guarded(items: Iterator[Item | Block], file: str) -> Iterator[Item | Block]:
    """Pass items on; where the rest cannot be read, or there was nothing, say so once."""
    empty = True
    try:
        for item in items:
            empty = False
            yield item
    except FaultError as fault:
        yield Bad(file, None, fault.reason, fault.detail, "")
    except CORRUPT as error:
        yield Bad(file, None, "corrupt_archive", f"{file}: {error or type(error).__name__}; the rest of it is lost", "")
    else:
        if empty:
            yield Bad(file, None, "empty_file", f"{file} holds no row", "")


def _stream(handle: BinaryIO, size: int, file: str) -> Iterator[Item | Block]:
    faults: list[Exception] = []
    chunks, bare = decompress(handle, size, file)
    chunks = _until_fault(chunks, faults)
    first = next(chunks, b"")
    if first.startswith(PARQUET):
        data = joined(replay(first, chunks), MAX_DOCUMENT, f"the Parquet in {file}")
        yield from parquet(io.BytesIO(data), file)
        return
    if first.startswith(ZIP):
        raise FaultError("nested_archive", f"{file} is an archive inside an archive; unpack the outer one")
    head, text = utf8(replay(first, chunks), file)
    if head or not faults:
        yield from rows(head, text, file, bare.rsplit("!", 1)[-1])
    if faults:
        raise faults[0]


def _until_fault(chunks: Iterator[bytes], faults: list[Exception]) -> Iterator[bytes]:
    """Pass chunks on and end where they break, with the reason in `faults`: what came before is read first."""
    try:
        yield from chunks
    except (FaultError, *CORRUPT) as error:
        faults.append(error)


def is_parquet(probe: bytes) -> bool:
    """Say whether a file that begins with `probe` is Parquet as it lies on the disk."""
    return probe.startswith(PARQUET)


def is_jsonl(probe: bytes, name: str) -> bool:
    """Say whether a file that begins with `probe` is JSONL in UTF-8 as it lies on the disk."""
    lowered = name.lower()
    if lowered.endswith((".parquet", ".csv", ".tsv", ".tab", *SUFFIXES)):
        return False
    if probe.startswith((*ZIP, PARQUET, *SUFFIXES.values())):
        return False
    try:
        head, _ = utf8(iter([probe]), name)
    except FaultError:
        return False
    start = head.lstrip()
    untouched = head == probe.removeprefix(codecs.BOM_UTF8)
    return untouched and b"\n" in head and start[:1] in (b"{", b"[") and _is_lines(start, lowered)


def rows(head: bytes, chunks: Iterator[bytes], file: str, name: str) -> Iterator[Item | Block]:
    """Yield the rows of a stream of UTF-8 chunks that begins with `head`."""
    lowered = name.lower()
    if b"\r" in head and b"\n" not in head:  # line ends as of old Macs
        head, chunks = head.replace(b"\r", b"\n"), (chunk.replace(b"\r", b"\n") for chunk in chunks)
    start = head.lstrip()
    tabular = lowered.endswith((".csv", ".tsv", ".tab"))
    if start[:1] in (b"{", b"[") and not (tabular and not one_value(start.split(b"\n", 1)[0])):
        return line_blocks(chunks, file) if _is_lines(start, lowered) else document(chunks, file)
    text = head.decode("utf-8", "replace")
    if not tabular:
        if is_logiqa(text):
            return logiqa(chunks, file)
        if lowered.endswith((".yaml", ".yml")) or (not lowered.endswith(".txt") and LIST.match(text.lstrip())):
            return yaml_rows(chunks, file)
        if lowered.endswith((".jsonl", ".ndjson", ".jsonlines")):
            return line_blocks(chunks, file)
        if lowered.endswith(".json"):
            return document(chunks, file)
    separator = "" if lowered.endswith((".txt", ".md")) else delimiter(text, lowered)
    return table(chunks, file, text, separator) if separator else blocks(chunks, file)


def _is_lines(start: bytes, name: str) -> bool:
    """Tell JSON lines from one document: the first line is a whole value, and another line follows."""
    first, _, rest = start.partition(b"\n")
    following = rest.lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
    if not following and start[:1] == b"{":
        return name.endswith((".jsonl", ".ndjson", ".jsonlines"))
    if start[:1] == b"{":
        return following == b"{" and (one_value(first) or name.endswith((".jsonl", ".ndjson", ".jsonlines")))
    return following in (b"[", b"{") and one_value(first)


def _zip(handle: BinaryIO, path: Path) -> Iterator[Item | Block]:
    with zipfile.ZipFile(handle) as archive:
        members = [m for m in archive.infolist() if not m.is_dir()]
        if len(members) > MAX_MEMBERS:
            raise FaultError("archive_bomb", f"{path.name} holds {len(members):,} files; the limit is {MAX_MEMBERS:,}")
        for member in members:
            file = f"{path.name}!{member.filename}"
            yield from _guarded(_member(archive, member, file), file)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: str) -> Iterator[Item | Block]:
    parts = member.filename.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or parts[0].endswith(":"):
        raise FaultError("unsafe_member", f"{file}: a name that leads out of the archive")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise FaultError("unsafe_member", f"{file}: a link, not a file")
    if parts[0] == "__MACOSX" or parts[-1].startswith("."):
        raise FaultError("not_data", f"{file}: a file of the operating system")
    if member.flag_bits & ENCRYPTED:
        raise FaultError("encrypted", f"{file} is encrypted; unpack it by hand")
    try:
        with archive.open(member) as handle:
            plain = bounded(iter(lambda: handle.read(1 << 20), b""), member.compress_size, file)
            yield from _stream(cast("BinaryIO", _Pulled(plain)), member.file_size, file)
    except NotImplementedError as error:  # a compression method that zipfile does not know
        raise FaultError("corrupt_archive", f"{file}: {error}") from error


class _Pulled(io.RawIOBase):
    """Chunks as a stream to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self.chunks, self.rest = chunks, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        limit = MAX_DOCUMENT if size is None or size < 0 else size
        while len(self.rest) < limit:
            chunk = next(self.chunks, b"")
            if not chunk:
                break
            self.rest += chunk
        out, self.rest = self.rest[:limit], self.rest[limit:]
        return out
