"""Renders launch/: one command a trainer. The templates lie in trainers/; `@@name@@` is a value of this hand-off.

ms-swift has the template `sus` built in. For the others launch/ carries it; so where another template counted the
tokens, only the two swift scripts are written.
"""

from __future__ import annotations

import re
from pathlib import Path

from curation.identity import digest, file_digest
from mixtures.handoff.manifest import Manifest, write

TRAINERS = Path(__file__).parent / "trainers"
SWIFT = ("ms-swift.sh", "megatron-swift.sh")
OTHERS = (
    "chat_template.jinja", "zero3.json", "axolotl.yaml", "trl.yaml",
    "llamafactory/dataset_info.json", "llamafactory/train.py", "llamafactory/train.yaml",
)  # fmt: skip


def identity() -> str:
    """Return the identity of the templates, which are part of the hand-off's."""
    return digest([file_digest(_source(name)) for name in (*SWIFT, *OTHERS)])


def write_all(folder: Path, manifest: Manifest) -> None:
    """Write the launch scripts of a hand-off into its launch/ folder; paths in them are relative to it."""
    settings = manifest.settings
    values = {
        "mix": settings.mix, "model": settings.model, "template": settings.tokens.template,
        "max_tokens": str(settings.max_tokens), "seed": str(settings.seed),
    }  # fmt: skip
    for name in SWIFT + (OTHERS if settings.tokens.template == "sus" else ()):
        path = folder / name
        write(path, render(_source(name).read_text(encoding="utf-8"), values).encode())
        path.chmod(0o755 if path.suffix == ".sh" else 0o644)


def _source(name: str) -> Path:
    """Return the template of a file; one in Python is no module of this package and carries `.in`."""
    return TRAINERS / (name + ".in" if name.endswith(".py") else name)


def render(text: str, values: dict[str, str]) -> str:
    """Return a template with its values filled in; raises KeyError for a value that it wants and nobody gave."""
    return re.sub(r"@@(\w+)@@", lambda found: values[found[1]], text)
