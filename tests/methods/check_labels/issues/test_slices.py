"""Where suspects pile up: what is found, and what is left alone."""

from types import SimpleNamespace

from stages.methods.check_labels.issues.slices import LEAST, weak_slices


def rows(count=400):
    """Rows of two sources, half each, as long as their number."""
    return [
        SimpleNamespace(id=f"{i:03x}", source="xy"[i % 2], language="en", length=i, labels=("ab"[i % 3 == 0],))
        for i in range(count)
    ]


def ids(some):
    return {row.id for row in some}


def test_a_source_with_more_suspects_than_the_others_is_named_with_its_interval():
    every = rows()
    suspects = ids(row for row in every if row.source == "x" and row.length % 4 == 0)
    [found] = [one for one in weak_slices(every, suspects) if one["by"] == "source"]
    assert (found["name"], found["rows"], found["suspects"]) == ("x", 200, 100)
    assert (found["share"], found["others"]) == (0.5, 0.0)
    assert found["share_low"] < 0.5 < found["share_high"]


def test_lengths_are_taken_by_quarters_and_labels_one_by_one():
    every = rows()
    long = ids(row for row in every if row.length >= 300)
    assert [(one["by"], one["name"], one["rows"]) for one in weak_slices(every, long)] == [
        ("length", "longest quarter", 100)
    ]
    labelled = ids(row for row in every if row.labels == ("b",))
    assert ("label", "b") in [(one["by"], one["name"]) for one in weak_slices(every, labelled)]


def test_small_slices_and_even_suspicion_are_left_alone():
    every = rows()
    assert weak_slices(every, ids(every)) == []
    assert weak_slices(every[: 2 * LEAST - 2], ids(every[:10])) == []
    assert weak_slices([], set()) == []
    few = [*every, *(SimpleNamespace(id=f"f{i}", source="few", language=None, length=1, labels=None) for i in range(9))]
    assert "few" not in [one["name"] for one in weak_slices(few, {f"f{i}" for i in range(9)})]
