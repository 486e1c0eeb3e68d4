"""Local proxies: tiny Llamas fine-tuned on candidate mixtures, one single-threaded process a core."""

from __future__ import annotations

import logging
import math
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from tqdm import tqdm

from curation.identity import code, digest
from mixtures.proxy.packing import Run, packed
from mixtures.proxy.settings import Settings
from mixtures.proxy.shared import BASE, HELD_OUT, Shared, build, is_built, share
from mixtures.sample import Supply, draw, subsample

__all__ = ["Job", "Proxies", "Settings", "prepare"]

LOG = logging.getLogger(__name__)
Job = tuple[str, np.ndarray, int]  # a run's name, its weights (aligned with Proxies.names), its seed
Metrics = dict[str, float]  # loss/<domain> → bits per byte of held-out answers; lower is better


def prepare(catalog: Path, settings: Settings, cache: Path, workers: int) -> Proxies:
    """Return proxies over a catalog, after making what they share where `cache` does not hold it yet.

    Workers import the main module, so a script that calls this needs `if __name__ == "__main__":`. Warns of the
    domains that are too small to hold out settings.held_out_min records: they get no metric.
    """
    shared = share(catalog, settings, cache)
    small = [name for name, enough in zip(shared.supply.names, shared.measured, strict=True) if not enough]
    if small:
        LOG.warning("no loss metric for %s: fewer than %d held-out records", ", ".join(small), settings.held_out_min)
    proxies = Proxies(shared, workers)
    if not is_built(shared.folder):
        build(shared, proxies.workers())
    return proxies


def fine_tune(run: Run, base: Path, held_out: Path) -> dict[str, float]:
    """Fine-tune and evaluate in this process, a worker: only workers import torch."""
    from mixtures.proxy import train

    return train.fine_tune(run, base, held_out)


class Proxies:
    """Runs proxies; keeps its workers from batch to batch: close it, or use it in a `with`."""

    def __init__(self, shared: Shared, workers: int) -> None:
        self.shared = shared
        self.names = shared.supply.names  # the domains, in the order of the weights
        self.metrics = tuple(f"loss/{n}" for n, enough in zip(self.names, shared.measured, strict=True) if enough)
        self.key = digest(shared.folder.name, shared.settings, code("mixtures.proxy.local"))  # same key: same outcomes
        self._count = max(1, workers)
        self._workers: ProcessPoolExecutor | None = None

    def run(self, batch: Sequence[Job], on_done: Callable[[int, Metrics], None]) -> list[Metrics]:
        """Return the metrics of each run in the order of `batch`; `on_done(i, metrics)` is called as run i ends.

        A run whose loss is no number has NaN in every metric and a warning: a rerun would only repeat it. Any other
        failure raises RuntimeError naming the run, a worker's death ChildProcessError; the runs that ended before it have
        been reported.
        """
        runs = self._runs(batch)
        base, held_out = self.shared.folder / BASE, self.shared.folder / HELD_OUT
        futures = {self.workers().submit(fine_tune, run, base, held_out): i for i, run in enumerate(runs)}
        results: list[Metrics] = [{} for _ in runs]
        tokens = 0
        with tqdm(total=len(runs), desc="proxies", unit=" runs", dynamic_ncols=True) as bar:
            try:
                for future in as_completed(futures):
                    i = futures[future]
                    results[i] = self._outcome(batch[i][0], future)
                    on_done(i, results[i])
                    tokens += runs[i].tokens.size
                    bar.update()
                    bar.set_postfix_str(
                        f"{tokens / max(1e-9, bar.format_dict['elapsed']):,.0f} tokens/s", refresh=False
                    )
            finally:
                for future in futures:
                    future.cancel()
        return results

    def workers(self) -> ProcessPoolExecutor:
        """Return the pool, starting it the first time.

        Workers are forked from a server that has torch loaded (seconds of CPU, once for all pools) and no threads yet.
        """
        if self._workers is None:
            known = multiprocessing.get_all_start_methods()
            context = multiprocessing.get_context("forkserver" if "forkserver" in known else "spawn")
            context.set_forkserver_preload(["mixtures.proxy.train"])
            self._workers = ProcessPoolExecutor(self._count, mp_context=context)
        return self._workers

    def close(self) -> None:
        """End the workers."""
        if self._workers is not None:
            self._workers.shutdown(cancel_futures=True)
            self._workers = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _runs(self, batch: Sequence[Job]) -> list[Run]:
        """Draw, encode and pack the records of each run."""
        settings = self.shared.settings
        drawn = []
        for _, weights, seed in batch:
            sources = self._sources(seed)
            drawn.append(sources.ids[draw(sources, weights, settings.tokens, seed, None)])
        records = self.shared.encoded(np.concatenate([np.empty(0, "V16"), *drawn]))
        steps = max(1, round(settings.tokens / settings.step_tokens))
        runs = []
        for (_, _, seed), ids in zip(batch, drawn, strict=True):
            _, tokens, supervised = records.gather(ids)
            runs.append(Run(settings, *packed(tokens, supervised, settings.window, seed), steps, seed))
        return runs

    def _sources(self, seed: int) -> Supply:
        """Return the part of each domain that a run of this seed sees: to the whole as the run's budget to the final one.

        The fraction is taken of all of a domain, held-out records included, so that a small domain's epochs are right.
        A seed has its own part, so that the noise floor holds the luck of the subsample.
        """
        settings, sources = self.shared.settings, self.shared.train
        if settings.final_tokens is None:
            return sources
        whole = self.shared.supply.tokens / np.maximum(1, sources.tokens)
        return sources.take(subsample(sources, settings.tokens / settings.final_tokens * whole, seed))

    def _outcome(self, name: str, future: Future[dict[str, float]]) -> Metrics:
        error = future.exception()
        if error is not None:
            if isinstance(error, BrokenProcessPool):
                self._workers = None  # it takes no more work
                raise ChildProcessError(
                    f"proxy run {name} has lost its worker, most likely out of memory; lower `workers`"
                ) from error
            raise RuntimeError(f"proxy run {name} failed: {error}") from error
        losses = future.result()
        metrics = {metric: losses.get(metric.removeprefix("loss/"), math.nan) for metric in self.metrics}
        if any(math.isnan(value) for value in metrics.values()):
            LOG.warning("proxy run %s diverged at learning rate %g: its metrics are NaN", name, self.shared.settings.lr)
            return dict.fromkeys(self.metrics, math.nan)
        return metrics
