"""Compressed and encoded bytes → UTF-8 chunks, with a bound on how far they may expand."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

import zstandard

from curation.files.row import FREE_EXPANSION, MAX_RATIO, FaultError, replay

CHUNK = 1 << 20
STEP = 1 << 12  # compressed bytes at a time: in zstd, four of them may stand for 128 KiB
PROBE = 1 << 17  # bytes by which encoding and container are told
CORRUPT = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile)
GZIP, ZSTD, BZIP2, XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\x00"
SUFFIXES = {".gz": GZIP, ".zst": ZSTD, ".bz2": BZIP2, ".xz": XZ}
FOREIGN = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip archive",
    b"Rar!": "RAR archive",
    b"%PDF": "PDF",
    b"SQLite format 3": "SQLite file",
}
HIGH = re.compile(rb"[\x80-\xff]+")
UTF16_NULS = 0.3  # of the probe's bytes: half are NUL in Latin UTF-16, next to none in any text


def decompress(stream: BinaryIO, size: int, name: str) -> tuple[Iterator[bytes], str]:
    """Return the plain chunks of a stream and its name without the compression suffix.

    `size` is the number of compressed bytes; the chunks raise FaultError when they expand beyond reason.
    """
    magic = stream.read(16)
    kind = next((m for m in (GZIP, ZSTD, BZIP2, XZ) if magic.startswith(m)), None)
    source = cast("BinaryIO", _Rejoined(magic, stream))
    if kind is None:
        wrong = next((s for s in SUFFIXES if name.lower().endswith(s)), None)
        if wrong and magic:
            raise FaultError("corrupt_archive", f"{name} is named {wrong} but does not begin like one")
        return _chunks(source), name
    if kind in (GZIP, ZSTD):
        plain = _frames(source, name, kind)
    else:
        opened = bz2.BZ2File(source) if kind == BZIP2 else lzma.LZMAFile(source)  # noqa: SIM115, read to its end by the caller
        plain = _chunks(cast("BinaryIO", opened))
    bare = name.rsplit(".", 1)[0] if any(name.lower().endswith(s) for s in SUFFIXES) else name
    return bounded(plain, size, name), bare


def _frames(source: BinaryIO, name: str, kind: bytes) -> Iterator[bytes]:
    """Yield what gzip or zstd frames hold, to the last byte before one that is broken or was cut off; then say so.

    The readers of the packages lose what they had in hand (gzip), or do not say that anything is missing (zstandard).
    """
    decoder, parts, size, ended = _decoder(kind), list[bytes](), 0, True
    raw = source.read(STEP)
    try:
        while raw:
            parts.append(decoder.decompress(raw))
            size, ended = size + len(parts[-1]), decoder.eof
            raw = decoder.unused_data.lstrip(b"\0") or source.read(STEP)  # some tools pad with zeros
            decoder = _decoder(kind) if ended else decoder
            if size >= CHUNK:
                yield b"".join(parts)
                parts, size = [], 0
    except (zlib.error, zstandard.ZstdError):
        yield b"".join(parts)
        raise
    yield b"".join(parts)
    if not ended:
        raise FaultError("corrupt_archive", f"{name} was cut off; the rest of it is lost")


def _decoder(kind: bytes) -> Any:
    if kind == GZIP:
        return zlib.decompressobj(zlib.MAX_WBITS | 16)
    return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()


class _Rejoined(io.RawIOBase):
    """A stream whose first bytes have been read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self.head, self.rest = head, rest

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        if not self.head:
            return self.rest.read(-1 if size is None else size)
        if size is None or size < 0:
            out, self.head = self.head + self.rest.read(), b""
            return out
        out, self.head = self.head[:size], self.head[size:]
        return out


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def bounded(chunks: Iterator[bytes], size: int, name: str) -> Iterator[bytes]:
    """Pass chunks on until they are more than an archive of `size` bytes can honestly hold; then raise FaultError."""
    limit, total = max(FREE_EXPANSION, size * MAX_RATIO), 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise FaultError(
                "archive_bomb",
                f"{name} expands {size:,} bytes to more than {limit:,}; unpack it by hand if it is honest",
            )
        yield chunk


def utf8(chunks: Iterator[bytes], name: str) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes (at least PROBE where there are as many) and all chunks, as UTF-8 without BOM.

    UTF-16 and GB18030 are transcoded. Bytes that are not valid stay as they are: each row says so for itself.
    """
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= PROBE:
            break
    foreign = next((what for magic, what in FOREIGN.items() if head.startswith(magic)), None)
    if head[257:262] == b"ustar":
        foreign = "tar archive"
    if foreign:
        raise FaultError("binary_file", f"{name} is a {foreign}; give it as JSONL, CSV or Parquet")
    encoding = _encoding(head[:PROBE], name)
    stream = replay(head, chunks)
    if encoding != "utf-8":
        stream = _transcoded(stream, encoding, name)
        head = next(stream, b"")
    elif head.startswith(codecs.BOM_UTF8):
        head = head[3:]
        stream = chunks
    else:
        stream = chunks
    return head[:PROBE], replay(head, stream)


def _encoding(probe: bytes, name: str) -> str:
    if probe.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = probe[0::2].count(0), probe[1::2].count(0)
    if even + odd > UTF16_NULS * len(probe) and min(even, odd) * 10 < max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    clean = sum(len(line) for line in probe.split(b"\n") if b"\0" not in line)
    if even + odd > len(probe) // 100 + 8 and clean * 2 < len(probe):  # else a few lines are bad, and say so themselves
        raise FaultError("binary_file", f"{name} is not text ({even + odd} NUL bytes at its beginning)")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(probe)
    except UnicodeDecodeError:
        return _legacy(probe, name)
    return "utf-8"


def _legacy(probe: bytes, name: str) -> str:
    """Tell GB18030 from UTF-8 with a few broken bytes, and from what is neither."""
    text = probe.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if sum(c > "\x7f" for c in text) > 2 * broken:
        return "utf-8"
    runs = HIGH.findall(probe)
    paired = sum(len(run) >= 2 for run in runs) * 2 > len(runs)  # a Western code page has lone high bytes
    try:
        codecs.getincrementaldecoder("gb18030")().decode(probe)
    except UnicodeDecodeError:
        paired = False
    if paired:
        return "gb18030"
    if broken * 10 > len(text):
        raise FaultError("undecodable", f"{name} is neither UTF-8, UTF-16 nor GB18030; convert it with iconv")
    return "utf-8"


def _transcoded(chunks: Iterator[bytes], encoding: str, name: str) -> Iterator[bytes]:
    # A bad GB18030 byte passes through and spoils its row only; UTF-16 out of step spoils everything after.
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape" if encoding == "gb18030" else "strict")
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
        yield decoder.decode(b"", True).encode("utf-8", "surrogateescape")
    except UnicodeError as error:
        raise FaultError("undecodable", f"{name}: {error}") from error
