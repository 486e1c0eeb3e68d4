"""Raw files become a judged corpus: makers write records, judges annotate them, SQL makes the one cut.

Reading order: record, shards, identity, engine, text; the makers ingest, normalise, synthesise; the judges
exact, fuzzy, language, quality, skill, decontaminate, tokens; and catalog, which opens DuckDB over it all.
"""

import os
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

# numba's cache notices a change in the file of a compiled function, not in one that it inlines from another file: after
# an update the old kernel would go on answering, under the new code's key. So every state of the code has a cache of its own.
_PACKAGE = Path(__file__).parent
_STATE = [
    (p.relative_to(_PACKAGE.parent).as_posix(), (s := p.stat()).st_size, s.st_mtime_ns)
    for package in ("curation", "mixtures")
    for p in sorted((_PACKAGE.parent / package).rglob("*.py"))
]
_CACHES = Path.home() / ".cache" / "cuvee"
_UNUSED = 30 * 24 * 3600  # seconds after which a cache is that of former code
if "NUMBA_CACHE_DIR" not in os.environ:
    _cache = _CACHES / f"numba-{sha256(repr(_STATE).encode()).hexdigest()[:16]}"
    os.environ["NUMBA_CACHE_DIR"] = str(_cache)
    with suppress(OSError):  # a home that cannot be written to: numba says so itself
        _cache.mkdir(parents=True, exist_ok=True)
        os.utime(_cache)
        if _unused := [p for p in _CACHES.glob("numba-*") if p.stat().st_mtime < time.time() - _UNUSED]:
            import shutil

            for _path in _unused:
                shutil.rmtree(_path, ignore_errors=True)
