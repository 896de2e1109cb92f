"""Find labels that are probably wrong; mark, drop or relabel them, and apply what people decided about them.

in:  data/scrub_pii              records without personal data
     data/decisions/labels.csv   what people decided about labels in doubt
out: data/check_labels           the same records; suspects marked, dropped or relabelled as `check_labels.policy`
                                 says; and queue.parquet, every checked record by how doubtful it is
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stages.core.cache import Cache
from stages.core.doubts import Doubt, LabelCheck, Vectors
from stages.core.engine import Engine
from stages.core.errors import DataError, Fault
from stages.core.label_decisions import LABEL_DECISIONS, LabelDecision, read_label_decisions
from stages.core.params import CheckLabelsParams, SplitParams
from stages.core.records import Decision, Event, Label, Record, edit, keep
from stages.core.stage import Context, Verdicts, set_stage
from stages.methods.check_labels.embeddings import Encoder, embed
from stages.methods.check_labels.findings import Finding, decided_labels, findings, reviewed
from stages.methods.check_labels.issues.data_issues import with_data_issues
from stages.methods.check_labels.queue import queue_table
from stages.methods.check_labels.reasons import DATA_REASONS, LABEL_REASONS
from stages.methods.check_labels.summary import Row, summary, text_hash
from stages.methods.deduplicate.shingles import digest
from stages.methods.split.splitting import draw, group_keys, part_of

REASONS = {
    **LABEL_REASONS,
    **DATA_REASONS,
    "reviewed_right": "a person looked and kept the label",
    "reviewed_wrong": "a person gave the record another label",
    "reviewed_out": "a person took the record out; of the test split it is only left out of the score",
    "stale_decision": "a person decided about it, but its text or its label has changed since: to be reviewed again",
}
_NAMED = 20  # records in a message


def survey(context: Context, engine: Engine, _: Path) -> Verdicts:
    """The findings by record, and what was measured of all of them."""
    params: CheckLabelsParams = context.params["check_labels"]
    split: SplitParams = context.params["split"]
    rows = [_row(context, record) for record in context.input().records(context.task.schema)]
    keys = group_keys(((row.id, row.subject, row.group) for row in rows), {row.id: row.bound for row in rows})
    draws = {id: draw(context.seed, key) for id, key in keys.items()}
    reserved = {id: part_of(u, split.validation, split.test) == "test" for id, u in draws.items()}
    check = _check(context, engine, keys, reserved)
    decisions = read_label_decisions().by_id
    warnings = _decided(context, check, rows, decisions)
    doubted = with_data_issues(context.task.doubts(check), context.task, check, reserved)
    found = findings(context.task, rows, doubted, decisions, reserved)
    facts = summary(rows, doubted, reserved, reviewed(found, rows, decisions), params.policy)
    facts["warnings"] = [*facts.get("warnings", ()), *warnings]
    queue = queue_table(doubted, {row.id: row.given for row in rows}, reserved)
    return Verdicts(found, facts, {"queue": queue})


def _row(context: Context, record: Record) -> Row:
    annotated, answered = context.task.annotation(record), context.task.answered(record)
    text, bound = text_hash(context.keys, record), digest(record.binding_texts()).hex()
    return Row(record.id, record.subject, record.group, text, bound, annotated, answered, record.confidence)


def _decided(
    context: Context, check: LabelCheck, rows: Sequence[Row], decisions: Mapping[str, LabelDecision]
) -> list[str]:
    """Warnings about the labels that people gave. Raises DataError for those that the task does not write so."""
    wrong, new = decided_labels(context.task, check.records(), rows, decisions)
    if wrong:
        problem = f"`to` is not a label as this task writes them, for the ids {', '.join(wrong[:_NAMED])}"
        step = "decide about them again with `rowtrail review labels`, or delete their lines"
        raise DataError(Fault(str(LABEL_DECISIONS), problem, step))
    return ["People gave records a class that no record has in the source."] if new else []


def _check(context: Context, engine: Engine, keys: Mapping[str, str], reserved: Mapping[str, bool]) -> LabelCheck:
    """The tools for the task's check."""
    params: CheckLabelsParams = context.params["check_labels"]
    key = "check_labels.encoder" if params.encoder else "model"
    encoder = Encoder(params.encoder or context.shared["model"], params.max_tokens, key)
    cache = Cache(f"embeddings-{encoder.digest()}")

    def name_of(purpose: str, record: Record, text: str) -> str:
        return context.keys.hash(purpose, record.source, text)

    def embedded(texts: Iterable[tuple[Record, str]]) -> Vectors:
        named = ((name_of("embedding", record, text), text) for record, text in texts)
        return embed(encoder, named, cache, engine.map)

    return LabelCheck(
        records=partial(context.input().records, context.task.schema), params=params, seed=context.seed, keys=keys,
        reserved={id for id, held in reserved.items() if held}, embed=embedded, encoder=encoder.source,
        run=engine.map, name_of=name_of, cache=Cache("label_checks"),
    )  # fmt: skip


def decide(record: Record, params: Mapping[str, Any], finding: Finding | None) -> Decision:
    """What a person decided goes first; then the policy, but a record reserved for the test split is only marked."""
    if finding is None:
        return keep(record)
    if finding.decision is not None:
        return _as_reviewed(record, finding, finding.decision)
    events = [Event("keep", doubt.reason, _evidence(doubt, finding)) for doubt in finding.doubts]
    if finding.stale:
        events.append(Event("keep", "stale_decision"))
    acting = next((event for event in events if event.reason in LABEL_REASONS), None)
    policy = "flag" if finding.reserved or acting is None else params["check_labels"].policy
    if acting is None or policy == "flag" or (policy == "relabel" and finding.suggested is None):
        return edit(record, events)
    others = [event for event in events if event is not acting]
    if policy == "drop":
        return Decision(record.id, "dropped", None, (Event("drop", acting.reason, acting.evidence), *others))
    assert finding.suggested is not None
    changed = Event("relabel", acting.reason, {**acting.evidence, "suggested": Label(finding.suggested)})
    return edit(finding.task.with_annotation(record, finding.suggested), [changed, *others])


def _as_reviewed(record: Record, finding: Finding, decision: LabelDecision) -> Decision:
    """The record as a person left it. One taken out of the test split stays there, for `evaluate` to count apart."""
    evidence: dict[str, Any] = {"given": Label(decision.seen), "reserved": finding.reserved}
    evidence |= {"doubts": [doubt.reason for doubt in finding.doubts]}
    if decision.decision == "keep":
        return edit(record, [Event("keep", "reviewed_right", evidence)])
    if decision.decision == "relabel":
        changed = finding.task.with_annotation(record, decision.to)
        return edit(changed, [Event("relabel", "reviewed_wrong", {**evidence, "to": Label(decision.to)})])
    if finding.reserved:
        return edit(record, [Event("keep", "reviewed_out", evidence)])
    return Decision(record.id, "dropped", None, (Event("drop", "reviewed_out", evidence),))


def _evidence(doubt: Doubt, finding: Finding) -> dict[str, Any]:
    return {**doubt.evidence, "rank": finding.rank, "reserved": finding.reserved}


HEADLINE = (
    "suspects", "suspect_share", "suspects_changed", "confidence.auroc", "probe.*.recall*", "doubts.*", "reviewed.*",
)  # fmt: skip
STAGE = set_stage(
    "check_labels",
    survey,
    decide,
    reasons=REASONS,
    uses=("seed", "model"),
    sections=("check_labels", "split"),
    headline=HEADLINE,
)
