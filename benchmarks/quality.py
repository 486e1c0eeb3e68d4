"""The quality heuristics beside datatrove's Gopher and FineWeb filters, in Chinese and in English; and how right they are.

    python -m benchmarks.quality FOLDER       of instruction dumps; or make bench-quality DATA=<folder>

Precision is over tests/curation/quality_cases.csv: findings that a reader agreed with or not.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import spearmanr

from benchmarks import labelled, measure, page, peers, quality_faults
from benchmarks.given import given
from curation import judge, language, quality
from curation.quality.verdict import DROPS, NOTES
from curation.record import id_bytes

ROWS = 3_000  # records of each language
WORK = Path(".cuvee/bench/quality")
DATATROVE = ("datatrove[io,processing]==0.10.1", "spacy", "jieba")
FILTERS = {
    "datatrove Gopher": "GopherQualityFilter(language=LANG)",
    "datatrove Gopher, no stop words asked": "GopherQualityFilter(language=LANG, min_stop_words=0)",
    "datatrove Gopher repetition": "GopherRepetitionFilter(language=LANG)",
    "datatrove FineWeb": "FineWebQualityFilter(language=LANG)",
}
HARNESS = """
import json, sys, time
from datatrove.data import Document
from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
LANG = sys.argv[1]
docs = [Document(text=text, id=str(row)) for row, text in enumerate(json.load(open(sys.argv[2])))]
judge = {code}
kept = lambda doc: judge.filter(doc) is True
kept(docs[0])
began = time.process_time()
kept = sum(map(kept, docs))
print(json.dumps({{"cpu": time.process_time() - began, "kept": kept}}))
"""


def precision(root: Path) -> dict[str, tuple[int, int, int]]:
    """Return finding → labelled records, those that the judge still flags so, and how many of these a reader agrees with."""
    cases = labelled.cases("quality")
    records = labelled.of_content(root, {case["content_hash"] for case in cases})
    flags = judge.verdicts("quality", quality.Settings(), records)["flags"].to_pylist()
    keys = [key.tobytes().hex() for key in id_bytes(records["content_hash"])]
    found = dict(zip(keys, flags, strict=True))
    out: dict[str, tuple[int, int, int]] = {}
    for case in cases:
        total, flagged, right = out.get(case["finding"], (0, 0, 0))
        hit = case["finding"] in found.get(case["content_hash"], [])
        out[case["finding"]] = total + 1, flagged + hit, right + (hit and case["right"] == "1")
    return out


def main(dumps: Path) -> None:
    """Measure, print, and write the section of docs/BENCHMARKS.md."""
    root = labelled.corpus(dumps)
    everything = pa.concat_tables([_judged(table) for table in labelled.records(root)])
    WORK.mkdir(parents=True, exist_ok=True)
    rows: list[list[object]] = []
    for lang, code in (("en", "eng"), ("zh", "cmn")):
        _write_sample(root, everything, lang)
        ours = json.loads(measure.run([sys.executable, "-m", "benchmarks.quality", "--ours", lang]).out)
        rows.append([lang, "Cuvée", ours["kept"] / ROWS, ROWS / ours["cpu"], 1.0])
        python = peers.python("datatrove-filters", DATATROVE)
        for name, made in FILTERS.items():
            command: list[str | Path] = [python, "-c", HARNESS.format(code=made), code, WORK / f"{lang}.json"]
            theirs = json.loads(measure.run(command).out)
            rows.append([lang, name, theirs["kept"] / ROWS, ROWS / theirs["cpu"], theirs["cpu"] / ours["cpu"]])
    head = ["language", "", "kept", "records per CPU-second", "CPU of it to Cuvée's"]
    body = f"{_intro(everything)}\n\n{_precision_table(root, everything)}\n\n{_recall()}\n\n{_rates_intro()}\n\n{page.table(head, rows)}"
    page.write("quality", "Quality heuristics", body, [f"datatrove {peers.version(python, 'datatrove')}"])


def _judged(records: pa.Table) -> pa.Table:
    found = judge.verdicts("quality", quality.Settings(), records)
    langs = judge.verdicts("language", language.Settings(), records)["lang"]
    return found.append_column("lang", langs).append_column("content_hash", records["content_hash"])


def _intro(found: pa.Table) -> str:
    length = found["n_response_chars"].to_numpy()
    score, repetition = found["score"].to_numpy(), found["repetition"].to_numpy()
    return (
        f"On {len(length):,} real records. Spearman correlation with the length of the answers: score "
        f"{spearmanr(score, length).statistic:.3f}, repetition {spearmanr(repetition, length).statistic:.3f}, dropped "
        f"{spearmanr(~found['keep'].to_numpy(), length).statistic:.3f}. Precision: of the labelled records that the judge "
        "flags, the share where a reader agrees; a finding that drops is right where the record should go, one that is only "
        "noted where its name is true (`near_echo`, `symbols`: where it is a fault). The rules were mended while reading these "
        "hits, so the shares say that what is flagged here is right; a new dump may hold what nobody has read."
    )


def _precision_table(root: Path, found: pa.Table) -> str:
    hits: Counter[str] = Counter()
    seen: set[bytes] = set()
    for key, flags in zip(id_bytes(found["content_hash"]), found["flags"].to_pylist(), strict=True):
        if flags and key.tobytes() not in seen:
            seen.add(key.tobytes())
            hits.update(flags)
    measured = precision(root)
    rows = []
    for name in (*DROPS, *NOTES):
        _, flagged, right = measured.get(name, (0, 0, 0))
        share = right / flagged if flagged else "–"
        rows.append([f"`{name}`", "drops" if name in DROPS else "notes", hits[name], flagged, share])
    return page.table(["finding", "", "records, exact copies once", "read", "precision"], rows)


def _recall() -> str:
    samples = {lang: pq.read_table(WORK / f"{lang}.parquet") for lang in ("en", "zh")}
    rows = [
        [fault, f"`{finding}`" if finding else "none", *rest]
        for fault, finding, *rest in quality_faults.recall(samples)
    ]
    return (
        "Recall on faults planted in the good ones of these records (one exchange, nothing found, an answer of 80 characters or more); what is "
        "only noted drops nothing by default. Rules drop a text cut at a place that shows, few do; a wrong answer they cannot see.\n\n"
        + page.table(["fault", "finding", "language", "records", "found", "dropped"], rows)
    )


def _rates_intro() -> str:
    return (
        f"Rates and shares kept, {ROWS:,} records of each language, the text of all turns joined for the peers. Their defaults, with "
        "datatrove's own language code for each language."
    )


def _write_sample(root: Path, everything: pa.Table, lang: str) -> None:
    chosen = np.flatnonzero(everything["lang"].to_numpy(zero_copy_only=False) == lang)
    chosen = np.sort(np.random.default_rng(7).choice(chosen, ROWS, replace=False))
    parts, start = [], 0
    for table in labelled.records(root):
        rows = chosen[(chosen >= start) & (chosen < start + table.num_rows)] - start
        parts.append(table.take(rows))
        start += table.num_rows
    sample = pa.concat_tables(parts)
    pq.write_table(sample, WORK / f"{lang}.parquet")
    texts = ["\n".join(turn["content"] for turn in turns) for turns in sample["turns"].to_pylist()]
    (WORK / f"{lang}.json").write_text(json.dumps(texts))


def _ours(lang: str) -> None:
    records = pq.read_table(WORK / f"{lang}.parquet")
    run = quality.prepare(quality.Settings())
    run(records.slice(0, 10))  # compiles
    began = time.process_time()
    kept = run(records)["keep"].to_numpy(zero_copy_only=False)
    print(json.dumps({"cpu": time.process_time() - began, "kept": int(kept.sum())}))  # noqa: T201 - read by main


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        _ours(sys.argv[2])
    else:
        main(given("DATA", labelled.DUMPS, *sys.argv[1:2]))
