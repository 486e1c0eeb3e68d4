"""What is searched for, how the runs are spent, and what the final run allows: the frozen data of a search."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mixtures.limits import Bound
from mixtures.swarm import Settings as Swarm


class Settings(BaseModel):
    """What is searched for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(
        "search", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="the search lies in <root>/search/<name>/"
    )
    objective: tuple[tuple[str, float], ...] = Field(
        (("loss/*", 1.0),), description="metric glob → weight in the composite"
    )
    aim: Literal["composite", "pareto"] = Field(
        "composite",
        description="pareto: every line of the objective is a goal, runs spread along the front of the goals, and the weights "
        "choose the compromise on it",
    )
    normalise: Literal["natural", "none"] = Field(
        "natural", description="each metric is divided by its mean over the natural mixture, or by 1"
    )
    scales: tuple[tuple[str, float], ...] = Field(
        (), description="metric glob → what it is divided by instead, e.g. best score − chance as leaderboards do"
    )
    reproducible: bool = Field(
        default=False, description="multiply each weight by 1 − (noise ÷ spread)²: the part of a metric that repeats"
    )
    composites: tuple[tuple[str, tuple[str, ...]], ...] = Field(
        (), description="metric → its components (globs), whose mean it must be; a run where it is not is refused"
    )
    guards: tuple[tuple[str, float], ...] = Field(
        (), description="metric glob → how much worse than natural it may get, as a fraction (0.01: one per cent)"
    )
    bounds: tuple[Bound, ...] = Field((), description="floors and ceilings of domains and groups of domains")
    most_domains: int | None = Field(None, ge=1, description="sparsity: most domains with weight; null: any number")
    distance: float = Field(
        1.0, gt=0, le=1, description="most of the tokens that may move away from the natural mixture: half of Σ|Δ|"
    )
    confidence: float = Field(0.9, gt=0.5, lt=1, description="of the interval on the gain")
    hopeless: float = Field(
        0.0,
        ge=0,
        description="end the search when even the upper end of the predicted gain, as a fraction, is below it; 0: never",
    )
    sharp: float = Field(
        0.0,
        ge=0,
        description="explore no further, but run the best predicted, when ± of the predicted gain is below it; 0: never",
    )
    reuse: bool = Field(
        default=False,
        description="take every finished run of the ledger as data, whatever domains or proxies it was made with",
    )
    cheap: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$",
        description="name of a search with cheaper proxies (a smaller model, fewer tokens) under the same root: what its runs "
        "measured is where the surrogates start from, metric by metric, if it ranks these runs alike; else they are ignored",
    )
    without_gain: Literal["natural", "proposed"] = Field(
        "natural", description="what is chosen when no gain is detectable"
    )

    @model_validator(mode="after")
    def _one_question(self) -> Settings:
        if self.aim == "pareto" and (self.hopeless > 0 or self.sharp > 0):
            raise ValueError("search.hopeless and search.sharp judge the composite alone; leave them 0 with aim=pareto")
        if self.cheap == self.name:
            raise ValueError(f"search.cheap names another search than search.name, got {self.cheap!r} for both")
        return self


class Plan(BaseModel):
    """The whole plan of a search."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    search: Settings = Settings()
    swarm: Swarm = Swarm()
    budget_tokens: int = Field(gt=0, description="tokens of the final run: sets supply and epochs")
    epoch_cap: float = Field(4.0, gt=0, description="most epochs of a domain in the final run")
