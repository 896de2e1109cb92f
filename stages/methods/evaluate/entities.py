"""Scores of spans found in texts, with 95 % bootstrap intervals over records.

A span counts as found when start, end and type are all right (Tjong Kim Sang and De Meulder 2003, the CoNLL shared
task's measure, here over characters). `seqeval_f1` is the same over words: spans are widened to the words that they
touch and become BIO tags; as these are always well formed, it is what the package seqeval gives in its default mode and
in its strict one alike. It is larger than `f1` where annotated spans begin or end inside words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.core.records import Span
from stages.core.task import Metric, Scores
from stages.methods.evaluate.metrics import Floats, interval, resampled
from stages.methods.finetune.alignment import Bounds, spans_of, tags_of, words

NONE = "(none)"
"""Stands in the table of errors where nothing is marked, or nothing was found."""
_DIGITS = 6
_KINDS = ("hits", "truth", "said")


@dataclass(frozen=True, slots=True)
class Found:
    """A text, the spans that people marked in it, and those that a model found."""

    text: str
    truth: tuple[Span, ...]
    said: tuple[Span, ...]


def score_entities(rows: Sequence[Found], resamples: int, seed: int) -> Scores:
    """Micro F1, precision, recall, macro F1 and `seqeval_f1`; F1 of each type; which types are taken for which.

    The macro average is over the types that occur in the truth (in a resample: in its truth); 0/0 counts as 0. A
    record's quality is the F1 of its own spans, 1 where none is marked and none was found. Raises ValueError when
    there is nothing to score.
    """
    if not rows:
        raise ValueError("no records to score")
    bounds = [words(row.text) for row in rows]
    types = sorted({span.label for row in rows for span in (*row.truth, *row.said)})
    exact = _counts([(row.truth, row.said) for row in rows], types)
    whole = _counts([_widened(row, some) for row, some in zip(rows, bounds, strict=True)], types)
    spread = [_measured(exact, whole, weights) for weights in resampled(len(rows), resamples, seed)]
    drawn = {name: np.concatenate([part[name] for part in spread]) for name in spread[0]}
    point = {name: values[0] for name, values in _measured(exact, whole, np.ones((1, len(rows)))).items()}
    by_type = point.pop("types"), drawn.pop("types")
    pairs = [pair for row in rows for pair in _pairs(row.truth, row.said)]
    return Scores(
        {name: interval(value, drawn[name]) for name, value in point.items()},
        _quality(exact),
        {
            "per_class": _per_class(exact, types, *by_type),
            "confusion": _confusion(pairs),
            "spans": int(exact["truth"].sum()),
            "inside_words": sum(_inside_words(row.truth, some) for row, some in zip(rows, bounds, strict=True)),
        },
        {"confusion.csv": [{"actual": actual, "predicted": predicted} for actual, predicted in pairs]},
        "record_f1",
    )


def f1_gain(ours: Sequence[Found], theirs: Sequence[Found], resamples: int, seed: int) -> Metric:
    """Micro F1 of `ours` minus that of `theirs` on the same records, with the paired bootstrap's 95 % interval."""
    sums = [_counts([(row.truth, row.said) for row in rows]) for rows in (ours, theirs)]

    def gain(weights: Floats) -> Floats:
        first, second = (_micro(counts, weights)["f1"] for counts in sums)
        change: Floats = first - second
        return change

    drawn = np.concatenate([gain(weights) for weights in resampled(len(ours), resamples, seed)])
    return interval(gain(np.ones((1, len(ours))))[0], drawn)


# --- counting ---------------------------------------------------------------------------------------------------------
Counts = dict[str, Floats]
"""Spans of each record and type that are right (`hits`), marked (`truth`) and found (`said`), (records, types)."""


def _counts(pairs: Sequence[tuple[Sequence[Span], Sequence[Span]]], types: Sequence[str] | None = None) -> Counts:
    """What each record adds to the sums; without `types`, all types together in one column."""
    index = {label: i for i, label in enumerate(types or ())}
    counts = {kind: np.zeros((len(pairs), 1 if types is None else len(types))) for kind in _KINDS}
    for row, (truth, said) in enumerate(pairs):
        for kind, spans in zip(_KINDS, (set(truth) & set(said), truth, said), strict=True):
            for span in spans:
                counts[kind][row, index.get(span.label, 0)] += 1
    return counts


