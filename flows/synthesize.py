"""Chain-of-thought rewrites of kept records, verified, judged like any record and added to the corpus."""

from __future__ import annotations

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact

from curation import shards, synthesise
from flows import curate
from flows.config import Config
from flows.tasks import stage

SKIPPED = "synthesize: skipped, no endpoint is configured; give one with synthesise.endpoints=http://host:8000/v1"


@flow(name="synthesize", description="verified chain-of-thought rewrites", persist_result=False)
def synthesize(config: Config) -> None:
    """Rewrite the selected records by the configured endpoints, then judge the accepted traces with the corpus."""
    log = get_run_logger()
    if not config.synthesise.endpoints:
        log.warning(SKIPPED)
        return
    report = stage("synthesise", rewrite)(config)
    log.info("%s", report)
    create_table_artifact([{"reason": r, "samples": n} for r, n in report.reasons.items()], key="traces")
    curate.curate(config)


def pending(config: Config) -> list[str]:
    """Return the stages with work to do."""
    if not config.synthesise.endpoints:
        return []
    done = synthesise.is_done(config.root, config.root / "corpus.duckdb", config.synthesise)
    return [] if done else ["synthesise", *curate.pending(config)]


def summary(config: Config) -> str:
    """Return what the traces came to."""
    if not config.synthesise.endpoints:
        return SKIPPED
    traces = [
        m
        for s in shards.sources(config.root)
        if (m := shards.read_manifest(shards.folder(config.root, "records", s))) and m.stage == "synthesise"
    ]
    return f"synthesize: {sum(m.rows for m in traces):,} accepted traces in {', '.join(m.source for m in traces) or 'no source'}"


def rewrite(config: Config) -> synthesise.Report:
    """Ask, gate and write the traces."""
    return synthesise.run(config.root, config.root / "corpus.duckdb", config.synthesise)
