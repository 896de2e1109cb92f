import pytest


def test_counts_stand_with_their_reasons_in_words(data, ask):
    code, shown, _ = ask("show", "deduplicate", "--data", data, "--rows", "0")
    assert code == 0
    assert "in 11" in shown
    assert "exact_duplicate" in shown
    assert "its texts equal those of a kept record" in " ".join(shown.split())


def test_as_many_records_are_shown_as_asked_for(data, ask):
    assert ask("show", "split", "--data", data, "--rows", "3")[1].count("  text: ") == 3
    assert ask("show", "split", "--data", data, "--rows", "0")[1].count("  text: ") == 0


def test_control_characters_of_a_text_do_not_reach_the_terminal(data, ask):
    shown = ask("show", "ingest", "--data", data, "--rows", "20")[1]
    assert "\x1b" not in shown
    assert "<b>Thank you</b>" in shown


@pytest.mark.parametrize(("arguments", "code"), [(("show", "nonsense"), 3), (("show", "clean", "--rows", "-1"), 2)])
def test_what_cannot_be_shown_is_a_clear_error(data, ask, arguments, code):
    got, _, error = ask(*arguments, "--data", data)
    assert got == code
    assert "next:" in error
