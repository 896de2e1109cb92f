"""How many wrong answers the check finds on this very data: some are made wrong in a shadow copy, and looked for.

`cut`          an end of the answer moved into its first or last word
`moved`        the answer of another question about the same context
`conflicting`  the same question asked twice, the second time with the answer of another one
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from stages.core.doubts import Doubted, LabelCheck
from stages.core.records import Answer, Record
from stages.methods.audit.roc import auc, wilson
from stages.methods.check_labels.labels.noise_probe import FEW
from stages.methods.deduplicate.shingles import digest
from stages.methods.split.splitting import draw

Examine: TypeAlias = Callable[[Iterable[Record]], Doubted]
Others: TypeAlias = Mapping[bytes, list[tuple[str, Answer]]]
_DIGITS = 3
_COPY = "'"
"""Ends the id of a record that is there only in the shadow copy."""


@dataclass(frozen=True, slots=True)
class _Planter:
    """Makes records wrong; `others` are the first answers about each context."""

    seed: int
    others: Others

    def cut(self, record: Record) -> list[Record]:
        """One letter less, at the end of the answer that a draw picks."""
        first = record.values["answers"][0]
        shorter = Answer(first.start, first.text[:-1])
        if draw(self.seed, record.id, "answer_cut") < 0.5:
            shorter = Answer(first.start + 1, first.text[1:])
        fits = first.text[:2].isalpha() and first.text[-2:].isalpha()
        return [record.with_values(answers=(shorter,))] if fits else []

    def moved(self, record: Record) -> list[Record]:
        """The answer that a draw picks among those of the context that do not overlap the record's own."""
        own = [(one.start, one.start + len(one.text)) for one in record.values["answers"]]
        others = [
            one
            for id, one in self.others[digest([record.values["context"]])]
            if id != record.id and all(one.start >= end or one.start + len(one.text) <= start for start, end in own)
        ]
        place = int(draw(self.seed, record.id, "answer_moved") * len(others))
        return [record.with_values(answers=(others[place],))] if others else []

    def conflicting(self, record: Record) -> list[Record]:
        """The record, and a copy of it with another answer."""
        return [record, *(replace(one, id=record.id + _COPY) for one in self.moved(record))]


def measure(check: LabelCheck, found: Doubted, examine: Examine) -> dict[str, Any]:
    """Recall by kind with its 95 % Wilson interval; `auroc`: how surely the queue puts a wrong one before the others.

    Records in doubt are left as they are. Empty where fewer than 20 would be made wrong, and so is a kind.
    """
    others: dict[bytes, list[tuple[str, Answer]]] = {}
    chosen: set[str] = set()
    for record in check.records():
        if answers := record.values["answers"]:
            others.setdefault(digest([record.values["context"]]), []).append((record.id, answers[0]))
            if record.id not in found.doubts and draw(check.seed, record.id, "answer_probe") < check.params.probe:
                chosen.add(record.id)
    planter = _Planter(check.seed, others)
    kinds = {"cut": planter.cut, "moved": planter.moved, "conflicting": planter.conflicting}
    measured = {kind: _measured(check, found, examine, chosen, plant) for kind, plant in kinds.items()}
    return {kind: some for kind, some in measured.items() if some}


def _measured(
    check: LabelCheck, found: Doubted, examine: Examine, chosen: set[str], plant: Callable[[Record], list[Record]]
) -> dict[str, Any]:
    planted: set[str] = set()

    def shadow() -> Iterator[Record]:
        for record in check.records():
            wrong = plant(record) if record.id in chosen else []
            if any(one.values != record.values for one in wrong):
                planted.add(record.id)
                yield from wrong
            else:
                yield record

    again = examine(shadow())
    if len(planted) < FEW:
        return {}
    hits = sum(id in again.doubts for id in planted)
    low, high = wilson(hits, len(planted))
    others = [id for id in found.ranked if id not in planted and id not in found.doubts]
    margins = [-again.ranked[id].margin for id in sorted(planted)], [-again.ranked[id].margin for id in others]
    return {
        "planted": len(planted),
        "found": hits,
        "recall": round(hits / len(planted), _DIGITS),
        "recall_low": round(low, _DIGITS),
        "recall_high": round(high, _DIGITS),
        "auroc": round(auc(*margins), _DIGITS) if others else None,
        "others_suspected": sum(id in again.doubts for id in others),
    }
