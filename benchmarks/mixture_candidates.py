"""Candidate mixtures under many constraints at once, beside drawing from a Dirichlet and throwing away what breaks one.

    python -m benchmarks.mixture_candidates

Corpora of 64 domains with supplies over three orders of magnitude; 20 constraints, each slack or tight by chance, besides the
epoch cap of every domain.
"""

from __future__ import annotations

import time
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np

from benchmarks import page
from mixtures.domain import Domains
from mixtures.limits import Bound, Limits, limits
from mixtures.swarm import candidates
from mixtures.written import quantise

COUNT, CORPORA, WRITTEN = 10_000, 4, 200
BUDGET, EPOCHS, DISTANCE = 1_400_000_000, 4.0, 0.6
DRAWS = 200_000  # Dirichlet draws around the natural mixture, from which those that obey are counted
SKILLS = ("math", "code", "reasoning", "knowledge", "writing", "translation", "role_play", "general")
LANGUAGES, PARTS, LICENCES = ("en", "zh"), "abcd", 5
DOMAINS = len(LANGUAGES) * len(SKILLS) * len(PARTS)
CONSTRAINTS = len(LANGUAGES) + len(SKILLS) + LICENCES + len(PARTS) + 1  # and the distance


def main() -> None:
    """Draw for each corpus and write the section."""
    candidates(*corpus(99), 64, 0)  # compiles the kernels
    rows = []
    for seed in range(CORPORA):
        space, natural = corpus(seed)
        began, spent = time.perf_counter(), time.process_time()
        found = candidates(space, natural, COUNT, seed)
        wall, cpu = time.perf_counter() - began, time.process_time() - spent
        broken = sum(not space.holds(w) for w in found)
        written = sum(not space.holds(quantise(w, space)) for w in found[:: COUNT // WRITTEN])
        moved = abs(found - natural).sum(axis=1) / 2
        drawn = np.random.default_rng(seed).dirichlet(natural * DOMAINS, DRAWS)
        obey = sum(space.holds(w) for w in drawn)
        rows.append(
            [str(seed), wall, cpu, broken, written, f"{moved.min():.2f} … {moved.max():.2f}", f"{obey} of {DRAWS:,}"]
        )
    head = (
        f"{COUNT:,} candidates of {DOMAINS} domains under {CONSTRAINTS} constraints and {DOMAINS} epoch caps, one thread. "
        f"Moved: share of tokens moved away from the natural mixture. Written: of {WRITTEN} quantised ones, those that break a "
        "constraint. The peers' way is the last column: draws of a Dirichlet around the natural mixture that obey all."
    )
    names = ["corpus", "wall s", "CPU s", "broken", "written, broken", "moved", "Dirichlet draws that obey"]
    page.write("mixture_candidates", "Candidates under constraints", f"{head}\n\n{page.table(names, rows)}")


def corpus(seed: int) -> tuple[Limits, np.ndarray]:
    """Return the limits of a made corpus and its natural mixture: 2 languages × 8 skills × 4 sources, 5 licences."""
    rng = np.random.default_rng(seed)
    names = [f"{lang}-{skill}-{part}" for lang in LANGUAGES for skill in SKILLS for part in PARTS]
    tokens = np.exp(rng.normal(np.log(5e7), 1.2, DOMAINS)).astype(np.int64)
    tokens = tokens[np.argsort(names)]
    licences = rng.dirichlet(np.full(LICENCES, 0.3), DOMAINS)
    groups = {f"licence:{k}": licences[:, k] for k in range(LICENCES)}
    domains = replace(Domains(tuple(sorted(names)), tokens // 300, tokens, tokens // 2), groups=groups)
    natural = tokens / tokens.sum()

    def share(glob: str) -> float:
        if glob in groups:
            return float(groups[glob] @ natural)
        return float(sum(w for name, w in zip(domains.names, natural, strict=True) if fnmatchcase(name, glob)))

    globs = [*(f"{lang}-*" for lang in LANGUAGES), *(f"*-{skill}-*" for skill in SKILLS), *groups]
    bounds = [Bound(domains=g, floor=share(g) * f, ceiling=min(share(g) * c, 1)) for g, f, c in zip(
        globs, rng.uniform(0, 0.95, len(globs)), rng.uniform(1.02, 2, len(globs)), strict=True
    )]  # fmt: skip
    bounds += [Bound(domains=f"*-{part}", ceiling=0.5) for part in PARTS]
    return limits(domains, bounds, BUDGET, EPOCHS, distance=DISTANCE), natural


if __name__ == "__main__":
    main()
