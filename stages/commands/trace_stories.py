"""The stories of some records, read from the stage folders."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stages.commands.trace_rows import Row, rows_of, search
from stages.core.errors import DataError, Fault
from stages.core.storage import StageFolder
from stages.methods.story import (
    QUIET,
    Chapter,
    Story,
    chapter,
    fate,
    metrics,
    model_files,
    origin,
    prediction,
)  # fmt: skip

_ABOUT = ("source", "source_row", "subject", "group", "split", "language", "confidence")
_EVENT = ("seq", "action", "reason", "evidence")
_PREDICTION = ("label", "answer", "correct", "quality", "loss", "scores")


def stories(ids: Iterable[str], folders: Sequence[StageFolder]) -> list[Story]:
    """The stories of these records, in order of id. Each file is read once, for all of them."""
    told = _stories(sorted(set(ids)), folders)
    kept = {story.id: of for story in told if (of := _kept(story))}
    fates = {story.id: story.fate for story in _stories(sorted(set(kept.values())), folders, folded=False)}
    return [
        replace(story, onward={"id": kept[story.id], "fate": fates[kept[story.id]]}) if story.id in kept else story
        for story in told
    ]


def _kept(story: Story) -> str | None:
    """Id of the record that stays in the place of this one, if it was dropped as its duplicate."""
    last = next((part for part in story.chapters if part.left), None)
    return next((event.evidence["of"] for event in last.events if "of" in event.evidence), None) if last else None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a folder's tables say of the records: their events, and which of them are there."""

    folder: StageFolder
    events: Mapping[str, Sequence[Row]]
    present: Collection[str]

    @classmethod
    def of(cls, folder: StageFolder, ids: Sequence[str]) -> _Seen:
        place = folder.path / "events.parquet"
        events = rows_of(place, ids, _EVENT)
        if any({*_EVENT} - row.keys() for some in events.values() for row in some):
            step = "`dvc checkout` brings back the last good one, or run `dvc repro`"
            raise DataError(Fault(str(place), "lacks columns that events have", step))
        return cls(folder, events, rows_of(folder.path / "records.parquet", ids, ()).keys())

    @property
    def has_records(self) -> bool:
        return (self.folder.path / "records.parquet").exists()

    def tells_of(self, id: str, chapters: Sequence[Chapter]) -> bool:
        """Whether it was given the record. A stage that only uses records was given all that had not left before."""
        uses = not self.has_records and bool(self.folder.manifest.get("reasons"))
        return id in self.events or id in self.present or (uses and not any(part.left for part in chapters))


def _stories(ids: Sequence[str], folders: Sequence[StageFolder], *, folded: bool = True) -> list[Story]:
    seen = [_Seen.of(folder, ids) for folder in folders]
    about = _about(ids, seen)
    stand = {id for id in ids if folded and about[id].get("group") == id}
    said = _Said(folders)
    chapters: dict[str, list[Chapter]] = {id: [] for id in ids}
    for one in seen:
        here = [id for id in ids if one.tells_of(id, chapters[id])]
        duplicates, facts = _folded(one.folder, stand & set(here)), said.of(one.folder, here)
        quiet = QUIET[0] if one.has_records else QUIET[1]
        for id in here:
            rest = (quiet, duplicates.get(id, ()), facts.get(id))
            chapters[id].append(chapter(one.folder.stage, one.events.get(id, ()), one.folder.manifest, *rest))
    return [_story(id, about[id], chapters[id], said.sources) for id in ids]


def _about(ids: Sequence[str], seen: Sequence[_Seen]) -> dict[str, Row]:
    """What the last folder that holds a record says of it, without its text."""
    about: dict[str, Row] = {id: {} for id in ids}
    for one in reversed(seen):
        missing = [id for id in ids if not about[id] and id in one.present]
        for id, [row] in rows_of(one.folder.path / "records.parquet", missing, _ABOUT).items():
            about[id] = {name: value for name, value in row.items() if name != "id"}
    return about


def _story(id: str, about: Mapping[str, Any], chapters: Sequence[Chapter], sources: Mapping[str, Any]) -> Story:
    first = chapters[0].events if chapters else ()
    return Story(id, fate(chapters, about.get("split")), about, tuple(chapters), origin(about, first, sources))


def _folded(folder: StageFolder, stand: Collection[str]) -> dict[str, list[Row]]:
    """The records that this stage dropped as duplicates of those that stand for a group, by the id of these."""
    found: dict[str, list[Row]] = defaultdict(list)
    if not stand or "drop" not in folder.manifest.get("reasons", {}):
        return found
    word = f'"of": "{next(iter(stand))}"' if len(stand) == 1 else '"of": "'
    for row in search(folder.path / "events.parquet", "evidence", [word], ["action", "reason", "evidence"]):
        evidence = json.loads(row["evidence"])
        if row["action"] == "drop" and evidence.get("of") in stand:
            similarity = evidence.get("similarity")
            found[evidence["of"]].append({"id": row["id"], "reason": row["reason"], "similarity": similarity})
    return found


class _Said:
    """What the folders say beside their events: of the sources, the model, its scores and its predictions."""

    def __init__(self, folders: Sequence[StageFolder]) -> None:
        by_stage = {folder.stage: folder for folder in folders}
        self.sources: Mapping[str, Any] = _json(by_stage.get("ingest"), "report.json").get("sources", {})
        trained = _json(by_stage.get("finetune"), "training.json").get("labels")
        ingest = by_stage["ingest"].manifest.get("params", {}).get("ingest", {}) if "ingest" in by_stage else {}
        self.labels: Sequence[str] = trained or ingest.get("labels") or []

    def of(self, folder: StageFolder, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """By id: the model's files where it was made, the answer and the metrics where it was scored."""
        files = folder.manifest.get("files", {})
        if model := model_files(files):
            return {id: {"model": model} for id in ids}
        if "predictions.parquet" not in files or not ids:
            return {}
        answers = rows_of(folder.path / "predictions.parquet", ids, _PREDICTION)
        measured = metrics(_json(folder, "report.json"))
        said = {id: prediction(rows[0], self.labels) for id, rows in answers.items()}
        return {id: {"prediction": said.get(id, {}), "metrics": measured} for id in ids}


def _json(folder: StageFolder | None, name: str) -> dict[str, Any]:
    """A JSON object of a folder; an empty one where it cannot be read: a story is told as far as it is recorded."""
    found = None
    if folder is not None:
        with contextlib.suppress(DataError):
            found = folder.json(name)
    return found if isinstance(found, dict) else {}
