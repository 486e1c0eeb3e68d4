"""Chain-of-thought requests against a stub with 50 ms latency: Cuvée beside datatrove's InferenceRunner and the openai package.

    python -m benchmarks.synthesis [--prompts 200000] [--peers 1000] [--gated 8000] [--concurrency 128]

Client, stub and journal share the machine. A prompt is a request for four samples of 1.1 kB each.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import page, peers
from benchmarks.measure import Cost

LATENCY = 0.05
SCRIPTS = Path(__file__).parent / "scripts"
GPU_TOKENS = 6500.0  # output tokens a second of an 8B model on an H100, as synthesise.gpu_tokens_per_second
SAMPLES, TOKENS = 4, 600  # of a real prompt
FLEET = 100
WARM = 10  # prompts of the run that is taken off a peer's figures


@dataclass(frozen=True)
class Measured:
    """One client's run against the stub: its own cost, and the stub's CPU seconds."""

    name: str
    prompts: int
    client: Cost
    stub: float


def main() -> None:
    """Measure every client and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=200_000)
    parser.add_argument("--peers", type=int, default=1_000, help="prompts that the peers ask")
    parser.add_argument("--gated", type=int, default=8_000, help="prompts whose samples are gated")
    parser.add_argument("--concurrency", type=int, default=128)
    parser.add_argument("--work", type=Path, default=Path(".cuvee/bench-synthesis"))
    chosen = parser.parse_args()
    work = chosen.work.absolute()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "benchmarks.scripts.synthesis_corpus", work, str(chosen.prompts)], check=True)
    ours = against_stub("Cuvée, whole run", chosen.prompts, [sys.executable, "-m", "benchmarks.scripts.synthesis_ours", work, str(chosen.gated)], chosen.concurrency)  # fmt: skip
    trove = peers.python(
        "synthesis-datatrove", ["datatrove[io]==0.10.1", "aiosqlite", "aiofiles", "xxhash", "orjson", "httpx"]
    )
    openai = peers.python("synthesis-openai", ["openai"])
    commands: dict[str, list[str | Path]] = {
        "datatrove InferenceRunner, checkpoints on": [trove, SCRIPTS / "synthesis_datatrove.py"],
        "openai package, replies to a file": [openai, SCRIPTS / "synthesis_openai.py"],
    }
    beside = []
    for name, command in commands.items():
        start, whole = (against_stub(name, n, [*command, work / f"peer-{command[1].stem}-{n}"], chosen.concurrency) for n in (WARM, chosen.peers))  # type: ignore[union-attr]  # fmt: skip
        beside.append(without(start, whole))
    versions = [f"datatrove {peers.version(trove, 'datatrove')}", f"openai {peers.version(openai, 'openai')}"]
    page.write("synthesis", "Synthesis: requests to a model", body(ours, beside, chosen.concurrency), versions)
    shutil.rmtree(work)


def against_stub(name: str, prompts: int, command: list[str | Path], concurrency: int) -> Measured:
    """Run a client against a fresh stub; raises RuntimeError where it fails. The start of the stub is part of its CPU."""
    stub = subprocess.Popen([sys.executable, "-m", "benchmarks.scripts.endpoint_stub", str(LATENCY)], stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert stub.stdout is not None
    url = f"http://127.0.0.1:{int(stub.stdout.readline())}/v1"
    words = [str(word) for word in (*command, url, concurrency, prompts)]
    began = os.times().elapsed
    client = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    out = client.stdout.read()
    _, status, usage = os.wait4(client.pid, 0)
    wall = os.times().elapsed - began
    client.returncode = os.waitstatus_to_exitcode(status)
    stub.terminate()
    _, _, served = os.wait4(stub.pid, 0)
    stub.returncode = 0
    if client.returncode:
        raise RuntimeError(f"{name} ended with {client.returncode}: {out[-2000:]}")
    cost = Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out)
    return Measured(name, prompts, cost, served.ru_utime + served.ru_stime)


def without(start: Measured, whole: Measured) -> Measured:
    """Take the cost of a run of a few prompts off, imports and the peer's own waiting for the server among it."""
    cost = Cost(
        whole.client.wall - start.client.wall,
        whole.client.cpu - start.client.cpu,
        whole.client.peak_mb,
        whole.client.out,
    )
    return Measured(whole.name, whole.prompts - start.prompts, cost, whole.stub - start.stub)


def body(ours: Measured, beside: list[Measured], concurrency: int) -> str:
    """Return the section's text."""
    told: dict[str, Any] = json.loads(ours.client.out.splitlines()[-1])
    asking, each = told["asked"] / told["wall"], told["cpu"] / told["asked"]
    stub = ours.stub / ours.prompts
    rows: list[list[object]] = [["Cuvée, asking: journal written and forced to disk", ours.prompts, asking, 1e3 * each, 1e3 * stub, max(told["quarters"]), "1×"]]  # fmt: skip
    for other in beside:
        cost = other.client.cpu / other.prompts
        rows.append([other.name, other.prompts, other.prompts / other.client.wall, 1e3 * cost, 1e3 * other.stub / other.prompts, other.client.peak_mb, f"{cost / each:.1f}×"])  # fmt: skip
    head = ["", "prompts", "prompts a second, wall", "client, CPU-ms a prompt", "stub, CPU-ms a prompt", "resident, MiB", "client CPU to Cuvée's"]  # fmt: skip
    quarters = ", ".join(f"{mib:,.0f}" for mib in told["quarters"])
    gate, before = told["gate"], told["before"] / told["asked"]
    return (
        f"A stub that answers {SAMPLES} samples after {LATENCY * 1e3:.0f} ms, {concurrency} requests at a time, client and stub on the same machine, whose "
        f"load average was {os.getloadavg()[2]:.1f} meanwhile: where it is over 2, other work slowed the wall times. The cost of starting is taken off the "
        f"peers' figures. Client and stub together take {1e3 * (each + stub):.2f} CPU-ms a prompt: one core alone carries {1 / (each + stub):,.0f} prompts "
        f"a second.\n\n{page.table(head, rows)}\n\n"
        f"Memory of the asking process when 25, 50, 75 and 100% of the journal ({told['journal'] / 1e6:,.0f} MB) was written: {quarters} MiB; "
        f"its peak, selecting and gating included: {told['peak']:,.0f} MiB. Selecting the prompts and projecting the cost took {1e3 * before:.2f} CPU-ms "
        f"a prompt before the first request. Gating and writing takes {1e3 * gate:.2f} CPU-ms a sample (selecting again included), in as many processes as "
        f"there are.\n\n{fleet(each, gate, told['journal'] / told['asked'])}"
    )


def fleet(each: float, gate: float, written: float) -> str:
    """Work out what FLEET GPUs need of the client."""
    prompts = FLEET * GPU_TOKENS / (SAMPLES * TOKENS)
    return (
        f"**What {FLEET} GPUs need.** At {GPU_TOKENS:,.0f} output tokens a second a GPU and {SAMPLES} samples of {TOKENS} tokens a prompt they answer "
        f"{prompts:,.0f} prompts a second: {prompts * each:.2f} cores for one client process, {prompts * SAMPLES * gate:.1f} cores for the gate, and "
        f"{prompts * written * TOKENS / 300 / 1e6:,.1f} MB a second of journal. One client process is full at {1 / each:,.0f} prompts a second, "
        f"that is {1 / each / prompts * FLEET:,.0f} such GPUs."
    )


if __name__ == "__main__":
    main()
