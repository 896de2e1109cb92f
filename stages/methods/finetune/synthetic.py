"""The synthetic training records of a plan: made, written beside it, and read again by `finetune`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stages.core.errors import Fault, UsageError
from stages.core.records import Record, Schema
from stages.core.spans import TextEdit
from stages.core.storage import StageFolder
from stages.core.tables import records_of, records_schema, records_table
from stages.core.task import Task
from stages.methods.finetune.augmenting import copies, copy_of, edited
from stages.methods.finetune.counterfactual import swapped
from stages.methods.finetune.rewriting import Rewriter, rewriter

FILE = "synthetic.parquet"
_AT_ONCE = 256


def synthesise(
    records: Iterable[Record], task: Task, labels: Mapping[str, tuple[str, ...]], options: Mapping[str, Any], seed: int
) -> Iterator[tuple[str, Record]]:
    """Pairs of a parent's id and a synthetic record, by the `augment` section; `labels` are those of all `records`.

    Only what the model is given is changed (`task.inputs`); but `counterfactual` changes what is to be answered along
    with it, or a text about her would be answered with one about him. Raises UsageError where whole texts would be
    rewritten that labelled spans or answers stand in.
    """
    wanted = copies(labels, options, seed)
    parents = (record for record in records if record.id in wanted)
    if options["method"] in ("edits", "counterfactual"):
        for parent in parents:
            for number in range(1, wanted[parent.id] + 1):
                if options["method"] == "edits":
                    made = edited(parent, task.inputs(parent), number, options["strength"], seed)
                else:
                    made = swapped(parent, parent.texts(), number, seed)
                if made is not None:
                    yield parent.id, made
        return
    _refuse_spans(task)
    yield from _rewritten(list(parents), task, rewriter(options))


def _refuse_spans(task: Task) -> None:
    if columns := task.schema.of_kind("spans"):
        problem = f"rewrites a text whose {columns[0].name} could not follow"
        raise UsageError(Fault("params.yaml: finetune.augment.method", problem, "set it to edits or none"))


def _rewritten(parents: Sequence[Record], task: Task, rewrite: Rewriter) -> Iterator[tuple[str, Record]]:
    """One copy of each parent, if another wording was found for any of its texts."""
    asked = [(parent, path, parent.texts()[path]) for parent in parents for path in task.inputs(parent)]
    found: dict[str, dict[str, list[TextEdit]]] = {}
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        for (parent, path, text), new in zip(some, rewrite([text for _, _, text in some]), strict=True):
            if new.strip() and new != text:
                found.setdefault(parent.id, {})[path] = [TextEdit(0, len(text), new)]
    for parent in parents:
        if parent.id in found:
            yield parent.id, copy_of(parent, 1, parent.with_edits(found[parent.id]))


def write_synthetic(
    folder: Path, made: Iterable[tuple[str, Record]], schema: Schema
) -> tuple[list[Record], Counter[str]]:
    """Write the synthetic records beside plan.json, sorted by id; gives them, and how many each parent got."""
    pairs = sorted(made, key=lambda pair: pair[1].id)
    records = [record for _, record in pairs]
    table = records_table(records, schema).append_column("parent", [[parent for parent, _ in pairs]])
    pq.write_table(table, folder / FILE, compression="zstd")
    return records, Counter(parent for parent, _ in pairs)


def read_synthetic(planned: StageFolder, schema: Schema) -> list[Record]:
    """The synthetic records of a plan; none where it has none."""
    path = planned.path / FILE
    if not path.exists():
        return []
    return records_of(pq.read_table(path, columns=records_schema(schema).names), schema)
