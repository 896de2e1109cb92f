"""Which labels are probably wrong: confident learning on out-of-fold probabilities, and the vote of the neighbours.

There are two views of a record, neither of which has seen its group: the probabilities of a logistic regression, and
the votes of the nearest neighbours. A label becomes a suspect when cleanlab's filter (Northcutt, Jiang and Chuang 2021)
doubts it on the mean of both, and the neighbours by themselves prefer another. Suspects are ranked by the normalized
margin of the mean.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.methods.check_labels.embeddings import Vectors

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]

_INVERSE_REGULARISATION = 10.0  # vectors of length one need weights this free
_FLOOR = 1e-6
_NEWTON_LIMIT = 4000
"""Weights up to which Newton steps are taken: their Hessian is the square of this. They end at the optimum, which is
one point; where L-BFGS stops depends, in the sixth digit or so, on how the processor rounds."""
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Views:
    """What both views say of each record. `classes` are in lexicographic order, as cleanlab wants its columns."""

    classes: list[str]
    given: Codes
    probabilities: Floats  # (records, classes), out of fold
    votes: Floats  # (records, classes), shares of the neighbours' votes

    def mean(self) -> Floats:
        """The mean of both, no value 0, rows summing to 1: what the filter and the ranking work on."""
        clipped = np.clip((self.probabilities + self.votes) / 2, _FLOOR, 1.0)
        shares: Floats = clipped / clipped.sum(axis=1, keepdims=True)
        return shares


@dataclass(frozen=True, slots=True)
class Doubts:
    """One value a record: is it a suspect, and why. `suggested` indexes the classes; a low margin is a high doubt."""

    suspect: NDArray[np.bool_]
    suggested: Codes
    margin: Floats
    self_confidence: Floats
    agreement: Floats


def deal_folds(labels: Sequence[str], keys: Sequence[str], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each record, by its group's key; -1 for the records of classes with fewer groups than folds.

    A group belongs to the first of its labels. The groups of a class are dealt out in turn, in the order of a hash, so
    that each fold holds each class. A class with fewer groups would be missing from a training fold, and its records
    could only be found wrong: they are set aside.
    """
    first: dict[str, str] = {}
    for label, key in zip(labels, keys, strict=True):
        first[key] = min(label, first.get(key, label))
    groups: dict[str, list[str]] = {}
    for key in sorted(first, key=lambda key: hashlib.sha256(f"{seed}:check_labels:{key}".encode()).digest()):
        groups.setdefault(first[key], []).append(key)
    fold = {key: place % folds for some in groups.values() for place, key in enumerate(some)}
    enough = {label for label, some in groups.items() if len(some) >= folds}
    return np.array([fold[key] if label in enough else -1 for label, key in zip(labels, keys, strict=True)])


def look(vectors: Vectors, labels: Sequence[str], keys: Sequence[str], folds: Codes, neighbours: int) -> Views:
    """Both views of records with at least two classes; see `out_of_fold` and `neighbour_votes`."""
    classes, given = np.unique(np.array(labels), return_inverse=True)
    _, groups = np.unique(np.array(keys), return_inverse=True)
    with single_threaded():
        probabilities = out_of_fold(vectors, given, folds)
        votes = neighbour_votes(vectors, given, groups, neighbours)
    return Views([str(name) for name in classes], given, probabilities, votes)


def out_of_fold(vectors: Vectors, given: Codes, folds: Codes) -> Floats:
    """Probability of each class by logistic regression on the other folds, shape (records, classes), rows sum to 1.

    A class that a training fold lacks gets the probability 1e-6 there.
    """
    found = np.zeros((len(given), int(given.max()) + 1))
    for fold in np.unique(folds):
        found[folds == fold] = fitted(vectors, given, folds != fold, folds == fold)
    clipped = np.clip(found, _FLOOR, 1.0)
    shares: Floats = clipped / clipped.sum(axis=1, keepdims=True)
    return shares


def fitted(vectors: Vectors, given: Codes, known: NDArray[np.bool_], asked: NDArray[np.bool_]) -> Floats:
    """Probabilities for the asked rows by logistic regression on the known ones; 0 for classes not among these."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    found = np.zeros((int(asked.sum()), int(given.max()) + 1))
    classes = np.unique(given[known])
    if len(classes) < 2:
        found[:, classes] = 1.0
        return found
    newton = vectors.shape[1] * len(classes) <= _NEWTON_LIMIT
    solver = {"solver": "newton-cholesky", "tol": 1e-8} if newton else {"solver": "lbfgs", "tol": 1e-4}
    model = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=200, **solver)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ranks are settled long before the last digits are
        model.fit(vectors[known].astype(np.float64), given[known])
    found[:, classes] = model.predict_proba(vectors[asked].astype(np.float64)) if asked.any() else 0.0
    return found


def neighbour_votes(vectors: Vectors, given: Codes, groups: Codes, neighbours: int) -> Floats:
    """Share of the votes for each class among the nearest records by cosine, those of the own group left out.

    Equally near records are taken in their order. Exact, so the time grows with the square of the records.
    """
    votes = np.zeros((len(given), int(given.max()) + 1))
    for start in range(0, len(given), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(given)))
        likeness = np.round(vectors[rows] @ vectors.T, 5)
        likeness[groups[rows][:, None] == groups[None, :]] = -np.inf
        for row, near in zip(rows, _nearest(likeness, neighbours), strict=True):
            np.add.at(votes[row], given[near], 1.0)
    total = votes.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(votes, total, out=votes, where=total > 0)
    return shares


def _nearest(likeness: NDArray[np.float32], count: int) -> Iterator[Codes]:
    """Positions of the largest values of each row, at most `count`, never those of minus infinity."""
    for row in likeness:
        candidates = np.flatnonzero(row > -np.inf)
        if len(candidates) > count:
            least = np.partition(row[candidates], len(candidates) - count)[len(candidates) - count]
            candidates = candidates[row[candidates] >= least]
        yield candidates[np.argsort(-row[candidates], kind="stable")[:count]]


def doubt(views: Views) -> Doubts:
    """Join both views. Other classes must have more votes than the given one before the neighbours disagree."""
    from cleanlab.filter import find_label_issues

    rows = np.arange(len(views.given))
    mean = views.mean()
    filtered = find_label_issues(views.given, mean, filter_by="prune_by_noise_rate", n_jobs=1)
    disagree = views.votes.max(axis=1) > views.votes[rows, views.given]
    others = mean.copy()
    others[rows, views.given] = -1.0
    return Doubts(
        suspect=filtered & disagree,
        suggested=others.argmax(axis=1),
        margin=normalized_margin(mean, views.given),
        self_confidence=views.probabilities[rows, views.given],
        agreement=views.votes[rows, views.given],
    )


def normalized_margin(shares: Floats, given: Codes) -> Floats:
    """(share of the given class - largest share of another class + 1) / 2: 0 is surely wrong, 1 is surely right."""
    rows = np.arange(len(given))
    others = shares.copy()
    others[rows, given] = -np.inf
    margins: Floats = (shares[rows, given] - others.max(axis=1) + 1) / 2
    return margins


def single_threaded() -> Any:
    """Linear algebra on one thread: the number of cores must not change the order of a sum."""
    import sklearn.linear_model  # noqa: F401 - only libraries that are loaded can be limited, and scipy brings its own
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)
