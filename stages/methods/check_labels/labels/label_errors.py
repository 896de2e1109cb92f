"""Which labels are probably wrong, by three judges that have not seen the record's group (see `views`).

It is done twice. What cleanlab's filter (Northcutt, Jiang and Chuang 2021) doubts on the mean of the judges, and the
neighbours by themselves doubt as well, teaches nobody in the second round: judges that learned from wrong labels are
unsure exactly where labels are wrong. Records are then ranked by one score.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from io import BytesIO
from typing import Any

import numpy as np

from stages.core.cache import Cache
from stages.core.doubts import Mapper, Vectors
from stages.methods.check_labels.folds import Apart
from stages.methods.check_labels.views import Codes, Floats, Judge, Mask, nearest, normalised, out_of_fold, votes

THRESHOLD = 0.36
"""Scores below make a suspect. Measured (see docs/benchmarks.md): it holds for labels wrong by chance and for labels
that are easily confused, which need other thresholds of the margin alone."""
_SUPPORT = 0.1
"""Weight of the given label's support, in decades, beside the margin. A label wrong by chance has no support at all; a
confused one has some, and only another has more."""
_LEAST = 1e-3
_METHOD = 1
"""Goes up with each change of what is computed, so that no older result is taken from a cache."""
_SPARE = 4  # neighbours looked up for each that votes, so that enough are left without the distrusted


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labelled records as the judges take them: `vectors` and TF-IDF `terms` go by record, `near` by position.

    `classes` are in lexicographic order, as cleanlab wants its columns; `given` indexes them. What does not teach is
    judged, and nothing is learned from it.
    """

    classes: list[str]
    given: Codes
    folds: Codes
    vectors: Vectors
    terms: Any
    near: Codes
    neighbours: int
    teaches: Mask

    def under(self, given: Codes) -> Labelled:
        """The same records under other labels."""
        return replace(self, given=given)

    def digest(self) -> str:
        """Changes with whatever changes a judgement: 64 hex digits."""
        terms = self.terms.tocsr()
        parts = (self.given, self.folds, self.vectors, terms.data, terms.indices, terms.indptr, self.near, self.teaches)
        found = hashlib.sha256(f"{_METHOD} {self.neighbours} {len(self.classes)}".encode())
        for part in parts:
            found.update(hashlib.sha256(np.ascontiguousarray(part).tobytes()).digest())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Views:
    """What each judge says of each record, shape (records, classes)."""

    encoder: Floats
    words: Floats
    votes: Floats

    def mean(self) -> Floats:
        """The mean of the three, no value 0, rows summing to 1."""
        return normalised((self.encoder + self.words + self.votes) / 3)


@dataclass(frozen=True, slots=True)
class Judged:
    """One value a record: is it a suspect, and why. `suggested` indexes the classes; a low score is a high doubt."""

    suspect: Mask
    suggested: Codes
    score: Floats
    margin: Floats
    self_confidence: Floats
    agreement: Floats


def labelled(
    labels: Sequence[str], apart: Apart, vectors: Vectors, terms: Any, neighbours: int, run: Mapper = map
) -> Labelled:
    """Records with their labels, and what is known of them otherwise."""
    classes, given = np.unique(np.array(labels), return_inverse=True)
    _, groups = np.unique(np.array(apart.keys), return_inverse=True)
    near = nearest(vectors, groups, _SPARE * neighbours, run)
    names = [str(name) for name in classes]
    return Labelled(names, given, apart.folds, vectors, terms, near, neighbours, apart.teaches)


def judge(records: Labelled, run: Mapper = map, cache: Cache | None = None) -> Judged:
    """Both rounds, or what the cache holds of the same records. At least two classes must be there."""
    name = records.digest()
    if cache is not None and (known := cache.get([name])):
        return _unpacked(known[name])
    first = look(records, records.teaches, run)
    found = judged(look(records, trusted(records, first), run), records.given)
    if cache is not None:
        cache.put({name: _packed(found)})
    return found


def _packed(found: Judged) -> bytes:
    """As numpy's own format, which holds arrays and nothing that could run."""
    out = BytesIO()
    arrays: dict[str, Any] = {one.name: getattr(found, one.name) for one in fields(found)}
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _unpacked(packed: bytes) -> Judged:
    with np.load(BytesIO(packed), allow_pickle=False) as arrays:
        return Judged(**{name: arrays[name] for name in arrays.files})


def look(records: Labelled, trusted: Mask, run: Mapper = map) -> Views:
    """The three views, learned from trusted records only."""
    given, classes = records.given, len(records.classes)
    encoder = out_of_fold(Judge(records.vectors, given, classes), records.folds, trusted, run)
    words = out_of_fold(Judge(records.terms, given, classes, bayes=True), records.folds, trusted, run)
    return Views(encoder, words, votes(records.near, given, classes, records.neighbours, trusted))


def trusted(records: Labelled, views: Views) -> Mask:
    """What teaches and is not doubted by both cleanlab's filter and the neighbours; of each class at least half."""
    from cleanlab.filter import find_label_issues

    teaches, given, classes = records.teaches, records.given, len(records.classes)
    doubted = disagreement(views.votes, given) & teaches
    doubted[teaches] &= find_label_issues(
        given[teaches], views.mean()[teaches], filter_by="prune_by_noise_rate", n_jobs=1
    )
    doubts = np.bincount(given[doubted], minlength=classes)
    share = doubts / np.maximum(1, np.bincount(given[teaches], minlength=classes))
    found: Mask = teaches & ~(doubted & (share[given] <= 0.5))
    return found


def disagreement(votes: Floats, given: Codes) -> Mask:
    """Where another class has more votes than the given one."""
    found: Mask = votes.max(axis=1) > votes[np.arange(len(given)), given]
    return found


def judged(views: Views, given: Codes) -> Judged:
    """Scores, suspects and suggestions from the views."""
    rows = np.arange(len(given))
    mean = views.mean()
    others = mean.copy()
    others[rows, given] = -1.0
    margin = (mean[rows, given] - others.max(axis=1) + 1) / 2  # cleanlab's normalized margin
    support = np.log10(mean[rows, given] + _LEAST) / -np.log10(_LEAST)  # -1: none, 0: all
    weight = -_SUPPORT * np.log10(_LEAST)
    score = (margin + weight * (support + 1)) / (1 + weight)
    return Judged(
        suspect=(score < THRESHOLD) & disagreement(views.votes, given),
        suggested=others.argmax(axis=1),
        score=score,
        margin=margin,
        self_confidence=views.encoder[rows, given],
        agreement=views.votes[rows, given],
    )
