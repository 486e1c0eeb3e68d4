"""`handoff`: draw a mixture to the token and write the folder a trainer starts from, whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from curation import tokens
from curation.identity import code, digest
from curation.shards import write_atomic
from curation.template import template
from mixtures.handoff import data, datasheet, launch, manifest
from mixtures.handoff.admit import admit
from mixtures.handoff.manifest import Domain, Manifest, Settings
from mixtures.handoff.plan import Plan, plan
from mixtures.sample import Supply, checked, draw, read_supply

SLACK = 1e-9  # relative; weights in floating point may pass an exact cap by this much


def handoff(
    catalog: Path, mixture: dict[str, float], settings: Settings, out: Path, provenance: dict[str, Any]
) -> Manifest:
    """Write the hand-off of `mixture` (share of the tokens by domain) to `out`; does nothing where it is there already.

    `provenance` is recorded and no part of the identity. Raises ValueError where the mixture names a domain that the
    catalog lacks, its weights are no shares, or the supply cannot give the budget under the epoch cap.
    """
    everything = read_supply(catalog)
    admission = admit(catalog, everything, settings.max_tokens, template(settings.tokens.template))
    supply = everything.take(admission.rows)
    weights = _weights(mixture, supply.names)
    _check_supply(supply, weights, settings)
    rows = draw(supply, weights, settings.budget_tokens, settings.seed, settings.epoch_cap)
    if not len(rows):
        raise ValueError(f"budget_tokens={settings.budget_tokens}: no record is that short; ask for more tokens")
    places = plan(supply, rows, admission.opening[rows] if settings.packing == "shared" else None, settings)
    reports = datasheet.reports(catalog)
    key = _key(mixture, settings, supply, places, [admission.left_out, reports])
    found = _finished(out, key, provenance)
    if found is not None:
        return found
    with _beside(out) as temp:
        targets = data.targets(catalog, supply, places)
        shards = data.write(catalog, supply, places, targets, settings, temp)
        drawn = supply.n_tokens[places.rows]
        result = Manifest(
            key=key, settings=settings, tokenizer=tokens.inputs(settings.tokens)["tokenizer"], asked=settings.budget_tokens,
            achieved=int(drawn.sum()), longest=int(drawn.max()), left_out=admission.left_out, lines=sum(s.lines for s in shards),
            records=len(drawn), n_target_tokens=sum(s.n_target_tokens for s in shards), mixture=mixture,
            domains=_domains(supply, weights, places, targets, settings.budget_tokens), shards=shards, files={},
            provenance=provenance,
        )  # fmt: skip
        for name, content in {**reports, "sources": datasheet.sources(catalog, supply, places)}.items():
            manifest.write(temp / "reports" / f"{name}.json", manifest.as_json(content))
        manifest.write(temp / "DATASHEET.md", datasheet.render(result, temp / "reports").encode())
        launch.write_all(temp / "launch", result)
        result = result.model_copy(
            update={"files": {name: manifest.sha256(temp / name) for name in manifest.files(temp)}}
        )
        write_atomic(temp / manifest.MANIFEST, manifest.as_json(result.model_dump(mode="json")))
    return result


def _weights(mixture: dict[str, float], names: tuple[str, ...]) -> np.ndarray:
    unknown = sorted(set(mixture) - set(names))
    if unknown:
        raise ValueError(
            f"the mixture names domains that the catalog lacks: {', '.join(unknown)}; it has: {', '.join(names)}"
        )
    return checked(np.array([mixture.get(name, 0.0) for name in names]), names)


def _check_supply(supply: Supply, weights: np.ndarray, settings: Settings) -> None:
    """Raise ValueError, with every domain's supply and the budget that is possible, where the supply is too small."""
    have, asked = supply.tokens, weights * settings.budget_tokens
    most = settings.epoch_cap * have
    if (asked <= most * (1 + SLACK)).all():
        return
    used = weights > 0
    possible = int((most[used] / weights[used]).min())
    domains = [
        f"{name}: asked {a:,.0f}, supply {h:,} x {settings.epoch_cap:g} epochs = {m:,.0f}{', too little' if a > m else ''}"
        for name, a, h, m in zip(supply.names, asked, have, most, strict=True)
        if a > 0
    ]
    raise ValueError(
        f"{settings.budget_tokens:,} tokens asked, at most {possible:,} are possible with this mixture; lower "
        "budget_tokens or the weight of the short domains, raise epoch_cap, or add data:\n  " + "\n  ".join(domains)
    )


def _key(mixture: dict[str, float], settings: Settings, supply: Supply, places: Plan, facts: list[Any]) -> str:
    """Return the identity of the output: ids are hashes of the content, so the drawn ids stand for their text."""
    drawn = [
        hashlib.sha256(a.tobytes()).hexdigest()
        for a in (supply.ids[places.rows], places.lines, supply.domain[places.rows])
    ]
    module = code("mixtures.handoff.materialise")
    return digest("handoff", mixture, settings, drawn, facts, module, launch.identity(), tokens.inputs(settings.tokens))


def _domains(supply: Supply, weights: np.ndarray, places: Plan, targets: np.ndarray, budget: int) -> list[Domain]:
    have, found = supply.tokens, []
    for d in np.flatnonzero(weights > 0):
        rows = places.rows[supply.domain[places.rows] == d]
        achieved = int(supply.n_tokens[rows].sum())
        found.append(
            Domain(
                domain=supply.names[d],
                weight=float(weights[d]),
                asked=float(weights[d] * budget),
                achieved=achieved,
                n_target_tokens=int(targets[rows].sum()),
                records=len(rows),
                distinct=len(np.unique(rows)),
                supply=int(have[d]),
                epochs=round(achieved / int(have[d]), 6),
            )
        )
    return found


def _finished(out: Path, key: str, provenance: dict[str, Any]) -> Manifest | None:
    """Return the manifest of a hand-off that is there under this key, its provenance brought up to date."""
    try:
        found = manifest.load(out)
    except ValueError:
        return None
    sizes = {name: entry.bytes for name, entry in found.files.items()}
    if found.key != key or {name: (out / name).stat().st_size for name in manifest.files(out)} != sizes:
        return None
    if found.provenance != provenance:
        found = found.model_copy(update={"provenance": provenance})
        write_atomic(out / manifest.MANIFEST, manifest.as_json(found.model_dump(mode="json")))
    return found


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Yield a folder beside `out` that takes its place at the end; a failed run leaves `out` as it was."""
    temp, old = out.with_name(f".{out.name}.tmp"), out.with_name(f".{out.name}.old")
    for left in (temp, old):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    temp.mkdir(parents=True)
    try:
        yield temp
        if out.exists():
            (out / manifest.MANIFEST).unlink(missing_ok=True)  # from here on the old one counts as not finished
            out.replace(old)
        temp.replace(out)
    finally:
        shutil.rmtree(temp, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
