"""datatrove's MinHash deduplication as its example has it; runs in datatrove's own environment.

datatrove_minhash.py SOURCE WORK TOKENIZER [LANG]: SOURCE holds Parquet with id, lang, text; TOKENIZER is a language of datatrove
or `regex`; LANG keeps only that language. WORK/kept.txt lists what stays.
"""

import json
import re
import shutil
import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import LambdaFilter
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.hashing import HashConfig

TASKS, WORKERS, BUCKETS = 4, 2, 14
WORD = re.compile(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+")


class Regex:
    """The cheapest tokenizer there is: one regular expression, Latin words and Han characters."""

    def word_tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text."""
        return WORD.findall(text)


def is_of(language: str, document) -> bool:  # type: ignore[no-untyped-def]
    """Say whether a document is in this language."""
    return bool(document.metadata["lang"] == language)


def main() -> None:
    """Run the four steps of the example."""
    source, work, tokenizer, *rest = sys.argv[1:]
    shutil.rmtree(work, ignore_errors=True)
    config = MinhashConfig(hash_config=HashConfig(precision=64), num_buckets=BUCKETS, hashes_per_bucket=8, n_grams=5)
    reader = [ParquetReader(source, text_key="text", id_key="id", glob_pattern="*.parquet")]
    if rest:
        from functools import partial

        reader.append(LambdaFilter(partial(is_of, rest[0])))
    sign = MinhashDedupSignature(f"{work}/sig", config, language="eng" if tokenizer == "regex" else tokenizer)
    if tokenizer == "regex":
        sign.word_tokenizer = Regex()
    steps = [
        ("sign", [*reader, sign], TASKS),
        ("buckets", [MinhashDedupBuckets(f"{work}/sig", f"{work}/buckets", config=config)], BUCKETS),
        ("cluster", [MinhashDedupCluster(f"{work}/buckets", f"{work}/remove", config=config)], 1),
        (
            "filter",
            [*reader, MinhashDedupFilter(f"{work}/remove"), JsonlWriter(f"{work}/out", compression=None)],
            TASKS,
        ),
    ]
    for name, pipeline, tasks in steps:
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=min(tasks, WORKERS), logging_dir=f"{work}/logs/{name}", skip_completed=False
        ).run()
    # The writer leaves out what is zero, an id too.
    lines = [line for path in Path(work, "out").glob("*.jsonl") for line in path.open(encoding="utf-8")]
    Path(work, "kept.txt").write_text("\n".join(str(json.loads(line).get("id", 0)) for line in lines))


if __name__ == "__main__":
    main()
