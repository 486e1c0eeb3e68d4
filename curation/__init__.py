"""Raw files become a judged corpus: makers write records, judges annotate them, SQL makes the one cut.

Reading order: record, shards, identity, engine, text; the makers ingest, normalise, synthesise; the judges
exact, fuzzy, language, quality, skill, decontaminate, tokens; and catalog, which opens DuckDB over it all.
"""

import os
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
os.environ.setdefault(
    "NUMBA_CACHE_DIR", str(Path.home() / ".cache" / "cuvee" / f"numba-{sha256(repr(_STATE).encode()).hexdigest()[:16]}")
)
