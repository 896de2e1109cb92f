import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.errors import DataError
from stages.core.ledger import IdSet, Tally, checked_evidence
from stages.core.records import Column, Event, Label, Record, Schema, drop, edit, flag, keep

TEXT = Schema((Column("text", "text"),))
REASONS = {"too_short": "", "normalised": "", "noticed": ""}


def record(id, text="hello"):
    return Record(id, "s", "1", TEXT, {"text": text})


def digest(ids):
    found = IdSet()
    for id in ids:
        found.add(id)
    return found


@given(st.lists(st.text(max_size=8)), st.lists(st.text(max_size=8)))
def test_digests_do_not_depend_on_order_and_add_up(one, other):
    mixed = one + other
    random.Random(0).shuffle(mixed)
    assert digest(one) + digest(other) == digest(mixed)


def test_two_sets_of_the_same_size_have_different_digests():
    assert digest(["a", "b"]).digest != digest(["a", "c"]).digest


def test_an_edit_is_written_only_where_something_changed():
    tally = Tally("clean", REASONS)
    assert tally.count(keep(record("a"), "normalised"), record("a")) == []
    rows = tally.count(keep(record("b", "hallo"), "normalised", steps=2), record("b"))
    assert [(row["action"], row["reason"], row["evidence"]) for row in rows] == [("edit", "normalised", '{"steps": 2}')]


def test_a_flag_is_written_although_nothing_changed():
    assert Tally("clean", REASONS).count(flag(record("a"), "noticed"), record("a"))[0]["action"] == "keep"


def test_a_change_without_a_reason_is_refused():
    with pytest.raises(ValueError, match="changed without a reason"):
        Tally("clean", REASONS).count(keep(record("a", "other")), record("a"))


def test_an_answer_about_another_record_is_refused():
    with pytest.raises(ValueError, match="when asked about"):
        Tally("clean", REASONS).count(keep(record("b")), record("a"))


def test_an_undeclared_reason_is_refused():
    with pytest.raises(ValueError, match="REASONS"):
        Tally("clean", REASONS).count(drop(record("a"), "because"), record("a"))


def test_a_lost_record_breaks_conservation():
    tally = Tally("clean", REASONS)
    tally.count(keep(record("a")), record("a"))
    tally.check_conservation()
    tally.given.add("b")
    with pytest.raises(DataError, match="2 records in, 1 decided"):
        tally.check_conservation()


def test_events_of_one_record_are_numbered():
    rows = Tally("x", REASONS).count(
        edit(record("a", "new"), [Event("edit", "normalised"), Event("edit", "normalised")]), record("a")
    )
    assert [row["seq"] for row in rows] == [0, 1]


@pytest.mark.parametrize("value", ["a free text", "x" * 81, {"text": "x"}, float("nan"), ["fine", "not fine"], "Zoë"])
def test_evidence_that_may_hold_text_is_refused(value):
    with pytest.raises(ValueError, match="evidence"):
        checked_evidence("what", value)


def test_evidence_takes_numbers_codes_ids_and_declared_labels():
    assert checked_evidence("n", 0.12345678) == 0.123457
    assert checked_evidence("n", ["a1", 2, None, True]) == ["a1", 2, None, True]
    assert checked_evidence("n", Label("card arrival")) == "card arrival"
