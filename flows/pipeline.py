"""All four flows in a row: raw dumps become a hand-off."""

from __future__ import annotations

from prefect import flow

from flows import curate, handoff, mixture_search, synthesize
from flows.config import Config

FLOWS = (curate, synthesize, mixture_search, handoff)


@flow(name="pipeline", description="raw dumps → judged corpus → traces → mixture → hand-off", persist_result=False)
def pipeline(config: Config) -> None:
    """Run curate, synthesize, mixture-search and handoff; each does only what is not done."""
    curate.curate(config)
    synthesize.synthesize(config)
    mixture_search.mixture_search(config)
    handoff.handoff(config)


def pending(config: Config) -> list[str]:
    """Return the flows with work to do; after the first such flow all count, since they build on it."""
    names = [module.__name__.rsplit(".", 1)[-1].replace("_", "-") for module in FLOWS]
    for position, module in enumerate(FLOWS):
        if module.pending(config):
            return names[position:]
    return []


def summary(config: Config) -> str:
    """Return what all four have to say."""
    return "\n".join(module.summary(config) for module in FLOWS)
