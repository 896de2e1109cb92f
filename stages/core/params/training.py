"""Knobs of the stages that train, measure and report."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, field_validator, model_validator

from stages.core.params.data import Source
from stages.core.params.section import Name, Section, Share


class LoraParams(Section):
    """Low-rank adapters instead of full fine-tuning."""

    enabled: StrictBool | None = None
    """Train small adapter matrices and the new head; the base model stays as it is. `null`: with privacy only, for
    noise grows with what is trained, and not where `head_only` or `frozen_layers` say what to train."""
    r: int = Field(default=8, ge=1, le=512)
    """Rank; higher can learn more and takes more memory."""
    alpha: float = Field(default=16, gt=0)
    """Scale of the update, relative to the rank (Hu et al. 2021 use alpha/r)."""
    dropout: Share = 0.05
    """Dropout on the adapters' input."""
    target_modules: list[Name] | None = None
    """Names of the layers to adapt; `null` leaves it to peft's table for the architecture."""

    def effective(self) -> dict[str, Any]:
        """Ranks and scales do not matter while adapters are off."""
        return super().effective() if self.enabled else {"enabled": False}


class AugmentParams(Section):
    """Synthetic training records, made from real ones after the split; each names its parent."""

    method: Literal["none", "edits", "counterfactual", "back_translation", "completion"] = "none"
    """`edits` swaps, drops and misspells words (Wei and Zou 2019), `counterfactual` makes a text be about someone else
    (Lu et al. 2018), `back_translation` goes through another language, `completion` asks a causal model for a
    paraphrase. Only records of the training split are parents."""
    copies: int = Field(default=1, ge=1, le=20)
    """Synthetic records for each parent."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the training records that become parents, chosen by hash."""
    balance: StrictBool = False
    """Make copies of the rarer classes only, until each is as large as the largest (at most 20 copies a record)."""
    strength: float = Field(default=0.1, gt=0, le=0.5)
    """`edits`: share of a text's words that change."""
    model: Name | None = None
    """`back_translation`: the model there; `completion`: the causal model. A folder, `pkg://` or a hub name."""
    back_model: Name | None = None
    """`back_translation`: the model back."""

    def effective(self) -> dict[str, Any]:
        """Nothing matters while it is off."""
        return super().effective() if self.method != "none" else {"method": "none"}


class ContrastiveParams(Section):
    """Few labelled rows: first pull texts of one label together, then fit the head (Tunstall et al. 2022, SetFit)."""

    enabled: StrictBool = False
    """Tune the encoder on pairs of training texts before the head is trained on its frozen output."""
    pairs: int = Field(default=20, ge=1, le=200)
    """Pairs of the same label drawn for each record, and as many of different labels."""
    epochs: float = Field(default=1, gt=0, le=100)
    """Passes over the pairs."""
    lr: float = Field(default=2e-5, gt=0, le=1)
    """Peak learning rate of the encoder. The `lr` at the top of the file is then that of the head: 1e-2, say."""

    def effective(self) -> dict[str, Any]:
        """Nothing matters while it is off."""
        return super().effective() if self.enabled else {"enabled": False}


