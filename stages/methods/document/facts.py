"""What the documents are made from, beside the manifests, reports and figures that the page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.core.records import Schema
from stages.core.tables import records_schema
from stages.methods.document.cards.groups import GroupCount


@dataclass(frozen=True, slots=True)
class Facts:
    """Anything but the title may be empty; the documents then say that it was not recorded, or leave it out."""

    title: str
    """Name of the data set and the model, `document.title`."""
    task: str = ""
    statements: Mapping[str, str | None] = field(default_factory=dict)
    """What only people know: the other keys of `document`; None where nobody has said it."""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """`plan.json` of `plan`."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """`training.json` of `finetune`."""
    schema: Schema = field(default_factory=lambda: Schema(()))
    """The task's own columns."""
    groups: Sequence[GroupCount] = ()
    """How often the stages changed or dropped records, by group; see `cards.groups.counted`."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of the libraries that can change a result."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """All libraries at the versions that the project pins; see `standards.facts.pinned`."""
    model_config: Mapping[str, Any] = field(default_factory=dict)
    """`model/config.json` of `finetune`."""
    records_size: int | None = None
    """Bytes of `records.parquet` of `split`."""
    records_url: str = "../split/records.parquet"
    """Where that file lies, seen from the folder that the documents are written into."""
    writes: bool = False
    """Whether the model writes its answers, as against choosing them."""

    @property
    def columns(self) -> dict[str, str]:
        """Types by name of the columns of `records.parquet`."""
        return {column.name: str(column.type) for column in records_schema(self.schema)}
