"""The page on which people decide about labels in doubt: the document itself, and a record as it shows it.

The document holds no text of any record: its script asks for one record after the other, and puts what it gets into
text nodes only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, TypeAlias

from stages.core.records import Record, Schema
from stages.methods.check_labels.review.cases import Case
from stages.methods.check_labels.review.wording import figures, meaning
from stages.methods.document.wording import words

Choice: TypeAlias = Literal["one", "some", "line", "none"]
"""How another label is given: one of the classes, any number of them, a line as `Task.annotation` writes it, or not."""
Mark: TypeAlias = tuple[int, int, str]
_CHOICES: dict[str, Choice] = {"label": "one", "labels": "some", "spans": "line", "answers": "line"}
_REPLIES = ("assistant", "completion")
_EXCERPT = 80


def page_html(about: Mapping[str, Any], nonce: str) -> str:
    """The document; only styles and scripts that carry the nonce are its own."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("stages"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("review_labels.html.j2").render(about=about, nonce=nonce)


def choice(schema: Schema) -> Choice:
    """How people can give a record of this schema another label."""
    return next((_CHOICES[column.kind] for column in schema.columns if column.kind in _CHOICES), "none")


def card(case: Case) -> dict[str, Any]:
    """A case as the page shows it: its texts with what is marked in them, both labels, and every doubt in words."""
    record, better = case.record, _better(case)
    given, other = named(record), None if better is None else named(better)
    shared = {*given} & {*other} if given and other and choice(record.schema) == "line" else set()
    return {
        "id": record.id,
        "language": record.language,
        "rank": case.rank,
        "score": case.margin,
        "reserved": case.reserved,
        "version": case.version,
        "texts": _texts(case, better),
        "given": _without(given, shared),
        "suggested": _without(other, shared),
        "shared": len(shared),
        "line": case.given if better is None else case.suggested,
        "doubts": [
            {"code": code, "meaning": meaning(code), "figures": figures(evidence)} for code, evidence in case.findings
        ],
    }


def named(record: Record) -> dict[Any, str] | None:
    """The labels, spans or answers of a record, each with what it is called; None where nobody gave any."""
    for column in record.schema.columns:
        value = record.values[column.name]
        if column.kind not in _CHOICES or value is None:
            continue
        if column.kind == "spans":
            return {one: f"{one.label}: {_excerpt(record.values[column.of][one.start : one.end])}" for one in value}
        if column.kind == "answers":
            return {one: f"{_excerpt(one.text)} (at {one.start})" for one in value}
        return {one: one for one in ([value] if column.kind == "label" else value)}
    return None


def _without(names: Mapping[Any, str] | None, shared: Collection[Any]) -> list[str] | None:
    return None if names is None else [name for one, name in names.items() if one not in shared]


def _better(case: Case) -> Record | None:
    """The record under the suggested label; None without one, or where it does not fit the record any more."""
    try:
        return case.better
    except ValueError:
        return None


def _texts(case: Case, better: Record | None) -> list[dict[str, Any]]:
    """Every text with its name (of a message, its role), whether it is what the model is to learn, and its parts."""
    record = case.record
    learns_text, inputs = choice(record.schema) == "none", set(case.task.inputs(record))
    marked, meant = _marked(record), {} if better is None else _marked(better)
    found = []
    for path, text in record.texts().items():
        column, _, turn = path.partition(".")
        name = record.values[column][int(turn)].role if turn else words(column)
        given = marked.get(path, [])
        suggested = given if better is None else meant.get(path, [])
        learned = learns_text and (name in _REPLIES if turn else path not in inputs)
        found.append({"name": name, "learned": learned, "parts": parts(text, given, suggested)})
    return found


def _marked(record: Record) -> dict[str, list[Mark]]:
    """What the record's spans and answers mark, by the text's path."""
    found: dict[str, list[Mark]] = {}
    for column in record.schema.columns:
        for one in record.values[column.name] or () if column.kind == "spans" else ():
            found.setdefault(column.of, []).append((one.start, one.end, one.label))
        for one in record.values[column.name] or () if column.kind == "answers" else ():
            found.setdefault(column.of, []).append((one.start, one.start + len(one.text), "answer"))
    return found


def parts(text: str, given: Sequence[Mark], suggested: Sequence[Mark]) -> list[dict[str, Any]]:
    """The text cut where a mark starts or ends; each part with who marked it, and the labels of marks that end there.

    `by` is `given`, `suggested` or `both`. Offsets count code points, which is why this is not left to the script. What
    a mark reaches beyond the text is cut off, and marks of nothing are left out.
    """
    by = dict.fromkeys(given, "given")
    by.update({mark: "both" if mark in by else "suggested" for mark in suggested})
    inside = {(max(start, 0), min(end, len(text)), label): who for (start, end, label), who in by.items()}
    marks = sorted((mark, who) for mark, who in inside.items() if mark[0] < mark[1])
    cuts = sorted({0, len(text), *(at for (start, end, _), _ in marks for at in (start, end))})
    found = []
    for start, end in pairwise(cuts):
        over = [(mark, who) for mark, who in marks if mark[0] <= start and end <= mark[1]]
        ends = [{"label": label, "by": who} for (_, last, label), who in over if last == end]
        found.append({"text": text[start:end], "by": sorted({who for _, who in over}), "ends": ends})
    return found


def _excerpt(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _EXCERPT else f"{line[: _EXCERPT - 1]}…"
