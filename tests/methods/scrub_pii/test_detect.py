import logging
import socket

import pytest

from stages.core.errors import DataError, UsageError
from stages.core.params import ScrubPiiParams
from stages.methods.scrub_pii import detect as pii_detect
from stages.methods.scrub_pii.detect import NER, PATTERN, VALIDATED, make_detector, pieces

PATTERNS = ("CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "SOCIAL_HANDLE")
PATTERNS_ONLY = ScrubPiiParams(entities=dict.fromkeys((*PATTERNS, "STREET_ADDRESS", "URL", "US_SSN"), "tag"))


def found(text, params=PATTERNS_ONLY):
    return {(one.entity, text[one.start : one.end]) for one in make_detector(params).find([text])[0]}


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("mail me at jo.doe@mailbox.co.uk.", "EMAIL_ADDRESS", "jo.doe@mailbox.co.uk"),
        ("mail me at jo@files.intern", "EMAIL_ADDRESS", "jo@files.intern"),
        ("it was 4111 1111 1111 1111, yes", "CREDIT_CARD", "4111 1111 1111 1111"),
        ("it was 6304000000000000, yes", "CREDIT_CARD", "6304000000000000"),
        ("my card is 4111 1111 1111 1112, yes", "CREDIT_CARD", "4111 1111 1111 1112"),
        ("pay GB82 WEST 1234 5698 7654 32 now", "IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
        ("pay gb82west12345698765432 now", "IBAN_CODE", "gb82west12345698765432"),
        ("from 10.20.30.40 today", "IP_ADDRESS", "10.20.30.40"),
        ("my ssn: 219-09-9998.", "US_SSN", "219-09-9998"),
        ("ring (03) 5390 0741 after six", "PHONE_NUMBER", "(03) 5390 0741"),
        ("ring 212-456-7890 after six", "PHONE_NUMBER", "212-456-7890"),
        ("my mobile: 723 813 266", "PHONE_NUMBER", "723 813 266"),
        ("hey @jo.doe_1, look", "SOCIAL_HANDLE", "@jo.doe_1"),
        ("hey @jo@social.example, look", "SOCIAL_HANDLE", "@jo@social.example"),
        ("see 'https://jo.name/me' there", "URL", "https://jo.name/me"),
        ("she lives at 12 Old Mill Road, Apt 4, upstairs", "STREET_ADDRESS", "12 Old Mill Road, Apt 4"),
    ],
)
def test_a_pattern_is_found_with_exact_bounds(text, entity, value):
    assert (entity, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "we met @ noon, @5 or so, and a@b",
        "the total is 4111 1111 1111 1112 units",
        "they cancelled order 723 813 266",
        "two x@3.50 each",
        "so much pizza...st and no://such..in/place",
        "5 of us went all the way",
        "GB82 WEST 1234 5698 7654 33",
    ],
)
def test_what_only_looks_like_a_pattern_is_left_alone(text):
    assert found(text) == set()


def test_names_and_places_are_found_by_the_pipeline_and_called_as_presidio_does():
    text = "Alice Johnson's car moved from Berlin to London."
    findings = make_detector(ScrubPiiParams()).find([text])[0]
    assert {(one.entity, text[one.start : one.end]) for one in findings} == {
        ("PERSON", "Alice Johnson"),
        ("LOCATION", "Berlin"),
        ("LOCATION", "London"),
    }
    assert {one.strength for one in findings} == {NER}


def test_a_finding_of_the_pipeline_must_hold_a_letter_unless_it_is_a_date():
    import spacy

    nlp = spacy.blank("en")
    labels = {"PERSON": "PERSON", "DATE": "DATE_TIME"}
    nlp.add_pipe("entity_ruler").add_patterns(
        [
            {"label": "PERSON", "pattern": "6033391"},
            {"label": "DATE", "pattern": "1987"},
            {"label": "DATE", "pattern": ";"},
        ]
    )
    (findings,) = pii_detect.Detector(nlp, "en", labels, [], 0.3).find(["6033391 of 1987 ;"])
    assert [(one.start, one.end, one.entity) for one in findings] == [(11, 15, "DATE_TIME")]


