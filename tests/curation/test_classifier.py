"""Classifiers: tokens of both languages, the same bytes each time, no file trusted unseen, held out by source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curation import judge, quality, skill
from curation.classifier import labels, measure, model, qualities, skills
from curation.classifier.__main__ import main
from curation.classifier.features import Shown, features
from curation.classifier.words import words
from curation.record import RECORD, Turn, content_hash, ids, prompt_group, record_id
from curation.shards import finish, write_shard

SMALL = model.Training(dim=8, bucket=1000, min_count=1, epochs=20)


def records(source: str, *conversations: list[Turn]) -> pa.Table:
    hashes = [content_hash(turns) for turns in conversations]
    n = len(conversations)
    columns = [
        ids([record_id(source, str(i), h) for i, h in enumerate(hashes)]),
        ids(list(hashes)),
        pa.array([prompt_group(turns) for turns in conversations]),
        pa.array([source] * n),
        pa.array([f"{source}:{i}" for i in range(n)]),
        pa.nulls(n, pa.string()),
        pa.array([[{"role": r, "content": c} for r, c in t] for t in conversations], RECORD.field("turns").type),
        ids([None] * n),
        pa.array(["{}"] * n),
    ]
    return pa.table(columns, schema=RECORD)


def ask(question: str, answer: str) -> list[Turn]:
    return [("user", question), ("assistant", answer)]


def corpus(root: Path) -> Path:
    """Write a small corpus: two families of each of two skills, and good and weak answers."""
    pies = [ask(f"bake a pie number {i}", f"stir flour and butter {i}") for i in range(30)]
    tales = [ask(f"once a dragon asked {i}", f"the dragon said roar {i}") for i in range(30)]
    sources = {"pie_a": pies, "pie_b": pies[::-1], "tale_a": tales, "tale_b": tales[::-1]}
    for name, conversations in sources.items():
        folder = root / "records" / name
        write_shard(folder / "part-00000-of-00001.parquet", records(name, *conversations), "key")
        finish(folder, "records", name, "key")
    return root


FAMILIES = """
- {family: pies, sources: [pie_a], skills: [knowledge]}
- {family: more_pies, sources: [pie_b], skills: [knowledge]}
- {family: tales, sources: [tale_a], skills: [role_play]}
- {family: more_tales, sources: [tale_b], skills: [role_play]}
"""


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, World", "hello , world"),
        ("你好，世界", "你 好 , 世 界"),
        ("用Python写x=12", "用 python 写 x = 00"),
        ("```\n!!!", "` _n !"),
        ("ＡＢ　é", "ab é"),
        ("", ""),
        (None, ""),
        ("😀 ok", "😀 ok"),
    ],
)
def test_words_are_alphabetic_runs_single_han_characters_and_marks(text: str | None, tokens: str) -> None:
    assert words(pa.array(["before", text, "after"], pa.string()))[1].as_py() == tokens


def test_the_words_of_an_answer_are_other_words_than_those_of_a_question() -> None:
    assert features(records("s", ask("Hi 你", "Hi 好")), Shown())[0].as_py().split() == ["hi", "你", ">hi", ">好"]


def test_the_worst_text_still_fits_its_buffer() -> None:
    assert words(pa.array(["\n,\n," * 1000]), ">")[0].as_py() == " ".join([">_n", ">,"] * 2000)


def trained(path: Path, task: str = "skill", sure: dict[str, float] | None = None) -> Path:
    table = records("s", *[ask("once a dragon asked", "roar")] * 20, *[ask("bake a pie", "stir")] * 20)
    told = [("role_play",)] * 20 + [()] * 20
    fitted = model.train(features(table, Shown()).to_pylist(), told, ("role_play",), SMALL)
    card = model.Card(
        task=task,
        labels=("role_play",),
        shown=Shown(),
        training=SMALL,
        sure=sure or {},
        digest="",
        taught={},
        held_out={},
    )
    model.write(path, fitted, card)
    return path


def test_training_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    assert trained(tmp_path / "a.bin").read_bytes() == trained(tmp_path / "b.bin").read_bytes()


def test_the_skill_judge_adds_what_its_model_is_trusted_with_and_nothing_else(tmp_path: Path) -> None:
    table = records("s", ask("once a dragon asked", "roar"), ask("bake a pie", "stir"))
    trusted = skill.Settings(model=str(trained(tmp_path / "a.bin", sure={"role_play": 0.6})))
    doubted = skill.Settings(model=str(trained(tmp_path / "b.bin")))
    assert judge.verdicts("skill", trusted, table)["skill"].to_pylist() == ["role_play", "general"]
    assert judge.verdicts("skill", doubted, table)["skill"].to_pylist() == ["general", "general"]


def test_the_quality_judge_scores_answers_with_a_model_and_leaves_null_without(tmp_path: Path) -> None:
    table = records("s", ask("once a dragon asked", "roar"), ask("bake a pie", "stir"))
    scored = quality.Settings(model=str(trained(tmp_path / "a.bin", "quality")))
    high, low = judge.verdicts("quality", scored, table)["model_score"].to_pylist()
    assert high > 0.8
    assert low < 0.2
    assert judge.verdicts("quality", quality.Settings(), table)["model_score"].to_pylist() == [None, None]


def test_another_model_file_is_another_identity(tmp_path: Path) -> None:
    a, b = trained(tmp_path / "a.bin"), trained(tmp_path / "b.bin", sure={"role_play": 0.6})
    assert skill.inputs(skill.Settings(model=str(a))) != skill.inputs(skill.Settings(model=str(b)))
    assert skill.inputs(skill.Settings()) == {}


def test_a_model_without_a_card_for_another_task_or_with_other_bytes_is_refused(tmp_path: Path) -> None:
    path = trained(tmp_path / "a.bin")
    with pytest.raises(ValueError, match="not for quality"):
        model.load(str(path), "quality")
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="other bytes"):
        model.load(str(path), "skill")
    model.card_path(path).unlink()
    with pytest.raises(FileNotFoundError, match="card beside it"):
        model.load(str(path), "skill")


@pytest.mark.parametrize(
    "damage", [lambda b: b"\0" * len(b), lambda b: b[:8] + b"\xff\xff\xff\x7f" + b[12:], lambda b: b[:20]]
)
def test_a_header_that_asks_for_what_the_file_does_not_hold_never_reaches_fasttext(
    tmp_path: Path, damage: object
) -> None:
    path = trained(tmp_path / "a.bin")
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"fastText model|damaged"):
        model._check(path)


def test_no_family_is_tested_by_a_model_that_saw_it(tmp_path: Path) -> None:
    root = corpus(tmp_path)
    (tmp_path / "labels.yaml").write_text(FAMILIES)
    families = labels.read(tmp_path / "labels.yaml", labels.Family)
    own = skills.names(families)
    data = skills.examples(root, families, own, 20, Shown())
    fold = skills.folds(families)
    assert fold.tolist() == [0, 1, 0, 1]
    known, chances = skills.held_out(data, families, own, SMALL)
    assert len(known.texts) == 80
    assert (
        measure.f1(*measure.counts(chances[:, own.index("role_play")] >= 0.5, known.truth[:, own.index("role_play")]))
        == 1
    )


def test_the_model_is_trusted_only_where_it_was_right() -> None:
    truth = np.array([[1]] * 30 + [[0]] * 30, np.int8)
    none = np.zeros((60, 1), bool)
    found = skills.Examples([""] * 60, none, truth, np.zeros(60), np.zeros(60), none[:, 0], none[:, 0])
    right = np.where(truth == 1, 0.9, 0.6).astype(np.float32)
    assert skills.sure(found, right, ("math",)) == {"math": 0.65}
    assert skills.sure(found, 1 - right, ("math",)) == {}


def test_the_command_trains_and_the_card_says_from_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = corpus(tmp_path), tmp_path / "m" / "skill.bin"
    (tmp_path / "labels.yaml").write_text(FAMILIES)
    flags = ["--records", str(root), "--labels", str(tmp_path / "labels.yaml"), "--out", str(out), "--min-count", "1"]
    assert main(["skill", *flags]) == 0
    assert "macro-F1 en, five" in capsys.readouterr().out
    assert model.load(str(out), "skill")[1].taught["pies"] == {"pie_a": 30}


def test_quality_learns_from_groups_and_says_what_length_alone_says(tmp_path: Path) -> None:
    root = corpus(tmp_path)
    groups = [
        labels.Group(group="a", good=("tale_a",), weak=("pie_a",)),
        labels.Group(group="b", good=("tale_b",), weak=("pie_b",)),
    ]
    rows = qualities.held_out(groups, qualities.read(root, groups, 30), by_length=False, training=SMALL)
    figures = dict(zip(qualities.HEAD, rows[0], strict=True))
    assert figures["model"] == 1
    assert figures["length"] < 0.5  # tales are shorter


def test_a_conversation_that_is_good_is_not_weak_as_well(tmp_path: Path) -> None:
    groups = [labels.Group(group="a", good=("tale_a",), weak=("tale_b", "pie_a"))]
    (answers,) = qualities.read(corpus(tmp_path), groups, 30)
    assert (answers.good.sum(), (~answers.good).sum()) == (30, 30)


def test_matched_pairs_take_length_out_of_a_score_that_is_nothing_else() -> None:
    rng = np.random.default_rng(0)
    good = np.arange(4000) < 2000
    length = rng.normal(size=4000) + good
    assert measure.auc(length, good) > 0.7
    assert abs(measure.matched_auc(length, good, length) - 0.5) < 0.05


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1", "must hold a list"),
        ("- {family: x, sources: [a], skils: [math]}", "entry 1: skils"),
        ("- [", "cannot read"),
    ],
)
def test_a_wrong_label_file_is_named_with_its_fault(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "labels.yaml").write_text(text)
    with pytest.raises(labels.LabelError, match=sentence):
        labels.read(tmp_path / "labels.yaml", labels.Family)


def test_the_label_files_of_the_project_are_right() -> None:
    folder = Path(__file__).parents[2] / "flows" / "configs" / "labels"
    assert skills.names(labels.read(folder / "skill.yaml", labels.Family))
    assert labels.read(folder / "quality.yaml", labels.Group)
