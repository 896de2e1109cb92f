"""What the search for leaks goes through: the files beside the weights, and the hashes of what was scrubbed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from stages.core.storage import StageFolder, files_below
from stages.methods.audit import leaks

_TEXT_FILES = (".json", ".csv", ".txt", ".md")
_VOCABULARIES = ("vocab.json", "vocab.txt", "merges.txt")
_IN_ANY_FILE = frozenset({"AGE", "DATE_TIME", "NRP", "POSTAL_CODE", "TITLE"})
"""Entities whose values, such as a year, stand in settings and tables without coming from a person."""


def texts_of_files(folders: Iterable[StageFolder]) -> Iterator[list[str]]:
    """The texts of each file that goes along with the model, or tells of it."""
    for folder in folders:
        for name in files_below(folder.path) if folder.stage in ("finetune", "evaluate") else ():
            if name.endswith(_TEXT_FILES) and not name.endswith(_VOCABULARIES):
                yield leaks.strings(name, (folder.path / name).read_text(encoding="utf-8"))


def scrubbed_values(folders: Iterable[StageFolder]) -> dict[str, str] | None:
    """Entity by keyed hash of each value that was replaced, or None when no folder of `scrub_pii` was given."""
    folder = next((folder for folder in folders if folder.stage == "scrub_pii"), None)
    if folder is None:
        return None
    events = folder.table("events.parquet", ["reason", "evidence"]).to_pylist()
    found = (json.loads(event["evidence"]) for event in events if event["reason"] == "pii_replaced")
    return {evidence["value"]: evidence["entity"] for evidence in found if evidence["entity"] not in _IN_ANY_FILE}
