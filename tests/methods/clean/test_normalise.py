import contextlib
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stages.core.records import Answer, Column, Record, Schema, Span
from stages.core.spans import SpanCut
from stages.methods.clean.normalise import Rules, Unsettled, normalise

SPANS = Schema((Column("text", "text"), Column("spans", "spans", of="text")))
ANSWERS = Schema((Column("context", "text"), Column("answers", "answers", of="context")))
PIECES = st.sampled_from(
    ["&", "amp;", "&lt;", "&#x200b;", "&#38;", "<b>", "</b>", "<p", ">", "<br>", "<!--", "-->", "â€™", "Ã©", "\u200b",
     "\u200d", "\ufffd", "\0", "\x85", "\xa0", "e\u0301", "\u1100\u1161", "👩\u200d🔬", "\r\n", "\n", " ", "\t",
     "\u2029", "word", "x", "FOOTER"]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=14).map("".join)
RULES = Rules(boilerplate=("footer", r"sent from my \w+"))


def clean(text, rules=RULES):
    record = Record("0", "s", "1", SPANS, {"text": text, "spans": ()})
    return normalise(record, rules)[0].text


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_cleaning_a_clean_text_changes_nothing(text):
    once = clean(text)
    assert clean(once) == once


@settings(max_examples=500, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from(["Ada", "42 %", "Ünal", "<3", "x"]))
def test_a_span_that_needs_no_cleaning_keeps_its_text(before, after, inside):
    start = len(before) + 1
    spans = (Span(start, start + len(inside), "X"),)
    record = Record("0", "s", "1", SPANS, {"text": f"{before} {inside} {after}", "spans": spans})
    try:
        cleaned, _ = normalise(record, RULES)
    except SpanCut:
        assume(False)
    [span] = cleaned.values["spans"]
    assert cleaned.text[span.start : span.end] == inside


@pytest.mark.parametrize(
    ("text", "clean_text"),
    [
        ("It doesnâ€™t work, FranÃ§oise", "It doesn’t work, Françoise"),
        ("“quoted” ﬁne ＷＩＤＥ", "“quoted” ﬁne ＷＩＤＥ"),
        ("a &amp;amp;lt; b &pound;5&nbsp;&euro;", "a < b £5 €"),
        ("?a=1&copy=2 R&D &nosuch;", "?a=1&copy=2 R&D &nosuch;"),
        ("<p>One<br/>two</p><p class='x'>three <b>bold</b></p>", "One\ntwo\n\nthree bold"),
        ("I <3 this, a < b and <me@example.org> or <name>", "I <3 this, a < b and <me@example.org> or <name>"),
        ("a<!-- note <b> -->b<script>x < y</script>c<style>p{}</style>", "abc"),
        ("<td>a</td><td>b</td>", "a b"),
        ("z\u200be\u00adro w\u200did\u2060th\ufeff", "zero width"),
        ("می\u200cخواهم 👩\u200d🔬", "می\u200cخواهم 👩\u200d🔬"),
        ("lost \ufffdbyte\0\x07", "lost byte"),
        ("e\u0301 \u1100\u1161", "é 가"),
        ("  a \t b\r\nc\n \n\n d\u2028e\u2029f  ", "a b\nc\n\nd\ne\n\nf"),
        ("Bye. Sent from my Phone", "Bye."),
        ("\x1b[31mred\x1b[0m", "red"),
    ],
)
def test_texts_are_repaired_and_what_was_meant_stays(text, clean_text):
    assert clean(text) == clean_text


def test_switches_turn_steps_off():
    text = "<b>Ã©</b> footer"
    assert clean(text, Rules(fix_encoding=False, strip_html=False)) == text


def test_the_steps_that_did_something_are_counted():
    record = Record("0", "s", "1", SPANS, {"text": "a &lt; b  <b>c</b>", "spans": ()})
    assert dict(normalise(record, RULES)[1]) == {"entities": 1, "whitespace": 1, "markup": 2}


def test_a_span_moves_with_its_text_and_shrinks_with_it():
    spans = (Span(4, 16, "NAME"), Span(17, 21, "PLACE"))
    record = Record("0", "s", "1", SPANS, {"text": "Hi  Ada&nbsp; Lo Oslo", "spans": spans})
    cleaned, _ = normalise(record, RULES)
    assert [cleaned.text[span.start : span.end] for span in cleaned.values["spans"]] == ["Ada Lo", "Oslo"]


def test_an_answer_stays_the_answer():
    context = "<p>It doesnâ€™t matter.</p>  The answer is 42 &euro;."
    start = context.index("42")
    record = Record("0", "s", "1", ANSWERS, {"context": context, "answers": (Answer(start, "42 &euro;"),)})
    cleaned, _ = normalise(record, RULES)
    [answer] = cleaned.values["answers"]
    assert answer.text == "42 €" == cleaned.text[answer.start :][: len(answer.text)]


@pytest.mark.parametrize(("text", "start", "end"), [("my footer here", 6, 9), ("a <b> c", 2, 5), ("a <b> c", 3, 5)])
def test_a_span_that_would_be_cut_or_emptied_is_not_silently_moved(text, start, end):
    record = Record("0", "s", "1", SPANS, {"text": text, "spans": (Span(start, end, "X"),)})
    with pytest.raises(SpanCut):
        normalise(record, RULES)


@pytest.mark.parametrize(
    "text",
    ["<" * 20_000 + "b>" * 20_000, "<!--" * 20_000 + "-->", "<b " * 30_000, "&amp;" * 20_000, "<script>" * 12_000,
     "&" + "amp;" * 20_000 + "lt;", "Ã©\u200b " * 20_000],
    ids=["nested tags", "open comments", "open tags", "ampersands", "open scripts", "deep entity", "long mojibake"],
)  # fmt: skip
def test_hostile_texts_do_not_take_for_ever(text):
    started = time.monotonic()
    with contextlib.suppress(Unsettled):
        clean(text)
    assert time.monotonic() - started < 20
