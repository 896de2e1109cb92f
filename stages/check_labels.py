"""Find labels that are probably wrong; mark, drop or relabel them, and never change those of the test split.

in:  data/scrub_pii      records without personal data
out: data/check_labels   the same records; suspects marked, dropped or relabelled, as `check_labels.policy` says
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.cache import Cache
from stages.core.engine import Engine
from stages.core.params import CheckLabelsParams, SplitParams
from stages.core.records import Decision, Label, Record, drop, flag, keep, relabel
from stages.core.stage import Context, Verdicts, set_stage
from stages.core.task import Task
from stages.methods.check_labels.embeddings import Encoder, embed
from stages.methods.check_labels.label_errors import Doubts, Views, deal_folds, doubt, look
from stages.methods.check_labels.summary import Checked, summary
from stages.methods.deduplicate.shingles import digest
from stages.methods.split.splitting import draw, group_keys, part_of

REASONS = {
    "suspect_label": "a model that has not seen the record's group, and most of its neighbours, expect another label",
}
_DIGITS = 4  # of margins and shares in the evidence; what lies behind them differs between processors


@dataclass(frozen=True, slots=True)
class Row:
    """What the check needs to know of a record; `label` is empty where it has none, `text` is a digest."""

    id: str
    label: str
    subject: str | None
    group: str | None
    text: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label in doubt. A `reserved` record is one that the split will put in test."""

    task: Task
    suggested: str
    reserved: bool
    evidence: Mapping[str, Any]


def survey(context: Context, engine: Engine, _: Path) -> Verdicts:
    """The suspects among the labelled records, and what was measured of all of them."""
    params: CheckLabelsParams = context.params["check_labels"]
    encoder = Encoder(params.encoder or context.shared["model"], params.max_tokens)
    rows: list[Row] = []
    vectors = embed(encoder, _read(context, rows), Cache(f"embeddings-{encoder.digest()}"), engine.map)
    keys = group_keys(((row.id, row.subject, row.group) for row in rows), {row.id: row.text for row in rows})
    labelled = [row for row in rows if row.label]
    folds = deal_folds([row.label for row in labelled], [keys[row.id] for row in labelled], params.folds, context.seed)
    kept = np.flatnonzero(folds >= 0)
    checked = [labelled[i] for i in kept]
    if len({row.label for row in checked}) < 2:
        return Verdicts({}, summary([], labelled, len(rows), params))
    own = [keys[row.id] for row in checked]
    views = look(vectors[kept], [row.label for row in checked], own, folds[kept], params.neighbours)
    doubts = doubt(views)
    split: SplitParams = context.params["split"]
    reserved = [part_of(draw(context.seed, key), split.validation, split.test) == "test" for key in own]
    suspects = _suspects(context.task, checked, views, doubts, reserved)
    found = [
        Checked(row.label, row.confidence, float(margin), suspects.get(row.id))
        for row, margin in zip(checked, doubts.margin, strict=True)
    ]
    return Verdicts(suspects, summary(found, labelled, len(rows), params))


def _read(context: Context, rows: list[Row]) -> Iterator[tuple[str, str]]:
    """Keyed hash and text of each record that has a label; the other facts of every record are added to `rows`."""
    for record in context.input().records(context.task.schema):
        label = context.task.targets(record) or ""
        text = digest(record.binding_texts()).hex()
        rows.append(Row(record.id, label, record.subject, record.group, text, record.confidence))
        if label:
            yield context.keys.hash("embedding", record.source, record.text), record.text


def _suspects(task: Task, rows: list[Row], views: Views, doubts: Doubts, reserved: list[bool]) -> dict[str, Suspect]:
    """The suspects by id, ranked by margin, 1 the most doubtful; equal margins by id."""
    margins = np.round(doubts.margin, _DIGITS)
    order = sorted(np.flatnonzero(doubts.suspect), key=lambda i: (margins[i], rows[i].id))
    found = {}
    for rank, i in enumerate(order, start=1):
        suggested = views.classes[doubts.suggested[i]]
        evidence = {"given": Label(rows[i].label), "suggested": Label(suggested), "margin": float(margins[i])}
        evidence |= {"self_confidence": round(float(doubts.self_confidence[i]), _DIGITS)}
        evidence |= {"neighbours_agree": round(float(doubts.agreement[i]), _DIGITS)}
        found[rows[i].id] = Suspect(task, suggested, reserved[i], {**evidence, "rank": rank, "reserved": reserved[i]})
    return found


def decide(record: Record, params: Mapping[str, Any], suspect: Suspect | None) -> Decision:
    """Keep the record unless its label is in doubt; a record reserved for the test split is only marked."""
    if suspect is None:
        return keep(record)
    policy = "flag" if suspect.reserved else params["check_labels"].policy
    if policy == "drop":
        return drop(record, "suspect_label", **suspect.evidence)
    if policy == "relabel":
        return relabel(suspect.task.with_target(record, suspect.suggested), "suspect_label", **suspect.evidence)
    return flag(record, "suspect_label", **suspect.evidence)


HEADLINE = ("suspects", "suspect_share", "suspects_changed", "confidence.auroc")
STAGE = set_stage(
    "check_labels",
    survey,
    decide,
    reasons=REASONS,
    uses=("seed", "model"),
    sections=("check_labels", "split"),
    headline=HEADLINE,
)
