import logging
import subprocess
import sys
import time

import pytest

from stages.core.errors import DataError, UsageError
from stages.core.params import ScrubPiiParams
from stages.methods.scrub_pii.detection import detect as pii_detect
from stages.methods.scrub_pii.detection.detect import Detector, make_detector, pieces
from stages.methods.scrub_pii.detection.findings import NER, PATTERN, VALIDATED, Finding

PATTERNS = (
    "CREDIT_CARD",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "PHONE_NUMBER",
    "SOCIAL_HANDLE",
    "CASE",
    "US_SSN",
)
PATTERNS_ONLY = ScrubPiiParams(
    entities=dict.fromkeys((*PATTERNS, "STREET_ADDRESS", "URL"), "tag"),
    patterns=[{"entity": "CASE", "regex": r"\bK-\d{4}\b", "score": 0.2, "context": ["case"]}],
    deny={"CASE": ["the big one"]},
)


def found(text, params=PATTERNS_ONLY):
    return {(one.entity, text[one.start : one.end]) for one in make_detector(params).find([text])[0]}


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("mail me at jo.doe@mailbox.co.uk.", "EMAIL_ADDRESS", "jo.doe@mailbox.co.uk"),
        ("mail me at jo@files.intern", "EMAIL_ADDRESS", "jo@files.intern"),
        ("it was 4111 1111 1111 1111, yes", "CREDIT_CARD", "4111 1111 1111 1111"),
        ("my card is 4111 1111 1111 1112, yes", "CREDIT_CARD", "4111 1111 1111 1112"),
        ("pay GB82 WEST 1234 5698 7654 32 now", "IBAN_CODE", "GB82 WEST 1234 5698 7654 32"),
        ("from 10.20.30.40 today", "IP_ADDRESS", "10.20.30.40"),
        ("my ssn: 219-09-9998.", "US_SSN", "219-09-9998"),
        ("ring 212-456-7890 after six", "PHONE_NUMBER", "212-456-7890"),
        ("hey @jo.doe_1, look", "SOCIAL_HANDLE", "@jo.doe_1"),
        ("see 'https://jo.name/me' there", "URL", "https://jo.name/me"),
        ("she lives at 12 Old Mill Road, Apt 4, upstairs", "STREET_ADDRESS", "12 Old Mill Road, Apt 4"),
        ("my case is K-4711", "CASE", "K-4711"),
        ("not The  Big One again", "CASE", "The  Big One"),
    ],
)
def test_a_pattern_is_found_with_exact_bounds(text, entity, value):
    assert (entity, value) in found(text)


@pytest.mark.parametrize(
    "text", ["we met @ noon, @5 or so, and a@b", "GB82 WEST 1234 5698 7654 33", "so much pizza...st", "order K-4711"]
)
def test_what_only_looks_like_a_pattern_is_left_alone(text):
    assert found(text) == set()


class Names:
    """A model that takes certain words for names."""

    def __init__(self, **words):
        self.words = words
        self.asked = []

    def find(self, texts):
        self.asked += texts
        for text in texts:
            places = ((entity, word, text.find(word)) for entity, word in self.words.items())
            yield [Finding(at, at + len(word), entity, 0.85, "Model", NER) for entity, word, at in places if at >= 0]


def detector(models, monkeypatch, **changes):
    """A detector without recognizers whose models, by language, are these."""

    def load(place, language, wanted):
        return models[language]

    monkeypatch.setattr("stages.methods.scrub_pii.detection.ner.load_ner", load)
    params = ScrubPiiParams(**{"ner": dict.fromkeys(models, "some_model")} | changes)
    return Detector(params, recognizers=lambda language: [], refine=changes.pop("refine", False))


