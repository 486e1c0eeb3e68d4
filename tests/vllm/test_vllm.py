"""A real vLLM and a real model on the CPU: real problems rewritten and scored, the server killed in the middle.

`make test-vllm` builds what this needs (minutes) and runs it; elsewhere it is skipped.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from curation import scores, synthesise
from curation.server import Server, serve
from flows import curate
from flows.config import Config, load

MODEL = os.environ.get("CUVEE_VLLM_MODEL", "")
NAME = "SmolLM2-135M-Instruct"
CPU = Server(
    model=MODEL,
    # A seeded request whose prefill is cut in two kills vLLM 0.32's engine on a CPU: generators there have no offset.
    args=tuple(
        "--dtype float32 --enforce-eager --max-model-len 2048 --max-num-seqs 32 --no-enable-chunked-prefill".split()
    ),
    env={
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_WAIT_POLICY": "PASSIVE",
        "KMP_BLOCKTIME": "0",
    },
    gpus=(),
)
GSM8K, APE210K = 180, 40  # rows of each
PROMPTS, SAMPLES, SCORED = 32, 2, 200
EASY = 40  # rows of easy problems, half of which are asked
CHECKED = 20  # scores that are worked out again with transformers

pytestmark = pytest.mark.skipif(not MODEL, reason="needs vLLM and a model: run `make test-vllm`")


def judged(config: Config) -> Config:
    """Bring a corpus and its catalog up to date."""
    for work in (curate.ingest_sources, curate.compare_records, curate.judge_shards, curate.build_catalog):
        work(config)
    return config


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, instructions: Path) -> Config:
    """A judged corpus of real problems, zh and en."""
    folder = tmp_path_factory.mktemp("vllm")
    (folder / "raw").mkdir()
    with gzip.open(instructions / "gsm8k_train.jsonl.gz", "rt", encoding="utf-8") as rows:
        (folder / "raw/gsm8k.jsonl").write_text("".join(next(rows) for _ in range(GSM8K)), encoding="utf-8")
    with gzip.open(instructions / "ape210k_valid.ape.json.gz", "rt", encoding="utf-8") as rows:
        (folder / "raw/ape210k.jsonl").write_text("".join(next(rows) for _ in range(APE210K)), encoding="utf-8")
    config = load(None, [f"root={folder / 'corpus'}", f"sources={folder / 'raw'}", "workers=1"], None)
    return judged(config)


@pytest.fixture(scope="module")
def served(corpus: Config) -> Iterator[tuple[str, Path]]:
    """The URL of a running vLLM, and its log."""
    began = time.monotonic()
    with serve(CPU, NAME, corpus.root / "server") as servers:
        print(f"\nvLLM healthy after {time.monotonic() - began:.0f} s")
        yield servers.urls[0], corpus.root / "server" / "vllm-0.log"


def answered(log: Path, path: str) -> int:
    """Count the requests that the server's own log says it answered."""
    return len(re.findall(rf'"POST {path} HTTP/1.1" 200', log.read_text(encoding="utf-8", errors="replace")))


def kill_once(log: Path, journal: Path, lines: int) -> threading.Thread:
    """Kill the server's process with -9 as soon as the journal has so many lines."""

    def wait_and_kill() -> None:
        while not (journal.is_file() and journal.read_bytes().count(b"\n") >= lines):
            time.sleep(0.2)
        pid = int(re.findall(r"Started server process .*?(\d+)", log.read_text(errors="replace"))[-1])
        print(f"\nkilling vLLM ({pid}) with {journal.read_bytes().count(chr(10).encode())} answers in the journal")
        os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=wait_and_kill, daemon=True)
    thread.start()
    return thread


