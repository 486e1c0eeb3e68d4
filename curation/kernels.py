"""numba's njit, without the fifth of a CPU-second that scipy.linalg takes in every process.

With its first kernel numba looks whether there is a BLAS, for its inner product of vectors alone; matrices find theirs when a
kernel multiplies some. No kernel here asks for an inner product.
"""

from __future__ import annotations

import importlib
import sys

from numba import njit

__all__ = ["njit"]

BLAS, ASKING = "scipy.linalg", "numba.np.arraymath"

if not {BLAS, ASKING} & sys.modules.keys():
    sys.modules[BLAS] = None  # type: ignore[assignment]  # how Python marks a module that cannot be imported
    try:
        importlib.import_module(ASKING)
    finally:
        del sys.modules[BLAS]
