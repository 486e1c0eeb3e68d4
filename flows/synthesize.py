"""Chain-of-thought rewrites of kept records, verified, judged like any record and added to the corpus."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact

from curation import catalog, shards, synthesise
from curation.identity import code, digest
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
    why = ", ".join(f"{reason} {count:,}" for reason, count in report.reasons.items()) or "none"
    log.info("synthesise: %s of %s samples accepted; rejected: %s", f"{report.accepted:,}", f"{report.samples:,}", why)
    create_table_artifact([{"reason": r, "samples": n} for r, n in report.reasons.items()], key="traces")
    curate.curate(config)


def pending(config: Config) -> list[str]:
    """Return the stages with work to do: none where these settings have been asked of this corpus and answered."""
    if not config.synthesise.endpoints or (asked(config).is_file() and asked(config).read_text() == request(config)):
        return []
    return ["synthesise", *curate.pending(config)]


def asked(config: Config) -> Path:
    """Return where the identity of the last answered request is noted."""
    return config.root / "work" / "synthesise" / f"{config.synthesise.source}.asked"


def request(config: Config) -> str:
    """Return the identity of what is asked: the corpus without its traces, how it is judged, and the settings.

    Not the selection itself: judging the traces may move a keeper, and with it what a second run would select.
    """
    present = [shards.finished(shards.folder(config.root, "records", name)) for name in curate.sources(config)]
    texts = {m.source: m.output for m in present if m.stage != synthesise.STAGE}
    judges = {name: getattr(config, name) for name in (*catalog.STAGES, "policy")}
    settings = config.synthesise.model_dump(mode="json", exclude=set(synthesise.ASKING) - {"where", "limit", "prompts"})
    return digest(texts, judges, config.benchmarks, settings, code("curation.synthesise.run"))


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
    catalog.refresh(config.root)  # the root may have moved, and a catalog names its files by their full path
    report = synthesise.run(config.root, config.root / "corpus.duckdb", config.synthesise)
    if not report.unanswered:
        shards.write_atomic(asked(config), request(config).encode())
    return report