def test_a_checksum_makes_a_finding_surer_than_a_pattern():
    text = "4111 1111 1111 1111 and @jo"
    strengths = {one.entity: one.strength for one in make_detector(PATTERNS_ONLY).find([text])[0]}
    assert strengths == {"CREDIT_CARD": VALIDATED, "SOCIAL_HANDLE": PATTERN}


def test_texts_are_kept_apart_and_empty_ones_are_fine():
    detector = make_detector(PATTERNS_ONLY)
    apart = detector.find(["", "x 10.0.0.1", " \n", "10.0.0.12 is y"])
    assert [[(one.start, one.end) for one in some] for some in apart] == [[], [(2, 10)], [], [(0, 9)]]


def test_offsets_hold_beyond_the_first_piece_of_a_long_text():
    text = "nothing here\n" * 80_000 + "but 10.0.0.1"
    assert len(text) > 1_000_000
    assert found(text) == {("IP_ADDRESS", "10.0.0.1")}


@pytest.mark.parametrize("text", ["ab\n\ncd ef\ngh" * 7, "x" * 50, " ", "", "\n\n\n\n\n\n\n\n\n\n\n\n"])
def test_pieces_are_small_and_lose_nothing_but_blank_stretches(text):
    parts = list(pieces(text, 10))
    assert all(len(part) <= 10 and text.startswith(part, offset) for offset, part in parts)
    assert "".join(part for _, part in parts).split() == text.split()


def test_a_text_is_cut_at_a_blank_line_before_a_line_end_before_a_space():
    assert [part for _, part in pieces("a b\n\nc\nd e f", 10)] == ["a b\n\n", "c\nd e f"]
    assert [part for _, part in pieces("a b\nc d e f", 10)] == ["a b\n", "c d e f"]


def test_detection_never_turns_to_the_network(monkeypatch):
    from stages.methods.scrub_pii import recognizers as pii_recognizers

    attempts = []

    def refuse(*args, **kwargs):
        attempts.append(args)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(pii_recognizers._SUFFIXES, "_extractor", None)  # as in a new process
    pii_detect._build.cache_clear()
    assert ("EMAIL_ADDRESS", "jo@mailbox.co.uk") in found("jo@mailbox.co.uk, Alice", ScrubPiiParams())
    assert attempts == []


def test_library_messages_that_may_hold_text_go_nowhere(capfd):
    make_detector(PATTERNS_ONLY)
    logging.getLogger("presidio-analyzer").error("Failed to validate text %s", "secret")
    assert "secret" not in "".join(capfd.readouterr())


def test_a_pattern_that_ran_out_of_time_does_not_pass_for_a_clean_text():
    make_detector(PATTERNS_ONLY)
    try:
        raise TimeoutError
    except TimeoutError:
        with pytest.raises(DataError, match="ran out of time"):
            logging.getLogger("presidio-analyzer").warning("timed out, skipping", exc_info=True)


def test_all_faults_of_the_params_are_told_at_once():
    entities = {"PERSONA": "tag", "PERSON": "tag"}
    params = ScrubPiiParams(entities=entities, regions=["US", "UK"], ner="no_such_pipeline")
    with pytest.raises(UsageError) as caught:
        make_detector(params)
    problems = {fault.place: fault for fault in caught.value.faults}
    assert set(problems) == {"scrub_pii.entities", "scrub_pii.regions", "scrub_pii.ner"}
    assert "PERSONA" in problems["scrub_pii.entities"].problem
    assert "SOCIAL_HANDLE" in problems["scrub_pii.entities"].next_step
    assert problems["scrub_pii.regions"].problem.endswith("UK")


def test_a_missing_pipeline_does_not_matter_where_no_entity_needs_it():
    params = ScrubPiiParams(entities={"IP_ADDRESS": "tag"}, ner="no_such_pipeline")
    assert found("at 10.0.0.1", params) == {("IP_ADDRESS", "10.0.0.1")}
