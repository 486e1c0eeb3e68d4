"""How compiled functions are made: numba's njit in three kinds, each kept on disk and run without Python's lock.

`kernel`: loops over arrays that it is given, makes none and returns none. It then need not count who refers to them, which cost
nine tenths of the time of some loops (numba counts at every call of a part and at every tuple taken apart).
`maker`: makes arrays; what is long in it lies in a kernel. `inlined`: a part of either.
"""

from __future__ import annotations

import importlib
import sys

from numba import njit

__all__ = ["inlined", "kernel", "maker"]

# With its first kernel numba looks whether there is a BLAS, for its inner product of vectors alone: a fifth of a CPU-second in
# every process. No kernel here asks for an inner product; matrices find their BLAS when a kernel multiplies some.
BLAS, ASKING = "scipy.linalg", "numba.np.arraymath"

if not {BLAS, ASKING} & sys.modules.keys():
    sys.modules[BLAS] = None  # type: ignore[assignment]  # how Python marks a module that cannot be imported
    try:
        importlib.import_module(ASKING)
    finally:
        del sys.modules[BLAS]

maker = njit(cache=True, nogil=True)
# _nrt: without numba's runtime, which is what makes and counts arrays (numba: register_jitable in "extending")
kernel = njit(cache=True, nogil=True, _nrt=False)  # type: ignore[call-overload]
inlined = njit(cache=True, nogil=True, inline="always")
