"""MinHash signatures and their band hashes, over the tokens of whole conversations, in compiled code.

A shingle is n tokens in a row; a text of fewer than n tokens is one shingle, itself. A permutation is
x → (x xor flip) · odd on 32 bits, with one multiplication a shingle and permutation, so the loop over the
permutations is innermost and vectorises (8 lanes on AVX2).
"""

from __future__ import annotations

import numpy as np

from curation.kernels import njit

BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, 2^64 / golden ratio: base of the rolling hash, modulo 2^64
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64 finaliser, Steele et al. 2014
MIX_2 = np.uint64(0x94D049BB133111EB)
LANES = 4  # shingles a pass over the permutations, which then loads each minimum once for four


def permutations(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` pairs (flip, odd multiplier), uint32 each, drawn from the seed."""
    draw = np.random.default_rng(seed)
    flips = draw.integers(0, 1 << 32, count, dtype=np.uint32)
    return flips, draw.integers(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)


@njit(cache=True, nogil=True)
def band_hashes(hashes, n, rows, perms, room, out):  # type: ignore[no-untyped-def]
    """Write the band hashes (uint32, one a band) of a text's tokens into `out`; of a text without any, nothing.

    room: uint32, one a permutation, whatever is in it.
    """
    if len(hashes) == 0:
        return
    flips, odds = perms
    group = np.empty(LANES, np.uint32)
    room[:] = np.uint32(0xFFFFFFFF)
    power = np.uint64(1)
    for _ in range(n):
        power *= BASE
    width = min(n, len(hashes))
    rolling = np.uint64(len(hashes)) if width < n else np.uint64(0)
    for at in range(width):
        rolling = rolling * BASE + hashes[at]
    filled, at = 0, width
    while True:
        group[filled] = np.uint32(mix(rolling) >> np.uint64(32))
        filled += 1
        if at == len(hashes):
            break
        if filled == LANES:
            _lower(room, flips, odds, group)
            filled = 0
        rolling = rolling * BASE + hashes[at] - hashes[at - n] * power
        at += 1
    for lane in range(filled, LANES):
        group[lane] = group[0]  # repeating a shingle changes no minimum
    _lower(room, flips, odds, group)
    for band in range(len(out)):
        value = np.uint64(band + 1)
        for row in range(rows):
            value = mix(value * BASE + np.uint64(room[band * rows + row]))
        out[band] = np.uint32(value >> np.uint64(32))


@njit(cache=True, nogil=True, inline="always")
def _lower(lowest, flips, odds, group):  # type: ignore[no-untyped-def]
    """Lower each permutation's minimum by four shingles."""
    a, b, c, d = group[0], group[1], group[2], group[3]
    for p in range(len(lowest)):
        flip, odd, least = flips[p], odds[p], lowest[p]
        w = np.uint32(np.uint32(a ^ flip) * odd)
        x = np.uint32(np.uint32(b ^ flip) * odd)
        y = np.uint32(np.uint32(c ^ flip) * odd)
        z = np.uint32(np.uint32(d ^ flip) * odd)
        w = min(w, x)
        y = min(y, z)
        w = min(w, y)
        lowest[p] = min(w, least)


@njit(cache=True, nogil=True, inline="always")
def mix(value):  # type: ignore[no-untyped-def]
    """Return the splitmix64 finaliser of a uint64."""
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    return value ^ (value >> np.uint64(31))
