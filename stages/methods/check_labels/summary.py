"""What the check says of the whole set, whatever the task: how many doubts, what became of them, who agrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stages.core.doubts import Doubted
from stages.core.keys import Keys
from stages.core.label_decisions import LABEL_VERDICTS, LabelVerdict
from stages.core.records import Record
from stages.methods.audit.roc import auc, flat
from stages.methods.check_labels.queue import ranks
from stages.methods.check_labels.reasons import LABEL_REASONS
from stages.methods.check_labels.review.precision import precision

_LOW_AGREEMENT = 0.6
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Row:
    """What the check needs to know of a record, beside what the task does.

    `text` is a keyed hash of all its texts, `bound` a digest of those that bind it to others; `given` is the
    annotation, `answered` whether it has a label at all.
    """

    id: str
    subject: str | None
    group: str | None
    text: str
    bound: str
    given: str | None
    answered: bool
    confidence: float | None


def text_hash(keys: Keys, record: Record) -> str:
    """The keyed hash by which a decision knows the texts it was made about again: 32 hex digits."""
    return keys.hash("label_decision", record.source, record.text)[:32]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What people decided: the verdicts that were applied, by record, and how many were not.

    `stale` are about records whose text or label is another one by now, `gone` about records that are not there.
    """

    verdicts: Mapping[str, LabelVerdict] = field(default_factory=dict)
    stale: int = 0
    gone: int = 0


def summary(
    rows: Sequence[Row], doubted: Doubted, reserved: Mapping[str, bool], reviewed: Reviewed, policy: str
) -> dict[str, Any]:
    """Counts of doubts and of what became of them, what people made of them, and what annotators would.

    Suspects are the records whose label is in doubt; `doubts` counts the findings about the data as well.
    """
    suspects = {id for id, some in doubted.doubts.items() if any(one.reason in LABEL_REASONS for one in some)}
    open_ = suspects - {*reviewed.verdicts}
    labelled = sum(row.answered for row in rows)
    by_reason = Counter(doubt.reason for some in doubted.doubts.values() for doubt in some)
    return {
        "checked": len(doubted.ranked),
        "unchecked": {"no_label": len(rows) - labelled, "not_judged": max(0, labelled - len(doubted.ranked))},
        "suspects": len(suspects),
        "suspect_share": round(len(suspects) / len(doubted.ranked), _DIGITS) if doubted.ranked else 0.0,
        "suspects_reserved": sum(reserved[id] for id in open_),
        "suspects_changed": sum(_is_changed(id, doubted, policy) for id in open_ if not reserved[id]),
        "doubts": dict(sorted(by_reason.items())),
        "policy": policy,
        **_reviewed([id for id in ranks(doubted) if id in suspects], reviewed),
        **_agreement(rows, doubted, suspects),
        **doubted.facts,
    }


def _is_changed(id: str, doubted: Doubted, policy: str) -> bool:
    """Whether the policy drops or relabels a suspect; without a suggestion there is nothing to relabel it as."""
    place = doubted.ranked.get(id)
    return policy == "drop" or (policy == "relabel" and place is not None and place.suggested is not None)


def _reviewed(suspects: Sequence[str], reviewed: Reviewed) -> dict[str, Any]:
    """How often people found suspects wrong: relabelled them or took them out. Left out where nobody decided anything.

    `suspects` come in the order of the queue. `precision` is as `rowtrail review labels` gives it, with Wilson's 95 %
    interval; with few answers it is not `enough` to go by.
    """
    if not (reviewed.verdicts or reviewed.stale or reviewed.gone):
        return {}
    counts = Counter[str](reviewed.verdicts.values())
    answers = [reviewed.verdicts[id] != "keep" if id in reviewed.verdicts else None for id in suspects]
    found: dict[str, Any] = {"decided": len(reviewed.verdicts), **{one: counts[one] for one in LABEL_VERDICTS}}
    found |= {"stale": reviewed.stale, "gone": reviewed.gone, "suspects": sum(one is not None for one in answers)}
    right = precision(answers)
    known = {} if right is None else flat({"precision": right.share})
    return {"reviewed": {**found, **known, "enough": right is not None and right.enough}}


def _agreement(rows: Sequence[Row], doubted: Doubted, suspects: Collection[str]) -> dict[str, Any]:
    """Does the check doubt what annotators disagreed on? They know nothing of each other, so it is a test of both.

    `auroc` is the chance that a record with an agreement below 0.6 is doubted more than one with 0.6 or above. Left out
    where no record carries an agreement; `auroc` where all lie on one side.
    """
    known = [
        (doubted.ranked[row.id].margin, row.confidence, row.id in suspects)
        for row in rows
        if row.confidence is not None and row.id in doubted.ranked
    ]
    if not known:
        return {}
    low = [-margin for margin, confidence, _ in known if confidence < _LOW_AGREEMENT]
    high = [-margin for margin, confidence, _ in known if confidence >= _LOW_AGREEMENT]
    found: dict[str, Any] = {"rows": len(known), "rows_low": len(low)}
    if low and high:
        found["auroc"] = round(auc(low, high), _DIGITS)
    for name, wanted in (("mean_suspects", True), ("mean_others", False)):
        values = [confidence for _, confidence, suspect in known if suspect is wanted]
        if values:
            found[name] = round(sum(values) / len(values), _DIGITS)
    return {"confidence": found}
