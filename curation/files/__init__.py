"""Raw file → rows, by content: whatever container a dump comes in, one row after the other, never on disk.

`read(path)` yields `Row` and `Bad` in file order; `read_blocks` leaves the lines of JSONL unparsed (`Lines`) and the rows of
Parquet in columns (`Cells`), of which `each` yields the rows; `cut` divides a large JSONL or Parquet file for `read_slice`. Containers: JSON array, JSON object holding one list of rows or keyed
by id, JSONL (however it is named), CSV/TSV, YAML list, Parquet, LogiQA text blocks, plain text blocks, each bare or in
gzip, zstd, bzip2 or xz, and zip archives of them.
"""

from curation.files.lines import jsonl
from curation.files.read import each, read, read_blocks
from curation.files.row import Bad, Block, Cells, Lines, Row
from curation.files.slices import Slice, cut, read_slice

__all__ = [
    "Bad",
    "Block",
    "Cells",
    "Lines",
    "Row",
    "Slice",
    "cut",
    "each",
    "jsonl",
    "read",
    "read_blocks",
    "read_slice",
]
