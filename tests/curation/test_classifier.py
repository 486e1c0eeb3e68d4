"""Classifiers: tokens of both languages, the same bytes each time, no file trusted unseen, held out by source."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curation import judge, quality, skill
from curation.classifier import examples, labels, measure, model, qualities, skills
from curation.classifier.__main__ import main
from curation.classifier.features import Shown, features
from curation.classifier.lessons import KINDS, grammar, lessons
from curation.classifier.words import words
from curation.record import RECORD, Turn, content_hash, ids, prompt_group, record_id
from curation.shards import finish, write_shard
from curation.skill import SKILLS

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


def families_of(folder: Path, text: str) -> list[labels.Family]:
    (folder / "labels.yaml").write_text(text)
    return labels.read(folder / "labels.yaml", labels.Family)


def test_no_family_is_tested_by_a_model_that_saw_it(tmp_path: Path) -> None:
    families = families_of(tmp_path, FAMILIES)
    own = examples.names(families)
    data = examples.read(corpus(tmp_path), families, own, 20, Shown())
    assert skills.folds(families) == {"pies": 0, "more_pies": 1, "tales": 0, "more_tales": 1}
    known, chances = skills.held_out(data, families, own, SMALL)
    assert len(known.texts) == 80
    assert (
        measure.f1(*measure.counts(chances[:, own.index("role_play")] >= 0.5, known.truth[:, own.index("role_play")]))
        == 1
    )


def test_a_mixed_entry_under_a_known_name_is_held_out_with_it_and_not_tested(tmp_path: Path) -> None:
    families = families_of(tmp_path, FAMILIES + "- {family: tales, sources: [mixed], mixed: true}\n")
    root, own = corpus(tmp_path), examples.names(families)
    folder = root / "records" / "mixed"
    write_shard(folder / "part-00000-of-00001.parquet", records("mixed", ask("a riddle of sums", "seven")), "key")
    finish(folder, "records", "mixed", "key")
    data = examples.read(root, families, own, 20, Shown())
    assert data.mixed.tolist() == [False] * 80 + [True]
    assert set(data.family[data.mixed]) == {"tales"}
    assert "mixed" not in skills.held_out(data, families, own, SMALL)[0].source


def test_a_record_belongs_to_the_first_entry_that_it_matches(tmp_path: Path) -> None:
    table = records("chat", *[ask(f"question {i}", "answer") for i in range(4)])
    meta = pa.array(['{"category":"rp"}', '{"category":"code"}', None, '{"category":"rp"}'])
    folder = tmp_path / "records" / "chat"
    write_shard(folder / "part-00000-of-00001.parquet", table.set_column(8, RECORD.field("meta"), [meta]), "key")
    finish(folder, "records", "chat", "key")
    families = families_of(
        tmp_path,
        """
