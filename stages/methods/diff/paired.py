"""Two models on the test rows that two versions of the data share, and what of a change is the test set's.

    B on test B - A on test A  =  (B - A on common rows)  +  ((B: all - common) - (A: all - common))
                                  the model                   the test set

The first part is paired: both models answer the same rows, under the same labels. Intervals are percentiles of a
bootstrap over rows (Efron and Tibshirani 1993, ch. 13); the rows that both test sets hold are drawn once for both
models, those that one of them holds are drawn apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stages.methods.evaluate.metrics import Floats, resampled

RESAMPLES = 2000
_DRAWS = 150_000_000
"""Resamples times rows at most: some seconds. Larger sets get fewer resamples, and have narrow intervals anyway."""
_DIGITS = 6
_FEW = 200


@dataclass(frozen=True)
class Answers:
    """A model's answers on a test set, one row a record: `id`, `label`, `answer`, `correct`, `quality`, `loss`.

    `classes` are the labels that it chooses one of; none where answers are anything else: sets of labels, spans, text.
    Those are compared by their `quality`, 0 to 1, which `measure` names.
    """

    table: pa.Table
    classes: tuple[str, ...] = ()
    measure: str | None = None

    def of(self, ids: pa.Array) -> pa.Table:
        """The rows of these ids, in their order."""
        return self.table.take(pc.index_in(ids, value_set=self.table["id"].combine_chunks()))


def compare(a: Answers, b: Answers, seed: int) -> dict[str, Any]:
    """Scores of both models on all rows and on the common ones, the differences with intervals, and a paired test.

    That is McNemar's where answers are right or wrong, and the sign test on records where they are so in part.
    """
    shared, relabelled = _shared(a.table, b.table)
    classes = tuple(sorted({*a.classes, *b.classes})) if a.classes and b.classes else ()
    known = all("quality" in side.table.column_names for side in (a, b))
    graded = known and not classes and a.measure == b.measure
    common = [_judged(side.of(shared), graded) for side in (a, b)]
    alone = [_judged(_without(side.table, shared), graded) for side in (a, b)]
    sizes = {
        "a": len(a.table), "b": len(b.table), "common": len(shared), "relabelled": len(relabelled),
        "only_a": len(alone[0]) - len(relabelled), "only_b": len(alone[1]) - len(relabelled),
    }  # fmt: skip
    common, alone = _both_judged(common, alone)
    metrics = _metrics(common, alone, classes, seed)
    answers = [_flags(table) for table in common]
    found = {
        "rows": sizes,
        "metrics": {"quality" if graded and name == "accuracy" else name: parts for name, parts in metrics.items()},
        "mcnemar": mcnemar(*answers) if len(shared) and not graded else None,
        "by_record": by_record(*answers) if len(shared) and graded else None,
        "measure": b.measure if graded else None,
        "relabelled": {} if graded else _relabelled(a.of(relabelled), b.of(relabelled)),
    }
    return {**found, "resamples": _resamples(max(len(a.table), len(b.table), 1))}


def _shared(a: pa.Table, b: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Ids of the rows in both tables, sorted: those with the same label, and those whose label differs."""
    ids = a["id"].filter(pc.is_in(a["id"], value_set=b["id"].combine_chunks())).combine_chunks()
    ids = ids.take(pc.sort_indices(ids))
    labels = [side["label"].take(pc.index_in(ids, value_set=side["id"].combine_chunks())) for side in (a, b)]
    none = pc.and_(pc.is_null(labels[0]), pc.is_null(labels[1]))
    same = pc.or_(pc.fill_null(pc.equal(*labels), False), none)
    return ids.filter(same.combine_chunks()), ids.filter(pc.invert(same).combine_chunks())


def _without(table: pa.Table, ids: pa.Array) -> pa.Table:
    return table.filter(pc.invert(pc.is_in(table["id"], value_set=ids)))


def _judged(table: pa.Table, graded: bool) -> pa.Table:
    """With a column `right`: the quality of the answer, or 1 where it is right and 0 where not; null without either."""
    return table.append_column("right", pc.cast(table["quality" if graded else "correct"], pa.float64()))


