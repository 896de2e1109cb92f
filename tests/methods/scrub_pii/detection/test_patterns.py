import pytest
import regex
from presidio_analyzer import Pattern, PatternRecognizer
from presidio_analyzer import predefined_recognizers as predefined

from stages.core.errors import DataError
from stages.methods.scrub_pii.detection import patterns
from stages.methods.scrub_pii.detection.findings import PATTERN, VALIDATED, Finding
from stages.methods.scrub_pii.detection.patterns import PatternRunner

PRESIDIO = (
    predefined.CreditCardRecognizer,
    predefined.EmailRecognizer,
    predefined.IbanRecognizer,
    predefined.IpRecognizer,
    predefined.MedicalLicenseRecognizer,
    predefined.PhoneRecognizer,
    predefined.UrlRecognizer,
    predefined.UsLicenseRecognizer,
    predefined.UsSsnRecognizer,
)
TEXTS = [
    "it was 4111 1111 1111 1111, yes; not 4111 1111 1111 1112",
    "pay GB82 WEST 1234 5698 7654 32 now, from 10.20.30.40 or fe80::1",
    "my ssn: 219-09-9998, licence H12345678, DEA number BB1388568",
    "ring +1 212-456-7890 or (020) 7946 0958 in 1999, see https://jo.name/me or www.example.com",
    "ring 030 123456 or +49 30 901820 before 12.05.2020, room 1234567",
    "",
    "no numbers at all",
]


def recognizer(*rules, context=None, entity="CODE"):
    return PatternRecognizer(entity, patterns=[Pattern("rule", *rule) for rule in rules], context=context)


def scores(text, one):
    return [(text[found.start : found.end], round(found.score, 2)) for found in PatternRunner([one], "en").find(text)]


@pytest.mark.parametrize("kind", PRESIDIO)
def test_it_finds_what_a_recognizer_of_presidio_finds(kind):
    one = kind()
    one.context = []
    for text in TEXTS:
        expected = {(r.start, r.end, r.entity_type, r.score) for r in one.analyze(text, one.supported_entities)}
        found = {(f.start, f.end, f.entity, f.score) for f in PatternRunner([one], "en").find(text)}
        assert found == expected, text


def test_the_texts_of_that_test_hold_something_for_each_recognizer():
    found = [f for text in TEXTS for f in PatternRunner([kind() for kind in PRESIDIO], "en").find(text)]
    names = {one.recognizer for one in found}
    assert names == {kind.__name__ for kind in PRESIDIO} - {"EmailRecognizer"}


def test_a_finding_says_who_found_it_and_whether_a_checksum_held():
    text = "card 4111 1111 1111 1111"
    (found,) = PatternRunner([predefined.CreditCardRecognizer()], "en").find(text)
    assert found == Finding(5, 24, "CREDIT_CARD", 1.0, "CreditCardRecognizer", VALIDATED)
    (found,) = PatternRunner([recognizer((r"[A-Z]\d", 0.5))], "en").find("A7")
    assert found == Finding(0, 2, "CODE", 0.5, "PatternRecognizer", PATTERN)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("code 4711", 0.45),
        ("CODE: 4711", 0.45),
        ("code4711", 0.45),
        ("encode4711", 0.1),
        ("encoded 4711", 0.1),
        ("4711 is the code", 0.1),
        ("code one two three four 4711", 0.45),
        ("code red green blue white black 4711", 0.1),
        ("code and the of a is was which 4711", 0.45),
        ("the member number of Jo is 4711", 0.45),
        ("the member of number 4711", 0.1),
        ("4711", 0.1),
    ],
)
def test_one_of_five_telling_words_before_a_match_raises_its_score(text, score):
    one = recognizer((r"4711", 0.1), context=["Code", "member number"])
    assert scores(text, one) == [("4711", score)]


def test_a_context_word_lifts_a_low_score_to_a_least_and_none_above_one():
    assert scores("code 4711", recognizer((r"4711", 0.01), context=["code"])) == [("4711", 0.4)]
    assert scores("code 4711", recognizer((r"4711", 0.9), context=["code"])) == [("4711", 1.0)]


def test_a_context_word_may_stand_far_back_when_words_are_long():
    assert scores(f"code {'x' * 500} 4711", recognizer((r"4711", 0.1), context=["code"])) == [("4711", 0.45)]


def test_a_match_within_another_that_is_as_sure_is_left_out():
    rules = [(r"\d{2}", 0.5), (r"\d{4}", 0.5), (r"\d{3}", 0.7)]
    assert scores("4711", recognizer(*rules)) == [("4711", 0.5), ("471", 0.7)]


def test_a_text_without_the_cue_is_not_searched():
    one = recognizer((r"\d+", 0.5))
    one.cue = regex.compile("x")
    assert scores("4711", one) == []
    assert scores("x4711", one) == [("4711", 0.5)]


def test_a_rule_whose_cue_is_not_there_is_not_searched():
    one = recognizer((r"\d+", 0.5))
    one.cues = {"rule": regex.compile("x")}
    assert scores("4711", one) == []
    assert scores("x4711", one) == [("4711", 0.5)]


def test_what_the_tail_matches_behind_a_finding_belongs_to_it():
    one = recognizer((r"\d+", 0.5))
    one.tail = regex.compile(r"(?<=\d),[ ][A-Z]+")
    assert scores("4711, AB; 4712,AB", one) == [("4711, AB", 0.5), ("4712", 0.5)]


def test_a_recognizer_may_refuse_a_match_for_what_is_around_it():
    one = recognizer((r"\d+", 0.5))
    one.accepts = lambda text, start, end: text[end : end + 1] != "%"
    assert scores("47 and 48%", one) == [("47", 0.5)]


def test_dashes_blanks_and_full_width_signs_are_those_of_ascii_unless_a_recognizer_wants_the_text_as_it_is():
    one = recognizer((r"\d-\d \d,", 0.5))
    text = "1\u20112\N{NO-BREAK SPACE}３，"
    assert scores(text, one) == [(text, 0.5)]
    one.plain = False
    assert scores(text, one) == []


def test_stop_words_are_those_of_spacy():
    from spacy.lang.en.stop_words import STOP_WORDS

    assert patterns._stop_words("en") == STOP_WORDS
    assert "avec" in patterns._stop_words("fr")


def test_a_phone_recognizer_may_refuse_what_the_library_takes():
    one = predefined.PhoneRecognizer()
    assert [value for value, _ in scores("ring +1 212-456-7890", one)] == ["+1 212-456-7890"]
    one.accepts = lambda text, start, end: text[start] != "+"
    assert scores("ring +1 212-456-7890", one) == []


def test_a_pattern_that_runs_out_of_time_is_an_error(monkeypatch):
    monkeypatch.setattr(patterns, "_TIMEOUT", 0.01)
    with pytest.raises(DataError, match="ran out of time"):
        PatternRunner([recognizer((r"(?:a|aa|a?a)+\Z", 0.5))], "en").find("a" * 60 + "b")


def test_a_language_that_spacy_does_not_know_has_no_stop_words():
    one = recognizer((r"4711", 0.1), context=["code"])
    assert PatternRunner([one], "xq").find("code 4711")[0].score == pytest.approx(0.45)