- {family: a, sources: [chat], where: '"rp"', skills: [role_play]}
- {family: b, sources: ["*"], where: '"category"', skills: [code]}
- {family: c, sources: [chat], skills: [knowledge]}
""",
    )
    data = examples.read(tmp_path, families, examples.names(families), 20, Shown())
    assert sorted(data.family) == ["a", "a", "b", "c"]


def test_a_sample_of_many_shards_is_the_one_of_all_their_records(tmp_path: Path) -> None:
    tables = [records("chat", *[ask(f"question {shard} {i}", "answer") for i in range(9)]) for shard in range(6)]
    folder = tmp_path / "records" / "chat"
    for number, table in enumerate(tables):
        write_shard(folder / f"part-{number:05}-of-00006.parquet", table, "key")
    finish(folder, "records", "chat", "key")
    found = labels.records(tmp_path, ["chat"], "", 5)
    whole = labels.sample(pa.concat_tables(tables).select(labels.COLUMNS), 5)
    assert found["id"].to_pylist() == whole["id"].to_pylist()


def known(truth: list[int], chinese: list[bool], mixed: bool = False) -> examples.Examples:
    n = len(truth)
    rules = np.zeros((n, 1), bool)
    family = np.full(n, "f", object)
    return examples.Examples(
        [f"word{at}" for at in range(n)],
        rules,
        np.array(truth, np.int8)[:, None],
        family,
        family,
        np.array(chinese),
        np.full(n, mixed),
    )


def test_a_draw_shows_as_many_with_a_skill_as_without_in_each_language() -> None:
    few = known([1] * 5 + [0] * 40 + [1] * 30 + [0] * 10 + [-1] * 9, [False] * 45 + [True] * 49)
    rows = skills._draw(few, 0, np.random.default_rng(1))
    told = [(bool(few.chinese[row]), int(few.truth[row, 0])) for row in rows]
    assert {key: told.count(key) for key in told} == {
        (False, 1): 40, (False, 0): 40, (True, 1): 30, (True, 0): 30
    }  # fmt: skip


def test_a_draw_repeats_no_record_more_than_its_share() -> None:
    rows = skills._draw(known([1] * 2 + [0] * 100, [False] * 102), 0, np.random.default_rng(1))
    assert np.bincount(rows).max() == skills.REPEATS


def test_a_word_never_seen_is_known_by_its_parts() -> None:
    texts, told = ["dragonfire"] * 20 + ["gingerbread"] * 20, [("role_play",)] * 20 + [()] * 20
    asked = pa.array(["dragonlord"], pa.large_string())
    whole = model.train(texts, told, ("role_play",), SMALL)
    parts = model.train(texts, told, ("role_play",), SMALL.model_copy(update={"subwords": 5}))
    assert whole.probabilities(asked)[0, 0] < 0.6 < parts.probabilities(asked)[0, 0]


def test_a_rare_label_is_told_as_among_equals() -> None:
    table = records("s", *[ask("once a dragon asked", "roar")] * 10, *[ask("bake a pie", "stir")] * 90)
    told = [("role_play",)] * 10 + [()] * 90
    texts = features(table, Shown()).to_pylist()
    plain = model.train(texts, told, ("role_play",), SMALL)
    equal = model.train(texts, told, ("role_play",), SMALL, {"role_play": 0.1})
    asked = pa.array(["dragon pie"], pa.large_string())
    p, q = (float(trained.probabilities(asked)[0, 0]) for trained in (plain, equal))
    assert q / (1 - q) == pytest.approx(9 * p / (1 - p), rel=1e-3)


def test_lessons_are_told_apart_by_one_thing_and_are_the_same_each_time() -> None:
    table = records("s", ask("Why is the sky blue?", "Light scatters."), ask("天为什么是蓝的？", "光会散射。"))
    made = {kind: (given, told) for kind, given, told in lessons(table, 1)}
    assert list(made) == list(KINDS)
    again = {kind: given for kind, given, _ in lessons(table, 1)}
    assert all(again[kind].equals(given) for kind, (given, _) in made.items())
    for kind in ("lessons: a part played", "lessons: no part played"):
        turns = made[kind][0]["turns"].to_pylist()
        assert [turn[-1]["content"] for turn in turns] == ["Light scatters.", "光会散射。"]
        assert [turn[-2]["content"][-3:] for turn in turns] == ["ue?", "蓝的？"]
    unable = made["lessons: unable"][0]["turns"].to_pylist()
    assert [turn[-2]["content"] for turn in unable] == ["Why is the sky blue?", "天为什么是蓝的？"]


@pytest.mark.parametrize("seed", range(12))
def test_a_lesson_in_tools_names_a_tool_where_a_trainer_shows_it(seed: int) -> None:
    kind = KINDS["lessons: tools called"]
    talk = grammar.draw(kind.book("en"), kind.once, "Why is the sky blue?", "Light scatters.", random.Random(seed))
    names = [row["name"][0] for row in kind.book("en").rows]
    assert any(name in talk.system + talk.question + talk.meta for name in names)
    assert json.loads(talk.meta).keys() <= {"tools"}


PIES = """
kind: pies
told: {math: true}
once: [pie]
both:
  rows: [{name: flour, weight: [1 kg, 2 kg]}, {name: sugar, weight: 3 kg}]
  lists: [{row: "$name: $weight", join: "; "}, {row: "<$name>"}]
  words: {pie: [plum pie, apple pie]}
  lessons: [{system: "A $pie of $listed.", question: "$question $$1?", answer: "$pie, $name first."}]
