"""Which words are probably tagged wrong, by two judges that have not seen the record's group.

`encoder`   a logistic regression on the vectors of the word and of its neighbours (see `word_vectors`)
`features`  a logistic regression on what the word looks like (see `word_features`)

Both say of each word which type it has, if any. Tags say where a span begins, too, but judges that learn to tell B from
I find no more errors and take twice the time.

How far what they say speaks against a given tag is weighed by `noise_model`. A second round, without the words that the
first one doubts, finds no more.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stages.core.doubts import Mapper
from stages.core.records import Span
from stages.methods.check_labels.embeddings import SCALE
from stages.methods.check_labels.folds import Apart
from stages.methods.check_labels.noise_model import chances
from stages.methods.check_labels.spans.word_vectors import WordVectors
from stages.methods.check_labels.views import Codes, Floats, Mask, normalised, single_threaded
from stages.methods.finetune.alignment import OUTSIDE, Bounds, tags_of
from stages.methods.split.splitting import draw

THRESHOLD = 0.7
"""Words whose chance to be right is below this are doubted, if both judges would have tagged them otherwise. Measured
on WNUT17 (see docs/benchmarks.md)."""
_VECTORS, _FEATURES = 10.0, 1.0
"""Inverse strength of the regularisation (scikit-learn's C) of each judge, of a few tried on WNUT17. Three times as
much changes the average precision by 0.02 at most."""
_MOST = 40_000
"""Words of each side, in spans and outside, that a judge learns from at most: time and memory grow with them."""
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Tagged:
    """Texts with spans, word by word: arrays go over the words of all texts, `starts` says where each text's begin.

    `types` are those that can be judged. `given` is 0 for a word outside of spans, else 1 and up by type, -1 for a type
    that cannot be judged; `owners` is the place of the word's span among its text's, or -1. `lots` are numbers in
    [0, 1): where there are too many words to learn from, those with the lowest are taken; 1 if nothing may be learned.
    """

    types: tuple[str, ...]
    bounds: Sequence[Sequence[Bounds]]
    spans: Sequence[Sequence[Span]]
    starts: Codes
    given: Codes
    owners: Codes
    folds: Codes
    lots: Floats
    vectors: WordVectors
    features: Any

    def under(self, spans: Sequence[Sequence[Span]]) -> Tagged:
        """The same texts with other spans."""
        given, owners = _coded(spans, self.bounds, self.types)
        return replace(self, spans=spans, given=given, owners=owners)

    def words(self, text: int) -> slice:
        """Where the words of a text are."""
        return slice(int(self.starts[text]), int(self.starts[text + 1]))


@dataclass(frozen=True, slots=True)
class Judged:
    """`chances` of each type, shape (words, 1 + types), now that one is given; `right` is that of the given one.

    A word is doubted if that is low, and neither judge by itself would have tagged it so.
    """

    chances: Floats
    right: Floats
    doubted: Mask


@dataclass(frozen=True)
class _Beside:
    """Vectors of words, each with the mean of its two neighbours' in the text, as a matrix that is made on demand."""

    vectors: WordVectors
    first: Mask
    last: Mask

    def __getitem__(self, places: Codes) -> Floats:
        before = np.where(self.first[places, None], 0, self.vectors[places - 1])
        after = np.where(self.last[places, None], 0, self.vectors[(places + 1) % len(self.vectors)])
        around = (before.astype(np.float64) + after) / 2
        found: Floats = np.hstack([self.vectors[places], around]) / SCALE
        return found


@dataclass(frozen=True)
class _Tagger:
    """A judge of words; travels to worker processes."""

    rows: Any
    given: Codes
    weights: Floats
    classes: int
    inverse_regularisation: float

    def __call__(self, parts: tuple[Mask, Mask]) -> Floats:
        """Probabilities of the types of the asked words, learned from the known ones that have a weight."""
        from sklearn.linear_model import LogisticRegression

        known, asked = np.flatnonzero(parts[0] & (self.weights > 0)), np.flatnonzero(parts[1])
        found = np.zeros((len(asked), self.classes))
        present = np.unique(self.given[known])
        if len(present) < 2:
            found[:, present] = 1.0
            return found
        with single_threaded(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence: ranks are settled long before the last digits are
            model = LogisticRegression(C=self.inverse_regularisation, max_iter=300, tol=1e-3)
            model.fit(self.rows[known], self.given[known], sample_weight=self.weights[known])
            for start in range(0, len(asked), _BLOCK):
                some = slice(start, start + _BLOCK)
                found[some, present] = model.predict_proba(self.rows[asked[some]])
        return found


def tagged(
    types: tuple[str, ...],
    bounds: Sequence[Sequence[Bounds]],
    spans: Sequence[Sequence[Span]],
    apart: Apart,
    seen: tuple[WordVectors, Any],
) -> Tagged:
    """Texts by their words' bounds and their spans, how they are kept apart, and vectors and features by word."""
    lengths = [len(own) for own in bounds]
    given, owners = _coded(spans, bounds, types)
    # By a hash of the key alone: which words teach need not change with the seed.
    lots = np.where(apart.teaches, [draw(0, key, "label_words") for key in apart.keys], 1.0)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    by_word = np.repeat(apart.folds, lengths), np.repeat(lots, lengths)
    return Tagged(types, bounds, spans, starts, given, owners, *by_word, *seen)


def judge(texts: Tagged, run: Mapper = map) -> Judged:
    """What both judges think of each word, learned from the texts of the other folds."""
    features = _out_of_fold(texts, texts.features, _FEATURES, run)
    return judged(encoder_alone(texts, run), features, texts.given, texts.lots < 1)


def encoder_alone(texts: Tagged, run: Mapper = map) -> Floats:
    """The probabilities of the judge that sees the vectors."""
    first, last = np.zeros((2, len(texts.given)), dtype=np.bool_)
    filled = texts.starts[:-1][np.diff(texts.starts) > 0]
    first[filled] = last[np.append(filled[1:], len(last)) - 1] = True
    return _out_of_fold(texts, _Beside(texts.vectors, first, last), _VECTORS, run)


def judged(encoder: Floats, features: Floats, given: Codes, teaches: Mask) -> Judged:
    """The chance of each tag from the probabilities of both judges, and which tags are doubted."""
    rows, code = np.arange(len(given)), np.maximum(given, 0)
    found = chances((encoder + features) / 2, given, teaches)
    right = np.where(given < 0, 1.0, found[rows, code])
    others = (encoder.argmax(axis=1) != code) & (features.argmax(axis=1) != code)
    return Judged(found, right, (right < THRESHOLD) & others)


def _out_of_fold(texts: Tagged, rows: Any, inverse_regularisation: float, run: Mapper) -> Floats:
    """Probabilities of the types of each word; rows sum to 1, no value is 0."""
    classes = 1 + len(texts.types)
    tagger = _Tagger(rows, texts.given, _weights(texts), classes, inverse_regularisation)
    parts = [(texts.folds != fold, texts.folds == fold) for fold in np.unique(texts.folds)]
    found = np.zeros((len(texts.given), classes))
    for (_, asked), shares in zip(parts, run(tagger, parts), strict=True):
        found[asked] = shares
    return normalised(found)


def _weights(texts: Tagged) -> Floats:
    """One for each word of a judged type or outside; of a side with too many words, some stand for the others."""
    weights = np.zeros(len(texts.given))
    for side in (texts.given > 0, texts.given == 0):
        share = min(1.0, _MOST / max(int((side & (texts.lots < 1)).sum()), 1))
        weights[side & (texts.lots < share)] = 1 / share
    return weights


def _coded(
    spans: Sequence[Sequence[Span]], bounds: Sequence[Sequence[Bounds]], types: Sequence[str]
) -> tuple[Codes, Codes]:
    """The code of each word's type, and the place of its span."""
    codes = {name: code for code, name in enumerate(types, 1)}
    given, owners = list[int](), list[int]()
    for own, some in zip(spans, bounds, strict=True):
        numbered = [replace(span, label=str(place)) for place, span in enumerate(own)]
        for tag in tags_of(numbered, some):
            place = -1 if tag == OUTSIDE else int(tag[2:])
            owners.append(place)
            given.append(0 if place < 0 else codes.get(own[place].label, -1))
    return np.array(given, dtype=np.int64), np.array(owners, dtype=np.int64)