def _measured(exact: Counts, whole: Counts, weights: Floats) -> dict[str, Floats]:
    """Each metric once a row of `weights` (resamples, records); `types` the F1 of each, NaN where there is no span."""
    hits, truth, said = (weights @ exact[kind] for kind in _KINDS)
    by_type = np.divide(2 * hits, truth + said, out=np.full_like(hits, np.nan), where=truth + said > 0)
    present = truth > 0
    macro = _ratio((np.nan_to_num(by_type) * present).sum(axis=1), present.sum(axis=1).astype(float))
    return {
        **_micro(exact, weights),
        "macro_f1": macro,
        "seqeval_f1": _micro(whole, weights)["f1"],
        "types": by_type,
    }


def _micro(counts: Counts, weights: Floats) -> dict[str, Floats]:
    hits, truth, said = (weights @ counts[kind].sum(axis=1) for kind in _KINDS)
    return {"f1": _ratio(2 * hits, truth + said), "precision": _ratio(hits, said), "recall": _ratio(hits, truth)}


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _quality(counts: Counts) -> list[float]:
    hits, truth, said = (counts[kind].sum(axis=1) for kind in _KINDS)
    values: list[float] = np.where(truth + said > 0, _ratio(2 * hits, truth + said), 1.0).round(_DIGITS).tolist()
    return values


def _widened(row: Found, bounds: Sequence[Bounds]) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    truth, said = (spans_of(tags_of(spans, bounds), bounds) for spans in (row.truth, row.said))
    return truth, said


def _inside_words(spans: Sequence[Span], bounds: Sequence[Bounds]) -> int:
    """Spans that begin or end inside a word: a model that tags words cannot give them exactly."""
    starts, ends = {start for start, _ in bounds}, {end for _, end in bounds}
    return sum(span.start not in starts or span.end not in ends for span in spans)


# --- tables -----------------------------------------------------------------------------------------------------------
def _per_class(counts: Counts, types: Sequence[str], point: Floats, drawn: Floats) -> dict[str, dict[str, Any]]:
    """Precision, recall and F1 of each type in the truth; a resample without the type says nothing of its F1."""
    table = {}
    for i, label in enumerate(types):
        hits, truth, said = (int(counts[kind][:, i].sum()) for kind in _KINDS)
        if truth:
            known = drawn[:, i][~np.isnan(drawn[:, i])]
            f1 = interval(point[i], known if len(known) else point[i : i + 1])
            table[label] = {
                "precision": round(hits / said, _DIGITS) if said else 0.0,
                "recall": round(hits / truth, _DIGITS),
                "answered": said,
                "f1": f1.value,
                "f1_low": f1.low,
                "f1_high": f1.high,
                "rows": truth,
            }
    return table


def _pairs(truth: Sequence[Span], said: Sequence[Span]) -> Iterator[tuple[str, str]]:
    """(marked type, found type) of each marked span and the found one that covers most of it, where one does.

    Each marked span comes once. So does each found one that is not the best for any, as found where nothing is marked.
    """
    taken = set()
    for span in truth:
        best = max(said, key=lambda one: _common(span, one), default=None)
        if best is not None and _common(span, best) > 0:
            taken.add(best)
            yield span.label, best.label
        else:
            yield span.label, NONE
    yield from ((NONE, span.label) for span in said if span not in taken)


def _common(one: Span, other: Span) -> int:
    """Characters of both."""
    return min(one.end, other.end) - max(one.start, other.start)


def _confusion(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The counts of the pairs: rows are what is marked, columns what was found."""
    counts = Counter(pairs)
    labels = [*sorted({label for pair in counts for label in pair} - {NONE}), NONE]
    return {"labels": labels, "matrix": [[counts[actual, said] for said in labels] for actual in labels]}
