from __future__ import annotations

from pathlib import Path

import pytest

from flows.config import ConfigError, keys, load

CONFIGS = sorted((Path(__file__).parents[2] / "flows" / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_the_configs_that_come_along_are_valid(path: Path) -> None:
    load(str(path), [], None)


def test_pairs_win_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("workers: 1\npolicy: {max_tokens: 100, min_quality: 0.5}\n")
    config = load(str(tmp_path / "a.yaml"), ["policy.max_tokens=7", "stages=fuzzy,exact", "benchmarks=x"], None)
    assert (config.policy.max_tokens, config.policy.min_quality, config.workers) == (7, 0.5, 1)
    assert config.stages == ("exact", "fuzzy")
    assert config.benchmarks == "x"


def test_a_flows_own_keys_need_no_prefix() -> None:
    config = load(None, ["endpoints=http://a/v1,http://b/v1", "root=/x/y"], "synthesise")
    assert config.synthesise.endpoints == ("http://a/v1", "http://b/v1")
    assert config.root == Path("/x/y")


@pytest.mark.parametrize(
    ("pair", "hint"),
    [
        ("swarm.rnus=3", "swarm.runs"),
        ("wrokers=3", "workers"),
        ("workers=many", "workers"),
        ("policy.max_tokens=-", "policy.max_tokens"),
        ("stages=exact,fuzy", "fuzzy"),
        ("workers", "key=value"),
        ("policy=3", "section"),
    ],
)
def test_a_wrong_key_or_value_names_the_key_and_what_is_near(pair: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        load(None, [pair], None)


def test_a_typo_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("polcy: {max_tokens: 100}\n")
    with pytest.raises(ConfigError, match=r"polcy.*policy"):
        load(str(tmp_path / "a.yaml"), [], None)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"a\.yaml"):
        load(str(tmp_path / "a.yaml"), [], None)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        load("none.yaml", [], None)


def test_every_key_says_what_it_means() -> None:
    silent = [name for name, (_, _, meaning) in keys().items() if not meaning]
    assert not silent


@pytest.mark.parametrize("text", ["handoff: {tokens: {template: chatml}}", "decontaminate: {benchmarks: x}"])
def test_a_key_that_follows_from_another_names_the_one_to_set(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"set (tokens\.template|tokens\.tokenizer|benchmarks)"):
        load(str(tmp_path / "a.yaml"), [], None)
    assert not [name for name in keys() if name.startswith(("handoff.tokens", "decontaminate.benchmarks"))]
