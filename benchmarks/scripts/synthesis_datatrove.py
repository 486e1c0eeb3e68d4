"""datatrove's InferenceRunner on N of the same prompts, 4 samples each: python synthesis_datatrove.py FOLDER URL CONCURRENCY N.

It keeps only the first choice of a reply, so four samples are four requests (rollouts).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
from datatrove.pipeline.writers import JsonlWriter
from loguru import logger

INSTRUCTION = "x" * 760  # as long as Cuvée's


async def rollout(document: Document, generate: Any) -> str:
    """Ask for one sample."""
    messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": document.text}]
    result = await generate({"messages": messages, "n": 1, "temperature": 0.7, "top_p": 0.95, "max_tokens": 1024})
    return str(result.text)


def documents(count: int) -> Iterator[Document]:
    """Yield questions of some 300 characters."""
    for number in range(count):
        yield Document(text=f"Store {number} keeps its goods in boxes. " * 8, id=str(number))


def main() -> None:
    """Run with its checkpoints and request cache on, as a run that may be resumed needs them."""
    folder, url, concurrency, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    logger.remove()
    config = InferenceConfig(
        server_type="endpoint", model_name_or_path="stub", endpoint_url=url.removesuffix("/v1"), use_chat=True,
        rollouts_per_document=4, max_concurrent_generations=concurrency, metric_interval=3600, request_timeout=300,
    )  # fmt: skip
    writer = JsonlWriter(str(folder / "out"), output_filename="${rank}_chunk_${chunk_index}.jsonl", compression=None)
    runner = InferenceRunner(rollout, config, writer, checkpoints_local_dir=str(folder / "checkpoints"))
    runner.run(documents(count))


if __name__ == "__main__":
    main()
