"""Score the tuned model on the test split, with intervals, baselines and slices.

in:  data/split, data/finetune   records with their split; the tuned model
     data/check_labels           may be given: people's decisions about test records, and scores without the suspects
out: data/evaluate               predictions.parquet, slices.csv, and the task's tables (confusion.csv, ...)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stages.core.errors import DataError, Fault
from stages.core.params import EvaluateParams
from stages.core.records import Record
from stages.core.stage import Artifact, Context, Usage, artifact_stage, skipped, used
from stages.core.task import Prediction
from stages.methods.evaluate.bias import bias_scores
from stages.methods.evaluate.fit_check import diagnose
from stages.methods.evaluate.forgetting import forgetting
from stages.methods.evaluate.groups import group_scores
from stages.methods.evaluate.plots import drawn
from stages.methods.evaluate.summary import (
    Answered,
    CheckedLabels,
    as_given,
    baseline_scores,
    model_scores,
    slice_scores,
    without_suspects,
)  # fmt: skip
from stages.methods.evaluate.tables import csv_text, prediction_table
from stages.methods.evaluate.tuned_model import TunedModel, open_tuned, sample
from stages.methods.finetune.earlier_run import pinned

REASONS = {
    "tested_on": "the record is in the test split: used for the final score, and for nothing before",
    "scored_for_choice": "a validation record was scored; the model was chosen on it, so it does better there",
    "scored_for_fit": "a training record was scored, to tell over- from underfitting",
    "no_label": "a record without a label cannot be scored",
    "reviewed_out": "a person took the test record out: it does not count for the score",
}
_ROWS = 4096
"""Of a row group, as in the other files: who asks for one record reads little."""
UNTUNED = "untuned"
_REASON = {"test": "tested_on", "validation": "scored_for_choice", "train": "scored_for_fit"}


def evaluate(context: Context, folder: Path) -> Artifact:
    """Write predictions and tables. Raises DataError without labelled test records, or when the model lacks labels."""
    params: EvaluateParams = context.params
    checked = _checked(context)
    rows, unlabelled = _read(context, checked.out)
    tuned = open_tuned(context.task, context.input("finetune"), params.generation.model_dump())
    tuned.refuse_other_labels(
        {label for some in rows.values() for record in some for label in context.task.labels(record)}
    )
    fitted = _fitted(context, rows["train"])
    asked = {**rows, "train": sample(fitted, params.train_sample, context.seed, "evaluate")}
    said = {name: Answered(context.task, some, _ask(tuned, name, some, context)) for name, some in asked.items()}
    everything = said["test"]
    test = said["test"] = everything.without(checked.out)
    scores = test.score(params.bootstrap, context.seed)
    report = model_scores(test, scores)
    report |= baseline_scores(test, _guesses(tuned, rows, test, context), params.bootstrap, context.seed)
    floor = max((row["quality"] for name, row in report["baselines"].items() if name != UNTUNED), default=0.0)
    report["fit"] = diagnose({name: answered.part for name, answered in said.items()}, floor, scores.measure)
    report["slices"] = slice_scores(test, params.min_slice, scores.measure)
    report |= group_scores(test, scores.measure, params.bias.least, params.bootstrap, context.seed)
    report |= bias_scores(tuned, params.bias, params.bootstrap, context.seed)
    training = context.input("finetune").json("training.json")
    learned = {record.id for name in ("train", "validation") for record in rows[name]}
    report |= forgetting(tuned, training, params, learned, context.seed)
    report |= _disputed(context, test, everything, checked, scores.measure)
    _write_tables(folder, said, {**drawn(test), **scores.tables, "slices.csv": _named(report["slices"])})
    usages = [usage for name, answered in said.items() for usage in _usages(_REASON[name], answered)]
    usages += [skipped(record.id, "reviewed_out") for record in everything.records if record.id in checked.out]
    return Artifact([*usages, *(skipped(id, "no_label") for id in unlabelled)], report)


def _fitted(context: Context, train: list[Record]) -> list[Record]:
    """The training records that the model learned from: private training leaves out those over a subject's cap."""
    events = context.input("finetune").table("events.parquet", ["id", "reason"]).to_pylist()
    over = {event["id"] for event in events if event["reason"] == "over_subject_cap"}
    return [record for record in train if record.id not in over]


