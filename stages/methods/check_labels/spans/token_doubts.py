"""The check of labelled spans: suspects, their rank, and what was measured of the check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stages.core.cache import Cache
from stages.core.doubts import Doubt, Doubted, LabelCheck, Ranked
from stages.core.records import Label, Record, Span
from stages.methods.check_labels.annotations import spans_line
from stages.methods.check_labels.folds import Apart
from stages.methods.check_labels.labels.label_sets import deal_sets
from stages.methods.check_labels.spans.span_noise import measure
from stages.methods.check_labels.spans.span_repairs import Stretch, repaired, stretches
from stages.methods.check_labels.spans.token_errors import Tagged, judge, tagged
from stages.methods.check_labels.spans.word_features import word_features
from stages.methods.check_labels.spans.word_vectors import WordEncoder, embed_words
from stages.methods.finetune.alignment import OUTSIDE, words

DIGITS = 3  # of chances; what lies behind them differs between processors
_SHOWN = 20


def token_doubts(check: LabelCheck) -> Doubted:
    """Doubts about the spans (`spans` of `text`) of each record that somebody looked through."""
    spans = {one.id: one.values["spans"] for one in check.records() if one.values["spans"] is not None}
    sets = [{span.label for span in own} for own in spans.values()]
    keys, silent = [check.keys[id] for id in spans], {check.keys[id] for id in check.reserved}
    folds, types = deal_sets(sets, keys, check.params.folds, check.seed, silent)
    if not types:
        return Doubted(facts=_facts(spans, types, {}))
    texts = _read(check, spans, types, Apart(keys, folds, np.array([key not in silent for key in keys])))
    judged = judge(texts, check.run)
    ranked: dict[str, Ranked] = {}
    changes: dict[str, Sequence[Stretch]] = {}
    doubts: dict[str, Sequence[Doubt]] = {}
    for text, id in enumerate(spans):
        own = texts.words(text)
        if not (texts.given[own] >= 0).any():
            continue
        ranked[id] = Ranked(round(float(judged.right[own].min()), DIGITS))
        if judged.doubted[own].any():
            suggested = repaired(texts, judged, text)
            changes[id] = stretches(texts, judged, text, suggested)
            ranked[id] = Ranked(ranked[id].margin, spans_line(suggested))
            doubts[id] = [_doubt(spans_line(spans[id]), ranked[id], changes[id])]
    probe = measure(texts, judged, [*spans], check.params.probe, check.seed, check.run) if check.params.probe else {}
    return Doubted(doubts, ranked, {**_facts(spans, types, changes), **({"probe": probe} if probe else {})})


def _read(check: LabelCheck, spans: Mapping[str, Sequence[Span]], types: tuple[str, ...], apart: Apart) -> Tagged:
    """The texts of the records with these spans, their words' vectors and features."""
    encoder = WordEncoder(check.encoder, check.params.max_tokens)
    named = ((check.name_of("words", record, text), text) for record, text in _texts(check, spans))
    vectors = embed_words(encoder, named, Cache(f"words-{encoder.digest()}"), check.run)
    features = word_features(text for _, text in _texts(check, spans))
    bounds = [words(text) for _, text in _texts(check, spans)]
    return tagged(types, bounds, [*spans.values()], apart, (np.concatenate(vectors), features))


def _texts(check: LabelCheck, ids: Mapping[str, Any]) -> Iterator[tuple[Record, str]]:
    return ((record, record.values["text"]) for record in check.records() if record.id in ids)


def _doubt(given: str, ranked: Ranked, changed: Sequence[Stretch]) -> Doubt:
    """The evidence: how many stretches, and of the first ones [start, end, given, suggested, score]."""
    shown = [
        [one.start, one.end, Label(spans_line(one.given)), Label(spans_line(one.suggested)), round(one.score, DIGITS)]
        for one in changed[:_SHOWN]
    ]
    evidence = {"given": Label(given), "suggested": Label(ranked.suggested or ""), "score": ranked.margin}
    return Doubt("suspect_label", {**evidence, "count": len(changed), "stretches": shown})


def _facts(
    spans: Mapping[str, Sequence[Span]], types: Sequence[str], changes: Mapping[str, Sequence[Stretch]]
) -> Mapping[str, Any]:
    """By type: spans and those in doubt; what is suggested most often (O: no span); what was not checked, and why."""
    rows = Counter(span.label for own in spans.values() for span in own)
    changed = [one for some in changes.values() for one in some]
    doubted = Counter(span.label for one in changed for span in one.given)
    moves = Counter((_kind(one.given), _kind(one.suggested)) for one in changed)
    return {
        "unchecked_classes": {name: n for name, n in sorted(rows.items()) if name not in types},
        "suspects_by_label": dict(sorted(doubted.items())),
        "labels": {
            name: {"rows": rows[name], "suspects": doubted[name], "share": round(doubted[name] / rows[name], 6)}
            for name in types
        },
        "suggestions": [
            {"given": given, "suggested": suggested, "rows": n}
            for (given, suggested), n in sorted(moves.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
        ],
        "warnings": _warnings(bool(spans), {*rows}, types),
    }


def _kind(spans: Sequence[Span]) -> str:
    return " + ".join(dict.fromkeys(span.label for span in spans)) or OUTSIDE


def _warnings(any_spans: bool, rows: set[str], types: Sequence[str]) -> list[str]:
    if not any_spans:
        return ["No record was looked through for spans: nothing was checked."]
    if not types:
        return ["No type of span is in as many groups as there are folds: nothing was checked."]
    if rows - {*types}:
        return ["Some types of spans are in fewer groups than there are folds: they were not checked."]
    return []
