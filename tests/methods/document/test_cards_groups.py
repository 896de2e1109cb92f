import pyarrow as pa

from stages.methods.document.cards.groups import GroupCount, counted, rates


def given(**columns):
    return pa.table({"id": ["a", "b", "c", "d"], **columns})


def events(*pairs):
    ids, actions = zip(*pairs, strict=True)
    return pa.table({"id": ids, "action": actions})


def test_records_are_counted_once_however_many_events_they_have():
    found = counted(
        "scrub_pii", given(source=["x", "x", "y", "y"]), events(("a", "edit"), ("a", "edit"), ("c", "edit"))
    )
    assert found == [
        GroupCount("scrub_pii", "edit", "source", "x", 2, 1),
        GroupCount("scrub_pii", "edit", "source", "y", 2, 1),
    ]


def test_a_record_without_a_value_counts_as_unknown_and_a_column_without_any_not_at_all():
    columns = {"language": ["en", None, "en", None], "label": pa.nulls(4, pa.string())}
    found = counted("clean", given(**columns), events(("b", "drop")))
    assert [(count.column, count.group, count.given, count.hit) for count in found] == [
        ("language", "en", 2, 0),
        ("language", "unknown", 2, 1),
    ]


def test_actions_that_are_no_treatment_and_events_of_other_records_are_not_counted():
    rows = given(source=["x"] * 4)
    assert counted("clean", rows, events(("a", "edit"), ("z", "drop"))) == []
    assert counted("split", rows, events(("a", "drop"))) == []


def test_no_other_column_of_the_records_is_told():
    rows = given(source=["x", "x", "y", "y"], text=["secret"] * 4, subject=["somebody"] * 4)
    assert {count.column for count in counted("clean", rows, events(("a", "drop")))} == {"source"}


def count(group, records, hit, column="label"):
    return GroupCount("clean", "drop", column, group, records, hit)


def test_a_group_is_harder_hit_only_when_the_difference_is_sure():
    found = {
        rate.count.group: rate for rate in rates([count("a", 1000, 10), count("b", 1000, 60), count("c", 3000, 80)])
    }
    assert [name for name, rate in found.items() if rate.harder] == ["b"]
    assert 0.046 < found["b"].low < 0.06 < found["b"].high < 0.077


def test_one_record_of_many_is_no_sure_difference():
    assert not any(rate.harder for rate in rates([count("a", 2342, 1), count("b", 3658, 0)]))


def test_small_groups_and_columns_with_one_group_have_no_rates_but_count_among_the_others():
    assert rates([count("a", 1000, 10), count("b", 19, 19)]) == []
    assert rates([count("only", 1000, 10, "source")]) == []
    assert len(rates([count("a", 1000, 10), count("b", 20, 5), count("c", 5, 5)])) == 2
