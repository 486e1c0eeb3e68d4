"""Eight bytes at a time, each byte of a uint64 by itself, and sixty-four as the bits of one; in compiled code."""

from __future__ import annotations

import numpy as np
from numba.cpython.unsafe import numbers

from curation.kernels import inlined

HIGHS = np.uint64(0x8080808080808080)
STEP = 8  # bytes at a time, where positions are signed
EACH_ONE, EACH_SPACE = np.uint64(0x0101010101010101), np.uint64(0x2020202020202020)
ONE, TWO, SEVEN, EIGHT = np.uint64(1), np.uint64(2), np.uint64(7), np.uint64(8)
FIFTY_SIX, SIXTY_FOUR = np.uint64(56), np.uint64(64)
EVERY = np.uint64(0xFFFFFFFFFFFFFFFF)
GATHER = np.uint64(0x0102040810204080)  # a product with it has the lowest bits of eight bytes in its highest byte


@inlined
def load8(data, position):  # type: ignore[no-untyped-def]
    """Return eight bytes as a little-endian uint64; the compiler makes one load of them."""
    value = np.uint64(0)
    for at in range(8):
        value |= np.uint64(data[position + np.uint64(at)]) << np.uint64(8 * at)
    return value


@inlined
def unprintable(block):  # type: ignore[no-untyped-def]
    """Return marks of which some are set where one of eight bytes is no printable ASCII, 0 where all are."""
    return (block | (block - EACH_SPACE) | (block + EACH_ONE)) & HIGHS


@inlined
def letters8(block):  # type: ignore[no-untyped-def]
    """Return the ASCII letters and the digits of eight bytes, marked by the high bits of theirs.

    All eight at a time: the high bit of a byte is set where a sum passes 127.
    """
    low = block & ~HIGHS
    lower = low | EACH_SPACE
    letters = (lower + np.uint64(0x1F1F1F1F1F1F1F1F)) & ~(lower + np.uint64(0x0505050505050505))  # a to z
    digits = (low + np.uint64(0x5050505050505050)) & ~(low + np.uint64(0x4646464646464646))  # 0 to 9
    return letters & ~block & HIGHS, digits & ~block & HIGHS


@inlined
def fold8(block, count):  # type: ignore[no-untyped-def]
    """Return the first `count` (1 to 8) of eight bytes, their ASCII letters as small ones, the others 0."""
    letters, _ = letters8(block)
    return (block | (letters >> TWO)) & lowest(count << np.uint64(3))


@inlined
def lowest(count):  # type: ignore[no-untyped-def]
    """Return a uint64 whose lowest `count` (1 to 64) bits are set."""
    return EVERY >> (SIXTY_FOUR - count)


@inlined
def trailing_zeros(value):  # type: ignore[no-untyped-def]
    """Return how many of the lowest bits of a uint64 are 0, before the first 1."""
    return numbers.trailing_zeros(value)  # type: ignore[call-arg]


@inlined
def bits(marks):  # type: ignore[no-untyped-def]
    """Return the high bits of eight bytes, whose others are 0, as the lowest eight bits."""
    return ((marks >> SEVEN) * GATHER) >> FIFTY_SIX


@inlined
def word_bytes(block):  # type: ignore[no-untyped-def]
    """Return the first ASCII letters and digits of eight bytes, folded, whether they hold a digit, and how many they are."""
    letters, digits = letters8(block)
    others = ~(letters | digits) & HIGHS
    folded = block | (letters >> TWO)
    if others == 0:
        return folded, digits, EIGHT
    first = (others & (~others + ONE)) >> SEVEN  # 1 in the lowest bit of the first other byte
    count = (first * np.uint64(0x0001020304050607)) >> FIFTY_SIX
    return folded & (first - ONE), digits & (first - ONE), count
