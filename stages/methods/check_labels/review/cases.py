"""A record in doubt as a person is shown it: its texts, what is marked in them, and why it is asked about, in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stages.core.records import Answer, Evidence, Record, Span
from stages.core.task import Task
from stages.methods.check_labels.review.wording import figures, meaning

COLUMNS = (
    "id", "rank", "margin", "reasons", "evidence", "given", "suggested", "text", "decision", "to", "reviewer", "note",
    "version",
)  # fmt: skip
"""Of the file that is filled in: `decision` to `note` are for the person; `version` is left as it is."""

_MOST = 20_000  # characters of a cell: spreadsheet programs cut at 32,767, in silence
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Case:
    """A record that a person is asked about.

    `findings` are the codes of its doubts with their evidence. `suggested` is an annotation, None where the check has
    none. `version` is a keyed hash of texts and label, by which the answer is known to be about what was shown.
    """

    record: Record
    task: Task
    rank: int | None
    margin: float | None
    findings: Sequence[tuple[str, Evidence]]
    suggested: str | None
    reserved: bool
    version: str

    @property
    def given(self) -> str:
        """What the record is labelled as, an annotation; empty where it has none."""
        return self.task.annotation(self.record) or ""

    @property
    def better(self) -> Record | None:
        """The record under the suggested label; None without one that fits."""
        if self.suggested is None:
            return None
        try:
            return self.task.with_annotation(self.record, self.suggested)
        except ValueError:
            return None

    @property
    def evidence(self) -> str:
        """Why it is asked about, in words."""
        told = [_told(reason, evidence) for reason, evidence in self.findings] or ["no doubt"]
        return "; ".join([*told, "will be in the test split"] if self.reserved else told)


def _told(reason: str, evidence: Evidence) -> str:
    told = ", ".join(f"{value} {name}" for value, name in figures(evidence)).replace("\u00a0", " ")
    return f"{meaning(reason)} ({told})" if told else meaning(reason)


def as_row(case: Case) -> dict[str, str]:
    """A row of the file that is filled in."""
    margin = "" if case.margin is None else f"{case.margin:.3f}"
    reasons = " ".join(reason for reason, _ in case.findings)
    cells = (
        case.record.id, str(case.rank or ""), margin, reasons, case.evidence, case.given, case.suggested or "",
        _plain(_text(case)), "", "", "", "", case.version,
    )  # fmt: skip
    return dict(zip(COLUMNS, cells, strict=True))


def _text(case: Case) -> str:
    """All texts; where labels are places in them, also what stands there."""
    parts = [texts_in_words(case.record)]
    if case.record.schema.of_kind("spans", "answers"):
        parts.append(f"given: {label_in_words(case.record)}")
        if case.better is not None:
            parts.append(f"suggested: {label_in_words(case.better)}")
    return "\n".join(parts)


def texts_in_words(record: Record) -> str:
    """All texts of a record, each after its column's name or its speaker's role; a single text stands alone."""
    named: list[tuple[str, str]] = []
    for column in record.schema.of_kind("text", "messages"):
        value = record.values[column.name]
        named += [(column.name, value)] if column.kind == "text" else [(one.role, one.content) for one in value]
    return named[0][1] if len(named) == 1 else "\n".join(f"{name}: {text}" for name, text in named)


def label_in_words(record: Record) -> str:
    """What the record is labelled as: classes by name, places by what stands there."""
    found: list[str] = []
    for column in record.schema.of_kind("label", "labels", "spans", "answers"):
        value = record.values[column.name]
        if value is None:
            continue
        if column.kind == "label":
            found.append(value)
        elif column.kind == "labels":
            found += value
        else:
            found += [_marked(one, record.values[column.of]) for one in value]
        found = found or ["none"]
    return ", ".join(found) or "not labelled"


def _marked(one: Span | Answer, text: str) -> str:
    if isinstance(one, Span):
        return f"[{one.label}] {text[one.start : one.end]}"
    return f"[at {one.start}] {one.text}"


def _plain(text: str) -> str:
    """Fit for a cell: nothing steers a terminal, and nothing is cut in silence."""
    text = _CONTROL.sub("\ufffd", text)
    return text if len(text) <= _MOST else f"{text[:_MOST]} [.. {len(text) - _MOST:,} more characters]"
