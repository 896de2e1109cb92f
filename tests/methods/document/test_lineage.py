import base64
import json

import numpy as np
import pyarrow as pa
import pytest

from stages.methods.document.lineage.packing import Lineage, lineage_data, sample
from stages.methods.document.lineage.rows import StageEvents, columns, rows_of
from tests.lineage_rows import TEXTS, an_id, events, fabricated


def unpacked(lineage: Lineage):
    """What a browser would read: {id: (path of (stage, reason), id of the kept row or None)}."""
    about, data = lineage.about, base64.b64decode(lineage.packed)
    rows, width, repeats = about["rows"], about["width"], about["repeats"]
    assert len(data) == rows * (10 + width) + repeats * 8
    ids = [data[10 * row : 10 * row + 10].hex() for row in range(rows)]
    path = np.frombuffer(data, f"<u{width}", rows, 10 * rows)
    links = np.frombuffer(data, "<u4", 2 * repeats, rows * (10 + width)).reshape(2, -1)
    kept = {ids[one]: ids[other] for one, other in links.T}
    steps = [(step["stage"], step["reason"]) for step in about["steps"]]
    assert ids == sorted(ids)
    return {id: (tuple(steps[step] for step in about["paths"][one]), kept.get(id)) for id, one in zip(ids, path)}  # noqa: B905


def a_story(*rows):
    """Events of ingest, scrub_pii, deduplicate for a few rows, by (stage, number, action, reason, evidence)."""
    stages = ("ingest", "clean", "deduplicate", "scrub_pii", "split")
    return [events(name, [(an_id(one), *rest) for stage, one, *rest in rows if stage == name]) for name in stages]


STORY = a_story(
    ("ingest", 1, "create", "created", {}),
    ("ingest", 2, "create", "created", {}),
    ("ingest", 3, "quarantine", "bad_encoding", {}),
    ("clean", 2, "drop", "too_short", {}),
    ("ingest", 4, "create", "created", {}),
    ("deduplicate", 4, "drop", "near_duplicate", {"kind": "near", "of": an_id(1), "similarity": 0.9}),
    ("deduplicate", 1, "assign", "represents_group", {"size": 2}),
    ("scrub_pii", 1, "edit", "pii_replaced", {"value": "0" * 32}),
    ("scrub_pii", 1, "keep", "pii_kept", {}),
    ("scrub_pii", 1, "edit", "pii_replaced", {"value": "1" * 32}),
    ("split", 1, "assign", "train", {}),
)


def test_what_the_page_carries_is_every_row_with_its_codes_in_the_order_of_the_stages():
    found = unpacked(lineage_data(STORY))
    assert found == {
        an_id(1): (
            (
                ("ingest", "created"),
                ("deduplicate", "represents_group"),
                ("scrub_pii", "pii_replaced"),
                ("scrub_pii", "pii_kept"),
                ("split", "train"),
            ),
            None,
        ),
        an_id(2): ((("ingest", "created"), ("clean", "too_short")), None),
        an_id(3): ((("ingest", "bad_encoding"),), None),
        an_id(4): ((("ingest", "created"), ("deduplicate", "near_duplicate")), an_id(1)),
    }


def test_a_reason_counts_rows_and_not_their_events_and_stands_with_its_sentence():
    steps = {step["reason"]: step for step in lineage_data(STORY).about["steps"]}
    assert steps["pii_replaced"]["rows"] == 1
    assert steps["created"]["rows"] == 3
    assert steps["created"]["explanation"] == TEXTS["created"]
    assert steps["bad_encoding"]["action"] == "quarantine"


def test_what_ended_a_row_stands_last_in_its_stage():
    rows = [("clean", 1, "drop", "a_drop", {}), ("clean", 1, "edit", "z_edit", {}), ("ingest", 1, "create", "c", {})]
    ((path, _),) = unpacked(lineage_data(a_story(*rows))).values()
    assert [reason for _, reason in path] == ["c", "z_edit", "a_drop"]


def test_events_in_another_order_give_the_same_bytes():
    mixed = [
        StageEvents(one.stage, one.events.take(np.random.default_rng(5).permutation(len(one.events))), one.texts)
        for one in fabricated(500)
    ]
    assert lineage_data(mixed) == lineage_data(fabricated(500))


