from pathlib import Path

import duckdb
import pytest

from mixtures.domain import domains_of, read_domains, with_groups


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


def test_groups_are_the_parts_of_each_domain_and_no_licence_is_called_unknown(tmp_path: Path) -> None:
    path = tmp_path / "corpus.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE VIEW records AS SELECT * FROM (VALUES ('a', 'mit'), ('a', 'mit'), ('b', 'cc'), ('b', ''), ('c', NULL)) AS v(source, licence)"
        )
        connection.execute(
            "CREATE VIEW domains AS SELECT * FROM (VALUES ('en', 'a', 30, 1), ('en', 'b', 10, 1), ('zh', 'b', 20, 1), ('zh', 'c', 20, 1)) "
            "AS v(domain, source, n_tokens, n_target_tokens)"
        )
    groups = with_groups(read_domains(path), path).groups
    assert {name: parts.tolist() for name, parts in groups.items()} == {
        "source:a": [0.75, 0.0], "source:b": [0.25, 0.5], "source:c": [0.0, 0.5],
        "licence:mit": [0.75, 0.0], "licence:cc": [0.125, 0.25], "licence:unknown": [0.125, 0.75],
    }  # fmt: skip
