import pyarrow as pa
import pytest

from stages.methods.diff.ends import ABSENT, HEADINGS, KEPT, End, Move, ends_of, moves


def events(*rows):
    """Events of a stage: (id, action, reason)."""
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    return pa.table([pa.array(column, pa.string()) for column in columns], ["id", "action", "reason"])


A = ends_of(
    {
        "ingest": events(
            ("a", "create", "created"),
            ("b", "create", "created"),
            ("c", "create", "created"),
            ("d", "drop", "not_sampled"),
            ("e", "quarantine", "bad_encoding"),
            ("f", "create", "created"),
        ),
        "clean": events(("a", "edit", "normalised"), ("b", "drop", "too_short")),
        "split": events(("a", "assign", "train"), ("c", "assign", "test"), ("f", "assign", "train")),
    }
)


def by_id(ends):
    return {id: ends.ends[code] for id, code in zip(ends.ids.to_pylist(), ends.codes.tolist(), strict=True)}


def test_a_row_ends_where_it_was_left_out_dropped_set_aside_or_put_in_a_split():
    assert by_id(A) == {
        "a": End("kept", reason="train"),
        "b": End("dropped", "clean", "too_short"),
        "c": End("kept", reason="test"),
        "d": End("not_sampled", "ingest"),
        "e": End("quarantined", "ingest", "bad_encoding"),
        "f": End("kept", reason="train"),
    }


def test_a_row_without_a_split_is_only_known_to_be_kept():
    assert by_id(ends_of({"ingest": events(("a", "create", "created"))})) == {"a": KEPT}


def test_every_row_of_either_version_is_counted_once():
    b = ends_of(
        {
            "ingest": events(
                ("a", "create", "created"),
                ("c", "create", "created"),
                ("d", "create", "created"),
                ("e", "quarantine", "blank"),
                ("f", "drop", "erased"),
                ("g", "create", "created"),
            ),
            "deduplicate": events(("g", "drop", "exact_duplicate")),
            "split": events(("a", "assign", "train"), ("c", "assign", "train"), ("d", "assign", "test")),
        }
    )
    found = moves(A, b)
    assert {(move.heading, tuple(move.ids.to_pylist())) for move in found.moves} == {
        ("removed", ("b",)),
        ("moved", ("c",)),
        ("newly_sampled", ("d",)),
        ("quarantined_otherwise", ("e",)),
        ("erased", ("f",)),
        ("added", ("g",)),
    }
    assert found.same == {End("kept", reason="train"): 1}
    assert found.shared == 5


def test_a_version_does_not_differ_from_itself():
    found = moves(A, A)
    assert found.moves == ()
    assert sum(found.same.values()) == found.shared == 6


KINDS = [ABSENT, End("quarantined", "s", "r"), End("not_sampled"), End("erased"), End("dropped", "s", "r"), KEPT]


@pytest.mark.parametrize("before", KINDS)
@pytest.mark.parametrize("after", [*KINDS, End("dropped", "s", "other"), End("kept", reason="test")])
def test_every_pair_of_ends_has_one_heading(before, after):
    if before != after:
        assert Move(before, after, pa.array(["a"])).heading in HEADINGS


@pytest.mark.parametrize(
    ("before", "after", "heading"),
    [
        (End("kept", reason="train"), End("erased"), "erased"),
        (End("erased"), KEPT, "no_longer_erased"),
        (End("kept", reason="train"), ABSENT, "removed"),
        (ABSENT, End("not_sampled"), "added"),
        (End("not_sampled"), End("dropped", "s", "r"), "newly_sampled"),
        (End("quarantined", "s", "r"), KEPT, "no_longer_quarantined"),
        (End("dropped", "s", "r"), End("quarantined", "s", "r"), "newly_quarantined"),
        (End("dropped", "s", "r"), End("dropped", "s", "other"), "dropped_otherwise"),
        (KEPT, End("dropped", "s", "r"), "newly_dropped"),
    ],
)
def test_headings(before, after, heading):
    assert Move(before, after, pa.array(["a"])).heading == heading


def test_the_events_of_an_unknown_row_are_left_alone():
    found = ends_of({"ingest": events(("a", "create", "created")), "clean": events(("zz", "drop", "too_short"))})
    assert by_id(found) == {"a": KEPT}
