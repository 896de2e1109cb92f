"""What scrubbing costs the model: the operators of `scrub_pii` by the project's own metric, on the same splits.

    python benchmarks/pii_operators.py                          the data of the last `dvc repro`
    python benchmarks/pii_operators.py --finetune               also tune the model on each (minutes each)
    python benchmarks/pii_operators.py --operators surrogate tag
    python benchmarks/pii_operators.py --only PERSON SOCIAL_HANDLE   all other entities are kept

For each operator the stage scrubs `data/deduplicate` anew, all entities alike (dates are shifted where others get
surrogates, and what an operator cannot say becomes a tag). Its texts take the place of those in `data/split`: same
records, labels and parts. Models learn from the scrubbed training texts and are scored on the scrubbed test texts, for
that is what they meet in use: TF-IDF with logistic regression, and logistic regression on the frozen embeddings of the
project's model. Differences to the texts as they were are paired bootstraps over the test records, 95 %. Tokens are the
model's, relative to the texts as they were. `--test-raw` scores on the texts as they were instead.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import changed_params, conditions, measured

from stages.core.cache import Cache
from stages.core.params_file import read_params
from stages.core.task import Metric
from stages.methods.check_labels.embeddings import Encoder, embed
from stages.methods.evaluate.baselines import tfidf_logistic
from stages.methods.evaluate.comparison import macro_f1_gain
from stages.methods.evaluate.metrics import score_labels

OPERATORS = ("surrogate", "tag", "numbered", "mask", "delete")
RAW = "no scrubbing"
_RESAMPLES = 2000
_TOKENS = 512
"""Tokens of a text that are counted, and that the frozen encoder sees at most."""

Answers = list[str]


@dataclass(frozen=True)
class Rows:
    """Records of the split that every operator kept, in one order."""

    ids: list[str]
    parts: list[str]
    labels: list[str]

    def of(self, part: str, values: Sequence[Any]) -> list[Any]:
        """The values of a part's records."""
        return [value for value, own in zip(values, self.parts, strict=True) if own == part]


def scrubbed(operator: str, only: Sequence[str], folder: Path) -> Path:
    """Run the stage with one operator for all entities; what measures the scrubbing itself is turned off."""
    folder.mkdir()
    entities = read_params(Path("params.yaml")).scrub_pii.entities
    chosen = {entity: operator if not only or entity in only else "keep" for entity in entities}
    changes = [f"scrub_pii.entities={json.dumps(chosen)}", "scrub_pii.probe=0", "scrub_pii.recheck=0"]
    params = changed_params([*changes, "scrub_pii.min_recall=null", "scrub_pii.fail_on_leak=none"], folder)
    out = folder / "scrub_pii"
    stage = [sys.executable, "-m", "stages", "scrub_pii", "--in", "data/deduplicate"]
    measured([*stage, "--out", str(out), "--params", str(params)])
    return out


def texts_in(folder: Path) -> dict[str, str]:
    """Texts by record id."""
    table = pq.read_table(folder / "records.parquet", columns=["id", "text"]).to_pydict()
    return dict(zip(table["id"], table["text"], strict=True))


def common_rows(texts: dict[str, dict[str, str]]) -> Rows:
    """Labelled records of the split that have a text under every operator."""
    table = pq.read_table("data/split/records.parquet", columns=["id", "split", "label"]).to_pylist()
    rows = [row for row in table if row["label"] and all(row["id"] in some for some in texts.values())]
    return Rows([row["id"] for row in rows], [row["split"] for row in rows], [row["label"] for row in rows])


def best(rows: Sequence[dict[str, float]]) -> Answers:
    """The likeliest class of each."""
    return [max(sorted(row), key=row.__getitem__) for row in rows]


def by_terms(rows: Rows, learn: Sequence[str], ask: Sequence[str], seed: int) -> Answers:
    """Answers of TF-IDF with logistic regression for the test records."""
    return best(tfidf_logistic(rows.of("train", learn), rows.of("train", rows.labels), rows.of("test", ask), seed))


