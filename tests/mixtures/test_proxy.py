"""Tiny proxies on generated conversations of three kinds: letters, digits and Han."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from curation.record import RECORD, content_hash, ids, prompt_group, record_id
from curation.template import SUS
from mixtures.proxy.local import Proxies, Settings, prepare
from mixtures.proxy.packing import packed
from mixtures.proxy.shared import BASE, DONE, HELD_OUT, build, is_built, share
from mixtures.proxy.tokens import encode, encoded, token_bytes, train_tokenizer
from mixtures.sample import read_supply

TINY = Settings(
    vocabulary=300, vocabulary_tokens=2_000, hidden=16, intermediate=16, layers=1, heads=2, window=32,
    base_tokens=3_000, base_step_tokens=256, tokens=3_000, step_tokens=100, lr=1e-2, held_out_tokens=300, held_out_min=4,
)  # fmt: skip
LETTERS, DIGITS = np.array([1.0, 0.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0, 0.0])
RECORDS = {
    "a-letters": ("abcdefgh", 120),
    "b-digits": ("12345678", 120),
    "c-han": ("天地玄黄宇宙洪荒", 120),
    "d-few": ("xyz", 9),
}


def conversation(kind: str, number: int) -> list[tuple[str, str]]:
    """Return a question and an answer that goes on from it in the alphabet's order."""
    alphabet = RECORDS[kind][0]
    start = number % len(alphabet)
    text = "".join(alphabet[(start + i) % len(alphabet)] for i in range(20 + number % 7))
    return [("user", f"{text[:5]} {number}"), ("assistant", text[5:])]


def write_catalog(path: Path) -> Path:
    """Write the views a proxy reads, as tables."""
    rows, domains = [], []
    for kind, (_, count) in RECORDS.items():
        for number in range(count):
            turns = conversation(kind, number)
            content = content_hash(turns)
            name = record_id(kind, str(number), content)
            plain = [{"role": role, "content": text} for role, text in turns]
            rows.append((name, content, prompt_group(turns), kind, str(number), "", plain, None, "{}"))
            domains.append((kind, kind, 20, 15))
    columns = [
        ids(list(c)) if RECORD.field(i).type == pa.uuid() else pa.array(c, RECORD.field(i).type)
        for i, c in enumerate(zip(*rows, strict=True))
    ]
    records = pa.table(columns, schema=RECORD)
    table = pa.table(
        [columns[0], *map(pa.array, zip(*domains, strict=True))],
        ["id", "domain", "source", "n_tokens", "n_target_tokens"],
    )
    with duckdb.connect(str(path)) as connection:
        connection.register("r", records)
        connection.register("d", table)
        connection.execute("CREATE TABLE records AS FROM r; CREATE TABLE domains AS FROM d")
    return path


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_catalog(tmp_path_factory.mktemp("catalog") / "corpus.duckdb")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def proxies(catalog: Path, cache: Path) -> Iterator[Proxies]:
    with prepare(catalog, TINY, cache, workers=1) as made:
        yield made


def test_a_model_tuned_on_a_domain_is_better_at_it_than_one_tuned_on_another(proxies: Proxies) -> None:
    done: list[int] = []
    letters, digits = proxies.run([("letters", LETTERS, 0), ("digits", DIGITS, 0)], lambda i, _: done.append(i))
    assert letters["loss/a-letters"] < 0.8 * digits["loss/a-letters"]
    assert digits["loss/b-digits"] < 0.8 * letters["loss/b-digits"]
    assert sorted(done) == [0, 1]


def test_a_run_repeated_has_identical_losses_and_another_seed_others(proxies: Proxies) -> None:
    mixed = np.array([0.4, 0.3, 0.3, 0.0])
    first, again, other = proxies.run([("m", mixed, 5), ("m", mixed, 5), ("m", mixed, 6)], lambda *_: None)
    assert first == again
    assert first != other


def test_a_second_prepare_trains_nothing_and_reads_no_text_again(proxies: Proxies, catalog: Path, cache: Path) -> None:
    folder = proxies.shared.folder
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    job = ("letters", LETTERS, 0)
    with prepare(catalog, TINY, cache, workers=1) as second:
        assert second.shared.folder == folder
        second.run([job], lambda *_: None)
        third = second.run([job], lambda *_: None)
    kept = {path: path.stat().st_mtime_ns for path in before}
    assert kept == before
    assert third == proxies.run([job], lambda *_: None)


def test_the_base_is_shared_by_settings_of_runs_and_not_by_other_records_or_sizes(catalog: Path, cache: Path) -> None:
    folder = share(catalog, TINY, cache).folder
    assert (
        share(catalog, TINY.model_copy(update={"lr": 0.5, "tokens": 500, "final_tokens": 9_000}), cache).folder
        == folder
    )
    assert share(catalog, TINY.model_copy(update={"hidden": 32}), cache).folder != folder


