"""What a base model brings along from the runs that tuned it: test records that it knows, and people erased since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stages.core.erasure import ERASURE_LIST, Erasures, read_erasures
from stages.core.errors import DataError, Fault
from stages.core.keys import project_root
from stages.core.records import Column, Record, Schema
from stages.methods.deduplicate.shingles import digests
from stages.methods.finetune.earlier_run import Run, ancestor, is_run, lineage, open_run

_AT_ONCE = 4096
_PROOFS = Path("reports/erasures")


@dataclass
class Inheritance:
    """The runs that a base model comes from, nearest first, and what they were trained on; made by `inherited`."""

    parents: Sequence[Mapping[str, Any]] = ()
    ids: set[str] = field(default_factory=set)
    texts: set[bytes] = field(default_factory=set)
    without_privacy: dict[str, set[str]] = field(default_factory=dict)
    """By name of a run that was not trained with differential privacy, the ids that it was trained on."""
    erased: int = 0
    """How many of the records that were trained on have been erased since."""
    unread: list[str] = field(default_factory=list)
    """Names of runs whose list of records is gone."""
    moving: str = ""
    """The base model's name where it may mean another run tomorrow."""
    leaked: dict[str, str] = field(default_factory=dict)
    """Test records that a run was trained on, by id: how each was recognised."""

    def look(self, records: Iterable[Record]) -> None:
        """Search some more records for those of the test split that a run was trained on, by id or by text."""
        if not self.parents:
            return
        test = [record for record in records if record.split == "test"]
        for record, text in zip(test, digests([record.binding_texts() for record in test]), strict=True):
            if record.id in self.ids or text in self.texts:
                self.leaked[record.id] = "id" if record.id in self.ids else "text"

    def warnings(self) -> Iterator[dict[str, str]]:
        """What to know before paying, in the form of the plan's other warnings."""
        for code, message in self._warnings():
            yield {"code": code, "message": message}

    def _warnings(self) -> Iterator[tuple[str, str]]:
        if self.leaked:
            known = f"{len(self.leaked)} test records were trained on by a run that the model comes from"
            yield "parent_trained_on_test", f"{known}: to keep splits apart, keep `seed` and the shares of `split`"
        if self.erased:
            known = f"the model comes from one that learned from {self.erased} records which {ERASURE_LIST} names"
            yield "parent_knows_erased", f"{known}: what it remembers of them is in this model, too"
        if self.unread:
            known = f"what was learned in {', '.join(self.unread)} is not in DVC's cache"
            yield "parent_unread", f"{known}: its records could not be compared with the test split and erasures"
        if self.moving:
            known = f"{self.moving} may mean another run tomorrow, and DVC does not look"
            yield "parent_moves", f"{known}: name a tag, an experiment or a commit's hash"


def inherited(source: str, schema: Schema) -> Inheritance:
    """What the base model `source` inherits; nothing where it is not an earlier run's.

    Raises UsageError or DataError for a run that cannot be read. Its ancestors may be gone: then they are `unread`.
    """
    if not is_run(source):
        return Inheritance()
    found = Inheritance(lineage(source), moving="" if open_run(source).stays else source)
    erasures, erased, proved = read_erasures(), set[str](), [0]
    for parent in found.parents:
        run = ancestor(parent)
        proved.append(_proved(run) if run else 0)
        ids = run.trained_on() if run else None
        if run is None or ids is None:
            found.unread.append(str(parent["name"]))
            continue
        erased |= _erased(run, ids, erasures)
        if run.file("finetune", "privacy.json") is None or not run.json("privacy.json")["private"]:
            found.without_privacy[str(parent["name"])] = ids
        found.ids |= ids
        found.texts |= {*_texts(run, ids, schema)}
    found.erased = max(len(erased), *proved)
    return found


def _erased(run: Run, ids: set[str], erasures: Erasures) -> set[str]:
    """Which of these records are on the erasure list, or their subject is."""
    subjects = _rows(run, ["id", "subject"]) if erasures.subjects else ()
    theirs = {row["id"] for row in subjects if row["subject"] in erasures.subjects}
    return ids & ({*erasures.records} | theirs)


def _proved(run: Run) -> int:
    """How many records of the run were erased by `rowtrail forget`, which deletes their list: its proofs say."""
    try:
        proofs = [json.loads(file.read_bytes()) for file in sorted((project_root() / _PROOFS).glob("*.json"))]
        models = [model for proof in proofs for model in proof.get("before", {}).get("models", ())]
        return sum(int(model["trained_on"]) for model in models if model["folder"] == run.folder)
    except (ValueError, AttributeError, TypeError, KeyError):
        step = f"bring them back: `git checkout {_PROOFS}`"
        raise DataError(Fault(str(_PROOFS), "holds what is no proof of an erasure", step)) from None


def _texts(run: Run, ids: set[str], schema: Schema) -> Iterator[bytes]:
    """The digests of the texts that a run was trained on, as `Record.binding_texts` has them, whatever its task was."""
    columns = [column for column in schema.columns if column.shared] or schema.of_kind("text", "messages")
    for row in _rows(run, ["id", *(column.name for column in columns)]):
        if row["id"] in ids:
            yield from digests([[text for column in columns for text in _in_cell(row[column.name], column)]])


def _in_cell(cell: Any, column: Column) -> list[str]:
    return [str(turn["content"]) for turn in cell] if column.kind == "messages" else [str(cell)]


def _rows(run: Run, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Some columns of the records that a run had; none where DVC's cache or that task lacks them."""
    place = run.file("split", "records.parquet")
    if place is None:
        return
    with pq.ParquetFile(place) as file:
        if {*columns} <= {*file.schema_arrow.names}:
            for batch in file.iter_batches(_AT_ONCE, columns=list(columns)):
                yield from batch.to_pylist()
