"""Who is to be forgotten: subjects and records as people name them, as ids and keyed hashes."""

from __future__ import annotations

import argparse
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stages.commands.forget_search import Place, batches
from stages.commands.trace_keys import check_key, hashes_of, keys_of_before, typed_in_private
from stages.core.erasure import ERASURE_LIST, Erasures, memory_file, read_list
from stages.core.errors import DataError, Fault, RowtrailError, UsageError
from stages.core.params import Source
from stages.core.progress import track

_HASH = re.compile(r"[0-9a-f]{32}")
_ID = re.compile(r"[0-9a-f]{1,20}")
_RECORDS = Path("data/ingest/records.parquet")


@dataclass(frozen=True, slots=True)
class Request:
    """What goes on the erasure list, and the ids of all records that it is about, in any version."""

    records: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    duplicates: frozenset[str] = frozenset()
    """Records of others that carry the same text and shall go with them."""

    @property
    def erasures(self) -> Erasures:
        """What the erasure list will say."""
        return Erasures(self.records | self.duplicates, self.subjects)

    @property
    def digest(self) -> str:
        """SHA-256 over what was asked for, 64 hex digits: the same request has the same one."""
        asked = Erasures(self.records, self.subjects).lines()
        return hashlib.sha256("".join(f"{line}\n" for line in asked).encode()).hexdigest()

    @property
    def words(self) -> str:
        """The request as arguments of the command, by ids and hashes."""
        named = [
            *(f"--subject {one}" for one in sorted(self.subjects)),
            *(f"--record {one}" for one in sorted(self.records)),
        ]
        return " ".join(named)

    def listed(self) -> bool:
        """Whether all of it is on the erasure list already."""
        return set(self.erasures.lines()) <= set(read_list(ERASURE_LIST).lines())

    def with_duplicates(self, ids: Iterable[str]) -> Request:
        """The request with records of others."""
        more = frozenset(ids)
        return replace(self, duplicates=self.duplicates | more, ids=self.ids | more)


@dataclass(slots=True)
class _Known:
    """Ids that are known for each subject, and for each beginning of an id."""

    by_subject: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_prefix: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def resolve(args: argparse.Namespace, sources: Sequence[Source], among: Sequence[Place]) -> Request:
    """The request, looked up in the parquet files of every version that is still here.

    No error shows a subject as it was given. Raises UsageError and DataError, with all that is wrong at once.
    """
    people = [_readings(typed_in_private(one, "subject (not shown): "), sources) for one in args.subject]
    known = _known({hash for readings in people for one in readings for hash in one}, args.record, among)
    listed = Erasures(*(_listed(kind) for kind in ("records", "subjects")))
    faults: list[RowtrailError] = []
    records, subjects = set[str](), set[str]()
    for number, readings in enumerate(people, 1):
        try:
            subjects |= _subject(readings, {*known.by_subject, *listed.subjects}, number)
        except RowtrailError as error:
            faults.append(error)
    for number, prefix in enumerate(args.record, 1):
        try:
            records.add(_record(prefix, known.by_prefix[prefix], listed, number))
        except RowtrailError as error:
            faults.append(error)
    if faults:
        kind = UsageError if any(isinstance(one, UsageError) for one in faults) else DataError
        raise kind(*(fault for error in faults for fault in error.faults))
    ids = records.union(*(known.by_subject[one] for one in subjects))
    return Request(frozenset(records), frozenset(subjects), frozenset(ids))


def _listed(kind: str) -> frozenset[str]:
    """What stands in either copy of the erasure list."""
    return frozenset(value for file in (ERASURE_LIST, memory_file()) for value in getattr(read_list(file), kind))


def _readings(given: str, sources: Sequence[Source]) -> list[list[str]]:
    """The hashes that a subject may mean: those of a name, by spelling, or itself. Only public sources have others."""
    person = given.strip()
    if not person:
        raise UsageError(Fault("--subject", "is empty", "name the person as the source's `subject` column does"))
    try:
        keys = keys_of_before({source.name: source.public for source in sources})
    except UsageError:
        if _HASH.fullmatch(person):
            return [[person]]
        raise
    for source in sources:
        if source.id is not None:
            check_key(keys, source.name, _RECORDS)
    naming = [source.name for source in sources if source.subject] or [source.name for source in sources]
    hashed = hashes_of(person, keys, naming)
    return [*hashed, [person]] if _HASH.fullmatch(person) else hashed


def _subject(readings: list[list[str]], known: set[str], number: int) -> set[str]:
    found = [reading for reading in readings if known & set(reading)]
    if not found:
        problem = "no record of this subject, in the stage folders or in DVC's cache"
        step = (
            "write it as the source does (capitals count) and use the key that the data was made with; to keep out who "
            f"is not in the data yet, add the line `subject,{readings[0][-1]}` to {ERASURE_LIST}"
        )
        raise DataError(Fault(f"--subject, number {number}", problem, step))
    return set[str]().union(*found)


def _record(prefix: str, found: set[str], listed: Erasures, number: int) -> str:
    place = f"--record, number {number}"
    if not _ID.fullmatch(prefix):
        raise UsageError(Fault(place, "is not 1 to 20 hex digits", "`rowtrail show ingest` lists some ids"))
    found = found | {id for id in listed.records if id.startswith(prefix)}
    if not found:
        problem = f"no record has the id {prefix}, in the stage folders or in DVC's cache"
        raise DataError(Fault(place, problem, "`rowtrail show ingest` lists some ids; ids change with the key"))
    if len(found) > 1:
        raise UsageError(Fault(place, f"{len(found)} records start with {prefix}", "give more digits"))
    return found.pop()


def _known(subjects: set[str], prefixes: Sequence[str], among: Sequence[Place]) -> _Known:
    """One pass over the ids and subjects of all files."""
    known = _Known()
    wanted = pa.array(sorted(subjects), pa.string())
    for place in track(among, "looking the request up", len(among)):
        try:
            for batch in batches(place.path, lambda names: [name for name in ("id", "subject") if name in names]):
                _look_up(batch, wanted, prefixes, known)
        except (OSError, pa.ArrowException):
            continue  # damaged: the search looks at its bytes
    return known


def _look_up(batch: pa.RecordBatch, subjects: pa.Array, prefixes: Sequence[str], known: _Known) -> None:
    names = batch.schema.names
    if "id" not in names:
        return
    if "subject" in names and len(subjects):
        own = batch.filter(pc.is_in(batch["subject"], subjects))
        for id, subject in zip(own["id"].to_pylist(), own["subject"].to_pylist(), strict=True):
            known.by_subject[subject].add(id)
    for prefix in prefixes:
        known.by_prefix[prefix].update(batch["id"].filter(pc.starts_with(batch["id"], prefix)).to_pylist())
