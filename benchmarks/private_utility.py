"""What privacy costs in quality: scores on one test split at several epsilons, beside what one gets without training.

    python benchmarks/private_utility.py --work DIR                       all of it: some hours on two cores
    python benchmarks/private_utility.py --work DIR --only head --epsilons 8 none --seeds 13
    python benchmarks/private_utility.py --work DIR --project OTHER       another project than this one, banking77 say
    python benchmarks/private_utility.py --work DIR --plot                the table and the drawing of what is there

`plan`, `finetune` and `evaluate` run as the pipeline runs them, on the split of the project, into a folder of `--work`
for each way of training, epsilon and seed. What is there is not run again, so that it can be stopped and gone on with,
in parts. The ledger of these runs is in `--work`, too: the project's own budget is not touched. Beside them stands the
frozen encoder with a logistic regression, not private ("probe"), from the same texts. Results: `scores.csv` and
`scores.svg` in `--work`. Seeds change the new head and the order of rows; noise is new in every private run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from measuring import changed_params, conditions
from utility_plot import Line, chart

from stages.core.params_file import read_params
from stages.core.storage import StageFolder
from stages.methods.audit.roc import flat

NONE = "none"
COLUMNS = ("way", "epsilon", "seed", "metric", "value", "low", "high", "train_rows", "noise_multiplier")
_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Way:
    """How a model is trained: settings with privacy, and those that suit the same model without."""

    private: Mapping[str, Any]
    plain: Mapping[str, Any]
    shared: Mapping[str, Any] = field(default_factory=dict)

    def changes(self, epsilon: str, seed: int) -> list[str]:
        """As `changed_params` takes them."""
        settings = {"seed": seed, "finetune.augment.method": "none", **self.shared}
        if epsilon == NONE:
            settings |= {**self.plain, "privacy.enabled": False}
        else:
            settings |= {**self.private, "privacy.enabled": True, "privacy.target_epsilon": float(epsilon)}
            settings |= {"finetune.early_stopping": None, "privacy.max_epsilon": None}
        return [f"{name}={json.dumps(value)}" for name, value in settings.items()]


WAYS = {
    "LoRA": Way(
        {"lr": 2e-3, "epochs": 10, "batch_size": 256, "finetune.weight_decay": 0.0},
        {"lr": 5e-4, "epochs": 4, "batch_size": 32},
        {"finetune.pooling": "mean", "finetune.lora": {"enabled": True, "r": 8, "alpha": 16, "dropout": 0.0}},
    ),
    "head": Way(
        {"lr": 3e-2, "epochs": 20, "batch_size": 256, "finetune.weight_decay": 0.0},
        {"lr": 1e-2, "epochs": 20, "batch_size": 32},
        {"finetune.pooling": "mean", "finetune.head_only": True},
    ),
    "all": Way(
        {"lr": 2e-4, "epochs": 20, "batch_size": 256, "finetune.weight_decay": 0.0, "privacy.mode": "ghost"},
        {},
    ),
}
"""`all` without privacy is the project as its params.yaml says. The private settings are those of
`presets/private_text.yaml`; `docs/privacy.md` says how they were chosen."""


def run(work: Path, way: str, epsilon: str, seed: int) -> Path:
    """The folder of a run, made if it is not there. Called in the project's folder."""
    place = work / f"{way}-{epsilon}-{seed}"
    if (place / "evaluate" / "manifest.json").exists():
        return place
    place.mkdir(parents=True, exist_ok=True)
    params = changed_params(WAYS[way].changes(epsilon, seed), place)
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "ROWTRAIL_BUDGET": str(work / "budget")}
    for stage, inputs in {"plan": (), "finetune": ("plan",), "evaluate": ("finetune",)}.items():
        if (place / stage / "manifest.json").exists():
            continue
        given = ["--in", "data/split", *(part for name in inputs for part in ("--in", str(place / name)))]
        command = [sys.executable, "-m", "stages", stage, *given, "--out", str(place / stage), "--params", str(params)]
        print(f"{place.name}: {stage}", file=sys.stderr)
        if subprocess.run(command, env=environment, check=False).returncode:
            sys.exit(f"{place.name}: {stage} failed")
    return place


def scored(place: Path) -> Iterator[dict[str, Any]]:
    """Rows of the csv for a run: its model's scores with their intervals."""
    way, epsilon, seed = place.name.split("-")
    report, plan = (json.loads((place / name).read_bytes()) for name in ("evaluate/report.json", "plan/plan.json"))
    facts = {"train_rows": plan["data"]["train"], "noise_multiplier": plan["privacy"].get("noise_multiplier")}
    yield from ({"way": way, "epsilon": epsilon, "seed": seed, **facts, **row} for row in metrics(report))


