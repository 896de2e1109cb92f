"""All documents of the stage `document` that are made for machines."""

from __future__ import annotations

from stages.methods.document.documents import CROISSANT, ML_BOM
from stages.methods.document.facts import Facts
from stages.methods.document.figures import Recorded
from stages.methods.document.standards.croissant import croissant
from stages.methods.document.standards.ml_bom import ml_bom


def standards(recorded: Recorded, facts: Facts) -> dict[str, str]:
    """Text by file name. A document whose subject was not given (no data set, no model) is left out."""
    made = {CROISSANT.file: croissant(recorded, facts), ML_BOM.file: ml_bom(recorded, facts)}
    return {name: text for name, text in made.items() if text is not None}
