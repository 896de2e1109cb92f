from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.decisions import PiiDecision, PiiDecisions, decisions_of
from stages.methods.scrub_pii.detection.findings import NER, PATTERN, VALIDATED, Finding
from stages.methods.scrub_pii.review.decisions import RECOGNIZER, decided, runs, trimmed, value_name


def hash_of(name):
    return f"hash of {name}"


def about(entity, value, verdict, to="", words=0):
    return PiiDecision(hash_of(value_name(entity, value)), entity, verdict, to, words)


def find(text, value, entity="PERSON", strength=NER, at=0):
    start = text.index(value, at)
    return Finding(start, start + len(value), entity, 0.85, "Some", strength)


def values(text, findings):
    return [(text[one.start : one.end], one.entity) for one in findings]


TEXT = "May met Dr. Ada Quill in Paris; ada  QUILL's house is in May Road."


def test_without_decisions_nothing_changes_and_nothing_is_hashed():
    findings = [find(TEXT, "Paris"), find(TEXT, "May")]
    assert decided(TEXT, findings, pytest.fail, PiiDecisions()) == (sorted(findings), [])


def test_an_allowed_value_leaves_wherever_it_stands_but_no_other_value_of_its_words():
    findings = [find(TEXT, "May"), find(TEXT, "May", at=10), find(TEXT, "May Road", "STREET_ADDRESS")]
    wanted, spared = decided(TEXT, findings, hash_of, decisions_of([about("PERSON", "MAY", "allow")]))
    assert values(TEXT, wanted) == [("May Road", "STREET_ADDRESS")]
    assert values(TEXT, spared) == [("May", "PERSON"), ("May", "PERSON")]


def test_what_lies_in_an_allowed_value_is_allowed_with_it():
    inside = [find(TEXT, "Ada Quill"), find(TEXT, "Dr. Ada Quill", "ORGANIZATION")]
    decisions = decisions_of([about("ORGANIZATION", "Dr. Ada Quill", "allow")])
    assert decided(TEXT, inside, hash_of, decisions) == ([], sorted(inside))


def test_a_decision_holds_for_its_entity_only():
    decisions = decisions_of([about("LOCATION", "May", "allow"), about("LOCATION", "Paris", "type", "PERSON")])
    findings = [find(TEXT, "May"), find(TEXT, "Paris")]
    assert decided(TEXT, findings, hash_of, decisions) == (sorted(findings), [])


def test_a_wrong_type_is_corrected_and_trusted_like_a_pattern():
    findings = [find(TEXT, "Paris"), find(TEXT, "Ada Quill")]
    decisions = decisions_of([about("PERSON", "paris", "type", "LOCATION")])
    wanted, spared = decided(TEXT, findings, hash_of, decisions)
    assert wanted == [find(TEXT, "Ada Quill"), find(TEXT, "Paris", "LOCATION", PATTERN)]
    assert spared == []


def test_later_decisions_about_a_corrected_type_count_too():
    decisions = [about("PERSON", "Paris", "type", "LOCATION"), about("LOCATION", "Paris", "type", "ORGANIZATION")]
    wanted, _ = decided(TEXT, [find(TEXT, "Paris")], hash_of, decisions_of(decisions))
    assert values(TEXT, wanted) == [("Paris", "ORGANIZATION")]
    allow = about("ORGANIZATION", "Paris", "allow")
    assert decided(TEXT, [find(TEXT, "Paris")], hash_of, decisions_of([*decisions, allow]))[0] == []


def test_types_that_point_at_each_other_end():
    decisions = [about("PERSON", "Paris", "type", "LOCATION"), about("LOCATION", "Paris", "type", "PERSON")]
    wanted, _ = decided(TEXT, [find(TEXT, "Paris")], hash_of, decisions_of(decisions))
    assert values(TEXT, wanted) == [("Paris", "LOCATION")]


def test_a_denied_value_is_found_everywhere_in_any_case_spacing_and_possessive():
    decisions = decisions_of([about("PERSON", "Ada Quill", "deny", words=2)])
    wanted, _ = decided(TEXT, [], hash_of, decisions)
    assert values(TEXT, wanted) == [("Ada Quill", "PERSON"), ("ada  QUILL", "PERSON")]
    assert {(one.score, one.recognizer, one.strength) for one in wanted} == {(1.0, RECOGNIZER, VALIDATED)}


def test_a_denied_value_that_was_found_anyway_stays_the_recognizers_finding_and_is_trusted():
    ada, paris = find(TEXT, "Ada Quill"), find(TEXT, "Paris", "LOCATION")
    other = Finding(ada.start, ada.end, "PERSON", 0.4, "Other", PATTERN)
    wanted, _ = decided(
        TEXT, [ada, other, paris], hash_of, decisions_of([about("PERSON", "ada quill", "deny", words=2)])
    )
    assert [(one.recognizer, one.strength) for one in wanted if one.start == ada.start] == [
        ("Other", VALIDATED),
        ("Some", VALIDATED),
    ]
    assert [one.recognizer for one in wanted if one.start > ada.start] == ["Some", RECOGNIZER]
    assert paris in wanted


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(Quill)", True),
        ("*Quill*, yes", True),
        ("“Quill”", True),
        ("Quill’s", True),
        ("Quilling", False),
        ("McQuill", False),
        ("Quill-Berg", False),
    ],
)
def test_denied_values_are_whole_words_without_the_signs_around_them(text, found):
    wanted, _ = decided(text, [], hash_of, decisions_of([about("PERSON", "Quill", "deny", words=1)]))
    assert values(text, wanted) == ([("Quill", "PERSON")] if found else [])


def test_only_runs_of_the_decided_lengths_are_hashed_each_once_and_only_as_denied_entities():
    asked = Counter()

    def counted(name):
        asked[name] += 1
        return hash_of(name)

    text = "red red red blue"
    decisions = decisions_of([about("ID_NUMBER", "x y z", "deny", words=3), about("PERSON", "Paris", "allow")])
    decided(text, [find(text, "blue", "LOCATION")], counted, decisions)
    assert asked == {"ID_NUMBER|red red red": 1, "ID_NUMBER|red red blue": 1}


def test_marks_that_belong_to_a_letter_stay_with_it():
    assert trimmed("«José»".replace("é", "e\u0301")) == "Jose\u0301"
    assert trimmed(" (अंकिता) ") == "अंकिता"
    assert trimmed(" -- ") == ""


def test_mere_signs_begin_and_end_no_run():
    text = "a - b"
    assert [text[start:end] for start, end in runs(text, 1)] == ["a", "b"]
    assert [text[start:end] for start, end in runs(text, 3)] == ["a - b"]
    assert list(runs(text, 2)) == []


@given(st.text(max_size=40), st.text(max_size=40), st.text(min_size=1, max_size=20))
def test_a_value_is_found_again_in_any_text_where_it_stands_between_spaces(before, after, value):
    value = trimmed(value)
    if not value:
        return
    text = f"{before} {value} {after}"
    decisions = decisions_of([about("PERSON", value, "deny", words=len(value.split()))])
    wanted, _ = decided(text, [], hash_of, decisions)
    at = len(before) + 1
    assert (at, at + len(value)) in {(one.start, one.end) for one in wanted}
