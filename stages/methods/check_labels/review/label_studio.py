"""Cases for Label Studio, and the answers that come back from it.

Written are `config.xml`, for the project's labeling interface, and `tasks.json`, to import. Read is the project's
export in the format JSON. Both were checked with label-studio-sdk 2.1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

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

_MANY = 20  # classes; more go into a list that opens


def label_studio_files(cases: Sequence[Case], labels: Sequence[str]) -> dict[str, bytes]:
    """The files by name. `labels` are all classes that can be chosen."""
    column = label_column(cases[0].record.schema)
    tasks = json.dumps([_task(case, column) for case in cases], ensure_ascii=False, indent=1)
    return {"config.xml": _config(column, labels).encode(), "tasks.json": tasks.encode()}


def _task(case: Case, column: Column) -> dict[str, Any]:
    text = shown_text(case.record, column)
    data = {
        "id": case.record.id,
        "version": case.version,
        "rank": case.rank,
        "text": text,
        "given": label_in_words(case.record),
        "why": case.evidence,
    }
    found = suggestion(case, column)
    if not found:
        return {"data": data}
    result = [
        {"id": f"{case.record.id}-{at}", "from_name": LABEL, "to_name": "text", **one}
        for at, one in enumerate(_results(found, column, text))
    ]
    return {"data": data, "predictions": [{"model_version": AGENT, "result": result}]}


def _results(found: Any, column: Column, text: str) -> list[dict[str, Any]]:
    if column.kind != "spans":
        return [{"type": "choices", "value": {"choices": [found] if isinstance(found, str) else [*found]}}]
    return [
        {
            "type": "labels",
            "value": {"start": one.start, "end": one.end, "text": text[one.start : one.end], "labels": [one.label]},
        }
        for one in found
    ]


def _config(column: Column, labels: Sequence[str]) -> str:
    verdicts = "".join(f"<Choice value={quoteattr(name)}/>" for name in LABEL_VERDICTS)
    if column.kind == "spans":
        options = "".join(f"<Label value={quoteattr(name)}/>" for name in labels)
        right = f'<Labels name="{LABEL}" toName="text">{options}</Labels>'
    else:
        options = "".join(f"<Choice value={quoteattr(name)}/>" for name in labels)
        choice = "single" if column.kind == "label" else "multiple"
        layout = ' layout="select"' if len(labels) > _MANY else ""
        right = f'<Choices name="{LABEL}" toName="text" choice="{choice}"{layout}>{options}</Choices>'
    lines = (
        "<View>",
        "  <Style>.htx-text { white-space: pre-wrap; }</Style>",  # else spaces and newlines do not count
        '  <Text name="text" value="$text"/>',
        '  <Header value="Label it has" size="5"/>',
        '  <Text name="given" value="$given" selectionEnabled="false"/>',
        '  <Header value="Why it is asked about" size="5"/>',
        '  <Text name="why" value="$why" selectionEnabled="false"/>',
        f'  <Header value={quoteattr(NEED)} size="5"/>',
        f'  <Choices name="{DECISION}" toName="text" choice="single" required="true">{verdicts}</Choices>',
        f"  {right}",
        "</View>",
    )
    return "\n".join(lines) + "\n"


def label_studio_replies(content: Any, column: Column) -> Iterator[Reply]:
    """The answer of each person about each task. Raises what reading a wrong shape raises."""
    for place, task in enumerate(content, 1):
        for annotation in task["annotations"]:
            if annotation.get("was_cancelled"):
                continue
            by_name: dict[str, list[Mapping[str, Any]]] = {}
            for one in annotation["result"]:
                by_name.setdefault(one.get("from_name", ""), []).append(one["value"])
            decision = by_name[DECISION][0]["choices"][0] if DECISION in by_name else ""
            value, marked = _value(by_name.get(LABEL, []), column)
            yield Reply(place, task["data"]["id"], task["data"]["version"], decision, value, marked)


def _value(results: Sequence[Mapping[str, Any]], column: Column) -> tuple[Any, tuple[str | None, ...]]:
    """The label as the record's column holds it; for spans also the text at each, where it is told."""
    if column.kind != "spans":
        chosen = sorted(name for one in results for name in one["choices"])
        return (tuple(chosen) if column.kind == "labels" else next(iter(chosen), None)), ()
    found = {(int(one["start"]), int(one["end"]), label): one.get("text") for one in results for label in one["labels"]}
    places = sorted(found)
    return tuple(Span(*place) for place in places), tuple(found[place] for place in places)