def metrics(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every score at the top of a report that has an interval."""
    for name in sorted(report):
        if f"{name}_low" in report:
            yield {"metric": name, "value": report[name], "low": report[f"{name}_low"], "high": report[f"{name}_high"]}


def probe(work: Path, seed: int) -> Path:
    """The scores of a logistic regression on the frozen encoder, as a report; made if it is not there."""
    place = work / "probe.json"
    if place.exists():
        return place
    from sklearn.linear_model import LogisticRegression

    from stages.core.cache import Cache
    from stages.core.task import Prediction
    from stages.methods.check_labels.embeddings import Encoder, embed
    from stages.tasks import load_task

    params = read_params(Path("params.yaml"))
    task = load_task(params.task)
    records = [one for one in StageFolder(Path("data/split")).records(task.schema) if task.answered(one)]
    texts = ((one.id, one.text) for one in records)
    vectors = embed(Encoder(params.model, params.finetune.max_length), texts, Cache("benchmark-embeddings"))
    train, test = ([i for i, one in enumerate(records) if one.split == name] for name in ("train", "test"))
    head = LogisticRegression(C=10, max_iter=2000).fit(vectors[train], [task.truth(records[i]) for i in train])
    chances = (dict(zip(head.classes_, row, strict=True)) for row in head.predict_proba(vectors[test]))
    asked = [records[i] for i in test]
    said = [
        Prediction(one.id, max(scores, key=lambda name: scores[name]), scores)
        for one, scores in zip(asked, chances, strict=True)
    ]
    found = task.score(asked, said, params.evaluate.bootstrap, seed).metrics
    place.write_text(json.dumps(flat(found)), encoding="utf-8")
    return place


def collected(work: Path) -> list[dict[str, Any]]:
    """The rows of all finished runs, and of the probe."""
    found = [row for place in sorted(work.glob("*-*-*")) if (place / "evaluate/report.json").exists()
             for row in scored(place)]  # fmt: skip
    if (work / "probe.json").exists():
        report = json.loads((work / "probe.json").read_bytes())
        found += [{"way": "probe", "epsilon": NONE, "seed": "", **row} for row in metrics(report)]
    return found


def summarised(rows: Sequence[Mapping[str, Any]], metric: str) -> dict[tuple[str, str], list[float]]:
    """The values of a metric by way and epsilon, one a seed."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row["metric"] == metric:
            found.setdefault((row["way"], row["epsilon"]), []).append(row["value"])
    return found


def report(work: Path, metric: str) -> None:
    """Write the csv and the drawing, and print the table."""
    rows = collected(work)
    with (work / "scores.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    found = summarised(rows, metric)
    print(f"{conditions([])}; {metric} on the test split.\n\n| trained | epsilon | seeds | mean | spread (sd) |")
    print("|---|---|---|---|---|")
    for (way, epsilon), values in sorted(found.items(), key=lambda item: (item[0][0], order(item[0][1]))):
        spread = f"{stdev(values):.3f}" if len(values) > 1 else ""
        print(f"| {way} | {epsilon} | {len(values)} | {fmean(values):.3f} | {spread} |")
    lines = [
        Line(way, [(order(epsilon), values) for (own, epsilon), values in found.items() if own == way])
        for way in sorted({way for way, _ in found})
    ]
    if lines:
        (work / "scores.svg").write_text(chart(lines, metric.replace("_", " ")), encoding="utf-8")


def order(epsilon: str) -> float:
    """Epsilon as a number; infinite without privacy."""
    return float("inf") if epsilon == NONE else float(epsilon)


def main() -> None:
    """Run what is asked for and has not run, then write what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="where runs are kept")
    parser.add_argument("--project", type=Path, default=Path(), metavar="DIR", help="with params.yaml and data/split")
    parser.add_argument("--only", nargs="+", default=[*WAYS, "probe"], choices=[*WAYS, "probe"], metavar="WAY")
    parser.add_argument("--epsilons", nargs="+", default=["1", "3", "8", NONE], metavar="EPSILON")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13, 14, 15])
    parser.add_argument("--metric", default="accuracy")
    parser.add_argument("--plot", action="store_true", help="run nothing")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    os.chdir(options.project)
    if not options.plot:
        if "probe" in options.only:
            probe(work, options.seeds[0])
        for way in (way for way in options.only if way in WAYS):
            for epsilon in options.epsilons:
                for seed in options.seeds:
                    run(work, way, epsilon, seed)
    report(work, options.metric)


if __name__ == "__main__":
    main()
