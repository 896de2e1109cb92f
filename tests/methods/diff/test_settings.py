from stages.methods.diff.settings import (
    differences,
    flat,
    packages,
    reason_rows,
    score_rows,
    source_files,
    stage_differences,
)  # fmt: skip


def test_nested_values_are_named_by_their_path_and_sources_by_their_name():
    params = {"clean": {"min_chars": 3, "languages": None}, "ingest": {"sources": [{"name": "s", "uri": "x"}]}, "e": {}}
    assert flat(params) == {
        "clean.min_chars": 3,
        "clean.languages": None,
        "ingest.sources[s].name": "s",
        "ingest.sources[s].uri": "x",
        "e": {},
    }


def test_what_is_added_removed_and_changed():
    assert differences({"a": 1, "b": 2, "same": [1]}, {"b": 3, "c": 4, "same": [1]}) == [
        {"name": "a", "change": "removed", "a": 1},
        {"name": "b", "change": "changed", "a": 2, "b": 3},
        {"name": "c", "change": "added", "b": 4},
    ]


def test_one_and_true_differ_and_one_written_as_a_float_does_not():
    assert [row["name"] for row in differences({"x": 1, "y": 1}, {"x": True, "y": 1.0})] == ["x"]


def test_a_difference_names_all_stages_for_which_it_is_true():
    a, b = {"seed": 1, "x": 1}, {"seed": 2, "x": 1}
    found = stage_differences({"split": a, "plan": a, "gone": a}, {"split": b, "plan": b, "new": b})
    assert found == [{"name": "seed", "change": "changed", "a": 1, "b": 2, "stages": ["split", "plan"]}]


def test_packages_are_read_from_pins():
    assert packages("# comment\nnumpy==2.1.0 \\\n    --hash=x\nRuamel_yaml == 0.18 ; python_version\n-e .\n") == {
        "numpy": "2.1.0", "ruamel-yaml": "0.18",
    }  # fmt: skip


def test_source_files_are_known_by_source_and_name():
    sources = {"s": {"files": [{"name": "x.csv", "sha256": "aa"}]}, "t": {}}
    assert source_files(sources) == {"s: x.csv": "aa"}


def test_reasons_are_counted_on_both_sides_and_unknown_is_not_zero():
    a = {"clean": {"records": {"in": 10}, "reasons": {"drop": {"too_short": 2}}}, "split": {}}
    b = {"clean": {"records": {"in": 12}, "reasons": {"drop": {"too_long": 1}}}, "split": {"records": {"in": 4}}}
    rows = reason_rows(["clean", "split"], a, b, {("clean", "too_short"): "fewer characters"})
    assert [(r["stage"], r["reason"], r["a"], r["b"], r["difference"]) for r in rows] == [
        ("clean", "", 10, 12, 2),
        ("clean", "too_short", 2, 0, -2),
        ("clean", "too_long", 0, 1, 1),
        ("split", "", None, 4, None),
    ]
    assert rows[1]["meaning"] == "fewer characters"


def test_scores_stand_with_their_intervals_and_counts_are_left_out():
    a = {"accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6, "records": {"in": 3}, "fit": {"code": "balanced"}}
    b = {"accuracy": 0.75, "accuracy_low": 0.7, "accuracy_high": 0.8, "loss": 1.5}
    assert score_rows(a, b) == [
        {
            "name": "accuracy",
            "a": {"value": 0.5, "low": 0.4, "high": 0.6},
            "b": {"value": 0.75, "low": 0.7, "high": 0.8},
            "difference": 0.25,
        },
        {"name": "loss", "a": None, "b": {"value": 1.5}, "difference": None},
    ]
