"""Which labels are probably wrong where a record may have any number: given but doubted, or missing but expected.

Each label is judged by itself, yes or no, by two judges that have not seen the record's group (see `views`): a logistic
regression on embeddings, and a naive Bayes on words, its odds weighed by how common the label is. What they say is
weighed against what was given by `noise_model`. Votes of the nearest records are not asked: texts are near for what
they have in common altogether, so that neighbours say little of one label among several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stages.core.doubts import Mapper, Vectors
from stages.methods.check_labels.folds import Apart
from stages.methods.check_labels.noise_model import chances
from stages.methods.check_labels.views import Codes, Floats, Judge, Mask, normalised, out_of_fold

THRESHOLD = 0.8
"""Labels whose chance to be right is below this are doubted. Measured (see docs/benchmarks.md)."""


@dataclass(frozen=True, slots=True)
class LabelSets:
    """Records and their labels: `given` is 1 for each of `labels` that a record has, else 0, shape (records, labels).

    `labels` are those that can be judged. What does not teach is judged, and nothing is learned from it.
    """

    labels: tuple[str, ...]
    given: Codes
    folds: Codes
    teaches: Mask
    vectors: Vectors
    terms: Any

    def under(self, given: Codes) -> LabelSets:
        """The same records under other labels."""
        return replace(self, given=given)


@dataclass(frozen=True, slots=True)
class Judged:
    """For each record and label the chance that its yes or no is right, and whether it is doubted."""

    right: Floats
    doubted: Mask


@dataclass(frozen=True)
class _LabelJudge:
    """Both judges of one label; travels to worker processes."""

    folds: Codes
    teaches: Mask
    vectors: Vectors
    terms: Any

    def __call__(self, given: Codes) -> tuple[Floats, Mask]:
        """The chance of each record's yes or no to be right, and whether it is doubted."""
        encoder = out_of_fold(Judge(self.vectors, given, 2), self.folds, self.teaches)
        even = out_of_fold(Judge(self.terms, given, 2, bayes=True), self.folds, self.teaches)
        share = given[self.teaches].mean()
        words = normalised(even * [1 - share, share])
        right = chances((encoder + words) / 2, given, self.teaches)[np.arange(len(given)), given]
        return right, right < THRESHOLD


def label_sets(
    sets: Sequence[Sequence[str]], labels: tuple[str, ...], apart: Apart, vectors: Vectors, terms: Any
) -> LabelSets:
    """Records by their labels; those that are not among `labels` are left out."""
    given = np.array([[int(label in own) for label in labels] for own in sets], dtype=np.int64)
    return LabelSets(labels, given.reshape(len(sets), len(labels)), apart.folds, apart.teaches, vectors, terms)


def judge(records: LabelSets, run: Mapper = map) -> Judged:
    """What the judges think of each label of each record."""
    work = _LabelJudge(records.folds, records.teaches, records.vectors, records.terms)
    columns = list(run(work, list(records.given.T)))
    return Judged(np.stack([right for right, _ in columns], axis=1), np.stack([one for _, one in columns], axis=1))
