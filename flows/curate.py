"""Raw dumps become a judged corpus: ingest, then the judges, then the catalog that makes the cut. Read this first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from pydantic import BaseModel

from curation import catalog, checks, compare, ingest, judge, normalise, scores, shards
from curation.lock import writing
from flows.config import Config
from flows.tasks import stage

ASKED = ("scores",)  # judges that ask a model, about what all others keep
NOTHING = "none"  # benchmarks=none: decontaminate against nothing, whatever was given before
COMPARED = ("exact", "fuzzy")  # judges that compare records with one another; the others see one shard at a time
NOTE = "work/decontaminate/benchmarks"  # the folder last given for a root
NORMALISER = ingest.Normaliser(normalise.normalise, normalise.unsettled)


@flow(name="curate", description="raw dumps → judged corpus and its catalog", persist_result=False)
def curate(config: Config) -> None:
    """Ingest the sources, run the judges that have work to do, build <root>/corpus.duckdb, check the removal rates."""
    log = get_run_logger()
    with writing(config.root, log.warning):
        folder = benchmarks(config)
        if folder and not config.benchmarks:
            log.info("decontaminate: against %s, as given before (benchmarks=none: against nothing)", folder)
        elif folder != _noted(config.root):
            shards.write_atomic(config.root / NOTE, folder.encode())
        if config.sources:
            for line in stage("ingest", ingest_sources)(config):
                log.info(line)
        for judges, work in ((_compared(config), compare_records), (_local(config), judge_shards)):
            if judges:
                for name, read in stage(" + ".join(judges), work)(config).items():
                    log.info("%s: %s", name, f"{read:,} records" if read else "already done")
        stage("catalog", build_catalog)(config)
        if _scored(config):
            counts = stage("scores", scores.run)(config.root, config.root / "corpus.duckdb", config.scores)
            log.info("scores: %s", ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "already done")
            stage("catalog", build_catalog)(config)
        rows = catalog.funnel(config.root / "corpus.duckdb")
        create_table_artifact(
            [dict(zip(("stage", "in", "dropped", "kept"), row, strict=True)) for row in rows], key="funnel"
        )
        checks.check(config.root / "corpus.duckdb", config.policy)


def pending(config: Config) -> list[str]:
    """Return the stages with work to do, from their manifests alone.

    Raises where the configured input is not there, and where all is done but the corpus does not pass its checks.
    """
    local = _local(config)
    for name, settings in local.items():
        judge.module(name).inputs(settings)  # raises where a model or the benchmarks are not there
    if ingest.stale(config.root, ingest.resolve(config.sources), config.ingest, config.workers, NORMALISER):
        return ["ingest", *config.stages, "catalog"]
    names = sources(config)
    todo = [name for name, value in _compared(config).items() if not compare.is_done(name, config.root, names, value)]
    stale = {s for name in names for s in judge.stale(config.root, name, local)} if local else set()
    todo += [name for name in local if name in stale]
    if todo or not catalog.is_current(config.root, verdict_keys(config, names), config.policy):
        todo.append("catalog")
    if _scored(config) and (todo or scores.missing(config.root / "corpus.duckdb", config.scores)):
        todo = [*(name for name in todo if name != "catalog"), "scores", "catalog"]
    if not todo:
        checks.check(config.root / "corpus.duckdb", config.policy)
    return todo


def summary(config: Config) -> str:
    """Return the funnel as a table, and where to look."""
    rows = catalog.funnel(config.root / "corpus.duckdb")
    lines = ["", f"{'stage':<15}{'in':>12}{'dropped':>12}{'kept':>12}{'dropped %':>12}"]
    for name, came, dropped, kept in rows:
        lines.append(f"{name:<15}{came:>12,}{dropped:>12,}{kept:>12,}{dropped / came if came else 0:>12.1%}")
    return "\n".join(
        [*lines, "", f"catalog     duckdb -readonly {config.root}/corpus.duckdb   (ready questions: sql/queries/)"]
    )


def sources(config: Config) -> list[str]:
    """Return the sources of the corpus: the configured ones (or, where none are, all there are) and the traces."""
    present = shards.sources(config.root)
    if config.sources:
        listed = {s.name for s in ingest.resolve(config.sources)}
        present = [name for name in present if name in listed or _is_trace(config.root, name)]
    if not present:
        raise FileNotFoundError(
            f"no records under {config.root}/records and no sources given; name some: sources=<file|folder|glob|hub:name>"
        )
    return present


def benchmarks(config: Config) -> str:
    """Return the folder to decontaminate against: the configured one or, where none is, the last one given for this root.

    So a flow that judges again, of traces say, cannot undo a decontamination by not naming it. Empty where there is none, or
    `none` was given.
    """
    if config.benchmarks == NOTHING:
        return ""
    return str(Path(config.benchmarks).expanduser().absolute()) if config.benchmarks else _noted(config.root)


def ingest_sources(config: Config) -> list[str]:
    """Write records/ and quarantine/ of every configured source; returns what to say about it."""
    counts = ingest.run(
        config.root, ingest.resolve(config.sources), config.ingest, config.engine, config.workers, NORMALISER
    )
    records, bad = (sum(c[i] for c in counts.values()) for i in (0, 1))
    return [f"ingest: {len(counts)} sources, {records:,} records, {bad:,} rows quarantined"]


def compare_records(config: Config) -> dict[str, int]:
    """Run the judges that compare records with one another, in one pass over the text."""
    return compare.compare(config.root, sources(config), _compared(config), config.engine, config.workers)


def judge_shards(config: Config) -> dict[str, int]:
    """Run the judges that see one shard at a time, in one pass over the text."""
    return judge.judge(config.root, sources(config), _local(config), config.engine, config.workers)


def build_catalog(config: Config) -> None:
    """Put the verdicts side by side and build the catalog over them."""
    names = sources(config)
    for name, keys in verdict_keys(config, names).items():
        catalog.consolidate(config.root, name, keys)
    catalog.build(config.root, names, config.policy)


def verdict_keys(config: Config, names: list[str]) -> dict[str, dict[str, str]]:
    """Return source → stage → the key that up-to-date verdicts carry, of every stage: what was not asked may still hold."""
    compared = {name: compare.key(name, config.root, names, getattr(config, name)) for name in COMPARED}
    local = _local(config, catalog.STAGES)
    records = {name: shards.finished(shards.folder(config.root, "records", name)) for name in names}
    own = {n: {s: judge.key(s, value, records[n]) for s, value in local.items()} for n in names}
    return {n: compared | own[n] | {"scores": scores.key(config.scores, records[n])} for n in names}


def _compared(config: Config) -> dict[str, BaseModel]:
    return {name: getattr(config, name) for name in COMPARED if name in config.stages}


def _local(config: Config, stages: tuple[str, ...] = ()) -> dict[str, BaseModel]:
    others = (*COMPARED, *ASKED)
    chosen: dict[str, Any] = {name: getattr(config, name) for name in stages or config.stages if name not in others}
    if "decontaminate" in chosen and (folder := benchmarks(config)):
        cache = str(config.root / "work" / "decontaminate")
        chosen["decontaminate"] = config.decontaminate.model_copy(update={"benchmarks": folder, "cache": cache})
    return chosen


def _noted(root: Path) -> str:
    note = root / NOTE
    return note.read_text(encoding="utf-8") if note.is_file() else ""


def _scored(config: Config) -> bool:
    return "scores" in config.stages and config.scores.wanted


def _is_trace(root: Path, source: str) -> bool:
    manifest = shards.read_manifest(shards.folder(root, "records", source))
    return manifest is not None and manifest.stage == "synthesise"
