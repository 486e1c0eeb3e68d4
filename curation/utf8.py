"""Arrow string columns as NumPy buffers and back, and UTF-8 decoding in compiled code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curation.kernels import inlined


def buffers(texts: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return a string column as offsets (int64[n + 1]) into bytes (uint8, never empty); a null counts as empty."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks() if texts.num_chunks else pa.array([], texts.type)
    if not isinstance(texts, pa.LargeStringArray):
        texts = texts.cast(pa.large_string())
    if texts.null_count:
        texts = texts.fill_null("")
    if len(texts) == 0:
        return np.zeros(1, np.int64), np.zeros(1, np.uint8)
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64, count=len(texts) + 1, offset=texts.offset * 8)
    empty = data_buffer is None or data_buffer.size == 0
    return offsets, np.zeros(1, np.uint8) if empty else np.frombuffer(data_buffer, np.uint8)


def column(offsets: np.ndarray, data: np.ndarray) -> pa.LargeStringArray:
    """Return offsets (int64[n + 1]) into UTF-8 bytes as a string column, without a copy."""
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))


def strings(values: Sequence[str]) -> pa.StringArray:
    """Return strings as a column, as pa.array does, which imports pandas (half a second in every worker).

    Raises UnicodeEncodeError where one holds half of a UTF-16 pair.
    """
    return encoded([value.encode() for value in values])


def encoded(values: Sequence[bytes]) -> pa.StringArray:
    """Return strings that are UTF-8 already as a column."""
    offsets = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, values), np.int64, len(values)), out=offsets[1:])
    if offsets[-1] >= 1 << 31:
        raise ValueError(f"{int(offsets[-1]):,} bytes of text in one column; it holds at most 2 GiB")
    ends = pa.py_buffer(offsets.astype(np.int32))
    return pa.StringArray.from_buffers(len(values), ends, pa.py_buffer(b"".join(values)))


def numbers(values: np.ndarray, null: np.ndarray | None = None) -> pa.Array:
    """Return a NumPy array as a column without a copy, null where `null` says so; again without pandas."""
    valid = None if null is None else pa.py_buffer(np.packbits(~null, bitorder="little"))
    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [valid, data])


def integers(column: pa.Array, dtype: type[np.generic]) -> np.ndarray:
    """Return a null-free column of fixed width as NumPy sees it, without a copy and without pandas."""
    start = column.offset * np.dtype(dtype).itemsize
    return np.frombuffer(column.buffers()[1] or b"", dtype, len(column), start)


@inlined
def decode(data, position, end):  # type: ignore[no-untyped-def]
    """Return the code point at `position` and its width in bytes; Arrow strings are valid UTF-8."""
    first = np.int64(data[position])
    if first < 0x80 or position + 1 >= end:
        return first, 1
    if first < 0xE0:
        return ((first & 0x1F) << 6) | (np.int64(data[position + 1]) & 0x3F), 2
    if first < 0xF0 or position + 3 >= end:
        return ((first & 0x0F) << 12) | ((np.int64(data[position + 1]) & 0x3F) << 6) | (
            np.int64(data[position + 2]) & 0x3F
        ), 3
    high = ((first & 0x07) << 18) | ((np.int64(data[position + 1]) & 0x3F) << 12)
    return high | ((np.int64(data[position + 2]) & 0x3F) << 6) | (np.int64(data[position + 3]) & 0x3F), 4
