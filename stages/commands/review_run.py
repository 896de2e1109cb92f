"""The last run of scrub_pii as a review sees it: what it found, and the texts it found that in."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from stages.core.decisions import PiiDecisions
from stages.core.errors import DataError, Fault
from stages.core.keys import load_keys
from stages.core.params import Params
from stages.core.records import Record
from stages.core.storage import StageFolder
from stages.methods.scrub_pii.review.decisions import value_hash
from stages.methods.scrub_pii.review.review import Mention, located
from stages.tasks import load_task

_EVIDENCE = ("value", "entity", "recognizer", "score", "operator", "field", "start", "end")


class ScrubbedRun:
    """Events of scrub_pii, and the records that it was given. Raises DataError when these are not those."""

    def __init__(self, data: Path, params: Params) -> None:
        self._folder = StageFolder(data / "scrub_pii")
        name, digest = next(iter(self._folder.manifest["inputs"].items()))
        self._input = StageFolder(data / name)
        if self._input.digest != digest:
            problem = f"was made from another version of {self._input.path} than the one that is there"
            raise DataError(Fault(str(self._folder.path), problem, "run `dvc repro scrub_pii`"))
        self._schema = load_task(params.task).schema
        self._keys = load_keys({source.name: source.public for source in params.ingest.sources})

    def hash_of(self, record: Record, entity: str, value: str) -> str:
        """The hash of a value in a record."""
        return value_hash(self._keys, record.source, entity, value)

    def mentions(self) -> Iterator[Mention]:
        """All that the run found, also what it left in the text."""
        for batch in self._folder.table("events.parquet", ["id", "evidence"]).to_batches(4096):
            for row in batch.to_pylist():
                evidence = json.loads(row["evidence"])
                if "value" in evidence and "operator" in evidence:
                    yield Mention(id=row["id"], **{name: evidence[name] for name in _EVIDENCE})

    def records(self, ids: Collection[str]) -> Iterator[Record]:
        """Those of these records that are there."""
        for piece in self._input.pieces() if ids else ():
            if offsets := [at for at, id in enumerate(piece.ids()) if id in ids]:
                yield from piece.records(self._schema, offsets)

    def in_texts(self, mentions: Iterable[Mention]) -> Iterator[tuple[Mention, Record, tuple[int, int]]]:
        """Each mention with its record, and where in the text the value itself stands."""
        by_id: dict[str, list[Mention]] = {}
        for one in mentions:
            by_id.setdefault(one.id, []).append(one)
        for record in self.records(by_id):
            for one in by_id[record.id]:
                is_value = partial(self._is, record, one)
                yield one, record, located(record.texts()[one.field], one.start, one.end, is_value)

    def _is(self, record: Record, one: Mention, value: str) -> bool:
        return self.hash_of(record, one.entity, value) == one.value

    def before_correction(self, decisions: PiiDecisions) -> dict[str, Mention]:
        """Values whose type a decision corrected in this run: a mention as it was first found, by the new hash."""
        corrected = {to for types in decisions.types.values() for to in types.values()}
        mentions = {one.value: one for one in self.mentions() if one.entity in corrected}
        first: dict[str, Mention] = {}
        for one, record, (start, end) in self.in_texts(mentions.values()):
            value = record.texts()[one.field][start:end]
            for entity, types in decisions.types.items():
                hash = self.hash_of(record, entity, value)
                if types.get(hash) == one.entity:
                    first[one.value] = replace(one, value=hash, entity=entity)
        return first
