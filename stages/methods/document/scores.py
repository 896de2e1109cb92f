"""From the report of `evaluate` to figures: scores beside those of others, on slices and classes, and written answers.

Which scores there are depends on the kind of model. The page shows those that the report has, and asks for no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from stages.methods.document.measures import headlines, measure, quality_of
from stages.methods.document.tree import find, metric
from stages.methods.document.wording import is_number, number, words

Figures = dict[str, Any]
BASELINES = {
    "majority": "most frequent label",
    "tfidf_logistic": "TF-IDF + logistic",
    "none": "nothing found",
    "lookup": "known spans looked up",
    "first_sentence": "first sentence",
    "similar_sentence": "most similar sentence",
    "no_answer": "no answer",
    "copy": "copied prompt",
    "lead": "first words of source",
    "nearest": "nearest answer",
    "untuned": "untuned model",
}
"""Baselines as people call them."""
SPLITS = ("train", "validation", "test")
NOTHING = "(none)"
"""Stands in a confusion matrix where nothing was to be found, or nothing was."""
_MOST_DRAWN = 20
_MOST_MIXED_UP = 15


def score_figures(evaluate: Mapping[str, Any]) -> Figures:
    """All that the page shows of the scores; `scored` is False where there are none."""
    return {
        "scored": bool(evaluate),
        "scores": {name: scores(evaluate, name) for name in headlines(evaluate)},
        "all_scores": _all(evaluate),
        "confusion": evaluate.get("confusion") or {},
        "mixed_up": _mixed_up(evaluate.get("confusion") or {}),
        "classes": _weakest(named_metrics(find(evaluate, "per_class"), "f1")),
        "class_table": _table(find(evaluate, "per_class") or {}),
        "calibration": evaluate.get("calibration") or {},
        "slices": named_metrics(find(evaluate, "slices"), quality_of(evaluate) or "accuracy"),
        "measure": quality_of(evaluate),
        "fit": _fit(find(evaluate, "fit") or {}, quality_of(evaluate)),
        "gain": find(evaluate, "gain") or {},
        "without_suspects": find(evaluate, "without_suspects") or {},
        "as_given": find(evaluate, "as_given") or {},
        "written": _written(evaluate),
        "compared": list(_compared(evaluate)),
    }


def scores(evaluate: Mapping[str, Any], name: str) -> list[Figures]:
    """One metric of the model and of each baseline, the model first."""
    found = [(who, metric(report, name), ours) for who, report, ours in _models(evaluate)]
    return [{"name": who, "ours": ours, **values} for who, values, ours in found if values]


def _models(evaluate: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], bool]]:
    others = (find(evaluate, "baselines") or {}).items()
    return [
        ("this model", evaluate, True),
        *((BASELINES.get(other, words(other)), report, False) for other, report in others),
    ]


def named_metrics(table: Any, name: str) -> list[Figures]:
    """One metric of each entry of a table (slices, labels), with the rows behind it."""
    found = [(key, metric(entry, name), find(entry, "rows")) for key, entry in (table or {}).items()]
    return [
        {"name": key, **values, "note": f"{number(rows)} rows" if is_number(rows) else ""}
        for key, values, rows in found
        if values
    ]


def _all(evaluate: Mapping[str, Any]) -> Figures:
    """Every score with an interval: a row a score, a column a model; the loss has no interval, and stands below."""
    names = [name for name in evaluate if metric(evaluate, f"{name}") and f"{name}_low" in evaluate]
    first = headlines(names, len(names))
    names = [*first, *sorted(set(names) - set(first)), *(["loss"] if metric(evaluate, "loss") else [])]
    models = _models(evaluate)
    rows = [{"name": name, "values": [metric(report, name) for _, report, _ in models]} for name in names]
    return {"models": [who for who, _, _ in models], "rows": rows}


def _table(classes: Mapping[str, Any]) -> Figures:
    """Every metric of each class: a row a class, the most frequent ones first."""
    ordered = sorted(classes.items(), key=lambda item: (-(find(item[1], "rows") or 0), item[0]))
    known = {name for entry in classes.values() for name in entry if metric(entry, name)}
    known = {name for name in known if not name.endswith(("_low", "_high"))} - {"rows", "answered"}
    names = [name for name in ("precision", "recall", "f1") if name in known] + sorted(known - _USUAL)
    rows = [
        {"name": name, "rows": find(entry, "rows"), "values": [metric(entry, one) for one in names]}
        for name, entry in ordered
    ]
    return {"names": names, "rows": rows}


_USUAL = {"precision", "recall", "f1"}


def _weakest(rows: list[Figures]) -> list[Figures]:
    """All classes, or of very many the weakest: a drawing must be read."""
    return rows if len(rows) <= _MOST_DRAWN else sorted(rows, key=lambda row: row["value"])[:_MOST_DRAWN]


def _mixed_up(confusion: Mapping[str, Any]) -> list[Figures]:
    """Of very many classes, the pairs that are taken for each other most often; else the matrix itself is shown."""
    labels, matrix = confusion.get("labels") or [], confusion.get("matrix") or []
    if len(labels) <= _MOST_DRAWN or len(labels) != len(matrix):
        return []
    pairs = [
        {"actual": labels[i], "predicted": labels[j], "count": count, "of": sum(row)}
        for i, row in enumerate(matrix)
        for j, count in enumerate(row)
        if i != j and count
    ]
    return sorted(pairs, key=lambda pair: (-pair["count"], pair["actual"], pair["predicted"]))[:_MOST_MIXED_UP]


def _fit(report: Mapping[str, Any], quality: str | None) -> Figures:
    """How it does on the rows it has seen and on those it has not, and what follows from the difference.

    By the quality of the answers, or by the loss where training rows got no answer.
    """
    named = next((name for name in (quality, "loss") if name and is_number(report.get(f"test_{name}"))), None)
    rows = []
    for split in SPLITS:
        parts = {"value": f"{split}_{named}", "low": f"{split}_low", "high": f"{split}_high"}
        known = {part: report[key] for part, key in parts.items() if is_number(report.get(key))}
        if "value" in known:
            rows.append({"name": f"{split} rows", "ours": split == "test", **known})
    return {"rows": rows, "measure": named, "sentence": find(report, "sentence")}


def _written(evaluate: Mapping[str, Any]) -> Figures:
    """What written answers are like beside the references; the loss before and after; empty where none are written.

    Both losses are of the records that got an answer, so that they can be compared: the logarithm of the perplexity.
    """
    texts = evaluate.get("texts")
    if not isinstance(texts, Mapping):
        return {}
    pairs = {"after": evaluate, "before": find(evaluate, "baselines", "untuned")}
    perplexities = {when: found["value"] for when, report in pairs.items() if (found := metric(report, "perplexity"))}
    return {
        "texts": dict(texts),
        "signatures": evaluate.get("signatures") or {},
        "perplexity": perplexities,
        "loss": {when: round(math.log(value), 6) for when, value in perplexities.items() if value > 0},
    }


def _compared(evaluate: Mapping[str, Any]) -> Iterator[Figures]:
    """What other comparisons came to, in a sentence each: groups of rows, pairs of identities, general data."""
    for kind, entries in (
        ("Groups by", find(evaluate, "groups") or {}),
        ("Pairs that differ in identity", {"": find(evaluate, "bias") or {}}),
        ("Before and after tuning, on", find(evaluate, "forgetting") or {}),
    ):
        for name, entry in entries.items():
            if sentence := find(entry, "sentence"):
                yield {"what": f"{kind} {words(name)}".strip(), "sentence": sentence}


def title_of(name: str | None) -> str:
    """The quality of an answer as people call it."""
    return measure(name).title if name else "Quality"
