from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.records import Column, Record, Schema, Span
from stages.methods.finetune.augmenting import copies, edited

SCHEMA = Schema((Column("text", "text"), Column("spans", "spans", of="text")))
OPTIONS = {"share": 1.0, "copies": 2, "balance": False}
LABELS = {f"{i:04x}": ("rare",) if i % 5 == 0 else ("common",) for i in range(500)}


def record(text="the old house stood by the river for years", spans=(), id="00aa"):
    return Record(id, "s", "1", SCHEMA, {"text": text, "spans": tuple(spans)}, split="train")


def test_each_record_gets_the_copies_that_were_asked_for():
    assert copies(LABELS, OPTIONS, 13) == dict.fromkeys(sorted(LABELS), 2)


def test_a_share_is_drawn_by_id_alone():
    half = copies(LABELS, OPTIONS | {"share": 0.5}, 13)
    assert 200 < len(half) < 300
    some = {id: label for id, label in LABELS.items() if id < "0100"}
    assert set(copies(some, OPTIONS | {"share": 0.5}, 13)) == {id for id in half if id < "0100"}


def test_balance_brings_rare_classes_to_the_size_of_the_largest_and_leaves_that_alone():
    wanted = copies(LABELS, OPTIONS | {"balance": True}, 13)
    made = Counter()
    for id, count in wanted.items():
        made[LABELS[id][0]] += count
    assert set(made) == {"rare"}
    assert made["rare"] + 100 == pytest.approx(400, rel=0.1)


def test_a_copy_has_an_id_of_its_own_and_names_its_parent():
    one, two = (edited(record(), ["text"], number, 0.3, 13) for number in (1, 2))
    assert len({one.id, two.id, "00aa"}) == 3
    assert one.source_row == "synthetic:00aa:1"
    assert one.text != record().text
    assert edited(record(), ["text"], 1, 0.3, 13) == one


def test_a_text_of_one_word_has_no_copy():
    assert edited(record("house"), ["text"], 1, 0.5, 13) is None


@given(st.integers(0, 10**6), st.floats(0.05, 0.5))
def test_labelled_spans_keep_their_words_or_move_with_them(number, strength):
    text = "Ada Lovelace wrote to Charles Babbage about the engine in London"
    spans = [Span(0, 12, "PER"), Span(22, 37, "PER"), Span(58, 64, "LOC")]
    made = edited(record(text, spans), ["text"], number, strength, 13)
    if made is not None:
        assert len(made.values["spans"]) == 3
        assert all(made.text[span.start : span.end].strip() for span in made.values["spans"])
