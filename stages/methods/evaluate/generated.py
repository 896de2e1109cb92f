"""Scores of written text against references, with 95 % bootstrap intervals over records.

`rouge_l`, `rouge_1`, `rouge_2` (F-measure, Lin 2004) and `exact_match` are means over records, 0 to 1. `chrf` (Popović
2015) and `bleu` (Papineni et al. 2002) are scores of the whole set, 0 to 100 as sacrebleu and the field give them; the
signatures in the details say how, so that they can be compared with published ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.core.task import Metric, Prediction, Scores
from stages.methods.evaluate.metrics import Floats, interval, resampled
from stages.methods.evaluate.text_traits import bleu_tokenizer, copied, declines, loops, words

_DIGITS = 6
_BINS = 10
_QUANTILES = (5, 25, 50, 75, 95)
Score = Callable[[Floats], Floats]
"""A score of each row of weights (resamples, records): how often each record occurs in a resample."""
_ROUGE = {"rouge_l": "rougeL", "rouge_1": "rouge1", "rouge_2": "rouge2"}


def score_texts(
    truths: Sequence[str], answers: Sequence[str], resamples: int, seed: int, sources: Sequence[str] | None = None
) -> Scores:
    """Metrics with intervals, ROUGE-L as the quality of each answer, and details that hold no text.

    With the texts that were asked (`sources`) the details also say how much was copied from them. Raises ValueError
    when there is nothing to score.
    """
    if not truths or len(truths) != len(answers):
        raise ValueError(f"{len(truths)} references, {len(answers)} answers")
    means = _rouge(truths, answers, tuple(_ROUGE))
    exact = np.array([_plain(a) == _plain(t) for t, a in zip(truths, answers, strict=True)], float)
    sets = {"chrf": _chrf(truths, answers), "bleu": _bleu(truths, answers)}
    scores = {name: _mean(values) for name, values in means.items()}
    scores |= {name: counts.score for name, counts in sets.items()} | {"exact_match": _mean(exact)}
    traits = _traits(truths, answers) | ({} if sources is None else _copying(truths, answers, sources))
    details = {"signatures": {name: counts.signature for name, counts in sets.items()}, "texts": traits}
    tables = {"quality.csv": _histogram(means["rouge_l"]), "lengths.csv": _length_table(truths, answers)}
    quality = [round(value, _DIGITS) for value in means["rouge_l"].tolist()]
    return Scores(_intervals(scores, len(truths), resamples, seed), quality, details, tables, "rouge_l")


def score_predictions(
    truths: Sequence[str], predictions: Sequence[Prediction], sources: Sequence[str], resamples: int, seed: int
) -> Scores:
    """`score_texts` of what was written, with the perplexity of the references over the records that have a loss."""
    scores = score_texts(truths, [str(one.answer) for one in predictions], resamples, seed, sources)
    losses = [one.loss for one in predictions if one.loss is not None]
    if not losses:
        return scores
    metrics = {**scores.metrics, "perplexity": perplexity(losses, resamples, seed)}
    return replace(scores, metrics=metrics, details={**scores.details, "perplexity_rows": len(losses)})


def gain_texts(
    truths: Sequence[str], ours: Sequence[str], theirs: Sequence[str], resamples: int, seed: int
) -> dict[str, Metric]:
    """`rouge_l` and `chrf` of our answers minus those of theirs, with the paired bootstrap's 95 % interval."""
    rouge = [_rouge(truths, answers, ("rouge_l",))["rouge_l"] for answers in (ours, theirs)]
    chrf = [_chrf(truths, answers) for answers in (ours, theirs)]
    gains: dict[str, Score] = {
        "rouge_l": _mean(rouge[0] - rouge[1]),
        "chrf": lambda weights: chrf[0].score(weights) - chrf[1].score(weights),
    }
    return _intervals(gains, len(truths), resamples, seed)


def perplexity(losses: Sequence[float], resamples: int, seed: int) -> Metric:
    """The exponential of the mean loss (nats a token), every record counting the same; less is better."""
    mean = _mean(np.array(losses, float))
    scores: dict[str, Score] = {"perplexity": lambda weights: np.exp(mean(weights))}
    return _intervals(scores, len(losses), resamples, seed)["perplexity"]


@dataclass(frozen=True)
class _Counts:
    """What each record adds to the counts that a score of the whole set is made of: shape (records, counts).

    A resample's score is that of its summed counts, so it is exact and needs no text. sacrebleu's own resampling goes
    the same way, by the same methods.
    """

    metric: Any
    counts: NDArray[np.int64]

    def score(self, weights: Floats) -> Floats:
        """The score of each row of `weights` (resamples, records)."""
        sums = np.rint(weights @ self.counts).astype(int).tolist()
        return np.array([self.metric._compute_score_from_stats(row).score for row in sums])  # noqa: SLF001

    @property
    def signature(self) -> str:
        """How the score was made, as papers are asked to say (Post 2018)."""
        return str(self.metric.get_signature())


