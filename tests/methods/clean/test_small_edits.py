from hypothesis import given
from hypothesis import strategies as st

from stages.core.spans import TextEdit, apply_edits
from stages.methods.clean.small_edits import edits_by_word, trimmed

TEXTS = st.text("ab \n", max_size=40)


@given(TEXTS, TEXTS)
def test_edits_by_word_turn_the_old_text_into_the_new(old, new):
    assert apply_edits(old, edits_by_word(old, new)) == new


@given(TEXTS, TEXTS)
def test_a_trimmed_edit_does_the_same_as_the_whole_one(old, new):
    assert apply_edits(f"<{old}>", trimmed(f"<{old}>", 1, 1 + len(old), new)) == f"<{new}>"


def test_a_trimmed_edit_is_as_small_as_it_can_be():
    assert list(trimmed("one two three", 4, 7, "too")) == [TextEdit(5, 6, "o")]
    assert list(trimmed("same", 0, 4, "same")) == []


def test_words_that_did_not_change_are_not_touched():
    old, new = "x" * 300 + " Ã©t Ada " + "é" * 300, "y" * 300 + " ét Ada " + "e" * 300
    touched = [range(edit.start, edit.end) for edit in edits_by_word(old, new)]
    place = old.index("Ada")
    assert touched
    assert not any(set(range(place, place + 3)) & set(one) for one in touched)
