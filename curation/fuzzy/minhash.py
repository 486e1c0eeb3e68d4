"""MinHash signatures and their band hashes, over the tokens of whole conversations, in compiled code.

A shingle is n tokens in a row; a text of fewer than n tokens is one shingle, itself. A permutation is
x → (x xor flip) · odd on 32 bits, with one multiplication a shingle and permutation, so the loop over the
permutations is innermost and vectorises (8 lanes on AVX2).
"""

from __future__ import annotations

import numpy as np

from curation.kernels import inlined, kernel

BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, 2^64 / golden ratio: base of the rolling hash, modulo 2^64
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)  # splitmix64 finaliser, Steele et al. 2014
MIX_2 = np.uint64(0x94D049BB133111EB)
HALF = np.uint64(32)
LANES = 16  # permutations that a processor handles at once, at most


def permutations(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` pairs (flip, odd multiplier) or a few more, up to whole LANES, uint32 each, drawn from the seed."""
    draw, count = np.random.default_rng(seed), -(-count // LANES) * LANES
    flips = draw.integers(0, 1 << 32, count, dtype=np.uint32)
    return flips, draw.integers(0, 1 << 31, count, dtype=np.uint32) * np.uint32(2) + np.uint32(1)


@kernel
def band_hashes(hashes, n, rows, perms, room, out):  # type: ignore[no-untyped-def]
    """Write the band hashes (uint32, one a band) of a text's tokens into `out`; of a text without any, nothing.

    room: uint32, one a permutation, whatever is in it.
    """
    if len(hashes) == 0:
        return
    room[:] = np.uint32(0xFFFFFFFF)
    power = np.uint64(1)
    for _ in range(n):
        power *= BASE
    width = min(n, len(hashes))
    rolling = np.uint64(len(hashes)) if width < n else np.uint64(0)
    for at in range(width):
        rolling = rolling * BASE + hashes[at]
    a = b = c = d = np.uint32(rolling >> HALF)
    _lower(room, perms, a, b, c, d)
    at = width
    while at + 4 <= len(hashes):
        rolling = rolling * BASE + hashes[at] - hashes[at - n] * power
        a = np.uint32(rolling >> HALF)
        rolling = rolling * BASE + hashes[at + 1] - hashes[at + 1 - n] * power
        b = np.uint32(rolling >> HALF)
        rolling = rolling * BASE + hashes[at + 2] - hashes[at + 2 - n] * power
        c = np.uint32(rolling >> HALF)
        rolling = rolling * BASE + hashes[at + 3] - hashes[at + 3 - n] * power
        d = np.uint32(rolling >> HALF)
        _lower(room, perms, a, b, c, d)
        at += 4
    while at < len(hashes):
        rolling = rolling * BASE + hashes[at] - hashes[at - n] * power
        a, b, c, d = b, c, d, np.uint32(rolling >> HALF)  # repeating a shingle changes no minimum
        at += 1
    _lower(room, perms, a, b, c, d)
    for band in range(len(out)):
        value = np.uint64(band + 1)
        for row in range(rows):
            value = mix(value * BASE + np.uint64(room[band * rows + row]))
        out[band] = np.uint32(value >> np.uint64(32))


@inlined
def _lower(lowest, perms, a, b, c, d):  # type: ignore[no-untyped-def]
    """Lower each permutation's minimum by four shingles, so that it is loaded once for four."""
    flips, odds = perms
    for p in range(len(lowest)):
        flip, odd = flips[p], odds[p]
        w = np.uint32(np.uint32(a ^ flip) * odd)
        x = np.uint32(np.uint32(b ^ flip) * odd)
        y = np.uint32(np.uint32(c ^ flip) * odd)
        z = np.uint32(np.uint32(d ^ flip) * odd)
        lowest[p] = min(w, x, y, z, lowest[p])


@inlined
def mix(value):  # type: ignore[no-untyped-def]
    """Return the splitmix64 finaliser of a uint64."""
    value = (value ^ (value >> np.uint64(30))) * MIX_1
    value = (value ^ (value >> np.uint64(27))) * MIX_2
    return value ^ (value >> np.uint64(31))
