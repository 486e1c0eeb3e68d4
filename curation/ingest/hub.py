"""Data sets of the Hugging Face hub, or a local folder of one, streamed through `datasets`. No code of theirs is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from curation.files import Row
from curation.identity import digest

ERRORS = (
    ValueError,
    OSError,
)  # what `datasets` raises for a wrong name and for no network; ConnectionError is an OSError


def parts(spec: str) -> tuple[str, str | None, str]:
    """Return name, config and split of name[:config][:split] (or @split); the split is train unless named."""
    spec, _, split = spec.partition("@")
    name, _, rest = spec.partition(":")
    config, _, last = rest.partition(":")
    return name, config or None, split or last or "train"


def read(spec: str) -> Iterator[Row]:
    """Yield the rows of a data set in its own order; raises ValueError where it cannot be had."""
    from datasets import load_dataset

    name, config, split = parts(spec)
    try:
        stream = load_dataset(name, config, split=split, streaming=True)
    except ERRORS as error:
        raise ValueError(f"cannot load data set {name!r}, config {config!r}, split {split!r}: {error}") from error
    number = 0
    try:
        for number, value in enumerate(stream, 1):
            yield Row(name, number, dict(value))
    except (ConnectionError, OSError, ValueError) as error:
        raise ValueError(f"data set {name!r} broke off after row {number:,}: {error}; run it again") from error


def identity(spec: str) -> str:
    """Return what names the data set's present state: its files with their versions as `datasets` resolves them."""
    from datasets import load_dataset_builder

    name, config, split = parts(spec)
    try:
        builder: Any = load_dataset_builder(name, config)
    except ERRORS as error:
        raise ValueError(
            f"cannot find data set {name!r}, config {config!r}: {error}; check the name and the network, or give a local folder"
        ) from error
    return digest(name, config, split, str(builder.hash), str(builder.config.name))