@pytest.mark.parametrize("harm", ["no done.json", "half a model", "half a done.json"])
def test_what_a_kill_left_half_written_is_not_used(proxies: Proxies, tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in proxies.shared.folder.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    assert is_built(folder)
    if harm == "no done.json":
        (folder / DONE).unlink()
    else:
        victim = folder / (BASE if harm == "half a model" else DONE)
        os.truncate(victim, victim.stat().st_size // 2)
    assert not is_built(folder)


def test_a_damaged_base_is_trained_again_to_the_same_bytes(catalog: Path, tmp_path: Path) -> None:
    with prepare(catalog, TINY, tmp_path, workers=1) as first:
        model = first.shared.folder / BASE
        whole = model.read_bytes()
        model.write_bytes(whole[: len(whole) // 2])
    with prepare(catalog, TINY, tmp_path, workers=1):
        assert model.read_bytes() == whole


def test_a_base_whose_worker_dies_says_so_and_leaves_nothing_that_counts(catalog: Path, tmp_path: Path) -> None:
    class Killed(ProcessPoolExecutor):
        def submit(self, *_: object) -> Future:  # type: ignore[override]
            return super().submit(os._exit, 9)

    shared = share(catalog, TINY, tmp_path)
    with (
        Killed(1) as pool,
        pytest.raises(ChildProcessError, match="base has lost its worker, most likely out of memory"),
    ):
        build(shared, pool)
    assert not is_built(shared.folder)


def test_a_domain_too_small_to_hold_out_records_has_no_metric_and_a_warning(
    proxies: Proxies, catalog: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        prepare(catalog, TINY, cache, workers=1).close()
    assert "no loss metric for d-few: fewer than 4 held-out records" in caplog.text
    assert proxies.metrics == ("loss/a-letters", "loss/b-digits", "loss/c-han")
    assert proxies.names == tuple(RECORDS)


def test_no_held_out_record_is_ever_trained_on(proxies: Proxies) -> None:
    shared = proxies.shared
    assert len(shared.held_out.ids) > 0
    assert not set(shared.held_out.ids.tolist()) & set(shared.train.ids.tolist())
    assert len(shared.held_out.ids) + len(shared.train.ids) == len(shared.supply.ids)


def test_a_run_that_diverges_has_nan_in_every_metric_and_a_warning(
    proxies: Proxies, catalog: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wild = TINY.model_copy(update={"lr": 1e30})
    assert share(catalog, wild, cache).folder == proxies.shared.folder
    with prepare(catalog, wild, cache, workers=1) as made, caplog.at_level(logging.WARNING):
        (metrics,) = made.run([("wild", LETTERS, 0)], lambda *_: None)
    assert np.isnan(list(metrics.values())).all()
    assert set(metrics) == set(proxies.metrics)
    assert "proxy run wild diverged" in caplog.text


def test_a_failing_run_is_named(proxies: Proxies, tmp_path: Path) -> None:
    gone = Proxies(proxies.shared, 1)
    (tmp_path / BASE).write_bytes(b"")
    held = (proxies.shared.folder / HELD_OUT).read_bytes()
    hidden = proxies.shared.folder / HELD_OUT
    hidden.unlink()
    try:
        with gone, pytest.raises(RuntimeError, match=r"proxy run lost failed: .*held_out"):
            gone.run([("lost", LETTERS, 0)], lambda *_: None)
    finally:
        hidden.write_bytes(held)


def test_with_a_final_budget_a_run_sees_the_epochs_of_the_final_run(proxies: Proxies) -> None:
    final = TINY.model_copy(update={"tokens": 600, "final_tokens": 6_000})
    run_of = Proxies(share(proxies.shared.catalog, final, proxies.shared.folder.parent), 1)
    supply = proxies.shared.supply.tokens
    for seed in range(3):
        sources = run_of._sources(seed)
        np.testing.assert_allclose(sources.tokens[:3] / supply[:3], 0.1, atol=0.01)
    assert set(run_of._sources(0).ids.tolist()) != set(run_of._sources(1).ids.tolist())


def test_encoding_gives_back_the_text_and_supervises_the_answer_and_its_end(catalog: Path) -> None:
    supply = read_supply(catalog)
    tokenizer = Tokenizer.from_str(train_tokenizer(catalog, supply.ids, SUS, 300))
    records = encode(catalog, supply.ids[:3], tokenizer, SUS)
    lengths, tokens, supervised = records.gather(supply.ids[[2]])
    assert lengths.tolist() == [len(tokens)]
    text = tokenizer.decode(tokens.tolist(), skip_special_tokens=False)
    assert text.startswith("### Human: ")
    answer = text.split("### Assistant: ")[1]
    assert answer.endswith("<|endoftext|>")
    assert tokenizer.decode(tokens[supervised].tolist(), skip_special_tokens=False) == answer
    assert token_bytes(tokenizer)[tokens].sum() == len(text.removesuffix("<|endoftext|>").encode())


def test_records_encoded_in_two_visits_equal_those_encoded_in_one(catalog: Path, tmp_path: Path) -> None:
    supply = read_supply(catalog)
    tokenizer = Tokenizer.from_str(train_tokenizer(catalog, supply.ids, SUS, 300))
    wanted = supply.ids[[40, 3, 200, 3, 17]]
    encoded(tmp_path, catalog, wanted[:2], tokenizer, SUS)
    twice = encoded(tmp_path, catalog, wanted, tokenizer, SUS).gather(wanted)
    once = encode(catalog, np.sort(supply.ids[[3, 17, 40, 200]].view("S16")).view("V16"), tokenizer, SUS).gather(wanted)
    assert all((a == b).all() for a, b in zip(twice, once, strict=True))
    assert len(list(tmp_path.glob("part-*.npz"))) == 2


def test_an_id_without_a_record_is_an_error(catalog: Path) -> None:
    tokenizer = Tokenizer.from_str(train_tokenizer(catalog, read_supply(catalog).ids[:5], SUS, 300))
    with pytest.raises(ValueError, match=r"1 distinct ids .* 0 came"):
        encode(catalog, np.frombuffer(b"\x01" * 16, "V16"), tokenizer, SUS)


def test_packing_keeps_every_learnt_token_but_the_first_of_each_window() -> None:
    tokens, supervised = np.arange(1, 101, dtype=np.uint16), np.arange(100) >= 40
    windows, learnt = packed(tokens, supervised, window=8, seed=0)
    assert sorted(windows[learnt]) == [t for t in range(41, 101) if (t - 1) % 8]
    assert len(windows) == 8, "windows of the question alone are left out"
