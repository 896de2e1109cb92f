"""Answers by looking them up: what was said to the most similar question."""

from __future__ import annotations

from collections.abc import Sequence

_AT_ONCE = 256


def nearest(known: Sequence[str], asked: Sequence[str]) -> list[int]:
    """For each asked text the position of the most similar known one; the first of equally similar ones.

    Cosine of TF-IDF over words. Raises ValueError when nothing is known.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not known:
        raise ValueError("nothing is known")
    words = r"(?u)\w+"
    vectors = TfidfVectorizer(sublinear_tf=True, token_pattern=words)
    try:
        texts = vectors.fit_transform(known)
    except ValueError:  # no word at all: nothing is similar
        return [0] * len(asked)
    found: list[int] = []
    for start in range(0, len(asked), _AT_ONCE):
        similar = vectors.transform(asked[start : start + _AT_ONCE]) @ texts.T
        found += similar.toarray().argmax(axis=1).tolist()
    return found
