"""Extractive answers: how right they are, and what one gets without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import regex

from stages.core.task import Metric
from stages.methods.evaluate.metrics import Floats, interval, resampled

_ARTICLES = {
    "en": {"a", "an", "the"},
    "es": {"el", "la", "los", "las", "un", "una", "unos", "unas"},
    "de": {"der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "eines", "einer"},
    "fr": {"le", "la", "les", "un", "une", "des"},
}
"""English as in SQuAD (Rajpurkar et al. 2016), Spanish and German as in MLQA (Lewis et al. 2020), French likewise."""
_ELIDED = regex.compile(r"\b(?:[ldjmtscn]|qu)['’](?=\w)")
_PUNCTUATION = regex.compile(r"[\p{P}$+<=>^`|~]")
"""Unicode's category P and what ASCII has beside it, as in MLQA."""
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}"
_TOKEN = regex.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_SENTENCE = regex.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\s*\n\s*")


def answer_tokens(text: str, language: str | None = None) -> list[str]:
    """The words that are compared: lower case, without punctuation and the language's articles.

    SQuAD's normalisation, as MLQA extends it: in scripts that do not separate words each character counts. Without a
    known language the articles are English ones. An answer of nothing else, such as the vitamin `A`, keeps its words.
    """
    lower = text.lower()
    if language == "fr":
        lower = _ELIDED.sub("", lower)
    words = _TOKEN.findall(_PUNCTUATION.sub("", lower))
    articles = _ARTICLES.get(language or "en", set())
    return [word for word in words if word not in articles] or words or lower.split()


def compare(answer: str, gold: Sequence[str], language: str | None = None) -> tuple[float, float]:
    """(exact match, F1 of the words) with the closest of the right answers; without any, `""` is the right one."""
    said = answer_tokens(answer, language)
    pairs = [_compare(said, answer_tokens(right, language)) for right in gold or [""]]
    return max(exact for exact, _ in pairs), max(f1 for _, f1 in pairs)


def _compare(said: list[str], right: list[str]) -> tuple[float, float]:
    shared = (Counter(said) & Counter(right)).total()
    if not said or not right or not shared:
        same = float(said == right)
        return same, same
    return float(said == right), 2 * shared / (len(said) + len(right))


def means(
    values: Mapping[str, tuple[Sequence[float], Sequence[bool]]],
    resamples: int,
    seed: int,
    contexts: Sequence[str] | None = None,
) -> dict[str, Metric]:
    """The mean of each lot of values over the records that count for it, with its 95 % bootstrap interval.

    Records of one of the `contexts` may be alike: what is hard to read is so for all questions about it, and ten of
    them are not ten findings. So records are drawn, then whole contexts, and of both intervals it is the wider: few
    contexts show too little of how they differ.
    """
    size = len(next(iter(values.values()))[0])
    found = _means(values, range(size), resamples, seed)
    index = {context: i for i, context in enumerate(dict.fromkeys(contexts or ()))}
    if not contexts or len(index) == size:
        return found
    whole = _means(values, [index[context] for context in contexts], resamples, seed)
    return {
        name: Metric(one.value, min(one.low, whole[name].low), max(one.high, whole[name].high))
        for name, one in found.items()
    }


def _means(
    values: Mapping[str, tuple[Sequence[float], Sequence[bool]]], places: Sequence[int], resamples: int, seed: int
) -> dict[str, Metric]:
    """Records of one place are drawn together, those of all lots alike; a draw of none that counts says nothing."""
    arrays = {name: (np.asarray(some, float), np.asarray(counts, float)) for name, (some, counts) in values.items()}
    drawn: dict[str, list[Floats]] = {name: [] for name in values}
    for drawings in resampled(max(places) + 1, resamples, seed):
        weights = drawings[:, list(places)]
        for name, (some, counts) in arrays.items():
            total = weights @ counts
            drawn[name].append((weights @ (some * counts))[total > 0] / total[total > 0])
    found = {}
    for name, (some, counts) in arrays.items():
        value = float((some * counts).sum() / counts.sum())
        spread = np.concatenate(drawn[name])
        found[name] = interval(value, spread if len(spread) else np.array([value]))
    return found


def sentences(text: str) -> list[str]:
    """The sentences of a text, by their marks and line ends; the whole text where there is none."""
    return [part for part in map(str.strip, _SENTENCE.split(text)) if part] or [text]


def similar_sentences(known: Sequence[str], asked: Sequence[tuple[str, str]]) -> list[str]:
    """For each (question, context) the sentence of the context that is most similar to the question.

    Cosine of TF-IDF, which the sentences of the texts in `known` decide; the first of equally similar ones.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = r"(?u)\w+"
    vectors = TfidfVectorizer(sublinear_tf=True, token_pattern=words)
    try:
        vectors.fit([sentence for text in dict.fromkeys(known) for sentence in sentences(text)])
    except ValueError:  # no word at all: nothing is similar
        return [sentences(context)[0] for _, context in asked]
    parts = {context: sentences(context) for _, context in asked}
    read = {context: vectors.transform(some) for context, some in parts.items()}
    scores = (read[context] @ vectors.transform([question]).T for question, context in asked)
    return [parts[context][int(some.toarray().argmax())] for some, (_, context) in zip(scores, asked, strict=True)]
