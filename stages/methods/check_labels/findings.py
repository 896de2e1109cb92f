"""What is known of each record before anything is decided: its doubts, and what a person said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stages.core.doubts import Doubt, Doubted
from stages.core.label_decisions import LabelDecision
from stages.core.records import Record
from stages.core.task import Task
from stages.methods.check_labels.queue import ranks
from stages.methods.check_labels.summary import Reviewed, Row


@dataclass(frozen=True, slots=True)
class Finding:
    """A record's doubts, what a person decided about it, and whether the split will put it in test.

    `suggested` is an annotation (`Task.annotation`), `rank` the place in the queue. A `stale` decision is one about
    another text or label than the record has now: it is not in `decision`.
    """

    task: Task
    doubts: Sequence[Doubt]
    suggested: str | None
    rank: int | None
    reserved: bool
    decision: LabelDecision | None = None
    stale: bool = False


def findings(
    task: Task,
    rows: Sequence[Row],
    doubted: Doubted,
    decisions: Mapping[str, LabelDecision],
    reserved: Mapping[str, bool],
) -> dict[str, Finding]:
    """The findings by id, of the records that are in doubt or that somebody decided about."""
    places, found = ranks(doubted), {}
    for row in rows:
        decision, doubts = decisions.get(row.id), doubted.doubts.get(row.id, ())
        if decision is None and not doubts:
            continue
        fits = decision is not None and decision.fits(row.text, row.given or "")
        ranked = doubted.ranked.get(row.id)
        found[row.id] = Finding(
            task,
            doubts,
            suggested=None if ranked is None else ranked.suggested,
            rank=places.get(row.id),
            reserved=reserved[row.id],
            decision=decision if fits else None,
            stale=decision is not None and not fits,
        )
    return found


def reviewed(found: Mapping[str, Finding], rows: Sequence[Row], decisions: Mapping[str, LabelDecision]) -> Reviewed:
    """What people decided, as far as it still holds."""
    verdicts = {id: finding.decision.decision for id, finding in found.items() if finding.decision}
    stale = sum(finding.stale for finding in found.values())
    return Reviewed(verdicts, stale, gone=len(decisions.keys() - {row.id for row in rows}))


def decided_labels(
    task: Task, records: Iterable[Record], rows: Sequence[Row], decisions: Mapping[str, LabelDecision]
) -> tuple[list[str], bool]:
    """Ids whose record cannot be labelled as was decided, and whether a class was named that no record has.

    `rowtrail review labels` writes no such line, but the file is in git, where it can be edited and merged.
    """
    there = {row.id: row for row in rows}
    relabelled = {
        id: one.to
        for id, one in decisions.items()
        if id in there and one.decision == "relabel" and one.fits(there[id].text, there[id].given or "")
    }
    wrong: list[str] = []
    known, named = set[str](), set[str]()
    for record in records if relabelled else ():
        known.update(task.labels(record))
        if record.id in relabelled:
            try:
                named.update(task.labels(task.with_annotation(record, relabelled[record.id])))
            except ValueError:
                wrong.append(record.id)
    return wrong, not named <= known
