"""A comparison as one self-contained HTML page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from stages.methods.diff.drawings import NARROW, WIDE, Change, changes, crossing
from stages.methods.diff.ends import HEADINGS
from stages.methods.diff.summary import CAUTION, FACETS, headings, nothing
from stages.methods.diff.verdict import MODEL, TEST_SET, signed
from stages.methods.diff.wording import (
    count,
    difference,
    end_words,
    minus,
    score,
    score_name,
    setting,
    shown,
    stages_words,
)
from stages.methods.document.drift_words import drift_words
from stages.methods.document.wording import number, plural, words

IDS = 50
"""Ids that the page holds of each kind of change; the JSON has all of them."""
_PARTS = {"total": "all of it", "model": "the model", "test_set": "the test set"}
_SETTINGS = {
    "params": "Params", "code": "Code", "files": "Other files", "sources": "Source files", "base_model": "Base model",
    "packages": "Packages",
}  # fmt: skip


def page(told: Mapping[str, Any]) -> str:
    """The HTML document. Whatever the comparison holds is escaped."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("stages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    filters = {
        "number": number,
        "words": words,
        "count": count,
        "minus": minus,
        "setting": setting,
        "difference": difference,
        "shown": shown,
    }
    environment.filters |= {**filters, "end": end_words, "stages": stages_words, "plural": plural}
    moved = [{**part, "rows": len(part["ids"])} for part in _moves(told)]
    return environment.get_template("diff.html.j2").render(
        told=told,
        names=(told["a"]["name"], told["b"]["name"]),
        keys=_keys(told),
        lead=_lead(told["scores"].get("verdict")),
        titles=HEADINGS,
        facets=FACETS,
        settings=[(title, told["settings"].get(name) or []) for name, title in _SETTINGS.items()],
        flow_wide=crossing(moved, WIDE),
        flow_narrow=crossing(moved, NARROW),
        effects=_effects(told["scores"]),
        scores=_scores(told["scores"]),
        matrix=_matrix(told["rows"]),
        most=IDS,
        drift=[drift_words(row) for row in (told.get("drift") or {}).get("tests", ())],
        caution=CAUTION,
        nothing=nothing(told),
    )


def _lead(said: Mapping[str, str] | None) -> list[tuple[str, bool]]:
    """The verdict in pieces, and whether a piece is what it comes to."""
    if not said:
        return []
    marked = [text for text in (MODEL.get(said["model"]), TEST_SET.get(said["test_set"])) if text]
    pieces = re.split(f"({'|'.join(map(re.escape, marked))})", said["sentence"]) if marked else [said["sentence"]]
    return [(minus(piece), piece in marked) for piece in pieces if piece]


def _moves(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part for found in told["rows"].get("headings", {}).values() for part in found["parts"]]


def _effects(scores: Mapping[str, Any]) -> list[tuple[str, Markup]]:
    """A drawing a score: the whole change and its two parts."""
    drawn = []
    paired = scores.get("paired") or {}
    for name, parts in paired.get("metrics", {}).items():
        rows = [Change(title, **parts[key], ours=key == "model") for key, title in _PARTS.items() if parts[key]]
        unit = "nats" if name == "loss" else "points"
        title = score_name(name, paired).replace(" f1", " F1")
        picture = changes(f"Change in {title}, {unit}", name, rows)
        drawn.append((f"{title[0].upper()}{title[1:]}, {unit}", picture))
    return [(title, picture) for title, picture in drawn if picture]


def _scores(scores: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Rows of the table of both models on all and on shared rows."""
    keys = ("a_all", "a_common", "b_common", "b_all")
    paired = scores.get("paired") or {}
    metrics = paired.get("metrics", {})
    return [(score_name(name, paired), [score(parts[key], name) for key in keys]) for name, parts in metrics.items()]


def _keys(told: Mapping[str, Any]) -> list[dict[str, str]]:
    """The figures at the top of the page."""
    keys = []
    paired = told["scores"].get("paired") or {}
    if metric := told["scores"].get("verdict", {}).get("metric"):
        parts, unit = paired["metrics"][metric], "nats" if metric == "loss" else "points"
        for key, name, note in (
            (
                "model",
                "The model",
                f"{score_name(metric, paired)}, {unit}, on {plural(paired['rows']['common'], 'shared test row')}",
            ),
            ("test_set", "The test set", "the rest of the change"),
        ):
            if parts[key]:
                span = f"{signed(parts[key]['low'], metric)} to {signed(parts[key]['high'], metric)}"
                value = minus(signed(parts[key]["value"], metric))
                keys.append({"name": name, "value": value, "note": minus(f"{note} ({span})")})
    if told["rows"].get("headings") is not None:
        moved = sum(len(part["ids"]) for part in _moves(told))
        same = sum(row["rows"] for row in told["rows"]["same"])
        note = f"{number(same)} ended at the same place in both"
        keys.append({"name": "Rows that ended elsewhere", "value": number(moved), "note": note})
    changed = [(name, rows) for name, rows in headings(told) if name in FACETS.values()]
    keys += [{"name": name.capitalize(), "value": number(rows), "note": "records in both"} for name, rows in changed]
    return keys


def _matrix(rows: Mapping[str, Any]) -> dict[str, Any]:
    """From each split to each split, rows that stayed included; empty where nothing is known or nothing was split."""
    counts: dict[tuple[str, str], int] = {}
    for part in [*rows.get("same", ()), *rows.get("headings", {}).get("moved", {}).get("parts", ())]:
        pair = part.get("from") or part["end"], part.get("to") or part["end"]
        if all(end["kind"] == "kept" and end["reason"] for end in pair):
            size = part["rows"] if "end" in part else len(part["ids"])
            counts[pair[0]["reason"], pair[1]["reason"]] = size
    names: Sequence[str] = sorted({n for pair in counts for n in pair}, key=_split_rank)
    return {"names": names, "rows": [[counts.get((one, other), 0) for other in names] for one in names]}


def _split_rank(name: str) -> tuple[int, str]:
    known = ("train", "validation", "test")
    return (known.index(name) if name in known else len(known)), name
