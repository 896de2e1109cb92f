"""One record's story, told from the events of the stages: what was done to it, why, and what could have decided it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import Any

from stages.methods.document.wording import is_number, words
from stages.methods.shareable import without_names

_LEFT = {"drop": "dropped", "quarantine": "quarantined"}
_OUTCOMES = {
    **_LEFT,
    "create": "created",
    "relabel": "changed",
    "edit": "changed",
    "assign": "assigned",
    "keep": "flagged",
}
"""What a chapter is called, by the weightiest of its actions."""
QUIET = ("unchanged", "not used")
"""What a chapter without events is called: of a stage that hands records on, and of one that uses some of them."""
_SHOWN = 5
_KNOB = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)`")


@dataclass(frozen=True, slots=True)
class Told:
    """One event: what was done, why in words, the evidence, and the values of the params that the words name."""

    action: str
    reason: str
    meaning: str
    evidence: Mapping[str, Any]
    decided_by: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chapter:
    """What one stage did with the record.

    `folded` are the records dropped as duplicates of this one (id, reason, similarity); `facts` what an artifact says
    of it (prediction) or of the model it went into (model, metrics).
    """

    stage: str
    outcome: str
    events: tuple[Told, ...] = ()
    folded: tuple[Mapping[str, Any], ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def left(self) -> bool:
        """Whether the record goes no further."""
        return self.outcome in _LEFT.values()

    @property
    def undecided(self) -> bool:
        """Whether the record goes no further, for a reason that does not say which of the params decided."""
        return self.left and not any(event.decided_by for event in self.events)


@dataclass(frozen=True, slots=True)
class Story:
    """All chapters, and what became of the record.

    `about` holds its source, row, group, split and language; `origin` the file, its digest and the row's; `onward` the
    id and the fate of the record that was kept in its place.
    """

    id: str
    fate: str
    about: Mapping[str, Any]
    chapters: tuple[Chapter, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)
    onward: Mapping[str, str] = field(default_factory=dict)


def facets(story: Story) -> Iterator[tuple[str, Any]]:
    """What is known of the record beside where its bytes are; its own key only where that is not its place."""
    key = story.about.get("source_row")
    if key is not None and key != str(story.origin.get("row")):
        yield "source_row", key
    for name in ("subject", "group", "split", "language", "confidence"):
        if story.about.get(name) is not None:
            yield name, story.about[name]


@dataclass(frozen=True, slots=True)
class Made:
    """How a stage's folder was made. `code` and `manifest` are SHA-256; `code` is None where no lock file tells it."""

    code: str | None
    manifest: str
    params: Mapping[str, Any]

    def own(self, stage: str) -> dict[str, Any]:
        """The values that the stage read and that fit on a line: of its own section, then shared ones."""
        section = self.params.get(stage, {})
        shared = {name: value for name, value in self.params.items() if not isinstance(value, Mapping)}
        return {name: value for name, value in {**section, **shared}.items() if not _is_nested(value)}


def as_json(stories: Story | Sequence[Mapping[str, Any]], made: Mapping[str, Made], **more: Any) -> str:
    """One story, or several (in full or in short) as `records`; then how the stages were made."""
    told = asdict(stories) if isinstance(stories, Story) else {"records": [*stories]}
    stages = {stage: asdict(one) for stage, one in made.items()}
    return json.dumps({**more, **told, "stages": stages}, indent=2, ensure_ascii=False)


def in_short(story: Story, *, whole: bool) -> dict[str, Any]:
    """One of several records as values: its whole story, or its id and what became of it."""
    if whole:
        return asdict(story)
    return {"id": story.id, "fate": story.fate, **({"onward": dict(story.onward)} if story.onward else {})}


def chapter(
    stage: str,
    rows: Sequence[Mapping[str, Any]],
    manifest: Mapping[str, Any],
    quiet: str = QUIET[0],
    folded: Sequence[Mapping[str, Any]] = (),
    facts: Mapping[str, Any] | None = None,
) -> Chapter:
    """A chapter from rows of `events.parquet`; without any it is `quiet`."""
    texts, params = manifest.get("reason_texts", {}), without_names(manifest.get("params", {}))
    told = tuple(_told(row, texts.get(row["reason"], ""), params) for row in rows)
    actions = {event.action for event in told}
    outcome = next((name for action, name in _OUTCOMES.items() if action in actions), quiet)
    return Chapter(stage, outcome, told, tuple(folded), facts or {})


def _told(row: Mapping[str, Any], meaning: str, params: Mapping[str, Any]) -> Told:
    values = ((name, value_at(params, name)) for name in _KNOB.findall(meaning))
    decided_by = {name: value for name, value in values if value is not None and not _is_nested(value)}
    return Told(row["action"], row["reason"], meaning, json.loads(row["evidence"]), decided_by)


