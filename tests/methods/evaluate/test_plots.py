"""Every kind of model gets the tables that `dvc.yaml` draws."""

import importlib

import pytest

from stages.core.records import Record
from stages.core.task import Prediction
from stages.methods.evaluate.plots import drawn
from stages.methods.evaluate.summary import Answered
from stages.tasks import TASKS, load_task


def answered(name, *pairs):
    """Answers to rows of the task's sample; pairs are (row of the sample, prediction without its id)."""
    task, sample = load_task(name), importlib.import_module(f"tests.tasks.samples.{name}")
    rows = [task.read_row(sample.ROWS[row], sample.LABELS or None) for row, _ in pairs]
    records = [Record(f"{i:02x}", "s", str(i), task.schema, values, split="test") for i, values in enumerate(rows)]
    given = [Prediction(record.id, *said) for record, (_, said) in zip(records, pairs, strict=True)]
    return Answered(task, records, given)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_each_kind_of_model_has_both_tables_with_the_columns_that_are_drawn(name):
    task, sample = load_task(name), importlib.import_module(f"tests.tasks.samples.{name}")
    rows = [task.read_row(row, sample.LABELS or None) for row in sample.ROWS]
    records = [Record(f"{i:02x}", "s", str(i), task.schema, values, split="test") for i, values in enumerate(rows)]
    guesses = next(iter(task.baselines(records, records, 13).values()))
    test = Answered(task, records, [Prediction(one.id, one.answer, one.scores, 0.5) for one in guesses])
    tables = {**drawn(test), **test.score(2, 13).tables}
    assert {"actual", "predicted"} == set(tables["confusion.csv"][0])
    assert {"confidence", "accuracy"} <= set(tables["reliability.csv"][0])


def test_a_model_that_writes_is_drawn_by_the_words_of_answers_and_by_how_likely_the_references_were():
    said = answered("seq2seq", (0, ("one two three", {}, 0.0)), (1, ("", {}, 2.302585)))
    tables = drawn(said)
    assert [tuple(row.values()) for row in tables["confusion.csv"]] == [("3 words", "3 words"), ("2 words", "0 words")]
    assert [round(row["confidence"], 3) for row in tables["reliability.csv"]] == [0.1, 1.0]


def test_where_any_number_of_labels_can_be_right_each_counts_by_itself():
    task = load_task("multi_label")
    record = Record("01", "s", "1", task.schema, {"text": "a", "labels": ("x",)}, split="test")
    test = Answered(task, [record], [Prediction("01", ("x",), {"x": 0.95, "y": 0.02}, 0.1)])
    found = [(row["confidence"], row["accuracy"]) for row in drawn(test)["reliability.csv"]]
    assert found == [(0.02, 0.0), (0.95, 1.0)]


def test_records_without_an_answer_are_not_drawn():
    said = answered("seq2seq", (0, (None, {}, 0.5)), (1, ("one", {}, 0.5)))
    assert len(drawn(said)["confusion.csv"]) == 1
