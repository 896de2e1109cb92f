"""What tuning cost: the model before and after it, on the same rows that it was not tuned on.

Tuned on one kind of text, a model gets worse at others (catastrophic forgetting: McCloskey and Cohen 1989; for language
models Luo et al. 2023). Both are asked about the same rows, so the interval of the change is the paired bootstrap's.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.errors import DataError, Fault
from stages.core.params import EvaluateParams, Source
from stages.core.records import Record
from stages.core.rows import without_surrogates
from stages.core.sources import find_files
from stages.core.task import Metric, RowFault, Task
from stages.methods.audit.roc import flat
from stages.methods.evaluate.metrics import interval, resampled
from stages.methods.evaluate.tuned_model import TunedModel, sample
from stages.methods.finetune import models
from stages.methods.finetune.earlier_run import ancestor, pinned
from stages.methods.finetune.vocabulary import with_words
from stages.methods.ingest.source_rows import source_rows

EARLIER = "earlier run"
"""Under what name the test rows of the run stand that the model was tuned from; no source can have it."""
_MOST_CHARACTERS = 1_000_000
_VERDICTS = {"worse": "worse than before", "better": "better than before", "no_change_shown": "no change is shown"}


def forgetting(
    tuned: TunedModel, training: Mapping[str, Any], params: EvaluateParams, learned: Collection[str], seed: int
) -> dict[str, Any]:
    """`forgetting` for the report: each set of general rows, and the test rows of the run that the model comes from.

    `training` is the model's training.json. Rows of that run among `learned`, the ids that this model was trained or
    chosen on, are left out. Empty where nothing is asked for. Raises UsageError and DataError for sources.
    """
    sets: dict[str, list[Record] | str] = {**general_records(params.forgetting, tuned.task, seed)}
    for parent in training.get("parents", ())[:1]:
        sets[EARLIER] = _earlier_test(parent, tuned.task, learned)
    before = _before(tuned, training) if any(not isinstance(rows, str) for rows in sets.values()) else None
    found = {name: _compared(rows, before, tuned, params.bootstrap, seed) for name, rows in sets.items()}
    return {"forgetting": found} if found else {}


def _before(tuned: TunedModel, training: Mapping[str, Any]) -> TunedModel | None:
    """The model that the tuning began with, under the same options; None where it had no head for this task."""
    task, parents = tuned.task, training.get("parents")
    source = with_words(pinned(training), tuned.options.get("new_tokens", ()), models.cache())
    if parents and parents[0]["task"] == task.name and not task.writes:
        model = task.load_tuned(Path(models.resolve(source)))
        return replace(tuned.instead(model), labels=tuple(parents[0]["labels"]))
    base = task.load_base(source)
    return None if base is None else tuned.instead(base)


def _earlier_test(parent: Mapping[str, Any], task: Task, learned: Collection[str]) -> list[Record] | str:
    """The test rows of an earlier run, or why there are none to compare on."""
    if parent["task"] != task.name:
        return f"{parent['name']} was tuned for {parent['task']}: its rows are of another kind"
    run = ancestor(parent)
    records = run.records(task.schema, "test") if run else None
    if records is None:
        return f"the test rows of {parent['name']} are not in DVC's cache"
    left = [record for record in records if task.answered(record) and record.id not in learned]
    return left or f"this model has learned from all test rows of {parent['name']}"


# --- general data -----------------------------------------------------------------------------------------------------
def general_records(sources: Sequence[Source], task: Task, seed: int) -> dict[str, list[Record]]:
    """The rows of each source that can be scored, at most its `limit`.

    Rows are known by their content, and what cannot be read is left out. Raises UsageError for what the params get
    wrong, DataError for files that are missing or have no row to score.
    """
    files, found = find_files(sources), {}
    for source in sources:
        fields = source.fields
        layouts = [{*fields.values(), *(set(layout) - fields.keys())} for layout in task.layouts]
        rows = (row for row in source_rows(source, files, _MOST_CHARACTERS, layouts) if not row.fault)
        records = [one for row in rows for one in _record(row.columns, row.content(), source, task)]
        if not records:
            problem = f"no row can be scored for the task {task.name}"
            raise DataError(Fault(f"evaluate.forgetting: {source.name}", problem, "look at its file and its `fields`"))
        found[source.name] = sample(records, source.limit or len(records), seed, "forgetting")
    return found


def _record(columns: Mapping[str, Any], content: str, source: Source, task: Task) -> Iterator[Record]:
    """A record from a row; none from one that does not fit, or has nothing to score."""
    columns, _ = without_surrogates(columns)
    named = {**columns, **{column: columns.get(name) for column, name in source.fields.items()}}
    id = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:20]
    try:
        record = Record(id, source.name, "", task.schema, task.read_row(named, None))
    except RowFault:
        return
    if task.answered(record):
        yield record


# --- comparison -------------------------------------------------------------------------------------------------------
def _compared(
    rows: Sequence[Record] | str, before: TunedModel | None, tuned: TunedModel, resamples: int, seed: int
) -> dict[str, Any]:
    """Both models on the same rows, and what changed; or why they cannot be compared."""
    if isinstance(rows, str):
        return _incomparable(0, rows)
    if before is None:
        return _incomparable(len(rows), "the base model has no head for this task, and so cannot answer")
    named = {label for record in rows for label in tuned.task.labels(record)}
    if strange := len(named - ({*before.labels} & {*tuned.labels})):
        return _incomparable(len(rows), f"{strange} labels of these rows are not known to both models")
    compare = _losses if tuned.task.writes else _answers
    found, change, more_is_better = compare(rows, before, tuned, resamples, seed)
    up, down = ("better", "worse") if more_is_better else ("worse", "better")
    verdict = up if change.low > 0 else down if change.high < 0 else "no_change_shown"
    found |= {**flat({"change": change}), "verdict": verdict}
    return {**found, "sentence": _sentence(found)}


def _incomparable(rows: int, why: str) -> dict[str, Any]:
    return {"rows": rows, "verdict": "not_comparable", "sentence": f"Not comparable: {why}."}


def _losses(
    rows: Sequence[Record], before: TunedModel, tuned: TunedModel, resamples: int, seed: int
) -> tuple[dict[str, Any], Metric, bool]:
    """Mean loss a record in nats a token, over the rows of which both see something to predict."""
    pairs = [pair for pair in zip(before.losses(rows), tuned.losses(rows), strict=True) if None not in pair]
    if not pairs:
        step = "raise `finetune.max_length`, or take shorter rows"
        raise DataError(Fault("evaluate.forgetting", "no row has a token of its answer left", step))
    both = np.array(pairs, float)
    differences = both[:, 1] - both[:, 0]
    drawn = [weights @ differences / len(pairs) for weights in resampled(len(pairs), resamples, seed)]
    base, now = both.mean(axis=0).tolist()
    found = {
        "rows": len(pairs),
        "measure": "loss",
        **_rounded(base=base, tuned=now, base_perplexity=math.exp(base), tuned_perplexity=math.exp(now)),
    }
    return found, interval(differences.mean(), np.concatenate(drawn)), False


def _answers(
    rows: Sequence[Record], before: TunedModel, tuned: TunedModel, resamples: int, seed: int
) -> tuple[dict[str, Any], Metric, bool]:
    """The task's primary metric."""
    task, name = tuned.task, tuned.task.primary
    theirs, ours = before.predict(rows), tuned.predict(rows)
    base, now = (task.score(rows, said, 1, seed).metrics[name].value for said in (theirs, ours))
    found = {"rows": len(rows), "measure": name, **_rounded(base=base, tuned=now)}
    return found, task.gain(rows, ours, theirs, resamples, seed)[name], True


def _rounded(**values: float) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}


def _sentence(found: Mapping[str, Any]) -> str:
    """The finding in words."""
    went = f"On {found['rows']} rows {found['measure']} went from {found['base']:.3g} to {found['tuned']:.3g}"
    if "base_perplexity" in found:
        went += f" nats a token (perplexity {found['base_perplexity']:.3g} to {found['tuned_perplexity']:.3g})"
    by = f"{found['change']:+.2g} ({found['change_low']:+.2g} to {found['change_high']:+.2g})"
    return f"{went}, a change of {by}: {_VERDICTS[found['verdict']]}."
