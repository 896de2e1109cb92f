"""`rowtrail crossvalidate`: how well the settings do on average, over the folds that `split.kfold` dealt.

One model a fold, made by `plan` and `finetune` as they are, and scored on the rows of its fold. The test split is left
out. A run that was stopped goes on: a fold that is trained is not trained again.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.core.child_processes import run_stage
from stages.core.errors import CheckFailed, DataError, Fault, PrivacyRefused, UsageError
from stages.core.params import EngineParams, Params
from stages.core.params_file import read_params
from stages.core.progress import say
from stages.core.records import Record
from stages.core.storage import StageFolder, write_json
from stages.core.task import Prediction, Scores, Task
from stages.methods.crossvalidate.folds import fold_stage, folds_of
from stages.methods.crossvalidate.summary import CAVEAT, lines, report

_PARAMS = Path("params.yaml")
_SPLIT = Path("data/split")
_WORK = Path("data/crossvalidate")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether the models stay."""
    parser.description = (
        "Train a model for each fold of split.kfold on the other folds, score it on its own, and report mean, spread "
        "and intervals. The test split is left out. The same command goes on after a stop."
    )
    parser.add_argument("--keep", action="store_true", help="keep the folds' rows and models in data/crossvalidate; "
                        "else they are deleted in the end")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Train, score, report.

    Raises UsageError without folds in the params, DataError without them in data/split, PrivacyRefused with privacy.
    """
    from stages.tasks import load_task

    params = read_params(_PARAMS)
    if params.privacy.enabled:
        problem = "each fold's model would spend of the privacy budget"
        step = "privacy.runs tells how much the score varies; its trainings share one epsilon"
        raise PrivacyRefused(Fault("params.yaml: privacy.enabled", problem, step))
    folds = _folds(params)
    work = Work(params, load_task(params.task), folds)
    scored = [work.scored(fold) for fold in range(params.split.kfold or 0)]
    found = work.together(scored)
    work.write(found, scored)
    if not args.keep:
        for fold in _WORK.glob("fold-*"):
            shutil.rmtree(fold)
    for line in lines(found, shutil.get_terminal_size().columns):
        print(line)
    print(f"\n{CAVEAT}")
    return 0


def _folds(params: Params) -> dict[str, int]:
    if params.split.kfold is None:
        step = "set it, e.g. to 5, then `dvc repro split`: no row changes its split"
        raise UsageError(Fault("params.yaml: split.kfold", "is null: there are no folds to cross-validate over", step))
    folds = folds_of(StageFolder(_SPLIT))
    there = len(set(folds.values()))
    if there != params.split.kfold:
        problem = f"params.yaml asks for {params.split.kfold} folds, and {there} have rows"
        raise DataError(Fault(str(_SPLIT), problem, "run `dvc repro split`; with few rows, fewer folds"))
    return folds


@dataclass(frozen=True)
class Fold:
    """A fold's model at work: the rows it was scored on and what it said of them, in the same order."""

    number: int
    records: list[Record]
    predictions: list[Prediction]
    scores: Scores
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Work:
    """All folds of one split, by the same params."""

    params: Params
    task: Task
    folds: Mapping[str, int]

    def scored(self, fold: int) -> Fold:
        """Train the model of a fold, unless it is there, and ask it about the rows that were held out."""
        from stages.methods.evaluate.tuned_model import open_tuned, sample

        folder = _WORK / f"fold-{fold}"
        self._train(fold, folder)
        records = list(StageFolder(folder / "split").records(self.task.schema))
        held_out = [record for record in records if record.split == "test" and self.task.answered(record)]
        if not held_out:
            problem = f"fold {fold} has no row with an answer to score"
            raise DataError(Fault(str(_SPLIT), problem, "lower split.kfold, then `dvc repro split`"))
        generation = self.params.evaluate.generation
        if self.task.writes:  # slow: as many answers in all folds together as `evaluate` would ask for
            most = max(1, generation.records // len(set(self.folds.values())))
            held_out = sample(held_out, most, self.params.seed, "generation")
        tuned = open_tuned(self.task, StageFolder(folder / "finetune"), generation.model_dump())
        say(f"crossvalidate: fold {fold}: scoring {len(held_out)} rows")
        counts = {name: sum(record.split == name for record in records) for name in ("train", "validation")}
        said = tuned.predict(held_out)
        return Fold(fold, held_out, said, self._scores(held_out, said), counts)

    def _train(self, fold: int, folder: Path) -> None:
        """Make the fold's split and plan, and the model unless it was made from just these."""
        from stages.core.runner import run

        one_process = self.params.model_copy(update={"engine": EngineParams(workers=1)})
        run(fold_stage(fold, self.folds), [_SPLIT], folder / "split", one_process, self.task)
        _stage("plan", folder, "split")
        made_from = {name: StageFolder(folder / name).digest for name in ("split", "plan")}
        finetune = StageFolder(folder / "finetune")
        if (finetune.path / "manifest.json").is_file() and finetune.manifest["inputs"] == made_from:
            say(f"crossvalidate: fold {fold}: trained before")
            return
        _stage("finetune", folder, "split", "plan")

    def together(self, scored: list[Fold]) -> dict[str, Any]:
        """The report: each fold's scores, and those of all out-of-fold predictions as if one model had made them."""
        rows = []
        for fold in scored:
            values = {name: metric.value for name, metric in fold.scores.metrics.items()}
            rows.append({"fold": fold.number, **fold.counts, "rows": len(fold.records), "metrics": values})
        pairs = sorted(_pairs(scored), key=lambda pair: pair[0].id)
        pooled = self._scores([one for one, _ in pairs], [said for _, said in pairs])
        return report(rows, pooled.metrics, self.task.primary, len(pairs))

    def _scores(self, records: list[Record], said: list[Prediction]) -> Scores:
        return self.task.score(records, said, self.params.evaluate.bootstrap, self.params.seed)

    def write(self, found: Mapping[str, Any], scored: list[Fold]) -> None:
        """reports/crossvalidate.json, and the out-of-fold predictions: ids and numbers, no text."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows: list[dict[str, Any]] = []
        for fold in scored:
            rows += [
                {"id": said.id, "fold": fold.number, "quality": round(float(value), 6), "loss": said.loss}
                for said, value in zip(fold.predictions, fold.scores.quality, strict=True)
            ]
        table = pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["id"])))
        pq.write_table(table, _WORK / "predictions.new", compression="zstd")
        (_WORK / "predictions.new").replace(_WORK / "predictions.parquet")
        write_json(Path("reports/crossvalidate.json"), {**found, "split": StageFolder(_SPLIT).digest})


def _pairs(scored: list[Fold]) -> Iterator[tuple[Record, Prediction]]:
    for fold in scored:
        yield from zip(fold.records, fold.predictions, strict=True)


def _stage(name: str, folder: Path, *inputs: str) -> None:
    """Raises CheckFailed when the stage fails."""
    if code := run_stage(name, folder, inputs, _PARAMS):
        step = "mend what it says above; the same command goes on"
        raise CheckFailed(Fault(f"crossvalidate: {folder.name}", f"{name} ended with {code}", step))
