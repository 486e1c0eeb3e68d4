"""The plain way: the openai package's client, N prompts of 4 samples, replies appended to a file.

python synthesis_openai.py NAME URL CONCURRENCY N
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TextIO

from openai import AsyncOpenAI

INSTRUCTION = "x" * 760


async def main(replies: TextIO) -> None:
    """Ask, `concurrency` at a time."""
    url, concurrency, count = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    numbers = iter(range(count))
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:

        async def worker() -> None:
            for number in numbers:
                question = f"Store {number} keeps its goods in boxes. " * 8
                reply = await client.chat.completions.create(
                    model="stub", n=4, temperature=0.7, top_p=0.95, max_tokens=1024, seed=number,
                    messages=[{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": question}],
                )  # fmt: skip
                replies.write(reply.model_dump_json() + "\n")

        await asyncio.gather(*(worker() for _ in range(concurrency)))


if __name__ == "__main__":
    with Path(f"{sys.argv[1]}.jsonl").open("w", encoding="utf-8") as file:
        asyncio.run(main(file))