def value_at(params: Mapping[str, Any], name: str) -> Any:
    """The value of a dotted name; None where there is none."""
    found: Any = params
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _is_nested(value: Any) -> bool:
    """Whether it is a mapping or a list of more than plain values."""
    many = isinstance(value, list | tuple)
    return isinstance(value, Mapping) or (many and any(isinstance(one, Mapping | list) for one in value))


def fate(chapters: Sequence[Chapter], split: str | None) -> str:
    """What became of the record, in a few words: where it left, or its split and what the artifacts used it for."""
    uses: list[str] = []
    for part in chapters:
        for event in part.events:
            if event.action in _LEFT:
                what = f"{_LEFT[event.action]} in {part.stage}: {words(event.reason)}"
                of = event.evidence.get("of")
                return "; ".join([*uses, f"{what} of {of}" if of else what])
            if event.action == "assign" and event.reason != split:
                uses.append(f"{part.stage}: {words(event.reason)}")
    where = f"in the {split} split" if split else "kept so far"
    return "; ".join([where, *uses])


def origin(about: Mapping[str, Any], events: Sequence[Told], sources: Mapping[str, Any]) -> dict[str, Any]:
    """Where the record's bytes are: source, row, file with its SHA-256, keyed hash of the row, as far as is recorded.

    `sources` is what the report of `ingest` says of each source.
    """
    seen: Mapping[str, Any] = next((event.evidence for event in events if "source" in event.evidence), {})
    source = seen.get("source", about.get("source"))
    said = sources.get(source, {})
    files = [one for one in said.get("files", []) if seen.get("file") in (None, PurePath(one["name"]).name)]
    file = files[0] if len(files) == 1 else {"name": seen.get("file") or said.get("uri"), "sha256": None}
    row = seen.get("row", about.get("source_row"))
    return {
        "source": source,
        "row": row,
        "file": file["name"],
        "sha256": file["sha256"],
        "content": seen.get("content"),
    }


def prediction(row: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """What the model said of the record: labels, alone, in a set or on spans; of a text how many words it has.

    Text is left out, and so is whatever is not one of the declared labels.
    """
    told: dict[str, Any] = {
        name: shown for name in ("label", "answer") if (shown := _named(row.get(name), labels)) is not None
    }
    told |= {name: row[name] for name in ("correct", "loss") if row.get(name) is not None}
    if row.get("quality") is not None and row.get("answer") not in labels:
        told["quality"] = row["quality"]
        if "answer" not in told:
            told["words"] = {name: len((row.get(name) or "").split()) for name in ("answer", "label")}
    scores = {name: score for name, score in dict(row.get("scores") or ()).items() if name in labels}
    return {**told, "scores": scores} if scores else told


def _named(value: Any, labels: Sequence[str]) -> str | None:
    """A label, or what `predictions.parquet` holds as JSON: labels, or spans with theirs; None for anything else."""
    if value is None or value in labels:
        return None if value is None else str(value)
    try:
        found = json.loads(value)
    except ValueError:
        return None
    if not isinstance(found, list) or not labels:
        return None
    parts = [_part(one, labels) for one in found]
    if any(part is None for part in parts):
        return None
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return ", ".join(filter(None, parts[:_SHOWN])) + more if parts else "none"


def _part(value: Any, labels: Sequence[str]) -> str | None:
    """A label, or a span as its label and offsets."""
    if isinstance(value, str):
        return value if value in labels else None
    if isinstance(value, list) and len(value) == 3 and value[2] in labels and all(map(is_number, value[:2])):
        return f"{value[2]} {value[0]}\u2013{value[1]}"
    return None


def metrics(report: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The report's headline: each number with its interval where it has one."""
    ends = {"low": "_low", "high": "_high"}
    return {
        name: {"value": value, **{end: report[name + tail] for end, tail in ends.items() if name + tail in report}}
        for name, value in report.items()
        if is_number(value) and not name.endswith(tuple(ends.values()))
    }


def model_files(files: Mapping[str, str]) -> dict[str, str]:
    """The model's weights and their SHA-256, from a manifest's files; all of the model's files where none are known."""
    model = {name: digest for name, digest in files.items() if name.startswith("model/")}
    return {name: digest for name, digest in model.items() if name.endswith((".safetensors", ".bin"))} or model


def short(value: Any) -> str:
    """A value as people read it. Long lists are cut: the whole of them is in the JSON."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        more = f", and {len(value) - 5} more" if len(value) > 5 else ""
        return f"[{', '.join(map(str, value[:5]))}{more}]"
    return str(value)
