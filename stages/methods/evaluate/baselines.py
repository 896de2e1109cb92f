"""What one gets without a pretrained model: the floor that a tuned model must beat to be worth its cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any


def majority(labels: Sequence[str], count: int) -> list[dict[str, float]]:
    """The classes' shares in the training labels, the same for each of `count` texts; the commonest class wins."""
    shares = {label: n / len(labels) for label, n in sorted(Counter(labels).items())}
    return [shares] * count


def tfidf_logistic(
    texts: Sequence[str], labels: Sequence[str], asked: Sequence[str], seed: int
) -> list[dict[str, float]]:
    """Probability of each class for each asked text: TF-IDF of words and word pairs, L2 logistic regression (C = 1).

    Sublinear term counts; runs of punctuation are terms too (emoticons); from 100 texts on a term must occur in two.
    """
    return tfidf_logistics(texts, {"": labels}, asked, seed)[""]


def tfidf_logistics(
    texts: Sequence[str], labellings: Mapping[str, Sequence[str]], asked: Sequence[str], seed: int
) -> dict[str, list[dict[str, float]]]:
    """`tfidf_logistic` for each of several labellings of the same texts, whose terms, most of the work, they share."""
    terms = _terms(texts, asked)
    return {name: _logistic(terms, labels, len(asked), seed) for name, labels in labellings.items()}


def _terms(texts: Sequence[str], asked: Sequence[str]) -> tuple[Any, Any] | None:
    """Both as rows of TF-IDF; None where nothing is asked, or where no term is left to learn from."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    terms = r"(?u)\w+|[^\w\s]+"
    least = 2 if len(texts) >= 100 else 1
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=least, token_pattern=terms)
    if not asked:
        return None
    try:
        return vectors.fit_transform(texts), vectors.transform(asked)
    except ValueError:
        return None


def _logistic(terms: tuple[Any, Any] | None, labels: Sequence[str], count: int, seed: int) -> list[dict[str, float]]:
    from sklearn.linear_model import LogisticRegression

    if terms is None or len(set(labels)) < 2:
        return majority(labels, count)
    known, asked = terms
    model = LogisticRegression(max_iter=1000, random_state=seed).fit(known, labels)
    classes = [str(label) for label in model.classes_]
    return [dict(zip(classes, map(float, row), strict=True)) for row in model.predict_proba(asked)]
