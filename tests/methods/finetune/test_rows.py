from dataclasses import replace

import pytest

from stages.methods.finetune.rows import Rows
from tests import tiny


class Counting:
    """A task whose features are a token for each word, of which the answer's are the words after `=>`."""

    schema = tiny.TASK.schema

    def answered(self, record):
        return record.values["label"] is not None

    def labels(self, record):
        return (record.values["label"],)

    def encode(self, records, tokenizer, options, labels=()):
        return [self._features(record.values["text"].split(), options["max_length"]) for record in records]

    def _features(self, words, most):
        answer = words.index("=>") if "=>" in words else 0
        return {"input_ids": words[:most], "tokens": len(words), "learned": max(0, min(len(words), most) - answer)}


def record(i, text="a b c", label="x", source="s"):
    return replace(tiny.record(i, label, "train", text), source=source)


def rows(*records, private=False, **options):
    plain = {"max_length": 4, "class_weights": False, "loss_over": "records"}
    found = Rows(Counting(), None, {"finetune": {**plain, **options}, "labels": [], "privacy": {"enabled": private}})
    found.add(list(records))
    return found


def weights(found):
    found.weigh(found.facts)
    return [features["weight"] for features in found.features]


def said(found, reason="trained_on"):
    return [(usage.id, usage.event.reason, usage.skipped) for usage in found.usages(reason)]


def test_a_record_without_an_answer_or_with_nothing_left_of_it_is_only_noted():
    found = rows(record(1), record(2, label=None), record(3, "a b c d => e"), record(4, "a => b c d"))
    assert found.ids == ["0001", "0004"]
    assert len(found.features) == len(found.facts) == 2
    assert said(found) == [
        ("0001", "trained_on", False),
        ("0004", "trained_on", False),
        ("0002", "no_label", True),
        ("0003", "nothing_to_learn", True),
    ]


def test_a_usage_says_how_many_tokens_were_seen_and_whether_there_were_more():
    first, second = rows(record(1), record(2, "a b c d e f")).usages("trained_on")
    assert first.event.evidence == {"tokens": 3, "truncated": False}
    assert second.event.evidence == {"tokens": 4, "truncated": True}


def test_invented_records_stand_behind_and_nothing_is_said_about_them():
    found = rows(record(1), record(2))
    found.add_invented([record(8), record(9, label=None)])
    assert (found.ids, len(found.features), len(found.facts)) == (["0001", "0002"], 3, 3)
    assert [id for id, *_ in said(found)] == ["0001", "0002"]


def test_who_is_left_out_is_noted_and_invented_records_stay():
    found = rows(record(1, "a"), record(2, "b"), record(3, "c"))
    found.add_invented([record(2, "d"), record(9, "e")])
    found.leave_out({"0002", "unknown"})
    assert found.ids == ["0001", "0003"]
    assert [features["input_ids"] for features in found.features] == [["a"], ["c"], ["d"], ["e"]]
    assert len(found.facts) == 4
    assert said(found)[-1] == ("0002", "over_subject_cap", True)


def test_weights_average_to_one_over_all_records():
    found = rows(record(1), record(2, source="t"), record(3), source_weights={"t": 4.0})
    assert weights(found) == pytest.approx([0.5, 2.0, 0.5])


def test_with_privacy_a_weight_does_not_depend_on_which_other_records_there_are():
    few = rows(record(1), record(2, source="t"), private=True, source_weights={"t": 4.0})
    more = rows(record(1), record(2, source="t"), record(3, source="t"), private=True, source_weights={"t": 4.0})
    assert weights(few) == [1.0, 4.0]
    assert weights(more)[:2] == weights(few)
