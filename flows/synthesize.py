"""Chain-of-thought rewrites of kept records, verified, judged like any record and added to the corpus."""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from curation import catalog, shards, synthesise
from curation.identity import code, digest
from flows import curate
from flows.config import Config
from flows.tasks import stage

SKIPPED = "synthesize: skipped, no endpoint is configured; give one with synthesise.endpoints=http://host:8000/v1"


@flow(name="synthesize", description="verified chain-of-thought rewrites", persist_result=False)
def synthesize(config: Config) -> None:
    """Rewrite the selected turns by the configured endpoints, then judge the accepted traces with the corpus."""
    log = get_run_logger()
    if not config.synthesise.wanted:
        log.warning(SKIPPED)
        return
    report = stage("synthesise", rewrite)(config)
    for line in told(report):
        log.info(line)
    account = report.account
    rows = [
        {"skill": s, "reason": r, "samples": n} for s, of in account.by_skill_and_reason.items() for r, n in of.items()
    ]
    rows += [
        {"skill": skill, "reason": "accepted", "samples": kind.accepted} for skill, kind in account.by_skill.items()
    ]
    create_table_artifact(rows, key="traces", description="samples by skill and reason")
    create_markdown_artifact("\n".join(f"- {line}" for line in told(report)), key="traces-account")
    curate.curate(config)


def told(report: synthesise.Report) -> list[str]:
    """Return what a run came to, in sentences."""
    why = ", ".join(f"{reason} {count:,}" for reason, count in report.reasons.items()) or "none"
    asked = (
        f"asked {report.asked:,} requests in {report.seconds:,.0f} s ({report.tokens_per_second:,.0f} output tokens/s), "
        f"{report.resumed:,} were answered before, {report.unanswered:,} got no answer"
    )
    accepted = f"accepted {report.accepted:,} of {report.samples:,} samples, {report.records:,} traces; rejected: {why}"
    spent = (
        f"in all runs: {report.prompt_tokens:,} prompt tokens, {report.output_tokens:,} output tokens, "
        f"{report.gpu_hours:,.3f} GPU-hours, cost {report.cost:,.2f}"
    )
    return [f"projected: {synthesise.told(report.projected)}", asked, accepted, spent]


def plan(config: Config) -> str:
    """Return what a run would cost, at the speed of the model that the configuration assumes."""
    catalog.refresh(config.root)
    return synthesise.told(synthesise.plan(config.root, config.root / "corpus.duckdb", config.synthesise))


def pending(config: Config) -> list[str]:
    """Return the stages with work to do: none where these settings have been asked of this corpus and answered."""
    if not config.synthesise.wanted or (asked(config).is_file() and asked(config).read_text() == request(config)):
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
    judges = {name: getattr(config, name) for name in (*catalog.STAGES, "policy") if name not in curate.ASKED}
    settings = config.synthesise.model_dump(
        mode="json", exclude=set(synthesise.ASKING) - {"where", "turns", "limit", "prompts"}
    )
    return digest(texts, judges, curate.benchmarks(config), settings, code("curation.synthesise.run"))


def summary(config: Config) -> str:
    """Return what the traces came to, and where to look."""
    if not config.synthesise.wanted:
        return SKIPPED
    traces = [
        m
        for s in shards.sources(config.root)
        if (m := shards.read_manifest(shards.folder(config.root, "records", s))) and m.stage == synthesise.STAGE
    ]
    named = ", ".join(m.source for m in traces) or "no source"
    lines = [f"synthesize: {sum(m.rows for m in traces):,} accepted traces in {named}"]
    lines += [f"report      {config.root}/synthesis/{m.source}/report.html" for m in traces]
    return "\n".join([*lines, "samples     SELECT * FROM traces   (ready questions: sql/queries/traces_*.sql)"])


def rewrite(config: Config) -> synthesise.Report:
    """Ask, gate and write the traces."""
    catalog.refresh(config.root)  # the root may have moved, and a catalog names its files by their full path
    report = synthesise.run(config.root, config.root / "corpus.duckdb", config.synthesise, config.workers)
    if not report.unanswered:
        shards.write_atomic(asked(config), request(config).encode())
    return report
