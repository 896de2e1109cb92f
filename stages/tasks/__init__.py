"""The kinds of model Rowtrail can tune. A new kind is one file here and one row in the table."""

from __future__ import annotations

import importlib

from stages.core.errors import Fault, UsageError
from stages.core.task import Task

TASKS = {
    "classification": "stages.tasks.classification:Classification",
    "multi_label": "stages.tasks.multi_label:MultiLabel",
    "token_labels": "stages.tasks.token_labels:TokenLabels",
    "question_answering": "stages.tasks.question_answering:QuestionAnswering",
    "seq2seq": "stages.tasks.seq2seq:Seq2Seq",
    "causal_lm": "stages.tasks.causal_lm:CausalLm",
}


def load_task(name: str) -> Task:
    """The task of that name. Raises UsageError, with the known names, for another."""
    if name not in TASKS:
        problem = f"unknown task {name!r}"
        raise UsageError(Fault("params.yaml: task", problem, f"known tasks: {', '.join(sorted(TASKS))}"))
    module, _, attribute = TASKS[name].partition(":")
    task: Task = getattr(importlib.import_module(module), attribute)()
    return task
