"""Records of every shape, and the folders of the stages that they came through, each naming the one before it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from stages.core.records import Answer, Column, Message, Record, Schema, Span
from stages.core.storage import FolderWriter, StageFolder

SPLITS = ("train",) * 12 + ("validation",) * 3 + ("test",) * 3
CONTEXT = "The ferry leaves Bergen at noon."


def _chat(i: int) -> tuple[Message, ...]:
    return (
        Message("system", "Be brief."),
        Message("user", f"Is {i} even?"),
        Message("assistant", "yes" if i % 2 else "no"),
    )


SHAPES = {
    "classification": (
        Schema((Column("text", "text"), Column("label", "label"))),
        lambda i: {"text": f"Parcel {i} came late", "label": ("bad", "good")[i % 2]},
    ),
    "multi_label": (
        Schema((Column("text", "text"), Column("labels", "labels"))),
        lambda i: {"text": f"Parcel {i} came late", "labels": (("late",), ("late", "torn"), ())[i % 3]},
    ),
    "token_labels": (
        Schema((Column("text", "text"), Column("spans", "spans", of="text"))),
        lambda i: {"text": f"Ada met Bo, take {i}", "spans": (Span(8, 10, "PER"), Span(0, 3, "PER")) if i % 2 else ()},
    ),
    "question_answering": (
        Schema(
            (
                Column("question", "text"),
                Column("context", "text", shared=True),
                Column("answers", "answers", of="context"),
            )
        ),
        lambda i: {
            "question": f"When does ferry {i} leave?",
            "context": CONTEXT,
            "answers": (Answer(27, "noon"), Answer(24, "at noon")) if i % 2 else (),
        },
    ),
    "causal_lm": (Schema((Column("messages", "messages"),)), lambda i: {"messages": _chat(i)}),
    "seq2seq": (
        Schema((Column("source_text", "text"), Column("target_text", "text"))),
        lambda i: {"source_text": f"uno {i}", "target_text": f"one {i}"},
    ),
}
"""Schema and values by the name of a task; see house rules for the columns."""


def some_records(task: str) -> list[Record]:
    """A record for each of `SPLITS`."""
    schema, values = SHAPES[task]
    return [
        Record(f"{i + 1:020x}", "s", str(i), schema, values(i), subject=f"{i + 1:032x}", split=split)
        for i, split in enumerate(SPLITS)
    ]


def write_chain(data: Path, task: str, records: list[Record], stages=("ingest", "scrub_pii", "split"), **leaks) -> Path:
    """The folders of some stages below `data`, and the path of the last."""
    inputs: dict[str, str] = {}
    for stage in stages:
        own = {"ingest": {"sources": [{"name": "s", "license": "MIT"}]}, "scrub_pii": {"entities": {"NRP": "keep"}}}
        params = {"task": task, **({stage: own[stage]} if stage in own else {})}
        with FolderWriter(data / stage, SHAPES[task][0]) as folder:
            for one in records:
                folder.add(one if stage == "split" else replace(one, split=None))
            folder.finish_tables()
            found = {"proven": 0, **leaks}
            report = {"leaks": {"rechecked": 1, **{kind: {"found": count} for kind, count in found.items()}}}
            (folder.work / "report.json").write_text(json.dumps(report))
            folder.finish({"format": 1, "stage": stage, "inputs": inputs, "params": params})
        inputs = {stage: StageFolder(data / stage).digest}
    return data / stages[-1]
