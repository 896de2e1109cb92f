import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from stages.methods.document.cards.markdown import Markdown, bullets, code, escaped, plain, prose, table

TEXTS = st.text(st.sampled_from("ab1 |\\`*_[]()<>!#&;~$.-+=\n\r{}:/\u202e\u2028") | st.characters(), max_size=30)
RENDER = MarkdownIt("commonmark").enable("table")


def inline(markdown):
    """The kinds of what a line of Markdown holds, and its text as a reader sees it."""
    tokens = [child for token in RENDER.parse(f"x {markdown} x") for child in token.children or []]
    return [token.type for token in tokens], "".join(token.content for token in tokens)


@given(TEXTS)
def test_any_value_is_read_as_the_text_that_it_is(value):
    kinds, text = inline(escaped(value))
    assert set(kinds) == {"text"} or set(kinds) <= {"text", "text_special"}
    assert " ".join(text.split()) == " ".join(f"x {plain(value)} x".split())


@given(TEXTS)
def test_any_value_can_be_code(value):
    kinds, text = inline(code(value))
    if plain(value).strip(" "):
        assert "code_inline" in kinds
        assert plain(value).strip(" ") in text


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=4))
def test_any_values_make_a_table_of_their_shape(rows):
    kinds = [token.type for token in RENDER.parse(table(["One", ">Two"], [[one, code(two)] for one, two in rows]))]
    assert kinds.count("table_open") == 1
    assert kinds.count("tr_open") == 1 + len(rows)
    assert kinds.count("td_open") == 2 * len(rows)
    assert kinds[-1] == "table_close"


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_any_values_make_a_list_of_their_length(lines):
    kinds = [token.type for token in RENDER.parse(bullets(lines, ""))]
    assert kinds.count("list_item_open") == len(lines)
    assert kinds.count("bullet_list_open") == 1


@pytest.mark.parametrize("value", ["# a", "1. a", "- a", "> a", "+ a", "---", "===", "12) a", "* a", "#"])
def test_a_value_at_the_start_of_a_line_begins_no_block(value):
    tokens = RENDER.parse(escaped(value))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert "".join(child.content for child in tokens[1].children) == value


def test_columns_of_a_table_are_padded_and_numbers_stand_to_the_right():
    assert table(["Name", ">Rows"], [["a_b", 1200], ["c|d", None]]).splitlines() == [
        "| Name |         Rows |",
        "| ---- | -----------: |",
        "| a_b  |        1,200 |",
        "| c\\|d | not recorded |",
    ]


def test_a_table_without_rows_says_that_nothing_was_recorded():
    assert table(["Name"], []) == "_Not recorded._"


def test_rows_beyond_a_limit_are_counted():
    lines = table(["N"], [[n] for n in range(1500)], most=2).splitlines()
    assert len(lines) == 6
    assert "2 of 1,500 rows" in lines[-1]


def test_backticks_in_a_sentence_of_a_stage_mark_code():
    assert prose("fewer than `clean.min_chars`, or *none*") == "fewer than `clean.min_chars`, or \\*none\\*"


def test_markdown_is_not_escaped_again():
    assert escaped(escaped("*a*")) == "\\*a\\*"
    assert escaped(Markdown("**a**")) == "**a**"


def test_yes_no_and_nothing_have_words():
    assert [escaped(value) for value in (True, False, None, 0.25)] == ["yes", "no", "not recorded", "0.250"]
