import pytest
from pydantic import ValidationError

from stages.clean import REASONS, clean_record, unusable
from stages.core.params import CleanParams
from stages.core.records import Column, Record, Schema, Span

PARAMS = CleanParams(candidates=["en", "de"])


@pytest.fixture
def clean(make_record):
    def cleaned(text, **settings):
        params = CleanParams.model_validate({"candidates": ["en", "de"], **settings})
        return clean_record(make_record(text=text), params)

    return cleaned


def test_a_repaired_record_says_which_steps_did_it_and_how_long_it_is(clean):
    decision = clean("<p>It doesnâ€™t  work</p>")
    assert decision.record.text == "It doesn’t work"
    [event] = decision.events
    assert (event.action, event.reason) == ("edit", "normalised")
    assert event.evidence == {"chars_before": 25, "chars_after": 15, "encoding": 1, "markup": 2, "whitespace": 3}


@pytest.mark.parametrize(
    ("text", "settings", "reason"),
    [
        ("\u200b<br>", {}, "empty"),
        ("ok", {}, "too_short"),
        ("a very long text", {"max_chars": 10}, "too_long"),
        ("?!?! ... ok", {"min_letters": 0.3}, "few_letters"),
        ("buy " * 20, {}, "repetitive"),
        ("Mein Paket ist seit zwei Wochen unterwegs", {"languages": ["en"]}, "other_language"),
        ("<" * 20 + "b>" * 20, {}, "unsettled"),
    ],
)
def test_a_text_that_is_of_no_use_is_dropped_with_the_reason(clean, text, settings, reason):
    decision = clean(text, **settings)
    assert decision.outcome == "dropped"
    [event] = decision.events
    assert (event.action, event.reason) == ("drop", reason)
    assert reason in REASONS


def test_lengths_are_those_after_cleaning(clean):
    assert clean("  ab" + "\u200b" * 50).events[0].reason == "too_short"
    assert clean("fine" + "\u200b" * 50, max_chars=10).outcome == "kept"


def test_the_bounds_themselves_are_allowed(clean):
    assert clean("abc", min_chars=3, max_chars=3).outcome == "kept"
    assert clean("buy " * 10 + "one two three four five six seven eight nine ten").outcome == "kept"


def test_the_language_is_noted_and_none_is_left_open(clean):
    assert clean("Where is my parcel, please?").record.language == "en"
    assert clean("Mein Paket ist seit zwei Wochen unterwegs").record.language == "de"
    assert clean("12345").record.language is None


def test_a_text_in_no_certain_language_is_kept_whatever_the_list(clean):
    assert clean("12345", languages=["en"]).outcome == "kept"


def test_a_span_that_cleaning_would_cut_costs_the_record():
    schema = Schema((Column("text", "text"), Column("spans", "spans", of="text")))
    record = Record("0a", "s", "1", schema, {"text": "a <b>bold</b> move", "spans": (Span(3, 8, "X"),)})
    decision = clean_record(record, PARAMS)
    assert [event.reason for event in decision.events] == ["span_cut"]
    assert decision.events[0].evidence == {"start": 2, "end": 5}


def test_one_emptied_text_of_several_is_enough_to_drop_a_record():
    schema = Schema((Column("question", "text"), Column("context", "text")))
    before = Record("0a", "s", "1", schema, {"question": "<br>", "context": "something long enough"})
    after = before.with_values(question="")
    assert unusable(before, after, PARAMS) == ("empty", {})
    assert unusable(after, after, PARAMS) is None


@pytest.mark.parametrize("pattern", ["(", "x*", "$", "a|"])
def test_a_pattern_that_is_none_or_finds_nothing_is_refused_with_the_params(pattern):
    with pytest.raises(ValidationError, match="pattern 2"):
        CleanParams(boilerplate=["fine", pattern])


def test_languages_to_keep_must_be_among_the_candidates():
    with pytest.raises(ValidationError, match="not among the candidates: sv"):
        CleanParams(languages=["en", "sv"])
