"""How three judges see each record, none of which has learned from its group: what they have in common is little.

`encoder`   a logistic regression on embeddings
`words`     a naive Bayes on TF-IDF of words and word pairs, which knows nothing of what the encoder knows
`votes`     the labels of the nearest records
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stages.core.doubts import Mapper, Vectors

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]

_INVERSE_REGULARISATION = 10.0  # vectors of length one need weights this free
_FLOOR = 1e-6
_NEWTON_LIMIT = 4000
"""Weights up to which Newton steps are taken: their Hessian is the square of this. They end at the optimum, which is
one point; where L-BFGS stops depends, in the sixth digit or so, on how the processor rounds."""
_BLOCK = 512
_SMOOTHING = 0.1
"""Of naive Bayes: a rare class has few words, and adding 1 to each of the many others would drown them."""
_TERMS = 50_000
"""Columns of the word view at most: there is a number for each of them and each class."""


def term_matrix(texts: Iterable[str]) -> Any:
    """TF-IDF of words and word pairs that at least two texts have, sparse, shape (texts, terms); rows of length one."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    pattern = r"(?u)\w+|[^\w\s]+"  # runs of punctuation are terms, too: emoticons
    vectors = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, min_df=2, max_features=_TERMS, token_pattern=pattern
    )
    rows = 0

    def counted() -> Iterator[str]:
        nonlocal rows
        for text in texts:
            rows += 1
            yield text

    try:
        return vectors.fit_transform(counted())
    except ValueError:  # no term stands in two texts
        from scipy.sparse import csr_matrix

        return csr_matrix((rows, 1))


@dataclass(frozen=True)
class Judge:
    """A classifier of rows (vectors or TF-IDF) under given labels; travels to worker processes."""

    rows: Any
    given: Codes
    classes: int
    bayes: bool = False

    def __call__(self, parts: tuple[Mask, Mask]) -> Floats:
        """Probabilities of the asked rows, learned from the known ones; 0 for a class that is not among these."""
        known, asked = parts
        found = np.zeros((int(asked.sum()), self.classes))
        present = np.unique(self.given[known])
        if len(present) < 2 or not asked.any():
            found[:, present] = 1.0
            return found
        with single_threaded(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence: ranks are settled long before the last digits are
            model = self._classifier(len(present)).fit(self._matrix(known), self.given[known])
            found[:, present] = model.predict_proba(self._matrix(asked))
        return found

    def _matrix(self, mask: Mask) -> Any:
        return self.rows[mask] if self.bayes else self.rows[mask].astype(np.float64)

    def _classifier(self, classes: int) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.naive_bayes import MultinomialNB

        if self.bayes:
            return MultinomialNB(alpha=_SMOOTHING, fit_prior=False)
        newton = self.rows.shape[1] * classes <= _NEWTON_LIMIT
        solver = {"solver": "newton-cholesky", "tol": 1e-8} if newton else {"solver": "lbfgs", "tol": 1e-4}
        return LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=200, **solver)


def out_of_fold(judge: Judge, folds: Codes, trusted: Mask, run: Mapper = map) -> Floats:
    """Probability of each class, learned from the trusted records of the other folds; rows sum to 1, none is 0."""
    parts = [((folds != fold) & trusted, folds == fold) for fold in np.unique(folds)]
    found = np.zeros((len(folds), judge.classes))
    for (_, asked), shares in zip(parts, run(judge, parts), strict=True):
        found[asked] = shares
    return normalised(found)


def normalised(shares: Floats) -> Floats:
    """Shares without a zero, each row summing to 1."""
    clipped = np.clip(shares, _FLOOR, 1.0)
    found: Floats = clipped / clipped.sum(axis=1, keepdims=True)
    return found


def nearest(vectors: Vectors, groups: Codes, count: int, run: Mapper = map) -> Codes:
    """Positions of the nearest records by cosine, nearest first, shape (records, count); those of the own group do not
    count, and -1 fills up where there are not enough others.

    Equally near records are taken in their order. Exact, so the time grows with the square of the records: `run`
    spreads it over the workers.
    """
    found = np.full((len(vectors), count), -1, dtype=np.int64)
    starts = range(0, len(vectors), _BLOCK)
    spread = run if len(starts) > 1 else map
    for start, near in zip(starts, spread(_Near(vectors, groups, count), starts), strict=True):
        found[start : start + len(near)] = near
    return found


@dataclass(frozen=True)
class _Near:
    """The nearest records of a block of them; travels to worker processes."""

    vectors: Vectors
    groups: Codes
    count: int

    def __call__(self, start: int) -> Codes:
        rows = np.arange(start, min(start + _BLOCK, len(self.vectors)))
        found = np.full((len(rows), self.count), -1, dtype=np.int64)
        with single_threaded():
            likeness = np.round(self.vectors[rows] @ self.vectors.T, 5)
        likeness[self.groups[rows][:, None] == self.groups[None, :]] = -np.inf
        for place, near in zip(found, _largest(likeness, self.count), strict=True):
            place[: len(near)] = near
        return found


def _largest(likeness: NDArray[np.float32], count: int) -> Iterator[Codes]:
    """Positions of the largest values of each row, at most `count`, never those of minus infinity."""
    for row in likeness:
        candidates = np.flatnonzero(row > -np.inf)
        if len(candidates) > count:
            least = np.partition(row[candidates], len(candidates) - count)[len(candidates) - count]
            candidates = candidates[row[candidates] >= least]
        yield candidates[np.argsort(-row[candidates], kind="stable")[:count]]


def votes(near: Codes, given: Codes, classes: int, neighbours: int, trusted: Mask) -> Floats:
    """Share of the votes for each class among the first `neighbours` trusted records of `near`; 0 without any."""
    counts = (near >= 0) & trusted[near]
    counts &= counts.cumsum(axis=1) <= neighbours
    rows, places = np.nonzero(counts)
    found = np.zeros((len(near), classes))
    np.add.at(found, (rows, given[near[rows, places]]), 1.0)
    total = found.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(found, total, out=found, where=total > 0)
    return shares


def single_threaded() -> Any:
    """Linear algebra on one thread: the number of cores must not change the order of a sum."""
    import sklearn.linear_model  # noqa: F401 - only libraries that are loaded can be limited, and scipy brings its own
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)
