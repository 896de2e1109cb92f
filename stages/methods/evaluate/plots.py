"""The tables that `dvc.yaml` draws, for kinds of models whose own scores come without them.

DVC warns of a plot whose file is not there, and cannot be told which plots go with which kind of model. So each kind
has both: what was given in the place of what, and whether it was right as often as it was sure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from stages.core.records import Record
from stages.core.task import Prediction, Task
from stages.methods.evaluate.slices import reliability
from stages.methods.evaluate.summary import Answered

_BINS = 10


def drawn(test: Answered) -> dict[str, list[dict[str, Any]]]:
    """`confusion.csv` by the lengths of written answers, and `reliability.csv`, of the answers on test rows."""
    qualities = [quality for quality in test.quality if quality is not None]
    both = [
        pair
        for record, prediction, quality in zip(*test.given, qualities, strict=True)
        for pair in _sure_and_right(test.task, record, prediction, quality)
    ]
    bins = reliability([sure for sure, _ in both], [right for _, right in both])
    return {"confusion.csv": _lengths(test), "reliability.csv": bins}


def _sure_and_right(task: Task, record: Record, said: Prediction, quality: float) -> Iterator[tuple[float, float]]:
    """How sure the model was of something, 0 to 1, and how right that was.

    Of each label where any number of them can be right, else of the answer. Where there is no probability of an answer,
    it is that of the reference, by token (the geometric mean): how likely the model found what it should have written.
    """
    own = task.labels(record)
    if said.scores and task.targets(record) is None and {*own} <= said.scores.keys():
        yield from ((score, float(label in own)) for label, score in said.scores.items())
    elif said.scores:
        yield max(said.scores.values()), quality
    elif said.loss is not None:
        yield math.exp(-said.loss), quality


def _lengths(test: Answered) -> list[dict[str, str]]:
    """How many words the reference has, and how many the answer has, a row a record; in bins of equal width."""
    pairs = [
        (len((test.task.truth(record) or "").split()), len(test.task.said(prediction).split()))
        for record, prediction in zip(*test.given, strict=True)
    ]
    width = math.ceil((max((max(pair) for pair in pairs), default=0) + 1) / _BINS)
    digits = len(str(width * _BINS - 1))

    def named(words: int) -> str:
        low = words // width * width
        span = f"{low:0{digits}}" if width == 1 else f"{low:0{digits}}\u2013{low + width - 1:0{digits}}"
        return f"{span} words"

    return [{"actual": named(due), "predicted": named(given)} for due, given in pairs]
