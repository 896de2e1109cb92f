"""Small runs of check_labels, written by hand, in the working directory."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from stages.commands.review_labels_run import LabelRun
from stages.core.doubts import Doubt, Doubted, Ranked
from stages.core.params import Params
from stages.core.records import Event, Record
from stages.core.storage import FolderWriter, StageFolder
from stages.core.tables import EVENTS, events_table, records_table
from stages.methods.check_labels.queue import queue_table
from stages.tasks import load_task

SUSPECT = {"self_confidence": 0.034, "neighbours_agree": 0.1, "score": 0.021, "margin": 0.08}


def id_of(number):
    return f"{number:020x}"


def doubted_run(task, values, ranked=None, reserved=(), labels=None):
    """The run after check_labels; the n-th record of `values` has margin n / 100 and `ranked[n]`.

    That is a suggestion and whether the record is in doubt.
    """
    task, ranked = load_task(task), ranked or {}
    records = [Record(id_of(n), "s", str(n), task.schema, dict(value), language="en") for n, value in enumerate(values)]
    with FolderWriter(Path("data/scrub_pii"), task.schema, in_order=True) as folder:
        folder.append(EVENTS.empty_table(), records_table(records, task.schema))
        folder.finish_tables()
        folder.finish({"stage": "scrub_pii", "inputs": {}})
    doubts, ranks = {}, {}
    for n, record in enumerate(records):
        suggested, reason = ranked.get(n, (None, None))
        ranks[record.id] = Ranked(n / 100, suggested)
        if reason:
            doubts[record.id] = [Doubt(reason, SUSPECT if reason == "suspect_label" else {"similarity": 0.123})]
    with FolderWriter(Path("data/check_labels"), None, in_order=True) as folder:
        folder.append(events_table([*_events(doubts)]))
        given = {record.id: task.annotation(record) for record in records}
        in_test = {record.id: n in reserved for n, record in enumerate(records)}
        pq.write_table(queue_table(Doubted(doubts, ranks), given, in_test), folder.work / "queue.parquet")
        folder.finish_tables()
        inputs = {"scrub_pii": StageFolder(Path("data/scrub_pii")).digest}
        folder.finish({"stage": "check_labels", "inputs": inputs})
    return LabelRun(Path("data"), params(task.name, labels))


def params(task, labels=None):
    source = {"name": "s", "uri": "rows.csv", "license": "MIT", "public": True}
    return Params.model_validate({"task": task, "ingest": {"sources": [source], "labels": labels}})


def _events(doubts):
    for id, some in sorted(doubts.items()):
        for seq, doubt in enumerate(some):
            event = Event("keep", doubt.reason, doubt.evidence)
            evidence = json.dumps({**event.evidence, "rank": 1, "reserved": False})
            yield {"id": id, "seq": seq, "action": event.action, "reason": event.reason, "evidence": evidence}