def test_real_problems_are_rewritten_though_the_server_is_killed_in_the_middle(
    corpus: Config, served: tuple[str, Path]
) -> None:
    url, log = served
    settings = synthesise.Settings(
        endpoints=(url,), model=NAME, samples=SAMPLES, max_tokens=320, limit=PROMPTS, concurrency=12, patience=600, health_seconds=2.0,
        temperature=0.3, where="lang IN ('zh', 'en') AND reference IS NOT NULL AND length(question) < 250",
    )  # fmt: skip
    own = corpus.root / "synthesis" / settings.source
    killer = kill_once(log, own / "journal.jsonl", PROMPTS // 3)
    began = time.monotonic()
    report = synthesise.run(corpus.root, corpus.root / "corpus.duckdb", settings)
    seconds = time.monotonic() - began
    killer.join(1)
    assert not killer.is_alive()
    print(
        f"{report.asked} prompts, {report.samples} samples in {seconds:.0f} s; accepted {report.accepted}; {report.reasons}"
    )
    assert (report.selected, report.asked, report.unanswered) == (PROMPTS, PROMPTS, 0)
    assert report.samples == PROMPTS * SAMPLES
    assert report.accepted + sum(report.reasons.values()) == report.samples
    paid = answered(log, "/v1/chat/completions")
    assert PROMPTS <= paid <= PROMPTS + settings.concurrency  # what was under way when it died, at most
    assert "guard: the server ended" in log.read_text()
    again = synthesise.run(corpus.root, corpus.root / "corpus.duckdb", settings)
    assert (again.asked, answered(log, "/v1/chat/completions")) == (0, paid)
    check_samples(corpus, own, report)


@pytest.fixture(scope="module")
def easy(tmp_path_factory: pytest.TempPathFactory, benchmarks: Path) -> Config:
    """A judged corpus of problems of one step, which so small a model can solve now and then."""
    folder = tmp_path_factory.mktemp("easy")
    (folder / "raw").mkdir()
    with gzip.open(benchmarks / "mawps_test.jsonl.gz", "rt", encoding="utf-8") as rows:
        found = [json.loads(next(rows)) for _ in range(EASY)]
    lines = [json.dumps({"question": row["input"], "answer": f"#### {row['target']:g}"}) + "\n" for row in found]
    (folder / "raw/mawps.jsonl").write_text("".join(lines), encoding="utf-8")
    return judged(load(None, [f"root={folder / 'corpus'}", f"sources={folder / 'raw'}", "workers=1"], None))


def test_right_answers_become_records_that_are_judged_like_any_other(easy: Config, served: tuple[str, Path]) -> None:
    url, _ = served
    settings = synthesise.Settings(
        endpoints=(url,), model=NAME, samples=4, max_tokens=160, limit=EASY // 2, concurrency=6, patience=600, temperature=0.3,
        where="reference IS NOT NULL", hint=True,
    )  # fmt: skip
    report = synthesise.run(easy.root, easy.root / "corpus.duckdb", settings)
    print(f"\n{report.asked} prompts, {report.samples} samples, accepted {report.accepted}; {report.reasons}")
    assert report.accepted > 0
    judged(easy)
    query = """SELECT t.accepted, t.verified, t.answer, t.method, p.turns AS asked, r.turns, r.meta, l.lang, k.keep, k.reason
        FROM traces t JOIN records r USING (id) JOIN records p ON p.id = t.parent_id JOIN language l ON l.id = t.id
        JOIN kept k ON k.id = t.id"""
    with duckdb.connect(str(easy.root / "corpus.duckdb"), read_only=True) as con:
        rows = con.sql(query).to_arrow_table().to_pylist()
    assert len(rows) == report.records == report.accepted
    for row in rows:
        print(
            f"--- {row['answer']} ({row['method']}), keep {row['keep']} {row['reason'] or ''}: {row['turns'][-1]['content'][:200]}"
        )
        assert (row["accepted"], row["verified"], row["lang"]) == (True, True, "en")
        assert row["turns"][:-1] == row["asked"][:-1]
        assert {"prompt_hash", "model", "sampling", "server"} <= set(json.loads(row["meta"]))


def check_samples(corpus: Config, own: Path, report: synthesise.Report) -> None:
    """Hold every sample to its verdict, and every accepted one to its record."""
    samples = [row for path in sorted((own / "samples").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    assert len(samples) == report.samples
    assert all(s["accepted"] == (s["reason"] is None) for s in samples)
    assert all(s["verified"] for s in samples if s["accepted"])  # each prompt has a reference
    assert sum(s["output_tokens"] for s in samples) == report.output_tokens > 0
    folder = corpus.root / "records" / own.name
    traces = [row for path in sorted(folder.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    assert len(traces) == report.records == report.accepted
    print(Counter(s["reason"] or "accepted" for s in samples))
    if keep := os.environ.get("CUVEE_VLLM_SAMPLES"):
        Path(keep).write_text(json.dumps(samples, default=str, ensure_ascii=False), encoding="utf-8")


def test_survivors_are_scored_and_the_scores_are_those_of_transformers(
    corpus: Config, served: tuple[str, Path]
) -> None:
    url, log = served
    settings = scores.Settings(endpoints=(url,), model=NAME, max_tokens=2048, concurrency=8, limit=SCORED, patience=600)
    began = time.monotonic()
    counts = scores.run(corpus.root, corpus.root / "corpus.duckdb", settings)
    print(f"\n{counts} in {time.monotonic() - began:.0f} s")
    assert counts == {"scored": SCORED}
    assert answered(log, "/v1/completions") == SCORED
    config = corpus.model_copy(update={"scores": settings})
    curate.build_catalog(config)
    assert scores.run(corpus.root, corpus.root / "corpus.duckdb", settings) == {}
    query = "SELECT r.turns, s.* FROM scores s JOIN records r USING (id) JOIN kept k USING (id) WHERE k.keep AND s.note IS NULL ORDER BY s.id"
    with duckdb.connect(str(corpus.root / "corpus.duckdb"), read_only=True) as con:
        rows = con.sql(query).to_arrow_table().to_pylist()
        print(
            con.sql(
                "SELECT r.source, count(*), median(ppl), median(ifd), corr(ifd, n_tokens) FROM scores JOIN records r USING (id) WHERE note IS NULL GROUP BY ALL"
            )
        )
    assert len(rows) == SCORED
    step = len(rows) // CHECKED
    worst = compare([rows[i * step] for i in range(CHECKED)])
    print(
        f"largest relative difference from transformers over {CHECKED} records: ppl {worst[0]:.1e}, ifd {worst[1]:.1e}"
    )
    assert max(worst) < 1e-3


def compare(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """Return the largest relative differences of perplexity and IFD from a direct computation."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)  # vLLM has the other core
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()

    def logs(tokens: list[int]) -> torch.Tensor:
        with torch.no_grad():
            scored = model(torch.tensor([tokens])).logits[0, :-1].log_softmax(-1)
        return scored.gather(1, torch.tensor(tokens[1:])[:, None])[:, 0]

    worst = [0.0, 0.0]
    for row in rows:
        turns = [(t["role"], t["content"]) for t in row["turns"]]
        history = [{"role": r, "content": c} for r, c in turns[:-1]]
        text = tokenizer.apply_chat_template(history, add_generation_prompt=True, tokenize=False)
        prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
        answer = tokenizer(turns[-1][1], add_special_tokens=False)["input_ids"]
        assert (row["n_prompt"], row["n_tokens"]) == (len(prompt), len(answer))
        given, alone = logs(prompt + answer)[len(prompt) - 1 :], logs(answer)
        ppl, ifd = (-given.mean()).exp().item(), (alone.mean() - given[1:].mean()).exp().item()
        worst = [max(worst[0], abs(row["ppl"] / ppl - 1)), max(worst[1], abs(row["ifd"] / ifd - 1))]
    return worst[0], worst[1]