class FinetuneParams(Section):
    """Tune the model. Learning rate, epochs and batch size stand at the top of the file."""

    max_length: int = Field(default=96, ge=8, le=131_072)
    """Tokens of a text that the model sees; longer ones are cut, and the plan counts how many. For question answering
    the size of a window, for chats the whole conversation, for seq2seq the source. Entities are trained on what stands
    before the cut, and looked for behind it, too."""
    stride: int = Field(default=32, ge=0)
    """Question answering and entities: tokens that neighbouring windows over a long text share (at most half)."""
    max_answer_length: int = Field(default=30, ge=1)
    """Question answering: tokens of the longest answer that is considered."""
    max_target_length: int = Field(default=128, ge=1, le=131_072)
    """Seq2seq: tokens of the target that the model learns; longer ones are cut."""
    prefix: str = ""
    """Seq2seq: put before every source text, e.g. `summarize: ` for T5."""
    overflow: Literal["drop", "truncate"] = "drop"
    """Chats longer than `max_length`: leave the record out, or keep its beginning. A cut reply teaches the model to
    stop nowhere."""
    template: Literal["auto", "plain"] = "auto"
    """Chats: `auto` takes the tokenizer's own chat template where it has one; `plain` joins the turns by newlines."""
    loss_over: Literal["tokens", "records"] = "tokens"
    """Chats and seq2seq: whether every token of an answer counts the same, or every record (with privacy always)."""
    new_tokens: list[Name] = Field(default_factory=list)
    """Words to add to the tokenizer's vocabulary, e.g. terms that fall apart (see `terms` in the plan). Their
    embeddings start as the mean of their pieces and are trained."""
    head_only: StrictBool = False
    """Freeze everything but the new head: a probe of what the encoder already knows, and the strong baseline when there
    are few rows. Each text is read once and not in every epoch, as long as what the encoder gives fits into 2 GB."""
    pooling: Literal["first", "mean"] = "first"
    """What the head of a classifier reads: the model's own vector of the first token, or the mean of all tokens, for
    sentence encoders that were trained on it (all-MiniLM, E5, GTE; BERT only)."""
    contrastive: ContrastiveParams = ContrastiveParams()
    """For few labelled rows; see there."""
    source_weights: dict[str, Annotated[float, Field(ge=0, le=1000)]] = Field(default_factory=dict)
    """How much a record of a source counts in the loss, by the source's name; 1 where nothing is said."""
    attribute_weights: str | None = None
    """Name of a source attribute (see `ingest.sources[].attributes`): weigh records so that label and attribute are
    independent in the training split (Kamiran and Calders 2012), which narrows gaps between groups."""
    augment: AugmentParams = AugmentParams()
    """Synthetic training records; see there."""
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
    threads: int | None = Field(default=None, ge=1, le=1024)
    """CPU threads of torch; the same number gives the same bits again. `null` takes all cores."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train; `auto` takes a GPU when there is one."""
    canaries: int = Field(default=0, ge=0, le=10_000)
    """Invented records with random answers: half of them, by coins that nobody sees, are trained on, and the audit
    bounds epsilon from below by telling which. 200 is the least that shows something; each dilutes the data."""
    secrets: int = Field(default=0, ge=0, le=100)
    """Tasks that write text: invented secrets planted 1, 4 and 16 times each, this many of each, and as many never. The
    audit tells how far the model gives them away."""
    lora: LoraParams = LoraParams()
    """Adapters; see there."""

    @model_validator(mode="after")
    def _one_way_to_train(self) -> Self:
        if self.head_only and (self.lora.enabled or self.frozen_layers):
            raise ValueError("head_only already freezes everything else: turn lora.enabled and frozen_layers off")
        if self.contrastive.enabled and not self.head_only:
            raise ValueError(
                "contrastive.enabled trains the encoder first and the head after it: set head_only to true"
            )
        return self

    def effective(self) -> dict[str, Any]:
        """As `Section.effective`, for the nested sections too."""
        nested = {name: getattr(self, name).effective() for name in ("lora", "augment", "contrastive")}
        return {**super().effective(), **nested}


