"""The search on a world whose best mixture is known: loss_d = a_d − Σ b_de log(w_e + .01) + noise of the seed."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.optimize import minimize

from curation import shards
from mixtures import ledger, report
from mixtures.domain import domains_of
from mixtures.limits import Bound, InfeasibleError
from mixtures.mixture import natural, read_mixture
from mixtures.search import Metrics, OnDone, Plan, Settings, key, search
from mixtures.swarm import Settings as Swarm
from mixtures.tables import read_metrics, read_ratios

NAMES = ("en-chat", "en-math", "zh-chat", "zh-math")
TOKENS = (4_000_000, 300_000, 2_500_000, 200_000)
DOMAINS = domains_of([(name, 10, tokens, tokens // 2) for name, tokens in zip(NAMES, TOKENS, strict=True)])
PLAN = Plan(
    search=Settings(bounds=(Bound(domains="zh-*", floor=0.3, ceiling=0.6),)),
    swarm=Swarm(runs=12, pool=400),
    budget_tokens=3_000_000,
)


class World:
    """Proxies made of a formula; `matters` 0: no mixture is better than another. Stops as if killed after `stop` runs."""

    def __init__(self, matters: float = 1.0, noise: float = 0.003, stop: int = 10**9) -> None:
        self.matters, self.noise, self.stop, self.ran = matters, noise, stop, 0

    def losses(self, w: np.ndarray) -> np.ndarray:
        slopes = 0.05 * np.eye(4) + 0.01
        return np.array([1.0, 1.2, 1.4, 1.1]) - self.matters * slopes @ np.log(w + 0.01)

    def __call__(self, batch: Sequence[tuple[str, np.ndarray, int]], on_done: OnDone) -> list[Metrics]:
        results = []
        for i, (_, w, seed) in enumerate(batch):
            if self.ran == self.stop:
                raise KeyboardInterrupt
            rng = np.random.default_rng([seed, *np.round(w * 1e6).astype(int)])
            values = self.losses(w) + self.noise * rng.normal(size=4)
            metrics = {f"loss/{name}": float(v) for name, v in zip(NAMES, values, strict=True)}
            self.ran += 1
            on_done(i, metrics)
            results.append(metrics)
        return results

    def gain(self, w: np.ndarray) -> float:
        return float((1 - self.losses(w) / self.losses(natural(DOMAINS).weights)).mean())


def best(world: World) -> float:
    bounds = [(0, 4 * t / 3_000_000) for t in TOKENS]
    equal = {"type": "eq", "fun": lambda w: w.sum() - 1}
    zh = [{"type": "ineq", "fun": lambda w: w[2:].sum() - 0.3}, {"type": "ineq", "fun": lambda w: 0.6 - w[2:].sum()}]
    found = minimize(
        lambda w: -world.gain(w), [0.3, 0.2, 0.3, 0.2], bounds=bounds, constraints=[equal, *zh], method="SLSQP"
    )
    return -float(found.fun)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searches") / "first"
    search(DOMAINS, PLAN, World(), folder, "formula")
    return folder


def provenance(folder: Path) -> dict:
    return json.loads((folder / "mixture.json").read_text())["provenance"]


def test_the_proposal_is_close_to_the_best_and_the_interval_covers_its_true_gain(done: Path) -> None:
    world, chosen = World(), read_mixture(done / "mixture.json", NAMES)
    assert chosen.name == "proposed"
    assert world.gain(chosen.weights) > 0.9 * best(world)
    gain = provenance(done)["gain"]
    assert 0 < gain["low"] <= world.gain(chosen.weights) <= gain["high"]


def test_every_run_but_natural_obeys_the_limits_and_is_written_in_steps(done: Path) -> None:
    table = read_ratios(done / "ratios.csv")
    assert table.columns == NAMES
    assert len(table.runs) == 12 + 2 * 4
    for name, w in zip(table.keys["name"], table.values, strict=True):
        if "natural" not in name:
            assert (3_000_000 * w / DOMAINS.tokens <= 4 + 1e-9).all()
            assert 0.3 - 1e-9 <= w[2:].sum() <= 0.6 + 1e-9
            np.testing.assert_allclose(w * 1e4, np.round(w * 1e4), atol=1e-8)


def test_the_folder_holds_everything_and_the_manifest_its_key(done: Path) -> None:
    assert shards.is_done(done, key(DOMAINS, PLAN, "formula", done))
    assert not shards.is_done(done, key(DOMAINS, PLAN, "another proxy", done))
    observations = pq.read_table(done / "observations.parquet")
    assert observations.column_names == ["search", "run", "name", "kind", "seed", "metric", "value"]
    assert observations.num_rows == 20 * 4
    kinds = ["confirmation", "natural", "space_filling", "top"]
    assert sorted(set(observations["kind"].to_pylist())) == kinds
    np.testing.assert_array_equal(read_metrics(done / "metrics.csv").values.ravel(), observations["value"].to_numpy())
    assert pq.read_table(done / "weights.parquet").num_rows == 20 * 4


def test_confirmation_seeds_are_fresh_and_paired(done: Path) -> None:
    lines = ledger.read(done / "ledger.jsonl")
    seeds = {
        kind: [line["seed"] for line in lines if line["kind"] == kind] for kind in {line["kind"] for line in lines}
    }
    fresh = seeds.pop("confirmation")
    assert fresh[:4] == fresh[4:]
    assert not set(fresh) & {seed for each in seeds.values() for seed in each}


def test_a_finished_search_runs_nothing_again_and_writes_the_same_bytes(done: Path) -> None:
    before = {p.name: p.read_bytes() for p in done.iterdir()}
    again = World()
    search(DOMAINS, PLAN, again, done, "formula")
    assert again.ran == 0
    assert {p.name: p.read_bytes() for p in done.iterdir()} == before


def test_a_killed_search_goes_on_where_it_stopped_past_a_half_written_line(done: Path, tmp_path: Path) -> None:
    folder = tmp_path / "first"
    with pytest.raises(KeyboardInterrupt):
        search(DOMAINS, PLAN, World(stop=9), folder, "formula")
    assert not (folder / "manifest.json").exists()
    with (folder / "ledger.jsonl").open("ab") as handle:
        handle.write(b'{"key": "abc", "status": "finished", "met')
    rest = World()
    search(DOMAINS, PLAN, rest, folder, "formula")
    assert rest.ran == 20 - 9
    assert (folder / "mixture.json").read_bytes() == (done / "mixture.json").read_bytes()
    assert len(ledger.read(folder / "ledger.jsonl")) == 20


def test_where_no_mixture_is_better_few_searches_say_one_is(tmp_path: Path) -> None:
    found = []
    for seed in range(8):
        plan = PLAN.model_copy(update={"swarm": PLAN.swarm.model_copy(update={"seed": 1000 * seed})})
        found.append(search(DOMAINS, plan, World(matters=0.0), tmp_path / str(seed), "formula"))
    better = [outcome.gain.low > 0 for outcome in found]
    assert sum(better) <= 2  # at 90 % one in twenty is wrong by chance: three of eight would be, once in 170 tries
    assert all(outcome.chosen.name == "natural" for outcome, wins in zip(found, better, strict=True) if not wins)


def test_a_search_that_finds_nothing_says_so(tmp_path: Path) -> None:
    unsure = PLAN.model_copy(update={"search": Settings(confidence=0.999)})
    bound = Settings(confidence=0.999, bounds=(Bound(domains="en-math", floor=0.1),))
    search(DOMAINS, PLAN.model_copy(update={"search": bound}), World(matters=0.0), tmp_path / "bound", "formula")
    since = "the proposed mixture, since the natural one breaks a constraint"
    assert since in (tmp_path / "bound" / "report.html").read_text()
    outcome = search(DOMAINS, unsure, World(matters=0.0), tmp_path / "flat", "formula")
    assert outcome.verdict.startswith("No detectable gain")
    assert "No detectable gain" in (tmp_path / "flat" / "report.html").read_text()


def test_a_failed_run_is_marked_left_out_and_tried_again(tmp_path: Path) -> None:
    world = World()

    def broken(batch: Sequence[tuple[str, np.ndarray, int]], on_done: OnDone) -> list[Metrics]:
        keep = [job for job in batch if job[0] != "fill-4"]
        results = {job[0]: m for job, m in zip(keep, world(keep, lambda i, m: None), strict=True)}
        return [results.get(name, {"loss/en-chat": float("nan")}) for name, _, _ in batch]

    search(DOMAINS, PLAN, broken, tmp_path / "s", "formula")
    failed = [line["name"] for line in ledger.read(tmp_path / "s" / "ledger.jsonl") if line["status"] == "failed"]
    assert failed == ["fill-4"]
    assert np.isnan(read_metrics(tmp_path / "s" / "metrics.csv").values[4]).all()
    assert shards.read_manifest(tmp_path / "s").facts["failed"] == 1
    whole = World()
    search(DOMAINS, PLAN, whole, tmp_path / "s", "formula")
    assert whole.ran >= 1
    assert shards.read_manifest(tmp_path / "s").facts["failed"] == 0


def test_conflicting_constraints_stop_the_search_before_any_run(tmp_path: Path) -> None:
    world = World()
    wrong = PLAN.model_copy(
        update={
            "search": Settings.model_validate(
                {"bounds": (Bound(domains="zh-*", floor=0.7), Bound(domains="en-*", floor=0.4))}
            )
        }
    )
    with pytest.raises(InfeasibleError, match="these 2 conflict"):
        search(DOMAINS, wrong, world, tmp_path / "s", "formula")
    assert world.ran == 0


def test_an_objective_that_names_no_metric_lists_those_there_are(tmp_path: Path) -> None:
    wrong = PLAN.model_copy(update={"search": Settings.model_validate({"objective": (("gsm8k*", 1.0),)})})
    with pytest.raises(ValueError, match=r"no metric matches the objective.*the metrics are loss/en-chat"):
        search(DOMAINS, wrong, World(), tmp_path / "s", "formula")


def test_a_new_domain_does_not_make_old_runs_foreign(tmp_path: Path) -> None:
    old = ledger.Ledger(tmp_path / "l.jsonl", ("a", "b"), "p")
    old.add(ledger.Run("x", "natural", 3, np.array([0.4, 0.6]), {"m": 1.0}))
    wider = ledger.Ledger(tmp_path / "l.jsonl", ("a", "aa", "b"), "p")
    assert wider.find(np.array([0.4, 0.0, 0.6]), 3) == {"m": 1.0}
    assert wider.find(np.array([0.4, 0.0, 0.6]), 4) is None
    assert ledger.Ledger(tmp_path / "l.jsonl", ("a", "b"), "q").find(np.array([0.4, 0.6]), 3) is None


def test_a_search_without_hope_ends_before_its_budget_and_says_so(tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"swarm": Swarm(runs=24, pool=400), "search": Settings(hopeless=0.001)})
    outcome = search(DOMAINS, plan, World(matters=0.0, noise=0.0003), tmp_path / "s", "formula")
    assert len(outcome.searched) == 12  # the first half, near natural
    assert "ended after 12 of 24 runs" in (tmp_path / "s" / "report.html").read_text()


def test_a_search_with_hope_or_much_noise_goes_on(tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"swarm": Swarm(runs=24, pool=400), "search": Settings(hopeless=0.001)})
    for name, world in (("gain", World()), ("noise", World(matters=0.0))):
        assert len(search(DOMAINS, plan, world, tmp_path / name, "formula").searched) == 24


def test_a_gain_known_well_enough_goes_straight_to_the_best_predicted(tmp_path: Path) -> None:
    sharp = PLAN.model_copy(update={"swarm": Swarm(runs=24, pool=400), "search": Settings(sharp=0.05)})
    outcome = search(DOMAINS, sharp, World(), tmp_path / "s", "formula")
    assert len(outcome.searched) == 18
    assert [run.kind for run in outcome.searched[12:]] == ["top"] * 6


def test_a_pareto_search_runs_along_the_front_and_the_weights_choose_on_it(done: Path, tmp_path: Path) -> None:
    def chinese(folder: Path) -> np.ndarray:
        return np.array(
            [sum(run["weights"].get(n, 0) for n in NAMES[2:]) for run in ledger.read(folder / "ledger.jsonl")]
        )

    proposed = {}
    for weight in (1.0, 8.0):
        goals = Settings(aim="pareto", objective=(("loss/zh-*", weight), ("loss/en-*", 1.0)))
        plan = PLAN.model_copy(update={"swarm": Swarm(runs=24, pool=400), "search": goals})
        folder = tmp_path / f"{weight:g}"
        outcome = search(DOMAINS, plan, World(), folder, "formula")
        kinds = np.array([run["kind"] for run in ledger.read(folder / "ledger.jsonl")])
        assert (kinds == "front").sum() == 6
        assert np.ptp(chinese(folder)[kinds == "front"]) > 0.2
        said = provenance(folder)
        assert set(said["goals"]) == {"loss/zh-*", "loss/en-*"}
        assert all(set(row["gains"]) == set(said["goals"]) for row in said["front"])
        assert "weights choose the proposal: loss/zh-* (weight " in said["compromise"]
        assert report.text(outcome.why) in (folder / "report.html").read_text()
        assert 'class="ring"' in (folder / "report.html").read_text()
        proposed[weight] = sum(said["proposed"][n] for n in NAMES[2:])
    assert proposed[8.0] > proposed[1.0] + 0.05
    assert 'class="ring"' not in (done / "report.html").read_text()


def test_a_run_left_out_as_an_outlier_is_named_with_its_reason(tmp_path: Path) -> None:
    world = World()

    def spoilt(batch: Sequence[tuple[str, np.ndarray, int]], on_done: OnDone) -> list[Metrics]:
        found = world(batch, lambda i, m: None)
        return [{**m, "loss/zh-math": 9.0} if job[0] == "fill-4" else m for job, m in zip(batch, found, strict=True)]

    outcome = search(
        DOMAINS, PLAN.model_copy(update={"swarm": Swarm(runs=16, pool=400)}), spoilt, tmp_path / "s", "formula"
    )
    said = json.loads((tmp_path / "s" / "surrogates.json").read_text())
    (strange,) = said["loss/zh-math"]["outliers"]
    assert strange["run"] == "fill-4"
    assert strange["why"].startswith("measured 9, the others say 1.")
    assert all(said[f"loss/{name}"]["outliers"] == [] for name in NAMES[:3])
    assert "fill-4" not in [run.name for run in outcome.sound]
    page = (tmp_path / "s" / "report.html").read_text()
    assert f"Left out as outliers: fill-4 ({strange['why']})" in page


def test_every_surrogate_says_why_it_was_chosen(done: Path) -> None:
    for said in json.loads((done / "surrogates.json").read_text()).values():
        assert said["why"]
        assert said["outliers"] == []
        assert said["why"].split("%")[0] in (done / "report.html").read_text()


def test_a_search_starts_from_what_a_cheaper_one_measured_where_it_ranks_alike(tmp_path: Path) -> None:
    search(DOMAINS, PLAN, World(), tmp_path / "small", "small formula")
    asked = PLAN.model_copy(update={"search": PLAN.search.model_copy(update={"name": "big", "cheap": "small"})})
    search(DOMAINS, asked, World(noise=0.02), tmp_path / "big", "big formula")
    found = json.loads((tmp_path / "big" / "surrogates.json").read_text())
    why = {metric: told["why"] for metric, told in found.items()}
    assert all("cheap runs used: rank correlation" in told or "cheap runs ignored" in told for told in why.values())
    assert any("cheap runs used" in told for told in why.values())
    before = key(DOMAINS, asked, "big formula", tmp_path / "big")
    assert shards.is_done(tmp_path / "big", before)
    with (tmp_path / "small" / "ledger.jsonl").open("a") as more:
        more.write(
            json.dumps(ledger.read(tmp_path / "small" / "ledger.jsonl")[3] | {"key": "another", "seed": 99}) + "\n"
        )
    assert key(DOMAINS, asked, "big formula", tmp_path / "big") != before


def test_cheaper_runs_that_say_nothing_are_ignored_in_words_and_missing_ones_stop_the_search(tmp_path: Path) -> None:
    search(DOMAINS, PLAN, World(matters=0.0), tmp_path / "flat", "flat formula")
    asked = PLAN.model_copy(update={"search": PLAN.search.model_copy(update={"cheap": "flat"})})
    outcome = search(DOMAINS, asked, World(), tmp_path / "search", "formula")
    assert all("; cheap runs ignored: " in found.why for found in outcome.found.fitted.values())
    gone = PLAN.model_copy(update={"search": PLAN.search.model_copy(update={"cheap": "nowhere"})})
    with pytest.raises(ValueError, match=r"no finished run of these domains in .*nowhere: search\.cheap names"):
        search(DOMAINS, gone, World(), tmp_path / "search", "formula")
    with pytest.raises(ValueError, match=r"search\.cheap names another search"):
        Settings(cheap="search")
