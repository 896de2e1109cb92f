import html
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.forget.needles import Found, Needles, texts_by_row

ID, SUBJECT, VALUE = "0123456789abcdef0123", "a" * 32, "b" * 32
TEXT = 'The "parcel" from Müller & sons came late,\nand the box was torn open'
NEEDLES = Needles(frozenset({ID}), frozenset({SUBJECT}), values=frozenset({VALUE}), texts=frozenset({TEXT, "ok"}))


def kinds(needles, chunk):
    return {kind for kind, _ in needles.in_bytes(chunk)}


def batch(**columns):
    return pa.RecordBatch.from_pydict(columns)


@pytest.mark.parametrize(
    "written",
    [
        TEXT,
        json.dumps({"text": TEXT}),
        json.dumps([TEXT], ensure_ascii=False),
        html.escape(TEXT),
        '"' + TEXT.replace('"', '""') + '"',
    ],
)
def test_a_text_is_found_however_a_file_quotes_it(written):
    assert kinds(NEEDLES, f"before {written} after".encode()) == {"text"}


def test_a_part_of_a_text_and_a_text_too_short_to_mean_anything_are_not_found_in_bytes():
    assert not kinds(NEEDLES, TEXT[:40].encode() + b" ok")


def test_ids_and_hashes_are_found_between_other_things_and_within_longer_runs():
    assert kinds(NEEDLES, f"x{ID}y".encode()) == {"id"}
    assert kinds(NEEDLES, f'{{"of": "{ID}", "value": "{VALUE}"}}'.encode()) == {"id", "value"}
    assert kinds(NEEDLES, f"{'c' * 40}{SUBJECT}".encode()) == {"subject"}
    assert not kinds(NEEDLES, ID[:19].encode() + b" " + SUBJECT[:-1].encode())


@given(st.integers(0, 400), st.binary(max_size=300), st.sampled_from([ID, SUBJECT, VALUE]))
def test_a_hash_is_found_at_any_place_among_any_bytes(place, noise, one):
    rng = np.random.default_rng(len(noise))
    chunk = rng.bytes(place) + b"-" + one.encode() + b"-" + noise
    assert (NEEDLES.hexes[one], one) in NEEDLES.in_bytes(chunk)
    weights = rng.bytes(60_000 + place) + b"\x00" + one.encode() + b"\xff" + rng.bytes(50_000)
    assert (NEEDLES.hexes[one], one) in NEEDLES.in_bytes(weights)


def test_a_table_is_searched_in_its_columns_its_evidence_and_nested_texts():
    records = batch(
        id=[ID, "f" * 20], source_row=["1", "2"], subject=[SUBJECT, None], group=["e" * 20, ID], label=["ok", "ok"],
        messages=[[{"role": "a", "content": "hi"}], [{"role": "a", "content": TEXT}, {"role": "b", "content": "ok"}]],
    )  # fmt: skip
    found = NEEDLES.in_table(records)
    assert (found.rows, dict(found.kinds)) == (1, {"id": 2, "subject": 1, "text": 2})
    events = batch(id=["f" * 20], action=["drop"], reason=["near_duplicate"], evidence=[json.dumps({"of": ID})])
    assert dict(NEEDLES.in_table(events).kinds) == {"id": 1}


def test_an_event_that_only_says_that_a_row_was_erased_may_stay_and_any_other_may_not():
    events = batch(
        id=[ID, ID, ID], action=["drop", "quarantine", "assign"], reason=["erased", "malformed_row", "trained_on"],
        evidence=["{}", "{}", "{}"],
    )  # fmt: skip
    found = NEEDLES.in_table(events)
    assert (found.named, dict(found.uses), dict(found.kinds)) == (2, {"trained_on": 1}, {"id": 1})


def test_a_label_is_no_text_even_if_somebody_said_the_same_word():
    needles = Needles(texts=frozenset({"billing"}), names=frozenset({"topic"}))
    table = batch(id=["f" * 20], source_row=["1"], text=["other"], topic=["billing"], labels=[["billing"]])
    assert not needles.in_table(table)
    predictions = batch(id=["f" * 20], answer=["billing"], split=["test"])
    assert not needles.in_table(predictions)


def test_texts_of_every_kind_of_column_come_with_the_id_of_their_record():
    table = batch(
        id=["a", "b"], source_row=["1", "2"], text=["one", "two"], spans=[[{"start": 0, "label": "X"}], []],
        answers=[[{"start": 1, "text": "three"}], [{"start": 2, "text": "four"}]],
    )  # fmt: skip
    found = [
        pair for texts, ids in texts_by_row(table, ()) for pair in zip(ids.to_pylist(), texts.to_pylist(), strict=True)
    ]
    assert found == [("a", "one"), ("b", "two"), ("a", "three"), ("b", "four")]


def test_what_parts_of_a_file_hold_adds_up():
    found = Found()
    for _ in range(2):
        found.add(NEEDLES.in_table(batch(id=[ID], source_row=["1"])))
    assert (found.rows, found.kinds["id"], bool(found), bool(Found())) == (2, 2, True, False)
