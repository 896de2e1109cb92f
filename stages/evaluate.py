"""Score the tuned model on the test split, with intervals, baselines and slices.

in:  data/split, data/finetune   records with their split; the tuned model
     data/check_labels           may be given: scores without the suspects among the test records, too
out: data/evaluate               predictions.parquet, confusion.csv, reliability.csv, slices.csv
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stages.core.errors import DataError, Fault
from stages.core.params import EvaluateParams
from stages.core.records import Record
from stages.core.stage import Artifact, Context, Usage, artifact_stage, skipped, used
from stages.methods.evaluate.fit_check import diagnose
from stages.methods.evaluate.summary import Answered, baseline_scores, model_scores, slice_scores, without_suspects
from stages.methods.evaluate.tables import csv_text, prediction_table
from stages.methods.evaluate.tuned_model import open_tuned, sample

REASONS = {
    "tested_on": "the record is in the test split: used for the final score, and for nothing before",
    "scored_for_choice": "a validation record was scored; the model was chosen on it, so it does better there",
    "scored_for_fit": "a training record was scored, to tell over- from underfitting",
    "no_label": "a record without a label cannot be scored",
}
_ROWS = 4096
"""Of a row group, as in the other files: who asks for one record reads little."""
_REASON = {"test": "tested_on", "validation": "scored_for_choice", "train": "scored_for_fit"}


def evaluate(context: Context, folder: Path) -> Artifact:
    """Write predictions and tables. Raises DataError without labelled test records, or when the model lacks labels."""
    params: EvaluateParams = context.params
    rows, unlabelled = _read(context)
    tuned = open_tuned(context.task, context.input("finetune"))
    tuned.refuse_other_labels({context.task.targets(record) or "" for some in rows.values() for record in some})
    asked = {**rows, "train": sample(rows["train"], params.train_sample, context.seed, "evaluate")}
    said = {name: Answered(context.task, some, tuned.predict(some)) for name, some in asked.items()}
    test = said["test"]
    guesses = context.task.baselines(rows["train"], rows["test"], context.seed) if params.baselines else {}
    report = model_scores(test, params.bootstrap, context.seed)
    report |= baseline_scores(test, guesses, params.bootstrap, context.seed)
    floor = max((scores["accuracy"] for scores in report["baselines"].values()), default=0.0)
    report["fit"] = diagnose({name: answered.part for name, answered in said.items()}, floor)
    report["slices"] = slice_scores(test, params.min_slice)
    report |= _undisputed(context, test)
    _write_tables(folder, said, report)
    usages = [usage for name, answered in said.items() for usage in _usages(_REASON[name], answered)]
    return Artifact([*usages, *(skipped(id, "no_label") for id in unlabelled)], report)


def _read(context: Context) -> tuple[dict[str, list[Record]], list[str]]:
    """The labelled records of each split, and the ids of those without a label."""
    rows: dict[str, list[Record]] = {"test": [], "validation": [], "train": []}
    unlabelled = []
    for record in context.input("split").records(context.task.schema):
        if context.task.targets(record) is None:
            unlabelled.append(record.id)
        elif record.split in rows:
            rows[record.split].append(record)
    faults = [
        Fault("data/split", f"no labelled record is in {name}", f"look at `split` in params.yaml, share of {name}")
        for name in ("test", "train")
        if not rows[name]
    ]
    if faults:
        raise DataError(*faults)
    return rows, unlabelled


def _undisputed(context: Context, test: Answered) -> dict[str, Any]:
    """Scores without the suspects, where the folder of `check_labels` was given."""
    checked = next((folder for folder in context.inputs if folder.stage == "check_labels"), None)
    if checked is None:
        return {}
    events = checked.table("events.parquet", ["id", "reason"]).to_pylist()
    suspects = {event["id"] for event in events if event["reason"] == "suspect_label"}
    return {"without_suspects": without_suspects(test, suspects)}


def _write_tables(folder: Path, said: Mapping[str, Answered], report: Mapping[str, Any]) -> None:
    """The predictions, and what DVC draws: one row a test record, a bin of confidence, a slice."""
    pq.write_table(prediction_table(said), folder / "predictions.parquet", compression="zstd", row_group_size=_ROWS)
    pairs = zip(said["test"].truth, said["test"].answers, strict=True)
    tables: dict[str, Iterable[Mapping[str, Any]]] = {
        "confusion.csv": ({"actual": label, "predicted": answer} for label, answer in pairs),
        "reliability.csv": report["calibration"]["bins"],
        "slices.csv": ({"slice": name, **row} for name, row in report["slices"].items()),
    }
    for name, rows in tables.items():
        (folder / name).write_text(csv_text(rows), encoding="utf-8")


def _usages(reason: str, answered: Answered) -> Iterator[Usage]:
    for prediction, correct in zip(answered.predictions, answered.correct, strict=True):
        yield used(prediction.id, reason, correct=correct, loss=prediction.loss)


HEADLINE = ("accuracy*", "macro_f1*", "ece*", "loss", "baselines.*.macro_f1*", "gain.*", "fit.code", "fit.gap*")
STAGE = artifact_stage("evaluate", evaluate, reasons=REASONS, uses=("seed",), headline=HEADLINE)