def test_the_model_is_chosen_by_a_texts_language_and_none_does_for_others(monkeypatch):
    models = {"en": Names(PERSON="Ann"), "fr": Names(PERSON="Anne")}
    one = detector(models, monkeypatch)
    given = ["Ann here", "Anne ici", "Ann ist da", "Anne"]
    apart = one.find(given, [None, "fr", "de", "en"])
    assert [[(f.start, f.end) for f in some] for some in apart] == [[(0, 3)], [(0, 4)], [], [(0, 3)]]
    assert models["en"].asked == ["Ann here", "Anne"]
    assert models["fr"].asked == ["Anne ici"]


def test_equal_texts_are_looked_at_once(monkeypatch):
    models = {"en": Names(PERSON="Ann")}
    first, _, third = detector(models, monkeypatch).find(["Ann here", "", "Ann here"])
    assert first == third != []
    assert models["en"].asked == ["Ann here"]


def test_what_is_not_asked_for_or_scores_too_low_is_left_out(monkeypatch):
    model = {"en": Names(PERSON="Ann", LOCATION="Bern")}
    assert len(detector(model, monkeypatch).find(["Ann in Bern"])[0]) == 2
    assert [f.entity for f in detector(model, monkeypatch, entities={"LOCATION": "tag"}).find(["Ann in Bern"])[0]] == [
        "LOCATION"
    ]
    assert detector(model, monkeypatch, min_score=0.9).find(["Ann in Bern"]) == [[]]


def test_findings_are_sorted_and_overlaps_included(monkeypatch):
    model = {"en": Names(PERSON="Ann Berg", LOCATION="Berg", ORGANIZATION="Ann")}
    (some,) = detector(model, monkeypatch).find(["Ann Berg"])
    assert [(f.start, f.end, f.entity) for f in some] == [(0, 3, "ORGANIZATION"), (0, 8, "PERSON"), (4, 8, "LOCATION")]


def test_a_models_finding_is_tidied_before_it_is_refined():
    text = " Ann's 6033391 1987 ;"
    spans = [(0, 7, "PERSON"), (7, 15, "PERSON"), (15, 20, "DATE_TIME"), (20, 21, "DATE_TIME")]
    tidied = pii_detect._tidied(text, [Finding(*span, 0.85, "Model", NER) for span in spans])
    assert [(one.start, one.end, one.entity) for one in tidied] == [(1, 4, "PERSON"), (15, 19, "DATE_TIME")]


def test_names_and_places_are_found_by_the_model():
    text = "Alice Johnson's car moved from Berlin to London."
    params = ScrubPiiParams(entities={"PERSON": "tag", "LOCATION": "tag"})
    assert found(text, params) == {("PERSON", "Alice Johnson"), ("LOCATION", "Berlin"), ("LOCATION", "London")}


def test_a_checksum_makes_a_finding_surer_than_a_pattern():
    text = "4111 1111 1111 1111 and @jo"
    strengths = {one.entity: one.strength for one in make_detector(PATTERNS_ONLY).find([text])[0]}
    assert strengths == {"CREDIT_CARD": VALIDATED, "SOCIAL_HANDLE": PATTERN}


def test_texts_are_kept_apart_and_empty_ones_are_fine():
    apart = make_detector(PATTERNS_ONLY).find(["", "x 10.0.0.1", " \n", "10.0.0.12 is y"])
    assert [[(one.start, one.end) for one in some] for some in apart] == [[], [(2, 10)], [], [(0, 9)]]


def test_offsets_hold_beyond_the_first_piece_of_a_long_text(monkeypatch):
    text = "nothing here\n" * 80_000 + "but 10.0.0.1 and Ann"
    assert len(text) > 1_000_000
    assert found(text) == {("IP_ADDRESS", "10.0.0.1")}
    (some,) = detector({"en": Names(PERSON="Ann")}, monkeypatch).find([text])
    assert [text[one.start : one.end] for one in some] == ["Ann"]