def by_embeddings(rows: Rows, learn: Any, ask: Any, seed: int) -> Answers:
    """Answers of logistic regression on standardised embeddings."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    parts = np.array(rows.parts)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000, random_state=seed))
    model.fit(learn[parts == "train"], rows.of("train", rows.labels))
    return [str(label) for label in model.predict(ask[parts == "test"])]


def by_finetuning(rows: Rows, texts: dict[str, str], folder: Path) -> Answers:
    """Answers of the project's model, tuned on a copy of `data/split` with these texts."""
    split = folder / "split"
    split.mkdir(parents=True)
    for file in Path("data/split").iterdir():
        (split / file.name).write_bytes(file.read_bytes())
    table = pq.read_table(split / "records.parquet")
    new = [texts.get(id, text) for id, text in zip(*(table.column(n).to_pylist() for n in ("id", "text")), strict=True)]
    table = table.set_column(table.schema.get_field_index("text"), "text", pa.array(new, pa.string()))
    pq.write_table(
        table,
        split / "records.parquet",
        row_group_size=pq.ParquetFile("data/split/records.parquet").metadata.row_group(0).num_rows,
    )
    for stage, inputs in (("plan", ["split"]), ("finetune", ["split", "plan"]), ("evaluate", ["split", "finetune"])):
        given = [part for name in inputs for part in ("--in", str(folder / name))]
        given += ["--in", "data/check_labels"] if stage == "evaluate" else []
        measured(
            [sys.executable, "-m", "stages", stage, *given, "--out", str(folder / stage), "--params", "params.yaml"]
        )
    table = pq.read_table(folder / "evaluate" / "predictions.parquet", columns=["id", "answer"]).to_pydict()
    answers = dict(zip(table["id"], table["answer"], strict=True))
    return [answers[id] for id in rows.of("test", rows.ids)]


def cell(truth: Sequence[str], ours: Answers, theirs: Answers, seed: int) -> str:
    """Macro F1, and its difference to the other answers."""
    score = score_labels(truth, ours, [{}] * len(truth), 1, seed)["metrics"]["macro_f1"].value
    if ours is theirs:
        return f"{score:.3f}"
    gain: Metric = macro_f1_gain(truth, ours, theirs, _RESAMPLES, seed)
    return f"{score:.3f} ({gain.value:+.3f}: {gain.low:+.3f} to {gain.high:+.3f})"


def main() -> None:
    """Scrub with each operator, learn from each, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operators", nargs="+", default=OPERATORS, choices=OPERATORS)
    parser.add_argument("--only", nargs="+", default=[], metavar="ENTITY")
    parser.add_argument("--finetune", action="store_true")
    parser.add_argument("--test-raw", action="store_true")
    options = parser.parse_args()
    if not Path("data/split/records.parquet").exists():
        sys.exit("run `dvc repro` (or `make repro`) first: the splits of data/split are compared on")
    with tempfile.TemporaryDirectory() as scratch:
        compare(options, Path(scratch))


def compare(options: argparse.Namespace, scratch: Path) -> None:
    """All operators side by side."""
    params = read_params(Path("params.yaml"))
    texts = {RAW: texts_in(Path("data/deduplicate"))}
    texts |= {name: texts_in(scrubbed(name, options.only, scratch / name)) for name in options.operators}
    rows = common_rows(texts)
    aligned = {name: [some[id] for id in rows.ids] for name, some in texts.items()}
    encoder, cache = Encoder(params.model, _TOKENS), Cache("embeddings", scratch)
    vectors = {
        name: embed(encoder, [(hashlib.sha256(t.encode()).hexdigest(), t) for t in some], cache)
        for name, some in aligned.items()
    }
    tokens = {name: sum(map(len, encoder.tokens(some))) for name, some in aligned.items()}
    truth = rows.of("test", rows.labels)
    print(f"{conditions(options.only)}; {len(rows.of('train', rows.ids))} training and {len(truth)} test records.\n")
    models = ["TF-IDF", "frozen embeddings"] + ["fine-tuned"] * options.finetune
    print(f"| operator | changed records | tokens | {' | '.join(models)} |\n|---|---|---|{'---|' * len(models)}")
    raw: list[Answers] = []
    for name, some in aligned.items():
        ask = RAW if options.test_raw else name
        answers = [by_terms(rows, some, aligned[ask], params.seed)]
        answers.append(by_embeddings(rows, vectors[name], vectors[ask], params.seed))
        if options.finetune:
            answers.append(by_finetuning(rows, texts[name], scratch / name / "tuned"))
        raw = raw or answers
        changed = sum(new != old for new, old in zip(some, aligned[RAW], strict=True)) / len(some)
        cells = [cell(truth, ours, theirs, params.seed) for ours, theirs in zip(answers, raw, strict=True)]
        print(f"| {name} | {changed:.0%} | x{tokens[name] / tokens[RAW]:.2f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
