import json

from stages.methods.ingest.summary import label_counts, rows_by_outcome


def event(source, action, reason):
    return {"action": action, "reason": reason, "evidence": json.dumps({"source": source})}


def test_rows_are_counted_by_source_action_and_reason():
    events = [event("a", "create", "created"), event("a", "create", "created"), event("a", "drop", "erased")]
    events.append(event("b", "quarantine", "wrong_type"))
    assert rows_by_outcome(events) == {
        "a": {"rows": 3, "create": {"created": 2}, "drop": {"erased": 1}},
        "b": {"rows": 1, "quarantine": {"wrong_type": 1}},
    }


def record(label, confidence=None, subject=None):
    return {"source": "s", "label": label, "confidence": confidence, "subject": subject}


def test_labels_and_shares_are_those_of_the_records():
    counted = label_counts([record("x", 0.5), record("x"), record(None, subject="ab"), record(["x", "y"])], "label")
    assert counted["s"] == {
        "distinct_labels": 2,
        "labels": {"x": 3, "y": 1},
        "unlabelled": 1,
        "with_confidence": 0.25,
        "with_subject": 0.25,
    }


def test_a_label_column_that_may_hold_texts_is_not_shown():
    counted = label_counts([record(f"text {number}") for number in range(201)], "label")["s"]
    assert counted["distinct_labels"] == 201
    assert "labels" not in counted
