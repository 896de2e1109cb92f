import subprocess
import sys

import pytest

from stages.core.errors import UsageError
from stages.core.params import ScrubPiiParams
from stages.methods.scrub_pii.detection import ner
from stages.methods.scrub_pii.detection.ner import (
    entity_of,
    is_hub_name,
    load_ner,
    scheme_of,
    whole_characters,
    windows,
)

NAMES = frozenset({"PERSON", "LOCATION"})


@pytest.mark.parametrize(
    ("label", "entity"),
    [
        ("PERSON", "PERSON"),
        ("B-PER", "PERSON"),
        ("I-GIVENNAME", "PERSON"),
        ("B-given_name", "PERSON"),
        ("L-PATIENT", "PERSON"),
        ("persName", "PERSON"),
        ("PS", "PERSON"),
        ("S-LOC", "LOCATION"),
        ("GPE_LOC", "LOCATION"),
        ("U-HOSP", "ORGANIZATION"),
        ("NORP", "NRP"),
        ("E_DATE", "DATE_TIME"),
        ("I-TELEPHONENUM", "PHONE_NUMBER"),
        ("B-ZIPCODE", "POSTAL_CODE"),
        ("E-MAIL", "EMAIL_ADDRESS"),
        ("EMAIL", "EMAIL_ADDRESS"),
        ("B-MISC", None),
        ("O", None),
        ("LABEL_1", None),
        ("", None),
    ],
)
def test_labels_of_common_models_have_our_names(label, entity):
    assert entity_of(label) == entity


def test_each_label_stands_for_one_entity_that_params_know():
    labels = [label for row in ner._LABELS.values() for label in row.split()]
    assert len(labels) == len(set(labels))
    assert all(label.isalnum() and label.isupper() for label in labels)
    assert set(ner._LABELS) <= set(ScrubPiiParams().entities)


def test_the_place_in_a_name_is_told_from_the_label():
    assert scheme_of("B-PER") == ("B", "PER")
    assert scheme_of("U-FIRST-NAME") == ("U", "FIRST-NAME")
    assert scheme_of("PERSON") == ("", "PERSON")
    assert scheme_of("O") == ("", "O")


def test_hub_names_have_one_slash_and_are_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "names").mkdir(parents=True)
    assert is_hub_name("someone/names")
    assert is_hub_name("gliner:someone/names-1.0")
    for local in (
        "en_core_web_sm",
        "models/names",
        "./models/other",
        "~/names",
        "/models/names",
        "pkg://package/names",
    ):
        assert not is_hub_name(local)
        assert not is_hub_name(f"gliner:{local}")


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("no_such_pipeline", "there is no model"),
        ("no-such-pipeline", "there is no model"),
        ("json", "no model in"),
        ("./no/such/folder", "there is no model"),
        ("pkg://no_such_package/model", "there is no model"),
        ("pkg://json/../xml", "there is no model"),
        ("someone/names", "not in the local cache"),
        ("gliner:someone/names", "gliner:someone/names"),
    ],
)
def test_a_model_that_is_not_there_is_a_fault_with_its_language(place, problem):
    with pytest.raises(UsageError) as caught:
        load_ner(place, "de", NAMES)
    (fault,) = caught.value.faults
    assert fault.place == "scrub_pii.ner.de"
    assert problem in fault.problem
    assert fault.next_step


def test_a_folder_without_a_model_is_a_fault(tmp_path):
    with pytest.raises(UsageError, match=r"no model in (?s:.*)config\.json"):
        load_ner(str(tmp_path), "en", NAMES)


def spacy_folder(path, label):
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": label, "pattern": "Anna"}])
    nlp.to_disk(path)
    return str(path)


def test_a_folder_with_a_spacy_pipeline_is_one(tmp_path):
    finder = load_ner(spacy_folder(tmp_path / "names", "PER"), "en", NAMES)
    ((found,),) = finder.find(["we met Anna there"])
    assert (found.start, found.end, found.entity) == (7, 11, "PERSON")


def test_a_spacy_pipeline_without_the_wanted_labels_is_a_fault(tmp_path):
    place = spacy_folder(tmp_path / "names", "PRODUCT")
    with pytest.raises(UsageError, match=r"finds none of LOCATION, PERSON \(its labels: PRODUCT\)"):
        load_ner(place, "en", NAMES)


@pytest.mark.parametrize(("count", "size", "overlap"), [(1, 10, 4), (10, 10, 4), (11, 10, 4), (100, 10, 5), (7, 3, 1)])
def test_each_unit_has_one_window_that_owns_it_and_sees_what_is_around(count, size, overlap):
    owners = []
    for start, end, own_start, own_end in windows(count, size, overlap):
        assert end - start <= size
        assert own_start - start >= overlap // 2 or start == 0
        assert end - own_end >= overlap // 2 or end == count
        owners += range(own_start, own_end)
    assert owners == list(range(count))


def test_halves_of_characters_are_replaced_one_by_one():
    assert whole_characters("a\ud83d\ude00\udfffb😀") == "a\ufffd\ufffd\ufffdb😀"


def test_nothing_heavy_is_imported_before_a_model_is_asked_for():
    heavy = "{'torch', 'spacy', 'transformers'} & set(sys.modules)"
    code = f"import sys, stages.methods.scrub_pii.detection.ner; print({heavy})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
