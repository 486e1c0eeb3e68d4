"""Arrow string columns → NumPy bools and counts, by regular expressions in RE2's syntax; a null is no match."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def equal(texts: pa.Array, value: str) -> np.ndarray:
    """Say of each text whether it is `value`."""
    return _bool(pc.equal(texts, value))


def blank(texts: pa.Array) -> np.ndarray:
    """Say of each text whether it is nothing but white space; so is a null."""
    return equal(pc.utf8_trim_whitespace(pc.fill_null(texts, "")), "")


def match(texts: pa.Array, pattern: str) -> np.ndarray:
    """Say of each text whether the pattern is in it."""
    return _bool(pc.match_substring_regex(texts, pattern))


def count(texts: pa.Array, pattern: str) -> np.ndarray:
    """Return how often the pattern is in each text."""
    found: np.ndarray = pc.fill_null(pc.count_substring_regex(texts, pattern), 0).to_numpy(zero_copy_only=False)
    return found


def length(texts: pa.Array) -> np.ndarray:
    """Return the code points of each text."""
    found: np.ndarray = pc.utf8_length(pc.fill_null(texts, "")).to_numpy(zero_copy_only=False)
    return found


def _bool(values: pa.Array) -> np.ndarray:
    flags: np.ndarray = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return flags