@pytest.mark.parametrize("text", ["ab\n\ncd ef\ngh" * 7, "x" * 50, " ", "", "\n\n\n\n\n\n\n\n\n\n\n\n"])
def test_pieces_are_small_and_lose_nothing_but_blank_stretches(text):
    parts = list(pieces(text, 10))
    assert all(len(part) <= 10 and text.startswith(part, offset) for offset, part in parts)
    assert "".join(part for _, part in parts).split() == text.split()


def test_a_text_is_cut_at_a_blank_line_before_a_line_end_before_a_space():
    assert [part for _, part in pieces("a b\n\nc\nd e f", 10)] == ["a b\n\n", "c\nd e f"]
    assert [part for _, part in pieces("a b\nc d e f", 10)] == ["a b\n", "c d e f"]


def test_detection_never_turns_to_the_network():
    code = (
        "import socket\n"
        "def refuse(*args, **kwargs): raise SystemExit('network')\n"
        "socket.getaddrinfo = socket.socket.connect = refuse\n"
        "from stages.core.params import ScrubPiiParams\n"
        "from stages.methods.scrub_pii.detection.detect import make_detector\n"
        "params = ScrubPiiParams(entities={'EMAIL_ADDRESS': 'tag', 'URL': 'tag', 'PERSON': 'tag'})\n"
        "print(len(make_detector(params).find(['jo@mailbox.co.uk and https://jo.name, Alice Johnson'])[0]))\n"
        "import sys, transformers, torch\n"
        "print(torch.__name__, transformers.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, names = done.stdout.splitlines()
    assert int(count) >= 3
    assert names == "torch transformers"  # hidden from Presidio alone, and only while it is imported


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
    entities = {"PERSONA": "tag", "PERSON": "tag", "MINE": "tag"}
    params = ScrubPiiParams(
        entities=entities, regions=["US", "UK"], ner={"en": "no_such_pipeline"}, deny={"MINE": ["x"]}
    )
    with pytest.raises(UsageError) as caught:
        make_detector(params)
    problems = {fault.place: fault for fault in caught.value.faults}
    assert set(problems) == {"scrub_pii.entities", "scrub_pii.regions", "scrub_pii.ner.en"}
    assert problems["scrub_pii.entities"].problem == "unknown: PERSONA"
    assert "SOCIAL_HANDLE" in problems["scrub_pii.entities"].next_step
    assert problems["scrub_pii.regions"].problem.endswith("UK")


def test_a_missing_model_does_not_matter_where_no_entity_needs_it():
    params = ScrubPiiParams(entities={"IP_ADDRESS": "tag"}, ner={"en": "no_such_pipeline"})
    assert found("at 10.0.0.1", params) == {("IP_ADDRESS", "10.0.0.1")}


def test_a_wrong_model_of_any_language_is_told_at_once_with_all_other_faults(tmp_path):
    (tmp_path / "meta.json").write_text('{"labels": {"ner": ["GENE"]}}')
    ner = {"en": "no_such_pipeline", "fr": "none_either", "de": str(tmp_path)}
    with pytest.raises(UsageError) as caught:
        make_detector(ScrubPiiParams(entities={"LOCATION": "tag"}, ner=ner, regions=["UK"]))
    places = [fault.place for fault in caught.value.faults]
    assert places == ["scrub_pii.regions", "scrub_pii.ner.en", "scrub_pii.ner.de", "scrub_pii.ner.fr"]
    assert "GENE" in caught.value.faults[2].problem


@pytest.mark.parametrize("unit", ["😀", "(", "'", "a:", "ab:", "a.b-c_", "A:\n", "Anna Smith ", "@a ", "1.", "É"])
def test_time_grows_with_the_length_of_a_text_without_spaces_or_sense(unit):
    one = make_detector(ScrubPiiParams())

    def seconds(size):
        began = time.process_time()
        one.find([(unit * size)[:size]])
        return time.process_time() - began

    seconds(10)
    short = seconds(5_000)
    assert short < 5
    # The better of two: in a long run of tests, a collection of all garbage takes a second of its own.
    assert min(seconds(20_000), seconds(20_000)) < 8 * short + 1
