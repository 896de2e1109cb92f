import numpy as np
import pyarrow as pa
import pytest

from stages.methods.diff.contents import Contents, changed, combined, first_shown, hashes, pairs

SPANS = pa.list_(pa.struct([("start", pa.int32()), ("label", pa.string())]))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["", None, "None", "nan", "a", "b"], pa.string()),
        ([[], None, ["a"], ["b"], ["a", "b"], ["b", "a"], ["a", "b", ""], ["ab"]], pa.list_(pa.string())),
        ([[{"start": 0, "label": "x"}], [{"start": 1, "label": "x"}], [{"start": 0, "label": "y"}], [], None], SPANS),
        ([0, 1, 2, None], pa.int32()),
    ],
)
def test_values_that_differ_have_other_hashes_and_equal_ones_the_same(values, kind):
    first, again = hashes(pa.array(values, kind)), hashes(pa.array([*values[1:], values[0]], kind))
    assert len(set(first.tolist())) == len(values)
    assert first.tolist() == np.roll(again, 1).tolist()


def test_a_slice_of_a_column_hashes_as_the_values_it_holds():
    whole = pa.array([["a"], ["b", "c"], [], ["d"]], pa.list_(pa.string()))
    assert hashes(whole.slice(1, 2)).tolist() == hashes(pa.array([["b", "c"], []], pa.list_(pa.string()))).tolist()


def test_what_moves_from_one_column_to_another_is_a_change():
    one, other = hashes(pa.array(["x"])), hashes(pa.array(["y"]))
    assert combined([one, other], 1).tolist() != combined([other, one], 1).tolist()


def contents(**texts):
    ids = sorted(texts)
    return Contents.of([pa.array(ids)], {"text": [hashes(pa.array([texts[id] for id in ids]))]})


def test_only_records_that_both_versions_have_can_have_changed():
    found = changed(contents(a="one", b="two", c="three"), contents(b="two", c="four", d="five"))
    assert found["text"].to_pylist() == ["c"]


def test_nothing_is_compared_where_there_is_nothing():
    assert changed(Contents.of([], {"text": []}), contents(a="one"))["text"].to_pylist() == []


def test_a_change_is_told_by_the_first_stage_in_which_it_shows():
    by_stage = {"ingest": pa.array(["a"]), "clean": pa.array(["a", "b"]), "split": pa.array(["a", "b", "c"])}
    shown = first_shown(pa.array(["a", "b", "c"]), by_stage)
    assert {stage: ids.to_pylist() for stage, ids in shown.items()} == {"ingest": ["a"], "clean": ["b"], "split": ["c"]}


def test_old_and_new_values_are_counted_by_pair():
    a = pa.table({"id": ["a", "b", "c"], "value": ["x", "x", None]})
    b = pa.table({"id": ["c", "b", "a"], "value": ["x", "y", "y"]})
    found = [(old, new, ids.to_pylist()) for old, new, ids in pairs(pa.array(["a", "b", "c"]), a, b)]
    assert found == [("x", "y", ["a", "b"]), (None, "x", ["c"])]
