"""The documents that stand beside the report, in the order in which they are listed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One of the documents: what it is, and for whom."""

    file: str
    title: str
    purpose: str
    sentence: str


CARDS = (
    Document(
        "model_card.md",
        "Model card",
        "for whoever uses the model",
        "What the model is, how it was made, what it scored with intervals, and where it must not be trusted.",
    ),
    Document(
        "dataset_card.md",
        "Data set card",
        "for whoever uses the data",
        "What is in the cleaned, scrubbed and split data, what was removed from it, and why.",
    ),
    Document(
        "datasheet.md",
        "Datasheet",
        "for whoever judges the data",
        "The questions of Datasheets for Datasets (Gebru et al., 2021), each with evidence or a mark for a person.",
    ),
    Document(
        "record_of_processing.md",
        "Record of processing",
        "for the data protection officer",
        "Questions of GDPR Articles 5, 6, 9, 17, 30 and 35, each with the evidence and the command that shows it.",
    ),
    Document(
        "technical_documentation.md",
        "Technical documentation",
        "for whoever assesses conformity",
        "The points of EU AI Act Annex IV and Article 10: what evidence there is, and what a person must write.",
    ),
)
"""Written in Markdown, for people."""
CROISSANT = Document(
    "croissant.json",
    "Croissant",
    "for data catalogues",
    "The data set in Croissant 1.0 with the RAI fields: files, columns, how it was collected and changed.",
)
ML_BOM = Document(
    "ml_bom.cdx.json",
    "Bill of materials",
    "for supply-chain tools",
    "Model, base model, data and packages with their digests, in CycloneDX 1.6.",
)
DOCUMENTS = (*CARDS, CROISSANT, ML_BOM)