class PrivacyParams(Section):
    """Differential privacy of the training (DP-SGD): a bound on what anyone can learn about one record or subject."""

    enabled: StrictBool = False
    """Train with clipped, noisy gradients. The `batch_size` on top is then the expected size of a random batch: large
    ones (256 and more) lose the least. The stage is not reproducible bit for bit: the noise is never stored."""
    target_epsilon: float = Field(default=8.0, gt=0, le=100)
    """The privacy loss that a run may cost a unit; the noise is chosen for it."""
    max_epsilon: float | None = Field(default=None, gt=0)
    """What all private runs together may cost any subject, by the ledger (`rowtrail budget`); a run that would exceed
    it is refused. `null` sets no limit. Asked whenever a private model is trained; changing it trains none."""
    delta: float | None = Field(default=None, gt=0, lt=1)
    """The chance that epsilon does not hold; `null` takes the smaller of 1e-5 and n^-1.1, where n counts the units. 1/n
    and more is refused: publishing one record in full would satisfy it."""
    unit: Literal["record", "subject"] = "record"
    """Whose presence is hidden: a record's, or a subject's with all rows and their near duplicates. `subject` needs
    sources with a subject."""
    max_rows_per_subject: int | None = Field(default=None, ge=1)
    """Train on at most this many rows of a subject, chosen by hash; the others are left out. With `unit: record` it
    bounds epsilon for a subject, which grows quickly with its rows."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Norm to which each unit's gradient is clipped."""
    accountant: Literal["prv", "rdp"] = "prv"
    """How the loss is added up: numerically (Gopi et al. 2021), or by Renyi orders, which is looser and never fails.
    The Gaussian approximation (`gdp`) is not offered: it reports too little."""
    mode: Literal["hooks", "ghost"] = "hooks"
    """How per-example gradients are made: held one by one, or only their norms at the cost of a second backward pass,
    which saves memory when everything is trained."""
    physical_batch: int = Field(default=16, ge=1)
    """Records held in memory at once; changes memory and speed, not the result."""
    preprocessing: Literal["conditional", "per_record"] = "conditional"
    """What the guarantee is said to cover. `conditional`: the training, on the records as the stages before left them.
    `per_record` claims those stages, too, and is refused while one decides about a record by looking at others."""
    runs: int = Field(default=1, ge=1, le=20)
    """Train this many times with new noise and report how much the validation score varies; the first model is kept,
    and all of them are paid for."""
    test_seed: int | None = None
    """For tests alone: draws noise and samples from this seed, and the certificate says that the run is not private."""

    @field_validator("accountant", mode="before")
    @classmethod
    def _not_gaussian(cls, value: Any) -> Any:
        if value == "gdp":
            raise ValueError("gdp reports too little: it is an approximation, not a bound; take prv or rdp")
        return value

    def effective(self) -> dict[str, Any]:
        """Budgets do not matter while privacy is off; a limit and a place in memory change no model."""
        if not self.enabled:
            return {"enabled": False}
        return {name: value for name, value in super().effective().items() if name not in RUNTIME}


RUNTIME = ("max_epsilon", "physical_batch")
"""Keys of `privacy` that change no result: they are asked for when a stage runs, and another value runs none anew."""


class GenerationParams(Section):
    """How models that write text answer."""

    records: int = Field(default=200, ge=1)
    """Test records that get a written answer, chosen by hash; writing is slow. The loss is taken over all."""
    max_new_tokens: int = Field(default=128, ge=1, le=32_768)
    """Tokens of the longest answer."""
    num_beams: int = Field(default=1, ge=1, le=32)
    """Beams of the search; 1 always takes the likeliest token."""
    samples: int = Field(default=6, ge=0, le=100)
    """Answers shown in the HTML report, from the scrubbed data; 0 shows none."""


class BiasParams(Section):
    """Whether the answer changes when only a person's identity does, and how groups compare."""

    enabled: StrictBool = False
    """Ask the model about pairs that differ in an identity alone, and count how often its answer flips."""
    languages: list[Literal["en", "de", "es", "fr"]] = Field(default=["en"], min_length=1)
    """Languages of the built-in templates."""
    pairs: Name | None = None
    """Pairs of your own, asked instead of the templates: a csv with the columns `first` and `second` (`attribute`,
    `frame`), or WinoBias' two text files by a glob."""
    least: int = Field(default=20, ge=1)
    """Groups with fewer test rows are not compared."""

    def effective(self) -> dict[str, Any]:
        """Nothing matters while it is off, but for the comparison of groups."""
        return super().effective() if self.enabled else {"enabled": False, "least": self.least}


class EvaluateParams(Section):
    """Score on the test split, with intervals, baselines and slices."""

    generation: GenerationParams = GenerationParams()
    """For models that write text; see there."""
    bias: BiasParams = BiasParams()
    """Counterfactual pairs and groups; see there."""
    forgetting: list[Source] = Field(default_factory=list)
    """General data, described like `ingest.sources`, on which base and tuned model are compared: what did tuning
    cost? A model tuned from an earlier run (`run://`) is also scored on that run's test split. Files lie in
    `data/raw`."""
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

    regurgitation: int = Field(default=50, ge=0)
    """Tasks that write text: training records, and as many test records, whose answers the model is asked to go on
    with; 0 does not ask."""

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