def _ask(tuned: TunedModel, split: str, records: list[Record], context: Context) -> list[Prediction]:
    """Predictions; of a model that writes, some test records get an answer and all others a loss alone."""
    if not tuned.task.writes:
        return tuned.predict(records)
    params: EvaluateParams = context.params
    chosen = sample(records, params.generation.records, context.seed, "generation") if split == "test" else []
    return tuned.predict_some(records, {record.id for record in chosen})


def _guesses(
    tuned: TunedModel, rows: Mapping[str, list[Record]], test: Answered, context: Context
) -> dict[str, list[Prediction]]:
    """What others say of the test records that were answered: the baselines, and the model before it was tuned."""
    if not context.params.baselines:
        return {}
    records, _ = test.given
    guesses = context.task.baselines(rows["train"], records, context.seed)
    source = pinned(context.input("finetune").json("training.json"))
    untuned = context.task.load_base(source)
    return guesses if untuned is None else {**guesses, UNTUNED: tuned.instead(untuned).predict(records)}


def _checked(context: Context) -> CheckedLabels:
    """What `check_labels` says, where its folder was given."""
    checked = next((folder for folder in context.inputs if folder.stage == "check_labels"), None)
    if checked is None:
        return CheckedLabels()
    return CheckedLabels.of(checked.table("events.parquet", ["id", "reason", "evidence"]).to_pylist())


def _read(context: Context, out: Collection[str]) -> tuple[dict[str, list[Record]], list[str]]:
    """The labelled records of each split, and the ids of those without a label."""
    rows: dict[str, list[Record]] = {"test": [], "validation": [], "train": []}
    unlabelled = []
    for record in context.input("split").records(context.task.schema):
        if not context.task.answered(record):
            unlabelled.append(record.id)
        elif record.split in rows:
            rows[record.split].append(record)
    faults = [
        Fault("data/split", f"no labelled record is in {name}", f"look at `split` in params.yaml, share of {name}")
        for name in ("test", "train")
        if not rows[name]
    ]
    if rows["test"] and all(record.id in out for record in rows["test"]):
        step = "look through data/decisions/labels.csv"
        faults.append(Fault("data/check_labels", "people took out every test record: none is left to score", step))
    if faults:
        raise DataError(*faults)
    return rows, unlabelled


def _disputed(
    context: Context, test: Answered, everything: Answered, checked: CheckedLabels, measure: str
) -> dict[str, Any]:
    """Scores without the suspects, and by the labels as they were given, where people decided about test records."""
    if not any(folder.stage == "check_labels" for folder in context.inputs):
        return {}
    found = {"without_suspects": without_suspects(test, checked.suspects, measure)}
    before = as_given(everything, checked, context.params.bootstrap, context.seed)
    return {**found, "as_given": before} if before else found


def _named(slices: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"slice": name, **row} for name, row in slices.items()]


def _write_tables(
    folder: Path, said: Mapping[str, Answered], tables: Mapping[str, Iterable[Mapping[str, Any]]]
) -> None:
    """The predictions, and what DVC draws: the task's tables, and the slices."""
    pq.write_table(prediction_table(said), folder / "predictions.parquet", compression="zstd", row_group_size=_ROWS)
    for name, rows in tables.items():
        (folder / name).write_text(csv_text(rows), encoding="utf-8")


def _usages(reason: str, answered: Answered) -> Iterator[Usage]:
    for prediction, quality in zip(answered.predictions, answered.quality, strict=True):
        correct = {} if quality is None else {"correct": quality == 1.0}
        yield used(prediction.id, reason, **correct, loss=prediction.loss)


HEADLINE = (
    "accuracy*", "macro_f1*", "micro_f1*", "f1*", "precision*", "recall*", "seqeval_f1*", "exact_match*", "rouge_l*",
    "chrf*", "bleu*", "perplexity*", "ece*", "loss", "baselines.*.macro_f1*", "baselines.*.micro_f1*",
    "baselines.*.f1*", "baselines.*.rouge_l*", "baselines.*.perplexity*", "baselines.*.loss", "gain.*", "fit.code",
    "fit.gap*", "bias.flip_rate*", "bias.score_gap*", "bias.control_flip_rate*", "bias.excess_flip_rate*",
    "groups.*_difference*", "as_given.*", "forgetting.*.base", "forgetting.*.tuned", "forgetting.*.change*",
)  # fmt: skip
STAGE = artifact_stage("evaluate", evaluate, reasons=REASONS, uses=("seed",), headline=HEADLINE)
