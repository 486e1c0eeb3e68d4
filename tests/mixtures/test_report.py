from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mixtures import report
from mixtures.domain import domains_of
from mixtures.objective import Objective
from mixtures.outcome import Outcome
from mixtures.search import Metrics, OnDone, Plan, search
from mixtures.swarm import Settings as Swarm

HOSTILE = ("<script>alert(1)</script>", "a&b", 'q"uote', "$name ${x}", "中文")
DOMAINS = domains_of([(name, 5, 1_000_000 * (k + 1), 10) for k, name in enumerate(HOSTILE)])


def evaluate(batch: list[tuple[str, np.ndarray, int]], on_done: OnDone) -> list[Metrics]:
    out = []
    for i, (_, w, seed) in enumerate(batch):
        noise = 0.002 * np.random.default_rng([seed, int(w[0] * 1e6)]).normal(size=len(w))
        out.append(
            {f"loss/{n}": float(v) for n, v in zip(DOMAINS.names, 1 - 0.1 * np.log(w + 0.01) + noise, strict=True)}
        )
        on_done(i, out[-1])
    return out


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    plan = Plan(budget_tokens=2_000_000, swarm=Swarm(runs=10, pool=200, confirm=3))
    return search(DOMAINS, plan, evaluate, tmp_path_factory.mktemp("s") / "<b>name", "p")


class Page(HTMLParser):
    """Collects tags and attributes, and checks that every element is closed in order."""

    VOID = frozenset({"meta", "br", "line", "polyline", "polygon", "circle"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_has_no_script_and_reaches_for_nothing(outcome: Outcome) -> None:
    page = Page()
    page.feed(report.render(outcome))
    assert page.open == []
    assert not page.tags & {"script", "img", "link", "iframe", "b>name"}
    assert not [a for a, _ in page.attributes if a in {"src", "href", "srcset"} or a.startswith("on")]


def test_names_from_the_data_appear_as_text_and_only_as_text(outcome: Outcome) -> None:
    page = report.render(outcome)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a&amp;b" in page
    assert "$name ${x}" in page
    assert "&lt;b&gt;name" in page


def test_the_headline_is_the_verdict_and_the_figures_are_those_of_the_outcome(outcome: Outcome) -> None:
    page = report.render(outcome)
    assert f"<h1>{report.text(outcome.verdict)}</h1>" in page
    for w, e in zip(outcome.found.proposed.weights, outcome.epochs(outcome.found.proposed), strict=True):
        assert f"<b>{w:.1%} · {e:.2f} epochs</b>" in page
    assert page.count("<figure>") == len(HOSTILE)
    assert page.count("<circle") == len(outcome.searched)


def test_domains_that_no_metric_measures_are_named(outcome: Outcome) -> None:
    assert "No metric of the composite measures" not in report.render(outcome)
    shares = {m: 0.25 for m in outcome.found.goal.shares if m != "loss/中文"}
    model = replace(outcome.found.model, goal=replace(outcome.found.goal, shares=shares))
    blind = replace(outcome, found=replace(outcome.found, model=model))
    assert "No metric of the composite measures “中文”:" in report.render(blind)


def test_a_front_of_three_goals_is_shown_for_each_two_of_them(outcome: Outcome) -> None:
    goal = outcome.found.goal
    parts = {f"<{m}>": Objective({m: 1.0}, goal.scale) for m in list(goal.shares)[:3]}
    model = replace(outcome.found.model, goal=replace(goal, parts=parts))
    shown = replace(outcome, found=replace(outcome.found, model=model))
    page = report.render(shown)
    Page().feed(page)
    assert page.count('class="ring"') == 3
    assert page.count('class="seen"') - report.render(outcome).count('class="seen"') == 3 * len(shown.front)
    assert page.count("<td class=word>proposed, on fresh seeds</td>") == 1
    for name, gain in shown.compromise.items():
        assert f"{report.text(name)} (weight 0.20) {gain.mean:+.2%}" in page
    assert len(shown.front) < len(shown.searched)


def test_the_funnel_is_shown_where_it_is_given(outcome: Outcome) -> None:
    assert "Where the records went" not in report.render(outcome)
    page = report.render(outcome, [("fuzzy <dup>", 1200, 200, 1000)])
    assert "<div>fuzzy &lt;dup&gt;</div>" in page
    assert "<b>1,000</b> kept<br>200 dropped, 16.7%" in page


def test_the_page_follows_the_readers_colours_and_width(outcome: Outcome) -> None:
    page = report.render(outcome)
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert Path(report.TEMPLATE).read_text() not in page  # the frame was filled