def _both_judged(common: Sequence[pa.Table], alone: Sequence[pa.Table]) -> tuple[list[pa.Table], list[pa.Table]]:
    """Common rows paired only where both models were judged; an answer that only one gave is counted apart.

    Models that write answer some of the test rows, and not always the same; all of them have a loss.
    """
    known = [pc.is_valid(table["right"]) for table in common]
    both, place = pc.and_(*known), common[0].schema.get_field_index("right")
    paired = [table.set_column(place, "right", pc.if_else(both, table["right"], None)) for table in common]
    single = [table.filter(pc.and_not(own, both)) for table, own in zip(common, known, strict=True)]
    nothing = [pa.nulls(len(table), pa.float64()) for table in single]
    single = [
        table.set_column(table.schema.get_field_index("loss"), "loss", none)
        for table, none in zip(single, nothing, strict=True)
    ]
    return paired, [pa.concat_tables(both) for both in zip(alone, single, strict=True)]


def _flags(table: pa.Table, column: str = "right") -> Floats:
    """A column as numbers, NaN where it has none."""
    return np.asarray(pc.cast(table[column], pa.float64()).to_numpy(zero_copy_only=False), dtype=float)


def _summands(table: pa.Table, classes: Sequence[str]) -> Any:
    """What each row adds to the sums that scores are made of: a sparse array of shape (rows, columns).

    Columns: judged, right (or how far), with a loss, loss; then, a class each, hits, truths and answers.
    """
    from scipy.sparse import csc_array, hstack

    right, loss = _flags(table), _flags(table, "loss")
    judged, with_loss = ~np.isnan(right), ~np.isnan(loss)
    measures = [judged, np.where(judged, right, 0), with_loss, np.where(with_loss, loss, 0)]
    values = pa.array(classes, pa.string())
    truth, said = (
        pc.fill_null(pc.index_in(table[name], value_set=values), -1).to_numpy() for name in ("label", "answer")
    )
    codes = (np.where(truth == said, truth, -1), truth, said)
    return hstack([csc_array(np.stack(measures, axis=1)), *(_one_hot(code, len(classes)) for code in codes)], "csr")


def _one_hot(codes: NDArray[Any], classes: int) -> Any:
    from scipy.sparse import csc_array

    there = np.flatnonzero(codes >= 0)
    return csc_array((np.ones(len(there)), (there, codes[there])), shape=(len(codes), classes))


def _drawn(tables: Sequence[pa.Table], classes: Sequence[str], resamples: int, seed: int) -> list[Floats]:
    """For tables of the same rows, the sums over all rows and then over each resample: (1 + resamples, columns)."""
    from scipy.sparse import hstack

    summands, rows = hstack([_summands(table, classes) for table in tables], "csr"), len(tables[0])
    none = [np.zeros((1 + resamples, 0))]
    weights = chain([np.ones((1, rows))], resampled(rows, resamples, seed)) if rows else none
    return np.split(np.concatenate([(summands.T @ some.T).T for some in weights]), len(tables), axis=1)


