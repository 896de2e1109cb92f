"""What one gets without a pretrained model: the floor that a tuned model must beat to be worth its cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


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
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    if len(set(labels)) < 2 or not asked:
        return majority(labels, len(asked))
    terms = r"(?u)\w+|[^\w\s]+"
    least = 2 if len(texts) >= 100 else 1
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=least, token_pattern=terms)
    try:
        known = vectors.fit_transform(texts)
    except ValueError:  # no term is left: nothing to learn from
        return majority(labels, len(asked))
    model = LogisticRegression(max_iter=1000, random_state=seed).fit(known, labels)
    classes = [str(label) for label in model.classes_]
    rows = model.predict_proba(vectors.transform(asked))
    return [dict(zip(classes, map(float, row), strict=True)) for row in rows]