def test_no_evidence_is_carried_but_the_id_of_the_kept_row():
    secret = "Zzyx wrote from zzyx@example.org"
    told = [
        events("ingest", [(an_id(1), "create", "created", {}), (an_id(2), "create", "created", {})]),
        events(
            "deduplicate", [(an_id(1), "drop", "near_duplicate", {"of": an_id(2), "note": secret, "similarity": 1})]
        ),
    ]
    lineage = lineage_data(told)
    carried = json.dumps(lineage.about).encode() + base64.b64decode(lineage.packed)
    assert b"Zzyx" not in carried
    assert b"similarity" not in carried
    assert unpacked(lineage)[an_id(1)][1] == an_id(2)


def test_only_of_deduplicate_the_evidence_is_asked_for():
    assert "evidence" in columns("deduplicate")
    assert "evidence" not in columns("ingest")


def test_a_kept_row_that_no_stage_knows_is_no_link():
    told = [events("deduplicate", [(an_id(1), "drop", "in_evaluation_set", {"of": an_id(99)})])]
    assert unpacked(lineage_data(told)) == {an_id(1): ((("deduplicate", "in_evaluation_set"),), None)}


def test_ids_of_another_form_are_counted_and_not_carried():
    told = [events("ingest", [("01", "create", "created", {}), (an_id(1), "create", "created", {})])]
    lineage = lineage_data(told)
    assert (lineage.rows, lineage.about["total"]) == (1, 2)


@pytest.mark.parametrize("told", [[], [events("ingest", [])]])
def test_without_events_there_are_no_rows(told):
    assert lineage_data(told).rows == 0
    assert lineage_data(told).packed == ""


def test_above_the_limit_rare_paths_are_whole_and_counts_are_of_all():
    told = [*fabricated(2000), events("audit", [(an_id(7), "assign", "attacked_as_member", {})])]
    lineage = lineage_data(told, limit=300)
    found = unpacked(lineage)
    counts = {step["reason"]: step["rows"] for step in lineage.about["steps"]}
    assert 290 <= len(found) <= 300
    assert lineage.about["total"] == 2000
    assert counts["created"] + counts["not_sampled"] == 2000
    assert {reason for path, _ in found.values() for _, reason in path} == set(counts)
    assert an_id(7) in found
    of_all = unpacked(lineage_data(told))
    assert all(path == of_all[id][0] and kept in (None, of_all[id][1]) for id, (path, kept) in found.items())


def test_the_sample_is_the_same_each_time_and_no_common_path_is_favoured():
    rows = rows_of(fabricated(2000))
    chosen = sample(rows, 300)
    assert np.array_equal(chosen, sample(rows, 300))
    of_each = np.bincount(rows.path[chosen])
    assert all(some in (of_all, of_each.max()) for some, of_all in zip(of_each, np.bincount(rows.path), strict=True))


def test_a_link_to_a_row_that_was_not_chosen_is_left_out():
    rows = rows_of(STORY)
    both = rows.take(np.array([place for place, id in enumerate(sorted(map(an_id, range(1, 5)))) if id != an_id(1)]))
    assert (both.kept < 0).all()


def test_more_paths_than_sixteen_bits_can_number_take_thirty_two():
    # Seventeen reasons that a row has or has not, as its number's bits say, make 2^17 paths.
    count = 70_000
    ids = pa.array([an_id(number) for number in range(count)])
    numbers = np.arange(count)
    tables = []
    for bit in range(17):
        some = ids.filter(pa.array(numbers >> bit & 1 == 1))
        fixed = {name: pa.array([value] * len(some)) for name, value in (("action", "keep"), ("reason", f"bit{bit}"))}
        tables.append(StageEvents(f"s{bit}", pa.table({"id": some, **fixed})))
    lineage = lineage_data(tables)
    assert lineage.about["width"] == 4
    found = unpacked(lineage)
    assert {int(reason[3:]) for _, reason in found[an_id(69_999)][0]} == {b for b in range(17) if 69_999 >> b & 1}


def test_a_hundred_thousand_rows_take_less_than_two_megabytes():
    lineage = lineage_data(fabricated(100_000))
    assert lineage.rows == 100_000
    assert len(lineage.packed) + len(json.dumps(lineage.about)) < 2_000_000
