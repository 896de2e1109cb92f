"""Cases for Argilla 2, and the answers that come back from it.

Written is a folder as `rg.Dataset.to_disk` leaves it and `rg.Dataset.from_disk` takes it (checked with 2.8): the
records, the questions, and a dataset that is created under a name of its own. Read is a `records.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from stages.core.label_decisions import LABEL_VERDICTS
from stages.core.records import Column, Span
from stages.methods.check_labels.review.cases import Case, label_in_words
from stages.methods.check_labels.review.tools import (
    AGENT,
    DECISION,
    LABEL,
    NEED,
    Reply,
    label_column,
    shown_text,
    suggestion,
)

NAME = "rowtrail-labels"
_QUESTIONS = {"label": "label_selection", "labels": "multi_label_selection", "spans": "span"}


def argilla_files(cases: Sequence[Case], labels: Sequence[str]) -> dict[str, bytes]:
    """The files of the folder, by name. `labels` are all classes that can be chosen."""
    column = label_column(cases[0].record.schema)
    contents: dict[str, Any] = {
        "records.json": [_record(case, column) for case in cases],
        ".argilla/settings.json": _settings(column, labels),
        ".argilla/dataset.json": {"name": NAME, "allow_extra_metadata": True},
    }
    return {name: json.dumps(content, ensure_ascii=False, indent=1).encode() for name, content in contents.items()}


def _record(case: Case, column: Column) -> dict[str, Any]:
    found = suggestion(case, column)
    value = [_as_dict(one) for one in found] if column.kind == "spans" and found else found
    metadata = {"version": case.version, "rank": case.rank, "margin": case.margin}
    return {
        "id": case.record.id,
        "fields": {
            "text": shown_text(case.record, column),
            "given": label_in_words(case.record),
            "why": case.evidence,
        },
        "metadata": {name: value for name, value in metadata.items() if value is not None},
        "suggestions": {LABEL: {"value": value, "score": None, "agent": AGENT}} if value else {},
        "responses": {},
        "vectors": {},
    }


def _as_dict(span: Span) -> dict[str, Any]:
    return {"start": span.start, "end": span.end, "label": span.label}


def _settings(column: Column, labels: Sequence[str]) -> dict[str, Any]:
    right: dict[str, Any] = {"type": _QUESTIONS[column.kind], "options": _options(labels)}
    if column.kind == "spans":
        right |= {"field": "text", "allow_overlapping": True}
    verdicts = {"type": "label_selection", "options": _options(LABEL_VERDICTS)}
    return {
        "guidelines": NEED,
        "fields": [
            {"name": name, "title": title, "required": True, "settings": {"type": "text", "use_markdown": False}}
            for name, title in (("text", "Text"), ("given", "Label it has"), ("why", "Why it is asked about"))
        ],
        "questions": [
            {"name": DECISION, "title": "Decision", "required": True, "settings": verdicts},
            {"name": LABEL, "title": "Right label, for relabel", "required": False, "settings": right},
        ],
        "metadata": [
            {"name": name, "title": name, "settings": {"type": kind}}
            for name, kind in (("rank", "integer"), ("margin", "float"))
        ],
        "vectors": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def _options(names: Sequence[str]) -> list[dict[str, str]]:
    return [{"value": name, "text": name, "description": name} for name in names]


def argilla_replies(content: Any, column: Column) -> Iterator[Reply]:
    """The answer of each person about each record. Raises what reading a wrong shape raises."""
    for place, record in enumerate(content, 1):
        if record.get("status", "completed") != "completed":  # drafts and what was discarded
            continue
        answers: dict[str, dict[str, Any]] = {}
        for question, responses in record["responses"].items():
            for response in responses:
                answers.setdefault(str(response["user_id"]), {})[question] = response["value"]
        for _, said in sorted(answers.items()):
            if DECISION in said:
                value = _value(said.get(LABEL), column)
                yield Reply(place, record["id"], record["metadata"]["version"], said[DECISION], value)


def _value(said: Any, column: Column) -> Any:
    if column.kind == "spans":
        return tuple(Span(int(one["start"]), int(one["end"]), one["label"]) for one in said or ())
    return tuple(sorted(said or ())) if column.kind == "labels" else said