en: {words: {}}
"""


def test_a_lesson_lists_its_rows_in_one_form_and_keeps_what_is_drawn_once(tmp_path: Path) -> None:
    (tmp_path / "pies.yaml").write_text(PIES)
    pies = grammar.read(tmp_path / "pies.yaml")
    talks = [grammar.draw(pies.book("en"), pies.once, "How?", "So.", random.Random(seed)) for seed in range(50)]
    assert {talk.question for talk in talks} == {"How? $1?"}
    for talk in talks:
        pie, first = re.fullmatch(r"(plum pie|apple pie), (flour|sugar) first\.", talk.answer).groups()
        one, other = r"flour: [12] kg|sugar: 3 kg", "<flour>|<sugar>"
        assert re.fullmatch(rf"A {pie} of (({one})(; ({one}))?|({other})(\n({other}))?)\.", talk.system)
        assert first in talk.system


def test_what_a_record_says_is_put_into_a_lesson_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "pies.yaml").write_text(PIES)
    pies = grammar.read(tmp_path / "pies.yaml")
    talk = grammar.draw(pies.book("zh"), pies.once, "$pie $$ $none", "$answer", random.Random(1))
    assert talk.question == "$pie $$ $none $1?"


def test_a_file_of_lessons_knows_the_words_of_another_and_its_own_come_first(tmp_path: Path) -> None:
    (tmp_path / "pies.yaml").write_text(PIES)
    cake = "{kind: cake, told: {}, words_of: pies.yaml, both: {words: {cake: [a $pie], pie: tart}, lessons: [{answer: $cake}]}}"
    (tmp_path / "cake.yaml").write_text(cake)
    cakes = grammar.read(tmp_path / "cake.yaml")
    assert grammar.draw(cakes.book("en"), (), "How?", "So.", random.Random(1)).answer == "a tart"
    (tmp_path / "cake.yaml").write_text(cake.replace(", pie: tart", ""))
    cakes = grammar.read(tmp_path / "cake.yaml")
    assert grammar.draw(cakes.book("en"), (), "How?", "So.", random.Random(1)).answer in ("a plum pie", "a apple pie")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (("$weight", "$wieght"), r"pies, en: \$wieght is no symbol of its words, nor of each of its rows"),
        (("weight: 3 kg", "height: 3 m"), r"pies, en: \$weight is no symbol"),
        (("lessons:", "lesson:"), r"both\.lesson\n.*Extra inputs"),
        (("once: [pie]", "once: [cake]"), r"\$cake is no symbol"),
    ],
)
def test_a_file_of_lessons_that_cannot_be_drawn_from_says_so(
    tmp_path: Path, broken: tuple[str, str], said: str
) -> None:
    (tmp_path / "pies.yaml").write_text(PIES.replace(*broken))
    with pytest.raises(ValueError, match=said):
        grammar.read(tmp_path / "pies.yaml")


def test_every_lesson_teaches_skills_in_both_languages_and_no_symbol_is_left_over() -> None:
    for kind, file in KINDS.items():
        assert set(file.told) <= set(SKILLS), kind
        for lang in ("en", "zh"):
            for seed in range(200):
                talk = grammar.draw(file.book(lang), file.once, "Why?", "So.", random.Random(seed))
                assert talk.question, kind
                assert not re.search(r"\$[a-z_]", "".join(talk.model_dump().values())), kind
                json.loads(talk.meta)


def test_tools_declared_in_meta_are_shown_as_of_the_system_prompt() -> None:
    meta = pa.array(['{"tools":"[{\\"name\\": \\"find_pie\\"}]"}'])
    table = records("s", ask("Hi", "Yes")).set_column(8, RECORD.field("meta"), [meta])
    assert features(table, Shown())[0].as_py().split()[:5] == ['#"', "#name", '#"', "#:", '#"']


def test_the_model_is_trusted_only_where_it_was_right() -> None:
    found, nowhere = known([1] * 30 + [0] * 30, [False] * 60), known([], [])
    right = np.where(found.truth == 1, 0.9, 0.6).astype(np.float32)
    assert skills.sure(found, right, nowhere, np.zeros((0, 1)), ("math",)) == {"math": 0.65}
    assert skills.sure(found, 1 - right, nowhere, np.zeros((0, 1)), ("math",)) == {}


def test_the_model_is_not_trusted_where_it_sees_a_rare_skill_everywhere() -> None:
    found, ordinary = known([1] * 30, [False] * 30), known([0] * 100, [False] * 100, mixed=True)
    ordinary.rules[:20] = True  # the rules find it in 20 of 100
    sees = np.array([0.9] * 5 + [0.6] * 10 + [0.1] * 65)[:, None]
    there = np.concatenate([np.zeros((20, 1)), sees])
    assert skills.sure(found, np.full((30, 1), 0.95), ordinary, there, ("math",)) == {"math": 0.65}
    assert skills.sure(found, np.full((30, 1), 0.95), ordinary, np.full((100, 1), 0.99), ("math",)) == {}


def test_the_command_trains_and_the_card_says_from_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = corpus(tmp_path), tmp_path / "m" / "skill.bin"
    (tmp_path / "labels.yaml").write_text(FAMILIES)
    flags = ["--records", str(root), "--labels", str(tmp_path / "labels.yaml"), "--out", str(out), "--min-count", "1"]
    assert main(["skill", *flags]) == 0
    assert "macro-F1 en, five" in capsys.readouterr().out
    card = model.load(str(out), "skill")[1]
    assert card.taught["pies"] == {"pie_a": 30}
    assert {"knowledge pies", "knowledge more_pies", "role_play tales"} <= set(card.held_out["recall"])


def test_recall_is_told_for_each_family_that_has_the_skill() -> None:
    found = known([1, 1, 1, 0], [True, False, False, True])
    found.rules[0] = True
    found.family[:] = ["sums", "sums", "proofs", "tales"]
    chances = np.array([[0.1], [0.9], [0.1], [0.9]], np.float32)
    assert skills.by_family(found, chances, ("math",), {"math": 0.6}) == [
        ["math", "proofs", 1, 0.0, 0.0, 0.0],
        ["math", "sums", 2, 0.5, 0.5, 1.0],
    ]


def test_labels_that_name_no_source_of_the_root_are_told_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.yaml").write_text("- {family: x, sources: [elsewhere], skills: [math]}")
    flags = ["--records", str(corpus(tmp_path)), "--labels", str(tmp_path / "labels.yaml")]
    assert main(["skill", *flags, "--out", str(tmp_path / "m.bin")]) == 1
    assert "error: nothing to train on" in capsys.readouterr().err


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
        ("[]", "got none"),
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
    assert examples.names(labels.read(folder / "skill.yaml", labels.Family))
    assert labels.read(folder / "quality.yaml", labels.Group)
