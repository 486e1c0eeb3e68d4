"""The demo's dump: deterministic, right, and as its truth says."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.demo import Truth, generate
from curation.demo.maths import en_math, zh_math
from curation.record import fold

TOKEN = re.compile(r"[A-Za-z0-9]+|[\u4e00-\u9fff]")
Rows = dict[tuple[str, int], Any]


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """One dump for the module."""
    out = tmp_path_factory.mktemp("demo")
    return out, generate(out)


@pytest.fixture(scope="module")
def rows(dump: tuple[Path, Truth]) -> Rows:
    """Every row as it stands in its file, read back with the standard readers."""
    found: Rows = {}
    for path in sorted((dump[0] / "raw").iterdir()):
        for name, values in read(path).items():
            found |= {(name, number): value for number, value in enumerate(values, start=1)}
    return found


def read(path: Path) -> dict[str, list[Any]]:
    """Read one raw file (of a zip: every member)."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as file:
            return {f"{path.name}!{name}": json.loads(file.read(name)) for name in file.namelist()}
    if path.suffix == ".parquet":
        return {path.name: pq.read_table(path).to_pylist()}
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    if path.suffix in {".csv", ".tsv"}:
        return {path.name: list(csv.DictReader(io.StringIO(text), delimiter="," if path.suffix == ".csv" else "\t"))}
    if path.suffix == ".json":
        return {path.name: json.loads(text)}
    return {path.name: text.split("\n")[:-1]}


def conversation(row: Any) -> list[str]:
    """Return the texts of a row in order, whatever its format."""
    if isinstance(row, str):
        row = json.loads(row)
    if "history" in row:
        return [*(t for pair in row["history"] for t in pair), row["query"], row["response"]]
    for key, text in (("conversations", "value"), ("messages", "content")):
        if key in row:
            return [turn[text] for turn in row[key]]
    return [row[k] for k in ("prompt", "completion", "instruction", "output") if k in row]


def grams(texts: list[str]) -> set[tuple[str, ...]]:
    """Return the 5-grams of words and Han characters."""
    tokens = TOKEN.findall(" ".join(texts).casefold())
    return {tuple(tokens[i : i + 5]) for i in range(len(tokens) - 4)}


def place(truth: dict[str, Any]) -> tuple[str, int]:
    """Return where a line of the truth points."""
    return truth["file"], truth["row"]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(dump: tuple[Path, Truth], tmp_path: Path) -> None:
    generate(tmp_path / "again")
    generate(tmp_path / "other", seed=8)
    files = sorted(p.relative_to(dump[0]) for p in dump[0].rglob("*") if p.is_file())
    assert len(files) == 10 + 3 + 1
    assert all((tmp_path / "again" / f).read_bytes() == (dump[0] / f).read_bytes() for f in files)
    assert not any((tmp_path / "other" / f).read_bytes() == (dump[0] / f).read_bytes() for f in files)


def test_every_row_of_every_file_is_in_the_truth_once(dump: tuple[Path, Truth], rows: Rows) -> None:
    written = [json.loads(line) for line in (dump[0] / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    assert written == dump[1].rows
    assert Counter(place(t) for t in written) == Counter(list(rows))
    assert 6_000 <= len(rows) <= 9_000
    kinds = {
        "good",
        "exact",
        "near",
        "contaminated",
        "language",
        "junk",
        "refusal",
        "mojibake",
        "loop",
        "prompt_only",
        "broken",
    }
    assert set(dump[1].kinds) == kinds


def is_conversation(row: object) -> bool:
    try:
        texts = conversation(row)
    except (json.JSONDecodeError, TypeError, KeyError, AttributeError):
        return False
    return len(texts) >= 2 and all(isinstance(t, str) for t in texts)


def test_broken_rows_are_broken_and_all_others_read_as_conversations(dump: tuple[Path, Truth], rows: Rows) -> None:
    for truth in dump[1].rows:
        row = rows[place(truth)]
        if truth["kind"] == "broken":
            assert not is_conversation(row)
        else:
            texts = conversation(row)
            assert len(texts) >= 2
            assert len(texts) % 2 == 0
            assert all(t.strip() for t in texts) == (truth["kind"] != "prompt_only")


def test_exact_copies_fold_to_their_original_and_near_copies_only_resemble_it(
    dump: tuple[Path, Truth], rows: Rows
) -> None:
    for truth in dump[1].rows:
        if truth["kind"] not in {"exact", "near"}:
            continue
        copy, original = conversation(rows[place(truth)]), conversation(rows[place(truth["of"])])
        same = [fold(t) for t in copy] == [fold(t) for t in original]
        assert same == (truth["kind"] == "exact")
        if truth["kind"] == "near":
            one, two = grams(copy), grams(original)
            assert len(one & two) / len(one | two) >= 0.6


def test_good_records_are_no_near_duplicates_of_each_other(dump: tuple[Path, Truth], rows: Rows) -> None:
    sets = [grams(conversation(rows[place(t)])) for t in dump[1].rows if t["kind"] == "good"]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    worst = 0.0
    for number, own in enumerate(sets):
        shared = Counter(other for gram in own for other in holders[gram])
        worst = max([worst, *(n / (len(own) + len(sets[o]) - n) for o, n in shared.most_common(3))])
        for gram in own:
            holders[gram].append(number)
    assert 0 < worst < 0.5


def test_contaminated_rows_hold_their_item_and_unplanted_items_are_nowhere(
    dump: tuple[Path, Truth], rows: Rows
) -> None:
    items = {item.where: item for item in dump[1].items}
    planted = set()
    for truth in dump[1].rows:
        if truth["kind"] == "contaminated":
            item = items[place(truth["item"])]
            planted.add(item.where)
            text = "\n".join(conversation(rows[place(truth)]))
            assert item.question in text
            assert item.answer in text
    assert len(planted) == 100
    everything = "\n".join("\n".join(conversation(rows[place(t)])) for t in dump[1].rows if t["kind"] != "broken")
    assert not [i for i in items.values() if i.where not in planted and i.question in everything]


def test_the_benchmark_files_hold_the_items_of_the_truth(dump: tuple[Path, Truth]) -> None:
    folder = dump[0] / "benchmarks"
    for item in dump[1].items:
        name, row = item.where
        text = (folder / name).read_text(encoding="utf-8")
        found = (
            list(csv.DictReader(io.StringIO(text)))
            if name.endswith(".csv")
            else [json.loads(x) for x in text.splitlines()]
        )
        assert (found[row - 1]["question"], found[row - 1]["answer"]) == (item.question, item.answer)


@pytest.mark.parametrize("make", [en_math, zh_math])
def test_worked_answers_are_arithmetically_right_and_half_end_in_a_marked_answer(make: Any) -> None:
    rng, marked = random.Random(1), 0
    for _ in range(300):
        _, answer = make(rng)
        *lines, last = answer.split("\n")
        result = None
        for line in lines:
            left, sign, right, total = re.search(r"(\d+) ?([-+×]) ?(\d+) ?= ?(\d+)", line).groups()  # type: ignore[union-attr]
            assert result is None or int(left) == result
            result = {"+": int(left) + int(right), "-": int(left) - int(right), "×": int(left) * int(right)}[sign]
            assert result == int(total) > 0
        assert re.findall(r"\d+", last) == [str(result)]
        marked += last.startswith("#### ")
    assert 110 < marked < 190
