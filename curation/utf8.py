"""Arrow string columns as NumPy buffers and back, and UTF-8 decoding in compiled code."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit


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


@njit(cache=True, nogil=True, inline="always")
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
