"""Raw file → rows, by content: whatever container a dump comes in, one row after the other, never on disk.

`read(path)` yields `Row` and `Bad` in file order. Containers: JSON array, JSON object holding one list of rows or keyed
by id, JSONL (however it is named), CSV/TSV, YAML list, Parquet, LogiQA text blocks, plain text blocks, each bare or in
gzip, zstd, bzip2 or xz, and zip archives of them.
"""

from curation.files.read import read
from curation.files.row import Bad, Row

__all__ = ["Bad", "Row", "read"]
