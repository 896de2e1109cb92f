import pyarrow as pa
import pytest

from stages.core.records import Message, Span
from stages.methods.export.data_card import Handover, dataset_info, next_steps
from stages.methods.export.data_table import TableRows
from tests.commands.exporting import SHAPES, some_records

LABELS = {
    "classification": {"label": ("bad", "good")},
    "multi_label": {"labels": ("late", "torn")},
    "token_labels": {"spans": ("PER",)},
}


def table(task):
    return TableRows(SHAPES[task][0], LABELS.get(task, {}))


@pytest.mark.parametrize("task", SHAPES)
def test_rows_fit_the_types_of_their_columns(task):
    rows = table(task)
    made = [rows.of(one) for one in some_records(task)]
    read = pa.Table.from_pylist(made, schema=rows.features().arrow_schema).to_pylist()
    assert read == made
    assert [rows.faults(one) for one in read] == [[]] * len(made)


def test_spans_and_labels_carry_the_names_of_their_classes():
    assert table("token_labels").features()["spans"].feature["label"].names == ["PER"]
    assert table("multi_label").features()["labels"].feature.names == ["late", "torn"]


def test_answers_are_laid_out_as_in_squad():
    row = table("question_answering").of(some_records("question_answering")[1])
    assert row["answers"] == {"text": ["noon", "at noon"], "answer_start": [27, 24]}


@pytest.mark.parametrize(
    ("task", "change", "code"),
    [
        ("classification", {"text": " "}, "empty_text"),
        ("classification", {"label": 2}, "unknown_label"),
        ("token_labels", {"spans": [{"start": 0, "end": 99, "label": 0}]}, "misplaced"),
        ("token_labels", {"spans": [{"start": 3, "end": 3, "label": 0}]}, "misplaced"),
        ("token_labels", {"spans": [{"start": 0, "end": 3, "label": 1}]}, "unknown_label"),
        ("question_answering", {"answers": {"text": ["noon"], "answer_start": [3]}}, "misplaced"),
        ("causal_lm", {"messages": [{"role": "user", "content": "a"}]}, "no_reply"),
        ("causal_lm", {"messages": [{"role": "bot", "content": "a"}]}, "unknown_role"),
    ],
)
def test_each_broken_rule_of_a_table_is_named(task, change, code):
    rows = table(task)
    assert code in rows.faults({**rows.of(some_records(task)[1]), **change})


def test_a_span_of_no_known_label_is_a_fault_of_the_program():
    record = some_records("token_labels")[0].with_values(spans=(Span(0, 3, "ORG"),))
    with pytest.raises(KeyError):
        table("token_labels").of(record)


def test_llama_factory_is_told_of_every_file_in_its_own_words():
    files = {"train": ("train.jsonl", 3), "validation": ("validation.jsonl", 1)}
    told = dataset_info(Handover("openai", "causal_lm", files))
    assert told["rowtrail_validation"]["file_name"] == "validation.jsonl"
    assert told["rowtrail_train"]["tags"]["assistant_tag"] == "assistant"
    assert dataset_info(Handover("alpaca", "causal_lm", files, has_system=True))["rowtrail_train"]["columns"] == {
        "prompt": "instruction", "query": "input", "response": "output", "system": "system",
    }  # fmt: skip
    assert dataset_info(Handover("datasets", "causal_lm", files)) is None


@pytest.mark.parametrize("format", ["openai", "alpaca", "sharegpt", "datasets"])
def test_the_next_steps_name_no_file_that_was_not_written(format):
    told = "\n".join(next_steps(Handover(format, "causal_lm", {"train": ("train.jsonl", 3)}), "out"))
    assert "out" in told
    assert "validation" not in told


def test_a_chat_becomes_messages_as_chat_templates_read_them():
    record = some_records("causal_lm")[0].with_values(messages=(Message("user", "a"), Message("assistant", "b")))
    assert table("causal_lm").of(record)["messages"] == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
    ]
