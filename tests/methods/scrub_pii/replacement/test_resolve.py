import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.methods.scrub_pii.detection.findings import NER, PATTERN, VALIDATED, Finding, normalised
from stages.methods.scrub_pii.replacement.resolve import allowed_and_not, resolve


def finding(start, end, entity="PERSON", strength=NER, score=0.85):
    return Finding(start, end, entity, score, "Some", strength)


def test_overlapping_findings_become_one_place_that_covers_all_of_them():
    (place,) = resolve([finding(0, 9), finding(6, 14, "PHONE_NUMBER", PATTERN, 0.4)])
    assert (place.start, place.end) == (0, 14)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (finding(3, 5, "CREDIT_CARD", VALIDATED, 0.5), finding(0, 9, "PHONE_NUMBER", PATTERN, 1.0)),
        (finding(3, 5, "PHONE_NUMBER", PATTERN, 0.4), finding(0, 9, "PERSON", NER, 0.85)),
        (finding(3, 5, "URL", PATTERN, 0.6), finding(0, 9, "IP_ADDRESS", PATTERN, 0.5)),
        (finding(0, 9, "URL", PATTERN, 0.5), finding(3, 5, "IP_ADDRESS", PATTERN, 0.5)),
    ],
)
def test_checksum_before_pattern_before_model_then_score_then_length_gives_the_type(one, other):
    assert [place.best for place in resolve([one, other])] == [one]
    assert [place.best for place in resolve([other, one])] == [one]


def test_findings_that_only_touch_stay_apart():
    assert [(place.start, place.end) for place in resolve([finding(0, 3), finding(3, 5)])] == [(0, 3), (3, 5)]


def test_what_may_stay_goes_where_it_overlaps_what_must_go():
    place, name = finding(0, 9, "LOCATION"), finding(5, 12)
    assert [p.best for p in resolve([place, name, finding(20, 25, "LOCATION")], kept=["LOCATION"])] == [
        name,
        finding(20, 25, "LOCATION"),
    ]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.sampled_from("ABC"), st.integers(0, 2))))
def test_places_cover_exactly_what_was_found_and_never_overlap(raw):
    findings = [finding(start, start + size, entity, strength) for start, size, entity, strength in raw]
    places = resolve(findings)
    covered = [at for place in places for at in range(place.start, place.end)]
    assert len(covered) == len(set(covered))
    assert set(covered) == {at for one in findings for at in range(one.start, one.end)}
    assert all(place.best in findings for place in places)


def test_an_allowed_value_is_left_alone_whatever_its_case_and_spaces():
    text = "ACME  Ltd and Acme Ltds"
    findings = [finding(0, 9), finding(14, 23)]
    assert allowed_and_not(text, findings, ["acme ltd"], ["PERSON"]) == (findings[1:], findings[:1])


def test_a_tag_of_an_earlier_run_is_no_personal_data_but_a_name_beside_it_is():
    text = "<PERSON> met <PERSON_2> Smith."
    findings = [finding(0, 8), finding(1, 7), finding(13, 29)]
    assert allowed_and_not(text, findings, [], ["PERSON"]) == (findings[2:], [])


def test_what_lies_inside_an_allowed_value_is_allowed_with_it_and_what_reaches_beyond_is_not():
    text = "info@acme.example/anna"
    mail, host, url = finding(0, 17, "EMAIL_ADDRESS"), finding(5, 17, "URL"), finding(5, 22, "URL")
    counted, spared = allowed_and_not(text, [mail, host, url], ["info@acme.example"], ["URL", "EMAIL_ADDRESS"])
    assert (counted, spared) == ([url], [mail, host])


def test_values_are_compared_without_case_width_and_runs_of_space():
    assert normalised(" Ａnn \n LEE") == normalised("ann lee") == "ann lee"


def test_a_place_tells_whether_several_entities_met_in_it():
    same = resolve([finding(0, 12, "DATE_TIME"), finding(7, 12, "DATE_TIME", PATTERN)])
    other = resolve([finding(0, 12, "PERSON"), finding(7, 12, "DATE_TIME", PATTERN), finding(8, 12, "DATE_TIME")])
    assert [place.mixed for place in (*same, *other)] == [False, True]
