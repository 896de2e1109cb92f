"""All that a document in Markdown can draw on."""

from __future__ import annotations

from dataclasses import dataclass

from stages.methods.document.facts import Facts
from stages.methods.document.figures import Figures, Recorded


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the stages recorded, the report's figures, and the rest."""

    recorded: Recorded
    figures: Figures
    facts: Facts
