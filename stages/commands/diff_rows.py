"""Rows for `rowtrail diff`: what the events of two versions say of each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.commands.diff_kept import ABSENT, EVENTS, RECORDS, Kept
from stages.core.erasure import ERASURE_LIST
from stages.methods.diff.ends import HEADINGS, End, Move, Moves, ends_of, moves

_SOURCE = r'"source": "(?P<source>[a-z0-9_-]+)"'


@dataclass
class Found:
    """A part of the comparison: `told`, ids included, and in `lacking` what could not be compared, and why."""

    told: dict[str, Any] = field(default_factory=dict)
    lacking: list[dict[str, str]] = field(default_factory=list)

    def lack(self, what: str, why: str) -> None:
        """Note a comparison that could not be made."""
        self.lacking.append({"what": what, "why": why})


def compare_rows(a: Kept, b: Kept, stages: Sequence[str]) -> Found:
    """Where each row ended in A and in B. `stages` are those that hold records; the first reads the sources."""
    found = Found()
    if not stages:
        found.lack("rows, one by one", f"the events of both versions are {ABSENT}")
        return found
    events = {side: _events(side, stages) for side in (a, b)}
    for side, tables in events.items():
        if lost := [stage for stage, table in tables.items() if table is None]:
            found.lack("rows, one by one", f"of {side.name}, the events of {', '.join(lost)} are {ABSENT}")
    whole = {side: {stage: t for stage, t in tables.items() if t is not None} for side, tables in events.items()}
    if found.lacking:
        found.told["erased"] = _erased(whole[b].get(stages[0]))
        return found
    if "split" in stages and any("split" not in tables for tables in whole.values()):
        found.lack("moves between splits", f"only one of {a.name} and {b.name} was split")
        whole = {side: {s: t for s, t in tables.items() if s != "split"} for side, tables in whole.items()}
    ends = moves(*(ends_of(tables) for tables in whole.values()))
    found.told |= _told(_with_erased(ends, a, b, stages[0]), a, b, stages[0])
    return found


def _events(side: Kept, stages: Sequence[str]) -> dict[str, pa.Table | None]:
    """The events of the stages that a version has run, and of the first; None where they are gone."""
    wanted = [stage for stage in stages if stage in side.stages or stage == stages[0]]
    return {stage: side.table(stage, EVENTS, ["id", "action", "reason"]) for stage in wanted}


def _erased(events: pa.Table | None) -> list[str]:
    """Ids of the rows that are erased on request in B."""
    if events is None:
        return []
    ids: list[str] = events["id"].filter(pc.equal(events["reason"], "erased")).to_pylist()
    return ids


def _with_erased(found: Moves, a: Kept, b: Kept, first: str) -> Moves:
    """Rows that are gone from the sources, too, but stand on B's erasure list were erased, not just removed."""
    records, subjects = _erasure_list(b)
    if not records and not subjects:
        return found
    wanted = pa.array([*records, *_of_subjects(a, first, subjects)], pa.string())
    told: list[Move] = []
    for move in found.moves:
        listed = pc.is_in(move.ids, value_set=wanted)
        if move.heading != "removed" or not pc.any(listed).as_py():
            told.append(move)
            continue
        told.append(Move(move.before, End("erased", first), move.ids.filter(listed)))
        if not pc.all(listed).as_py():
            told.append(Move(move.before, move.after, move.ids.filter(pc.invert(listed))))
    return Moves(tuple(told), found.same, found.shared)


def _erasure_list(side: Kept) -> tuple[list[str], list[str]]:
    """Record ids and keyed subjects on a version's erasure list."""
    lines = (side.version.read(str(ERASURE_LIST)) or b"").decode("utf-8-sig", "replace").splitlines()
    cells = [line.strip().split(",") for line in lines[1:]]
    records, subjects = ([row[1] for row in cells if row[0] == kind and len(row) > 1] for kind in ("record", "subject"))
    return records, subjects


def _of_subjects(side: Kept, stage: str, subjects: Sequence[str]) -> list[str]:
    """Ids of the records of these subjects, as far as the version's records are left."""
    table = side.table(stage, RECORDS, ["id", "subject"]) if subjects else None
    if table is None:
        return []
    ids: list[str] = table["id"].filter(pc.is_in(table["subject"], value_set=pa.array(subjects))).to_pylist()
    return ids


def _told(found: Moves, a: Kept, b: Kept, first: str) -> dict[str, Any]:
    headings: dict[str, dict[str, Any]] = {}
    for move in found.moves:
        heading = headings.setdefault(move.heading, {"rows": 0, "parts": []})
        heading["rows"] += len(move.ids)
        heading["parts"].append({"from": _end(move.before), "to": _end(move.after), "ids": move.ids.to_pylist()})
    for name, side in (("added", b), ("removed", a)):
        if name in headings:
            ids = pa.concat_arrays([move.ids for move in found.moves if move.heading == name])
            headings[name]["by_source"] = _by_source(side, first, ids)
    same = [{"end": _end(end), "rows": count} for end, count in sorted(found.same.items())]
    headings = {code: headings[code] for code in HEADINGS if code in headings}
    return {"headings": headings, "same": same, "shared": found.shared}


def _end(end: End) -> dict[str, str]:
    return {"kind": end.kind, "stage": end.stage, "reason": end.reason}


def _by_source(side: Kept, stage: str, ids: pa.Array) -> Mapping[str, int]:
    table = side.table(stage, EVENTS, ["id", "evidence"])
    assert table is not None, "its events were read before"
    evidence = table["evidence"].filter(pc.is_in(table["id"], value_set=ids)).combine_chunks()
    sources = pc.struct_field(pc.extract_regex(evidence, _SOURCE), "source")
    counts = Counter({str(one["values"]): one["counts"] for one in pc.value_counts(sources).to_pylist()})
    return dict(sorted(counts.items()))
