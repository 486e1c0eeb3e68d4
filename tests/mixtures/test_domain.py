from pathlib import Path

import duckdb
import pytest

from mixtures.domain import domains_of, read_domains


def catalog(path: Path, rows: str) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE VIEW domains AS SELECT uuid() AS id, domain, 's' AS source, n_tokens, n_target_tokens "
            f"FROM (VALUES {rows}) AS v(domain, n_tokens, n_target_tokens) WHERE n_tokens IS DISTINCT FROM -1"
        )
    return path


def test_domains_are_counted_and_sorted_by_name(tmp_path: Path) -> None:
    found = read_domains(
        catalog(tmp_path / "corpus.duckdb", "('zh-math', 10, 4), ('en-chat', 7, 7), ('zh-math', 20, 5)")
    )
    assert found.names == ("en-chat", "zh-math")
    assert found.plain() == {"en-chat": [1, 7, 7], "zh-math": [2, 30, 9]}


def test_an_empty_cut_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the cut is empty"):
        read_domains(catalog(tmp_path / "corpus.duckdb", "('x', -1, 0)"))


def test_a_missing_catalog_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run `curate` first"):
        read_domains(tmp_path / "corpus.duckdb")


def test_a_record_without_a_domain_or_a_domain_without_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 kept records have no domain"):
        read_domains(catalog(tmp_path / "corpus.duckdb", "(NULL, 10, 4), (NULL, 7, 7)"))
    with pytest.raises(ValueError, match="'en' has 0 tokens"):
        domains_of([("en", 3, 0, 0)])
