"""`rowtrail export model`: the tuned model in forms to deploy, each with what it costs and gains.

Every form is asked about the same test records by the task's own `predict`, and its answers are compared with the
tuned model's. A form that is worse by more than a set amount is not kept.
"""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stages.commands.export_place import MODEL, private_folder
from stages.commands.export_source import Source
from stages.core.errors import DataError, Fault, UsageError
from stages.core.ledger import IdSet
from stages.core.params import EvaluateParams
from stages.core.params_file import read_params
from stages.core.progress import say, track
from stages.core.records import Record
from stages.core.storage import StageFolder, files_below, sha256_of, write_json
from stages.core.task import Prediction
from stages.methods.evaluate.tuned_model import TunedModel, open_tuned, sample
from stages.methods.export.compare import Outcome, cells, header, judge, latencies, notes, sizes
from stages.methods.export.forms import FORMS, Workshop, expand
from stages.methods.export.model_readme import readme
from stages.methods.text_table import text_table
from stages.tasks import load_task

TUNED = "tuned model"
_RESAMPLES = 1000
_CHUNK = 256


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which forms, how much worse they may be, and where to."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = textwrap.fill(
        "Hand over the tuned model in one form or several, each in a folder that is complete: weights or graph, "
        "tokenizer, labels, a README with the lines that run it, a manifest. All are scored on the test split and "
        "timed on this machine's CPU in one run; a form that is worse than the tuned model by more than --max-drop is "
        "not kept, and the exit code is 1."
    )
    lines = [f"  {name:<13}{form.what}: {form.when}" for name, form in FORMS.items()]
    parser.epilog = "forms:\n" + "\n".join(textwrap.fill(line, 100, subsequent_indent=" " * 15) for line in lines)
    parser.add_argument("--form", type=_names, metavar="FORM,...", help="forms to make; without this the usual ones: "
                        "safetensors, onnx, onnx-int8, weight-int8 and pruned, for a model that writes text "
                        "safetensors, bfloat16 and pruned")  # fmt: skip
    parser.add_argument("--sparsity", type=_shares, default=[0.1, 0.2, 0.3], metavar="SHARE,...",
                        help="shares of the linear layers' weights that `pruned` zeroes (0.1,0.2,0.3)")  # fmt: skip
    parser.add_argument("--max-drop", type=_drop, default=0.01, metavar="AMOUNT",
                        help="how far the task's first metric may fall below the tuned model's (0.01)")  # fmt: skip
    parser.add_argument("--rows", type=_count, metavar="N", help="score on so many test records, chosen by hash; "
                        "without this all, or evaluate.generation.records where the model writes text")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("data/export/model"), metavar="DIR")
    parser.add_argument("--model", type=Path, default=Path("data/finetune"), metavar="DIR", help="what finetune wrote")
    parser.add_argument("--split", type=Path, default=Path("data/split"), metavar="DIR", help="what split wrote")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE",
                        help="for a model that writes text: how it answers (evaluate.generation)")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Make, score and time the forms; 1 when one of them was refused.

    Raises UsageError for forms that cannot be had, DataError when model and split do not belong together, and
    PrivacyRefused when the model was tuned on records that were to be erased.
    """
    _check_out(args.out)
    exporting = _opened(args)
    forms = expand(args.form, args.sparsity, writes=exporting.tuned.task.writes)
    with private_folder(args.out) as work:
        outcomes = exporting.compare(forms, work, args.max_drop)
        rows = [{**one.row(), **_manifest_digest(work, one)} for one in outcomes]
        write_json(work / MODEL, {"export": "model", **exporting.origin(), "max_drop": args.max_drop, "forms": rows})
    _print(outcomes, exporting, args)
    return 0 if all(one.kept for one in outcomes) else 1


def _print(outcomes: Sequence[Outcome], exporting: Exporting, args: argparse.Namespace) -> None:
    metric = exporting.tuned.task.primary
    lines = [*text_table(header(metric), [cells(one) for one in outcomes], width=200), "", *notes(outcomes)]
    lines.append(
        f"written to {args.out}; scored on {len(exporting.records):,} test records; ratios are to the first row"
    )
    refused = [one.form for one in outcomes if not one.kept]
    if refused:
        lines.append(f"not kept, because {metric} falls by more than {args.max_drop:g}: {', '.join(refused)}")
    print("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Exporting:
    """The tuned model, the test records, and what both are recorded as."""

    tuned: TunedModel
    model: StageFolder
    split: StageFolder
    records: list[Record]
    seed: int
    erasures: dict[str, Any]

    def compare(self, forms: Sequence[str], work: Path, max_drop: float) -> list[Outcome]:
        """Every form in a folder of its own below `work`, unless it is refused; the tuned model itself comes first."""
        source = self.model.path / "model"
        shop = Workshop(
            self.tuned.model, self.tuned.tokenizer, source, work / ".graph", int(self.tuned.options["max_length"])
        )
        said = self._ask(self.tuned, TUNED)
        outcomes = [self._outcome(TUNED, source, said, said, max_drop)]
        ask: dict[str, Callable[[Sequence[Record]], object]] = {TUNED: self.tuned.predict}
        for form in forms:
            say(f"  {form}: being made")
            facts = shop.make(form, work / form)
            opened = self.tuned.instead(shop.open(form, work / form, self.tuned.task))
            ask[form] = opened.predict
            outcome = self._outcome(form, work / form, self._ask(opened, form), said, max_drop)
            outcome.facts = facts
            outcomes.append(outcome)
            self._finish(outcome, work / form, max_drop)
        shutil.rmtree(shop.scratch, ignore_errors=True)
        measured = latencies(ask, self.records)
        for outcome in outcomes:
            outcome.times = measured[outcome.form]
        return outcomes

    def _ask(self, tuned: TunedModel, form: str) -> list[Prediction]:
        if tuned.task.writes:
            return tuned.predict(self.records)  # says itself how far it is
        parts = [self.records[start : start + _CHUNK] for start in range(0, len(self.records), _CHUNK)]
        asked = track(parts, f"scoring {form} (records)", len(self.records), _CHUNK)
        return [said for part in asked for said in tuned.predict(part)]

    def _outcome(
        self, form: str, folder: Path, ours: list[Prediction], theirs: list[Prediction], max_drop: float
    ) -> Outcome:
        task = self.tuned.task
        score = task.score(self.records, ours, _RESAMPLES, self.seed).metrics[task.primary]
        change = task.gain(self.records, ours, theirs, _RESAMPLES, self.seed)[task.primary]
        return Outcome(form, *sizes(folder), score, change, *judge(change, max_drop))

    def _finish(self, outcome: Outcome, folder: Path, max_drop: float) -> None:
        """Remove a refused form; add README and manifest to another, without times: the same model, the same bytes."""
        if not outcome.kept:
            shutil.rmtree(folder)
            return
        text = readme(outcome, self.tuned.model, self.tuned.tokenizer, self.tuned.options, self.tuned.task.primary)
        (folder / "README.md").write_text(text, encoding="utf-8")
        said = {"score": asdict(outcome.score), "change": asdict(outcome.change), "facts": outcome.facts}
        said["options"] = dict(self.tuned.options)  # what `rowtrail predict` needs to ask this form as it was tuned
        files = {name: sha256_of(folder / name) for name in files_below(folder)}
        manifest = {"export": "model", "form": outcome.form, **self.origin(), **said, "max_drop": max_drop}
        write_json(folder / "manifest.json", {**manifest, "files": files})

    def origin(self) -> dict[str, Any]:
        """What the export was made from, and the records that it was scored on, as digests."""
        ids = IdSet()
        for record in self.records:
            ids.add(record.id)
        return {
            "task": self.tuned.task.name,
            "metric": self.tuned.task.primary,
            "finetune": self.model.digest,
            "split": self.split.digest,
            "test": {"records": ids.count, "digest": ids.digest},
            "erasures": self.erasures,
        }


def _opened(args: argparse.Namespace) -> Exporting:
    finetune, source = StageFolder(args.model), Source(args.split)
    if finetune.manifest.get("inputs", {}).get("split") != source.folder.digest:
        problem = f"was not tuned on {args.split}: its test records may be ones that the model learned"
        raise DataError(Fault(str(args.model), problem, "run `dvc repro finetune`, or name the right folders"))
    _check_bytes(finetune)
    erasures = source.refuse_erased()
    training = finetune.json("training.json")
    task, seed = load_task(training["task"]), int(training["seed"])
    evaluate = read_params(args.params).evaluate if task.writes and args.params.exists() else EvaluateParams()
    tuned = open_tuned(task, finetune, evaluate.generation.model_dump())
    everyone = source.folder.records(task.schema)
    records = [record for record in everyone if record.split == "test" and task.answered(record)]
    if not records:
        raise DataError(Fault(str(args.split), "no answered record is in test", "look at `split` in params.yaml"))
    size = args.rows or (evaluate.generation.records if task.writes else len(records))
    # The records that evaluate has answered too, where only some are.
    chosen = sample(records, size, seed, "generation" if task.writes else "export")
    return Exporting(tuned, finetune, source.folder, chosen, seed, erasures)


def _check_bytes(finetune: StageFolder) -> None:
    """Raises DataError when the model is not the one that the manifest names: the export will refer to that."""
    for name, digest in finetune.manifest.get("files", {}).items():
        file = finetune.path / name
        if name.startswith("model/") and (not file.is_file() or sha256_of(file) != digest):
            problem = "has not the bytes that its manifest says"
            raise DataError(Fault(str(file), problem, "`dvc checkout` brings the model back, or run `dvc repro`"))


def _check_out(out: Path) -> None:
    """Raises UsageError for a place where something else than an earlier export would be lost."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        mine = json.loads((out / MODEL).read_bytes())["export"] == "model"
    except (OSError, ValueError, KeyError, TypeError):
        mine = False
    if not mine:
        raise UsageError(Fault(str(out), "exists, and is not an earlier export", "name another folder with --out"))


def _manifest_digest(work: Path, outcome: Outcome) -> dict[str, str]:
    file = work / outcome.form / "manifest.json"
    return {"manifest": sha256_of(file)} if file.exists() else {}


# --- what the command line says -------------------------------------------------------------------------------------
def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _shares(value: str) -> list[float]:
    shares = [float(one) for one in value.split(",")]
    if not all(0 < share < 1 for share in shares):
        raise argparse.ArgumentTypeError("shares are above 0 and below 1, e.g. 0.3,0.5")
    return shares


def _drop(value: str) -> float:
    amount = float(value)
    if not amount >= 0:
        raise argparse.ArgumentTypeError("an amount of 0 or more")
    return amount


def _count(value: str) -> int:
    count = int(value)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count