def _chrf(truths: Sequence[str], answers: Sequence[str]) -> _Counts:
    from sacrebleu.metrics.chrf import CHRF

    return _counted(CHRF(), truths, answers)


def _bleu(truths: Sequence[str], answers: Sequence[str]) -> _Counts:
    from sacrebleu.metrics.bleu import BLEU

    # `force` only silences the remark that texts look tokenized already.
    return _counted(BLEU(tokenize=bleu_tokenizer(truths), force=True), truths, answers)


def _counted(metric: Any, truths: Sequence[str], answers: Sequence[str]) -> _Counts:
    return _Counts(metric, np.array(metric._extract_corpus_statistics(list(answers), [list(truths)])))  # noqa: SLF001


class _Words:
    """Our words, as rouge_score wants its tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


def _rouge(truths: Sequence[str], answers: Sequence[str], names: Sequence[str]) -> dict[str, Floats]:
    """F-measures of each record, by our names."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer([_ROUGE[name] for name in names], tokenizer=_Words())
    found = [scorer.score(truth, answer) for truth, answer in zip(truths, answers, strict=True)]
    return {name: np.array([row[_ROUGE[name]].fmeasure for row in found], float) for name in names}


def _mean(values: Floats) -> Score:
    return lambda weights: weights @ values / weights.sum(axis=1)


def _intervals(scores: Mapping[str, Score], size: int, resamples: int, seed: int) -> dict[str, Metric]:
    """Each score of all records, each once, and its interval over the resamples, which all scores share."""
    all_once = np.ones((1, size))
    drawn = [{name: score(rows) for name, score in scores.items()} for rows in resampled(size, resamples, seed)]
    return {
        name: interval(score(all_once)[0], np.concatenate([part[name] for part in drawn]))
        for name, score in scores.items()
    }


def _plain(text: str) -> str:
    """The text with runs of white space as one space."""
    return " ".join(text.split())


def _traits(truths: Sequence[str], answers: Sequence[str]) -> dict[str, Any]:
    """Lengths in words, and the shares of answers and references that are empty, decline or loop."""
    both = {"answers": answers, "references": truths}
    lengths = {name: [len(words(text)) for text in texts] for name, texts in both.items()}
    quantiles = {
        name: {f"p{q}": float(np.percentile(values, q)) for q in _QUANTILES} for name, values in lengths.items()
    }
    whole = sum(lengths["references"])
    ratio = round(sum(lengths["answers"]) / whole, _DIGITS) if whole else None
    checks = {"empty": lambda text: not text.strip(), "declines": declines, "loops": loops}
    shares = {
        trait: {name: round(sum(map(check, texts)) / len(texts), _DIGITS) for name, texts in both.items()}
        for trait, check in checks.items()
    }
    return {"words": quantiles, "length_ratio": ratio, **shares}


def _copying(truths: Sequence[str], answers: Sequence[str], sources: Sequence[str]) -> dict[str, Any]:
    """Mean share of runs of four words that the source holds too; None where every text is shorter than that."""
    found: dict[str, float | None] = {}
    for name, texts in {"answers": answers, "references": truths}.items():
        shares = [copied(text, source) for text, source in zip(texts, sources, strict=True)]
        known = [share for share in shares if share is not None]
        found[name] = round(sum(known) / len(known), _DIGITS) if known else None
    return {"copied": found}


def _histogram(quality: Floats) -> list[dict[str, Any]]:
    """How many answers have a quality from `low` up to `high`; the last bin holds 1 too."""
    counts, edges = np.histogram(quality, bins=_BINS, range=(0, 1))
    return [
        {"low": round(float(edges[i]), 2), "high": round(float(edges[i + 1]), 2), "count": int(count)}
        for i, count in enumerate(counts)
    ]


def _length_table(truths: Sequence[str], answers: Sequence[str]) -> list[dict[str, int]]:
    """How many references and answers have from `low` to `high` words, in bins of equal width."""
    lengths = [[len(words(text)) for text in texts] for texts in (truths, answers)]
    width = math.ceil((max(map(max, lengths)) + 1) / _BINS)
    counts = [np.bincount(np.array(values) // width, minlength=_BINS) for values in lengths]
    return [
        {"low": i * width, "high": (i + 1) * width - 1, "references": int(counts[0][i]), "answers": int(counts[1][i])}
        for i in range(_BINS)
    ]
