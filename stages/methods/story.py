"""One record's story, told from the events of the stages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from stages.methods.document.wording import words

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


@dataclass(frozen=True, slots=True)
class Told:
    """One event: what was done, why in words, and the evidence."""

    action: str
    reason: str
    meaning: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chapter:
    """What one stage did with the record; `folded` are ids of records dropped as duplicates of this one."""

    stage: str
    outcome: str
    events: tuple[Told, ...] = ()
    folded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """All chapters, and what became of the record. `about` holds its source, row, group, split and language."""

    id: str
    fate: str
    about: Mapping[str, Any]
    chapters: tuple[Chapter, ...] = field(default=())

    def as_json(self) -> str:
        """The story as JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)


def chapter(
    stage: str, events: Sequence[Mapping[str, Any]], texts: Mapping[str, str], folded: Sequence[str]
) -> Chapter:
    """A chapter from rows of `events.parquet`; a record without events was left as it was."""
    told = tuple(
        Told(row["action"], row["reason"], texts.get(row["reason"], ""), json.loads(row["evidence"])) for row in events
    )
    actions = [event.action for event in told]
    outcome = next((_OUTCOMES[action] for action in _OUTCOMES if action in actions), "unchanged")
    return Chapter(stage, outcome, told, tuple(folded))


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


def story_lines(story: Story) -> Iterator[str]:
    """The story for a screen."""
    yield f"record  {story.id}"
    yield from (f"{name:<7} {value}" for name, value in story.about.items() if value is not None)
    yield f"fate    {story.fate}"
    yield ""
    width = max((len(part.stage) for part in story.chapters), default=0)
    for part in story.chapters:
        yield f"{part.stage:<{width}}  {part.outcome}"
        for event in part.events:
            yield f"{'':<{width}}  - {event.action} {event.reason}{': ' if event.meaning else ''}{event.meaning}"
            if event.evidence:
                shown = ", ".join(f"{name} {_short(value)}" for name, value in event.evidence.items())
                yield f"{'':<{width}}    {shown}"
        if part.folded:
            yield f"{'':<{width}}  - stands for {len(part.folded)} dropped as its duplicates: {_short(part.folded)}"


def _short(value: Any) -> str:
    """Long lists are cut: the whole of them is in the JSON."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value[:5])) + (f", and {len(value) - 5} more" if len(value) > 5 else "")
    return str(value)
