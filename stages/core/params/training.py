"""Knobs of the stages that train, measure and report."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, StrictBool

from stages.core.params.section import Section, Share


class LoraParams(Section):
    """Low-rank adapters instead of full fine-tuning."""

    enabled: StrictBool = False
    """Train small adapter matrices and the new head; the base model stays as it is."""
    r: int = Field(default=8, ge=1, le=512)
    """Rank; higher can learn more and takes more memory."""
    alpha: float = Field(default=16, gt=0)
    """Scale of the update, relative to the rank (Hu et al. 2021 use alpha/r)."""
    dropout: Share = 0.05
    """Dropout on the adapters' input."""
    target_modules: list[str] | None = None
    """Names of the layers to adapt; `null` leaves it to peft's table for the architecture."""

    def effective(self) -> dict[str, Any]:
        """Ranks and scales do not matter while adapters are off."""
        return super().effective() if self.enabled else {"enabled": False}


class FinetuneParams(Section):
    """Tune the model. Learning rate, epochs and batch size stand at the top of the file."""

    max_length: int = Field(default=96, ge=8, le=8192)
    """Tokens of a text that the model sees; longer ones are cut, and the plan counts how many."""
    weight_decay: float = Field(default=0.01, ge=0)
    """AdamW's decoupled decay; higher fits the training data less closely."""
    dropout: Share | None = None
    """Replaces the model's own dropout everywhere; `null` leaves it."""
    warmup: Share = 0.1
    """Share of the steps in which the learning rate rises to its peak."""
    schedule: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    """How the learning rate falls after that."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm; lower tames spikes."""
    gradient_accumulation: int = Field(default=1, ge=1)
    """Batches added up before a step: the effective batch is `batch_size` times this."""
    gradient_checkpointing: StrictBool = False
    """Recompute activations instead of storing them: less memory, about a third slower."""
    bf16: StrictBool = True
    """Use bfloat16 on hardware that computes in it (never on a CPU)."""
    frozen_layers: int = Field(default=0, ge=0)
    """Freeze the embeddings and this many encoder layers from the bottom; 0 trains everything."""
    class_weights: StrictBool = False
    """Weigh each class by the inverse of its frequency; helps rare classes, costs precision on frequent ones."""
    early_stopping: int | None = Field(default=2, ge=1)
    """Stop after this many evaluations without a better validation loss; `null` trains to the end."""
    evaluations: int = Field(default=4, ge=1, le=100)
    """Evaluations on the validation split (and checkpoints) over the whole training."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of torch; the same number gives the same bits again. `null` takes all cores."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train; `auto` takes a GPU when there is one."""
    lora: LoraParams = LoraParams()
    """Adapters; see there."""

    def effective(self) -> dict[str, Any]:
        """As `Section.effective`, for the nested section too."""
        return {**super().effective(), "lora": self.lora.effective()}


class PrivacyParams(Section):
    """Differential privacy of the training."""

    enabled: StrictBool = False
    """Train with DP-SGD. Not available yet: `plan` refuses `true` rather than promise what it does not keep."""
    target_epsilon: float = Field(default=8.0, gt=0)
    """The privacy loss a run may cost."""
    delta: float | None = Field(default=None, gt=0, lt=1)
    """The chance that the epsilon does not hold; `null` takes 1 / (10 n)."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Norm to which each record's gradient is clipped."""

    def effective(self) -> dict[str, Any]:
        """Budgets do not matter while privacy is off."""
        return super().effective() if self.enabled else {"enabled": False}


class EvaluateParams(Section):
    """Score on the test split, with intervals, baselines and slices."""

    bootstrap: int = Field(default=1000, ge=100, le=100_000)
    """Resamples behind each 95 % interval."""
    baselines: StrictBool = True
    """Also score the majority class and TF-IDF with logistic regression on the same rows."""
    train_sample: int = Field(default=600, ge=50)
    """Training rows that are scored to tell over- from underfitting; more are slower."""
    min_slice: int = Field(default=20, ge=1)
    """Slices with fewer test rows are not scored: their interval would span everything."""


class AuditParams(Section):
    """Attack the model."""

    sample: int = Field(default=600, ge=50)
    """Members and non-members that the membership inference is tried on, each."""
    bootstrap: int = Field(default=1000, ge=100, le=100_000)
    """Resamples behind each 95 % interval."""


class DocumentParams(Section):
    """The report and the documents."""

    title: str = "Rowtrail report"
    """Heading of the HTML report, and the name of the model and the data set in their cards."""
    controller: str | None = None
    """Who answers for the data and the model: an organisation and how to reach it. What only people know stands here
    and in the next keys; where it is null, the documents say that a person must still write it."""
    purpose: str | None = None
    """What the personal data is processed for (GDPR Article 5(1)(b))."""
    legal_basis: str | None = None
    """Why that is lawful (GDPR Article 6), in one sentence."""
    collection: str | None = None
    """How, when and from whom the rows were collected."""
    intended_use: str | None = None
    """Who may use the model, and what for."""
    out_of_scope: str | None = None
    """What the model must not be used for."""
    recipients: str | None = None
    """Who receives the data or the model (GDPR Article 30(1)(d))."""
    retention: str | None = None
    """How long the data and the model are kept (GDPR Article 5(1)(e))."""
    license: str | None = None
    """Terms of the tuned model and the cleaned data set, as an SPDX identifier where there is one."""
