import json

import pyarrow as pa

from stages.methods.ingest.summary import label_counts, rows_by_outcome


def event(source, action, reason):
    return {"action": action, "reason": reason, "evidence": json.dumps({"source": source})}


def test_rows_are_counted_by_source_action_and_reason():
    events = [event("a", "create", "created"), event("a", "create", "created"), event("a", "drop", "erased")]
    events.append(event("b", "quarantine", "wrong_type"))
    assert rows_by_outcome([pa.Table.from_pylist(events[:2]), pa.Table.from_pylist(events[2:])]) == {
        "a": {"rows": 3, "create": {"created": 2}, "drop": {"erased": 1}},
        "b": {"rows": 1, "quarantine": {"wrong_type": 1}},
    }


def records(labels, confidence=None, subject=None, source="s"):
    """Columns of records with these labels; None where `confidence` and `subject` have no more values."""
    count = len(labels)
    return pa.table(
        {
            "source": [source] * count,
            "label": labels,
            "confidence": pa.array([*(confidence or []), *[None] * count][:count], pa.float64()),
            "subject": pa.array([*(subject or []), *[None] * count][:count], pa.string()),
        }
    )


def test_labels_and_shares_are_those_of_the_records():
    counted = label_counts(records(["y", "x", None, "x"], confidence=[0.5], subject=["ab"]), "label")
    assert counted["s"] == {
        "distinct_labels": 2,
        "labels": {"x": 2, "y": 1},
        "unlabelled": 1,
        "with_confidence": 0.25,
        "with_subject": 0.25,
    }


def test_of_several_labels_each_counts_and_a_record_with_none_is_unlabelled():
    counted = label_counts(records([["x", "y"], ["x"], [], None]), "label")["s"]
    assert (counted["labels"], counted["unlabelled"]) == ({"x": 2, "y": 1}, 2)


def test_each_source_has_counts_of_its_own_and_a_task_may_have_no_label_at_all():
    both = pa.concat_tables([records(["x"], source="t"), records(["y", "z"])])
    assert [counts["distinct_labels"] for counts in label_counts(both, "label").values()] == [2, 1]
    assert [counts["unlabelled"] for counts in label_counts(both, None).values()] == [2, 1]


def test_a_label_column_that_may_hold_texts_is_not_shown():
    counted = label_counts(records([f"text {number}" for number in range(201)]), "label")["s"]
    assert counted["distinct_labels"] == 201
    assert "labels" not in counted
