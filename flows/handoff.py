"""The chosen mixture, materialised to the exact token budget, with everything a trainer needs beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact

from curation import catalog
from curation.identity import code, digest
from curation.shards import write_atomic
from flows.config import Config
from flows.tasks import stage
from mixtures.handoff import materialise as write
from mixtures.handoff import verify as checks
from mixtures.handoff.manifest import Manifest, load


@flow(name="handoff", description="the chosen mixture → trainer-ready shards", persist_result=False)
def handoff(config: Config) -> None:
    """Write <root>/handoff/<handoff.mix>/ from the mixture that the search chose, and verify what was written."""
    log = get_run_logger()
    if not pending(config):
        log.info("handoff: already done")
        return
    written = stage("handoff", materialise)(config)
    log.info(
        "handoff: %s of %s tokens asked, in %s records",
        f"{written.achieved:,}",
        f"{written.asked:,}",
        f"{written.records:,}",
    )
    create_table_artifact([row.model_dump(mode="json") for row in written.domains], key="handoff")
    stage("verify", verified)(config)


def pending(config: Config) -> list[str]:
    """Return the stages with work to do; raises FileNotFoundError where no search has chosen a mixture."""
    asked = config.root / "work" / "handoff" / f"{config.handoff.mix}.asked"
    done = (folder(config) / "manifest.json").is_file() and asked.is_file() and asked.read_text() == request(config)
    return [] if done else ["handoff"]


def summary(config: Config) -> str:
    """Return what was written, and how to check and start it."""
    manifest, out = load(folder(config)), folder(config)
    return (
        f"hand-off    {out}   ({manifest.achieved:,} of {manifest.asked:,} tokens asked, {manifest.records:,} records)\n"
        f"verify      prefect run verify-handoff path={out}\n"
        f"train       {out}/launch/ms-swift.sh"
    )


def folder(config: Config) -> Path:
    """Return where the hand-off lies."""
    return config.root / "handoff" / config.handoff.mix


def request(config: Config) -> str:
    """Return the identity of what is asked: the cut, the mixture, the settings and the code."""
    return digest(
        catalog.cut(config.root), mixture(config), config.handoff_settings(), code("mixtures.handoff.materialise")
    )


def mixture(config: Config) -> dict[str, Any]:
    """Return the mixture.json of the search, or of the file that handoff.mixture names."""
    path = Path(config.mixture) if config.mixture else config.root / "search" / config.search.name / "mixture.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(
            f"no chosen mixture at {path}; run `prefect run mixture-search root={config.root}` first, or give mixture=<file>"
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f'{path} is not JSON: {error}; expected {{"weights": {{domain: share, …}}}}') from None
    if not isinstance(content, dict) or not isinstance(content.get("weights"), dict):
        raise ValueError(f"{path}: expected an object with `weights`, domain → share of total tokens")  # noqa: TRY004 - a bad file, not a bad type
    return content


def materialise(config: Config) -> Manifest:
    """Write the folder, note what was asked, and let the catalog see the lineage."""
    chosen = mixture(config)
    provenance = {"cut": catalog.cut(config.root), "search": chosen.get("provenance", {})}
    corpus = config.root / "corpus.duckdb"
    written = write.handoff(corpus, chosen["weights"], config.handoff_settings(), folder(config), provenance)
    catalog.refresh(config.root)
    write_atomic(config.root / "work" / "handoff" / f"{config.handoff.mix}.asked", request(config).encode())
    return written


def verified(config: Config) -> None:
    """Check the folder as its receiver would; raises ValueError naming the checks that fail."""
    failed = [f"{c.name}: {c.detail}" for c in checks.verify(folder(config)) if not c.passed]
    if failed:
        raise ValueError(f"the hand-off {folder(config)} does not verify: {'; '.join(failed)}")
