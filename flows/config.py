"""The configuration: the only place that reads YAML and command-line keys. Everything inside is frozen data."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from curation.catalog import STAGES, Policy
from curation.decontaminate import Settings as Decontaminate
from curation.engine import Engine
from curation.exact import Settings as Exact
from curation.fuzzy import Settings as Fuzzy
from curation.ingest import Settings as Ingest
from curation.language import Settings as Language
from curation.quality import Settings as Quality
from curation.scores import Settings as Scores
from curation.skill import Settings as Skill
from curation.synthesise import Settings as Synthesise
from curation.tokens import Settings as Tokens
from mixtures.handoff.manifest import Settings as Handoff
from mixtures.plan import Plan
from mixtures.plan import Settings as Search
from mixtures.proxy.settings import Settings as Proxy
from mixtures.swarm import Settings as Swarm

# Keys of a section that follow from another key: a stage reads them, nobody sets them.
DERIVED = {
    "handoff.tokens": "tokens.tokenizer, tokens.template",
    "decontaminate.benchmarks": "benchmarks",
    "decontaminate.cache": "root",
}


class ConfigError(ValueError):
    """A key or value that the configuration does not know; the message names the key and the nearest ones."""


class Config(BaseModel):
    """Everything a run can be told. Each stage's section carries the stage's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    root: Path = Field(Path(".cuvee/corpus"), description="the corpus root: holds everything that a run writes")
    sources: tuple[str | dict[str, Any], ...] = Field(
        (), description="raw data: file, folder, glob or hub:name; empty: what the root holds"
    )
    benchmarks: str = Field(
        "",
        description="folder of benchmark files to decontaminate against; empty: the last one given for this root, none: nothing",
    )
    stages: tuple[str, ...] = Field(STAGES, description="judges to run, e.g. exact,fuzzy (ingest always runs)")
    workers: int = Field(os.cpu_count() or 1, ge=1, description="processes at a time")
    engine: Engine = Engine()
    ingest: Ingest = Ingest()
    exact: Exact = Exact()
    fuzzy: Fuzzy = Fuzzy()
    language: Language = Language()
    quality: Quality = Quality()
    skill: Skill = Skill()
    decontaminate: Decontaminate = Decontaminate()
    tokens: Tokens = Tokens()
    scores: Scores = Scores()
    policy: Policy = Policy()
    synthesise: Synthesise = Synthesise()
    swarm: Swarm = Swarm()
    proxy: Proxy = Proxy()
    search: Search = Search()
    mixture: str = Field("", description="a mixture.json to hand off instead of the one that the search chose")
    handoff: Handoff = Handoff()

    def plan(self) -> Plan:
        """Return the plan of a search: the final run's budget and epoch cap are the hand-off's."""
        cap, budget = self.handoff.epoch_cap, self.handoff.budget_tokens
        return Plan(search=self.search, swarm=self.swarm, budget_tokens=budget, epoch_cap=cap)

    def proxy_settings(self) -> Proxy:
        """Return the proxies' settings: they see each domain as often as the final run would."""
        return self.proxy.model_copy(update={"final_tokens": self.proxy.final_tokens or self.handoff.budget_tokens})

    def handoff_settings(self) -> Handoff:
        """Return the hand-off's settings, its tokens counted as the tokens judge counts them."""
        return self.handoff.model_copy(update={"tokens": self.tokens})

    @model_validator(mode="after")
    def _nothing_twice(self) -> Config:
        for name, key in DERIVED.items():
            section, _, field = name.partition(".")
            if field in getattr(self, section).model_fields_set:
                raise ValueError(f"{name} follows from another key: set {key}")
        return self

    @field_validator("root")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("stages")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for stage in value:
            if stage not in STAGES:
                raise ValueError(f"unknown stage {stage!r}{nearest(stage, STAGES)}; stages are {', '.join(STAGES)}")
        return tuple(s for s in STAGES if s in value)


def load(path: str | None, pairs: list[str], section: str | None) -> Config:
    """Read a YAML file (or none), then apply `key=value` pairs; raises ConfigError naming what is wrong.

    A key without a dot that is no key of its own belongs to `section`, the flow's own one (endpoints=… of synthesize).
    """
    data = _read(path) if path else {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"expected key=value, got {pair!r}")
        _set(data, _full(name, section), value)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None


def _read(path: str) -> dict[str, Any]:
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the config file {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data or {}, dict):
        raise ConfigError(f"{path} must hold a mapping of keys, got a {type(data).__name__}")
    return data or {}


def keys(model: type[BaseModel] = Config, prefix: str = "") -> dict[str, tuple[str, Any, str]]:
    """Return every key → (type, default, meaning), dotted, in the order of the model."""
    found: dict[str, tuple[str, Any, str]] = {}
    for name, field in model.model_fields.items():
        kind = field.annotation
        if prefix + name in DERIVED:
            continue
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= keys(kind, f"{prefix}{name}.")
        else:
            title = (
                kind.__name__
                if isinstance(kind, type) and not getattr(kind, "__args__", ())
                else str(kind).replace("typing.", "")
            )
            found[prefix + name] = (title, field.get_default(call_default_factory=True), field.description or "")
    return found


def _full(name: str, section: str | None) -> str:
    known = keys()
    for candidate in (name, f"{section}.{name}"):
        if candidate in known or any(
            candidate.startswith(k + ".") and v[0].startswith("dict") for k, v in known.items()
        ):
            return candidate
    if any(k.startswith(name + ".") for k in known):
        raise ConfigError(
            f"{name} is a section: set one of its keys, {', '.join(k for k in known if k.startswith(name + '.'))}"
        )
    short = [k.removeprefix(f"{section}.") for k in known]
    raise ConfigError(f"unknown key {name!r}{nearest(name, [*known, *short])}; `prefect run <flow> --help` lists them")


def _set(data: dict[str, Any], name: str, value: str) -> None:
    *path, last = name.split(".")
    for part in path:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            raise ConfigError(f"{name}: {part} is not a section in the config file")
    data[last] = _value(keys().get(name, ("",))[0], value)


def _value(kind: str, text: str) -> Any:
    if text[:1] in "[{":
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            return text
    if kind.startswith("tuple"):
        return [text] if Path(text).exists() else [part for part in text.split(",") if part]
    return None if text in ("", "null", "none") and "None" in kind else text


def _explain(error: ValidationError) -> str:
    sentences = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            sentences.append(f"unknown key {name!r}{nearest(name, list(keys()))}")
        else:
            sentences.append(f"{name}: {problem['msg'].removeprefix('Value error, ')} (got {problem['input']!r:.80})")
    return "; ".join(sentences)


def nearest(name: str, known: list[str] | tuple[str, ...]) -> str:
    """Return ", did you mean a, b?" for the nearest known names, or nothing."""
    found = dict.fromkeys(difflib.get_close_matches(name, list(known), n=3, cutoff=0.5))
    return f", did you mean {' or '.join(found)}?" if found else ""
