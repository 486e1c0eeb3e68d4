"""Settings of the local proxies: what the runs cost and what they see."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from curation.template import Name


class Settings(BaseModel):
    """A proxy run: a 238k-parameter Llama, fine-tuned from one base, about 12 s on one core.

    Sizes as measured on nine domains: the ranking of mixtures agrees with a 1.07M model's with ρ .98 a domain.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    template: Name = Field("sus", description="chat template the conversations are rendered in")
    vocabulary: int = Field(2048, ge=300, le=65_535, description="entries of the byte-level BPE trained on the corpus")
    vocabulary_tokens: int = Field(
        500_000, ge=1000, description="catalog tokens of natural sample the BPE is trained on"
    )
    hidden: int = Field(64, ge=8, description="width of the model")
    intermediate: int = Field(192, ge=8, description="width of its MLP")
    layers: int = Field(2, ge=1, description="layers of the model")
    heads: int = Field(4, ge=1, description="attention heads")
    window: int = Field(128, ge=16, description="length of a training window, in proxy tokens")
    base_tokens: int = Field(270_000, ge=100, description="catalog tokens of natural sample the base is pretrained on")
    base_step_tokens: int = Field(1024, ge=16, description="proxy tokens a step of the base")
    base_lr: float = Field(3e-3, gt=0, description="peak learning rate of the base")
    tokens: int = Field(100_000, ge=100, description="catalog tokens of one run: its budget")
    step_tokens: int = Field(680, ge=1, description="catalog tokens a step; every run takes tokens ÷ step_tokens steps")
    lr: float = Field(1.5e-3, gt=0, description="peak learning rate of a run")
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps over which the learning rate rises")
    final_tokens: int | None = Field(
        None,
        ge=1,
        description="budget of the final run; sources are subsampled by tokens ÷ final_tokens; null: no subsampling",
    )
    held_out_tokens: int = Field(4_000, ge=1, description="catalog tokens held out of each domain, for evaluation")
    held_out_records: int = Field(20, ge=1, description="records held out of each domain at least")
    held_out_share: float = Field(0.1, gt=0, lt=1, description="largest share of a domain's records that is held out")
    held_out_min: int = Field(5, ge=1, description="held-out records below which a domain gets no metric")
    held_out_most: int = Field(256, ge=1, description="supervised proxy tokens scored of one held-out record")
    seed: int = Field(0, ge=0, description="seed of the held-out split, the vocabulary sample and the base")
