"""How far annotators agree, against a published value and cases one can see through."""

import pytest

from stages.methods.check_labels.issues.agreement import agreement

# Four observers of twelve units (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", example C).
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def votes(*rows):
    """A string a record, a letter an annotator; a dot where one did not look."""
    return [{f"a{i}": letter for i, letter in enumerate(row) if letter != "."} for row in rows]


def test_alpha_is_that_of_krippendorffs_example():
    assert agreement(votes(*map("".join, zip(*OBSERVERS, strict=True))), [None] * 12, 13)["alpha"] == 0.743


def test_alpha_is_one_where_all_say_the_same_and_about_nought_where_they_guess():
    same = agreement(votes("xxx", "yyy", "xxx", "yyy"), ["x", "y", "x", "y"], 13)
    assert (same["alpha"], same["not_majority_share"]) == (1.0, 0.0)
    guessing = agreement(votes(*("xx", "xy", "yx", "yy") * 50), [None] * 200, 13)
    assert guessing["alpha"] == pytest.approx(0.0, abs=0.01)
    assert guessing["alpha_low"] < 0 < guessing["alpha_high"]
    assert "with_majority" not in guessing


def test_each_annotator_is_compared_with_the_others_on_the_same_records():
    found = agreement(votes("xxy", "yyx", "xx.", "..y"), [None] * 4, 13)
    assert (found["rows"], found["votes"]) == (3, 8)
    assert found["annotators"] == {
        "a0": {"rows": 3, "agreement": 0.6},
        "a1": {"rows": 3, "agreement": 0.6},
        "a2": {"rows": 2, "agreement": 0.0},
    }


def test_labels_are_held_against_the_majority_and_a_draw_is_none():
    found = agreement(votes("xxy", "yyx", "xy", "xxx"), ["x", "x", "x", None], 13)
    assert (found["with_majority"], found["not_majority"], found["not_majority_share"]) == (2, 1, 0.5)


def test_without_two_votes_on_a_record_nothing_is_said():
    assert agreement(votes("x..", ".y.", "..."), ["x", "y", "x"], 13) == {}
    assert "alpha" not in agreement(votes("xx", "xx"), ["x", "x"], 13)
