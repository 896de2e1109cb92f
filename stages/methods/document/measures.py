"""The scores of all kinds of models as people know them: their names, their units, and which way is better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stages.methods.document.wording import words

_NO_MEASURE = ("low", "high", "rows", "loss")


@dataclass(frozen=True, slots=True)
class Measure:
    """How a score is shown: `scale` is what its value is multiplied by, 100 for shares. `less` is better for some."""

    title: str
    scale: float = 100.0
    less: bool = False
    digits: int = 1
    unit: str = "%"

    @property
    def heading(self) -> str:
        """The title with the unit: `Accuracy, %`."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    @property
    def within(self) -> str:
        """The title within a sentence: `accuracy`, but `ROUGE-L`."""
        return self.title[0].lower() + self.title[1:] if self.title[1:2].islower() else self.title

    def told(self, value: float) -> str:
        """A value without its unit: `80.9`."""
        return f"{self.scale * value:,.{self.digits}f}"


MEASURES = {
    "accuracy": Measure("Accuracy"),
    "ece": Measure("ECE", less=True),
    "f1": Measure("F1"),
    "record_f1": Measure("F1 of a record"),
    "seqeval_f1": Measure("F1 of whole words"),
    "jaccard": Measure("Jaccard index of the labels"),
    "hamming_loss": Measure("Hamming loss", less=True),
    "no_answer_accuracy": Measure("Right where there is no answer"),
    "answerable_f1": Measure("F1 where there is an answer"),
    "rouge_l": Measure("ROUGE-L"),
    "rouge_1": Measure("ROUGE-1"),
    "rouge_2": Measure("ROUGE-2"),
    "chrf": Measure("chrF", 1.0, unit=""),
    "bleu": Measure("BLEU", 1.0, unit=""),
    "perplexity": Measure("Perplexity", 1.0, less=True, digits=2, unit=""),
    "loss": Measure("Loss", 1.0, less=True, digits=3, unit="nats"),
}
"""By the name in the report of `evaluate`; others are shares, and more is better."""
HEADLINES = ("accuracy", "micro_f1", "f1", "rouge_l", "macro_f1", "perplexity", "chrf", "exact_match")
"""The scores that tell most about a model, the first ones first; a kind of model has some of them."""


def measure(name: str) -> Measure:
    """How a score is shown, whatever its name: `macro_f1` is `Macro F1`."""
    if name in MEASURES:
        return MEASURES[name]
    told = words(name)
    return Measure(told.upper() if len(told) <= 3 else f"{told[0].upper()}{told[1:]}".replace(" f1", " F1"))


def headlines(names: Iterable[str], most: int = 3) -> list[str]:
    """The scores to show first, of those that a report has."""
    there = set(names)
    return [name for name in HEADLINES if name in there][:most]


def quality_of(report: Mapping[str, Any]) -> str | None:
    """What the report of `evaluate` calls the quality of an answer (`Scores.measure`); None where it does not say."""
    fit = report.get("fit") or {}
    names = [name.removeprefix("test_") for name in fit if name.startswith("test_")]
    names += [name for entry in (report.get("slices") or {}).values() for name in entry if f"{name}_low" in entry]
    return next((name for name in names if name not in _NO_MEASURE), None)
