"""Scores for `rowtrail diff`: what was reported, and both models on the test rows that the versions share."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stages.commands.diff_kept import ABSENT, EVENTS, Kept
from stages.commands.diff_rows import Found
from stages.methods.diff.paired import Answers, compare, crossing
from stages.methods.diff.settings import score_rows
from stages.methods.diff.verdict import Verdict, verdict, warnings
from stages.methods.document.measures import quality_of

_SEED = 13
_PREDICTIONS = "predictions.parquet"


def compare_scores(a: Kept, b: Kept, reworded: pa.Array) -> Found:
    """Reported metrics, the paired comparison with its verdict, and warnings on it."""
    found = Found({"reported": score_rows(*(side.version.metrics("evaluate") for side in (a, b)))})
    answers = [_answers(side) for side in (a, b)]
    if gone := [side.name for side, said in zip((a, b), answers, strict=True) if said is None]:
        found.lack("the models on shared test rows", f"the predictions of {' and '.join(gone)} are {ABSENT}")
        sentence = f"Without the predictions of {' and '.join(gone)}, nothing tells the models from the test sets."
        found.told["verdict"] = asdict(Verdict("unknown", "unknown", sentence))
        return found
    first, second = (said for said in answers if said is not None)
    names = (a.name, b.name)
    paired = compare(first, second, _SEED)
    crossed = _crossed(a, b, found)
    other_text = int(pc.sum(pc.is_in(_both(first, second), value_set=reworded)).as_py() or 0)
    found.told |= {"paired": paired, "crossing": crossed, "same_model": _same_model(a, b), "reworded": other_text}
    found.told |= {
        "verdict": asdict(verdict(paired, names)),
        "warnings": [*warnings(paired, crossed, other_text, names)],
    }
    return found


def _answers(side: Kept) -> Answers | None:
    """A version's predictions on its test split; None where they are gone or there are none."""
    columns = ["id", "split", "label", "answer", "correct", "quality", "loss", "scores"]
    table = side.table("evaluate", _PREDICTIONS, columns)
    if table is None:
        return None
    test = table.filter(pc.equal(table["split"], "test"))
    keys = [chunk.keys for chunk in test["scores"].chunks if len(chunk)]
    classes = pc.unique(pa.chunked_array(keys)) if keys else pa.array([], pa.string())
    # Of sets of labels and of spans there are scores, too; the answer is one of the classes only where it is one label.
    single = pc.all(pc.is_in(test["answer"], value_set=classes)).as_py()
    names = tuple(sorted(classes.to_pylist())) if single else ()
    measure = quality_of(side.json("evaluate", "report.json"))
    return Answers(test.drop_columns(["split", "scores"]), names, measure) if len(test) else None


def _both(a: Answers, b: Answers) -> pa.ChunkedArray:
    return a.table["id"].filter(pc.is_in(a.table["id"], value_set=b.table["id"].combine_chunks()))


def _crossed(a: Kept, b: Kept, found: Found) -> dict[str, int] | None:
    """Test rows of one version on which the other's model was trained; None where the splits are no longer known."""
    splits: list[dict[str, pa.Array]] = []
    for side in (a, b):
        table = side.table("split", EVENTS, ["id", "action", "reason"])
        if table is None:
            found.lack("whether one model learned the other's test rows", f"the split of {side.name} is gone")
            return None
        assigned = table.filter(pc.equal(table["action"], "assign"))
        of = {part: assigned["id"].filter(pc.equal(assigned["reason"], part)) for part in ("test", "train")}
        splits.append({part: ids.combine_chunks() for part, ids in of.items()})
    return crossing(*splits)


def _same_model(a: Kept, b: Kept) -> bool | None:
    """Whether the tuned model is the same, byte by byte; None where one version's manifest is gone."""
    files: list[dict[str, Any]] = [
        {
            name: digest
            for name, digest in side.manifests.get("finetune", {}).get("files", {}).items()
            if "model/" in name
        }
        for side in (a, b)
    ]
    return files[0] == files[1] if all(files) else None
