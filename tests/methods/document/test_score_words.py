"""What the report says of scores, in words."""

from stages.methods.document.score_words import decided_sentence

SCORES = {"rows": 403, "accuracy": 0.801, "accuracy_low": 0.77, "accuracy_high": 0.83}


def plain(text):
    return text.replace("\xa0", " ").replace("\u202f", " ")


def test_decisions_about_test_rows_are_told_with_the_score_by_the_labels_as_given():
    told = plain(decided_sentence({**SCORES, "changed": 12, "left_out": 1}))
    assert told == (
        "People's decisions gave 12 test rows another label and left 1 test row out of the score. "
        "By the labels as they were given, accuracy is 80.1 % (77.0\u201383.0 %) on 403 rows."
    )


def test_without_decisions_about_test_rows_nothing_is_said():
    assert decided_sentence({}) == ""
    assert decided_sentence({**SCORES, "changed": 0, "left_out": 0}) == ""


def test_without_a_score_only_what_was_decided_is_told():
    assert decided_sentence({"rows": 0, "changed": 1}) == "People's decisions gave 1 test row another label."
