"""Raw files become a judged corpus: makers write records, judges annotate them, SQL makes the one cut.

Reading order: record, shards, identity, engine, text; the makers ingest, normalise, synthesise; the judges
exact, fuzzy, language, quality, skill, decontaminate, tokens; and catalog, which opens DuckDB over it all.
"""
