"""Candidate mixtures, proxy fine-tunes of each, and the mixture they speak for, with an interval on its gain."""

from __future__ import annotations

import json
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact

from curation import catalog, shards
from curation.identity import code, digest
from flows.config import Config
from flows.tasks import stage
from mixtures import domain, search
from mixtures.ledger import Ledger
from mixtures.proxy import local


@flow(name="mixture-search", description="candidate mixtures → proxies → the chosen one", persist_result=False)
def mixture_search(config: Config) -> None:
    """Search the mixture of the cut as it stands in <root>/corpus.duckdb; writes <root>/search/<search.name>/."""
    if not pending(config):
        get_run_logger().info("mixture-search: already done")
        return
    verdict = stage("search", run_search)(config)
    get_run_logger().info("%s", verdict)
    create_markdown_artifact(f"**{verdict}**\n\n```text\n{summary(config)}\n```", key="mixture")


def pending(config: Config) -> list[str]:
    """Return the stages with work to do; raises FileNotFoundError without a catalog, InfeasibleError without a mixture."""
    corpus = config.root / "corpus.duckdb"
    key = search.key(domain.read_domains(corpus), config.plan(), proxy(config), folder(config))
    if shards.is_done(folder(config), key):
        return []
    search.allowed(_domains(config), config.plan())
    return ["mixture-search"]


def plan(config: Config) -> str:
    """Return what the search would train on, in tokens as the catalog counts them."""
    swarm, proxies = config.plan().swarm, config.proxy_settings()
    runs, confirm = swarm.runs, 2 * swarm.confirm
    names = domain.read_domains(config.root / "corpus.duckdb").names
    held = len(Ledger(folder(config) / "ledger.jsonl", names, proxy(config)).done)
    known = f"; its ledger holds {held} finished runs, and none is run twice" if held else ""
    return (
        f"{runs} proxy runs and {confirm} more to confirm, of {proxies.tokens:,} tokens each, on a base of "
        f"{proxies.base_tokens:,}: {(runs + confirm) * proxies.tokens + proxies.base_tokens:,} tokens{known}"
    )


def summary(config: Config) -> str:
    """Return the chosen mixture beside the natural one, and the gain with its interval."""
    chosen = json.loads((folder(config) / "mixture.json").read_text(encoding="utf-8"))
    natural = chosen["provenance"]["natural"]
    lines = ["", f"{'domain':<20}{'natural':>12}{'chosen':>12}{'epochs':>12}"]
    for name, weight in sorted(chosen["weights"].items(), key=lambda item: -item[1]):
        lines.append(f"{name:<20}{natural[name]:>12.4f}{weight:>12.4f}{chosen['epochs'][name]:>12.2f}")
    lines += [
        "",
        f"chosen: {chosen['name']}. {chosen['provenance']['verdict']} {chosen['provenance']['compromise']}".rstrip(),
        "",
        f"report      {folder(config)}/report.html",
    ]
    return "\n".join(lines)


def folder(config: Config) -> Path:
    """Return where the search lies."""
    return config.root / "search" / config.search.name


def proxy(config: Config) -> str:
    """Return the identity of the proxies, known without preparing one: the same corpus, settings and code."""
    return digest(catalog.cut(config.root), config.proxy_settings(), code("mixtures.proxy.local"))


def run_search(config: Config) -> str:
    """Prepare the proxies, search, and let the catalog see the observations; returns the verdict in words."""
    corpus = config.root / "corpus.duckdb"
    domains, funnel = _domains(config), catalog.funnel(corpus)
    search.allowed(domains, config.plan())  # before the proxies' base is trained, which takes minutes
    with local.prepare(corpus, config.proxy_settings(), config.root / "work" / "proxy", config.workers) as proxies:
        outcome = search.search(domains, config.plan(), proxies.run, folder(config), proxy(config), funnel)
    catalog.refresh(config.root)
    return outcome.verdict


def _domains(config: Config) -> domain.Domains:
    """Return the domains, with sources and licences where a bound names one."""
    corpus = config.root / "corpus.duckdb"
    domains = domain.read_domains(corpus)
    return domain.with_groups(domains, corpus) if any(":" in b.domains for b in config.search.bounds) else domains