def _scores(sums: Floats, classes: int) -> dict[str, Floats]:
    """Each score once a row of sums; NaN where there is nothing to score. Macro F1 is as `evaluate` computes it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {"accuracy": sums[:, 1] / sums[:, 0], "loss": sums[:, 3] / sums[:, 2]}
        if classes:
            hits, truth, said = (sums[:, 4 + i * classes : 4 + (i + 1) * classes] for i in range(3))
            f1 = np.divide(2 * hits, truth + said, out=np.zeros_like(hits), where=truth + said > 0)
            found["macro_f1"] = (f1 * (truth > 0)).sum(axis=1) / (truth > 0).sum(axis=1)
    return found


def _metrics(
    common: Sequence[pa.Table], alone: Sequence[pa.Table], classes: Sequence[str], seed: int
) -> dict[str, Any]:
    """By score: A and B on all and on common rows, and the total change with its two parts, each with an interval."""
    resamples = _resamples(max(len(common[0]) + len(alone[0]), len(common[1]) + len(alone[1]), 1))
    shared = _drawn(common, classes, resamples, seed)
    own = [_drawn([table], classes, resamples, seed + 1 + side)[0] for side, table in enumerate(alone)]
    on_common = [_scores(sums, len(classes)) for sums in shared]
    on_all = [_scores(one + other, len(classes)) for one, other in zip(shared, own, strict=True)]
    return {
        name: _parts(*(scores[name] for scores in (*on_all, *on_common)))
        for name in ("accuracy", "macro_f1", "loss")
        if name in on_all[0] and not any(np.isnan(scores[name][0]) for scores in on_all)
    }


def _parts(a_all: Floats, b_all: Floats, a_common: Floats, b_common: Floats) -> dict[str, Any]:
    model = b_common - a_common
    values = {"a_all": a_all, "a_common": a_common, "b_common": b_common, "b_all": b_all}
    changes = {"total": b_all - a_all, "model": model, "test_set": b_all - a_all - model}
    return {
        **{name: None if np.isnan(value[0]) else round(float(value[0]), _DIGITS) for name, value in values.items()},
        **{name: _interval(change) for name, change in changes.items()},
    }


def _interval(drawn: Floats) -> dict[str, float] | None:
    """The value, which stands first, with the 2.5th and 97.5th percentile of the others; None without a value."""
    rest = drawn[1:][~np.isnan(drawn[1:])]
    if np.isnan(drawn[0]) or not len(rest):
        return None
    low, high = np.percentile(rest, [2.5, 97.5])
    return {name: round(float(end), _DIGITS) + 0.0 for name, end in (("value", drawn[0]), ("low", low), ("high", high))}


def _resamples(rows: int) -> int:
    return max(_FEW, min(RESAMPLES, _DRAWS // rows))


def mcnemar(a: NDArray[Any], b: NDArray[Any]) -> dict[str, Any]:
    """McNemar's exact test: rows only A has right, rows only B has right, and the two-sided p of a fair coin.

    The exact form (McNemar 1947; binomial) holds for few rows, too, where the one by chi-squared does not.
    """
    from scipy.stats import binomtest

    only_a, only_b = int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())
    p = float(binomtest(only_b, only_a + only_b, 0.5).pvalue) if only_a + only_b else 1.0
    return {"only_a_right": only_a, "only_b_right": only_b, "both_right": int(((a == 1) & (b == 1)).sum()), "p": p}


def by_record(a: Floats, b: Floats) -> dict[str, Any]:
    """How many records B answers better than A, worse and as well; the two-sided p of the sign test (Conover 1999).

    Records that one of them did not answer are not counted.
    """
    from scipy.stats import binomtest

    better, worse, equal = int((b > a).sum()), int((b < a).sum()), int((b == a).sum())
    p = float(binomtest(better, better + worse, 0.5).pvalue) if better + worse else 1.0
    return {"better": better, "worse": worse, "equal": equal, "p": p}


def _relabelled(a: pa.Table, b: pa.Table) -> dict[str, int]:
    """How many of the rows whose label changed each model has right, under the label in A and under that in B."""
    labels = {"a": a["label"], "b": b["label"]}
    return {
        f"{model}_right_under_{label}": int(pc.sum(pc.equal(answers["answer"], values)).as_py() or 0)
        for model, answers in (("a", a), ("b", b))
        for label, values in labels.items()
    }


def crossing(a: Mapping[str, pa.Array], b: Mapping[str, pa.Array]) -> dict[str, int]:
    """Test rows of one version that the other model was trained on, by direction. Arguments: ids by split."""
    pairs = {"tested_in_a_trained_in_b": (a["test"], b["train"]), "tested_in_b_trained_in_a": (b["test"], a["train"])}
    return {name: int(pc.sum(pc.is_in(test, value_set=train)).as_py() or 0) for name, (test, train) in pairs.items()}
