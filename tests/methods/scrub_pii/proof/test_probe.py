import os
import pickle
import re
import subprocess
import sys

import pytest

from stages.methods.scrub_pii.detection.findings import PATTERN, Finding
from stages.methods.scrub_pii.proof import probe
from stages.methods.scrub_pii.proof.check import survivors
from stages.methods.scrub_pii.proof.probe import (
    WINDOW,
    Donor,
    Outcome,
    Prober,
    choose_donors,
    covered,
    in_batches,
    lowest,
    not_invented,
    plan_probe,
    recall_faults,
    recall_report,
)
from stages.methods.scrub_pii.proof.probe_texts import INSIDE, NEUTRAL, SENTENCES, STANDS_ALONE, sentences
from stages.methods.scrub_pii.proof.probe_values import INVENTED

TEXTS = [(f"r{i}", "en", f"This is text number {i}. It has two sentences, and nobody in it.") for i in range(200)]
DONORS = choose_donors(TEXTS, 50, 13)


def finding(start, end):
    return Finding(start, end, "X", 1.0, "R", PATTERN)


def digits(texts, languages):
    return [[finding(*found.span()) for found in re.finditer(r"\d[\d -]+\d", text)] for text in texts]


def test_donors_are_the_same_whatever_the_order_and_the_parts():
    assert choose_donors(TEXTS[::-1], 50, 13) == DONORS
    assert lowest([*choose_donors(TEXTS[:70], 50, 13), *choose_donors(TEXTS[70:], 50, 13)], 50) == DONORS
    assert choose_donors(TEXTS, 50, 14) != DONORS
    assert len(DONORS) == 50


def test_one_more_text_changes_one_donor_at_most():
    more = choose_donors([*TEXTS, ("new", "de", "Noch ein Text.")], 50, 13)
    assert len(set(more) - set(DONORS)) <= 1


def test_texts_without_a_sign_are_no_donors():
    assert choose_donors([("a", None, " \n"), ("b", None, "")], 5, 1) == []
    assert list(plan_probe([], INVENTED, 5, 1)) == []


def test_long_texts_are_cut_to_a_window_at_spaces():
    words = " ".join(f"word{i}" for i in range(3000))
    donors = choose_donors([(str(i), "en", words) for i in range(30)], 30, 1)
    assert all(WINDOW - 20 < len(donor.text) <= WINDOW for donor in donors)
    assert len({donor.text for donor in donors}) == 30
    assert set(" ".join(donor.text for donor in donors).split()) <= set(words.split())
    assert len(choose_donors([("x", "en", "y" * 5000)], 1, 1)[0].text) == WINDOW


@pytest.mark.parametrize("entity", sorted(INVENTED))
def test_a_value_stands_in_the_text_where_the_plant_says(entity):
    plants = list(plan_probe(DONORS, [entity], 40, 13, ["US", "DE"]))
    texts = {donor.text for donor in DONORS}
    assert len(plants) == 40
    for plant in plants:
        value = plant.text[plant.start : plant.end]
        assert value
        assert value == " ".join(value.split())
        assert "{}" not in plant.text
        assert any(_is_planted(plant.text, text) for text in texts)


def _is_planted(planted, text):
    """Whether the text is the planted one but for one insertion."""
    same = next((i for i, (a, b) in enumerate(zip(planted, text, strict=False)) if a != b), len(text))
    return any(text == planted[:at] + planted[at + len(planted) - len(text) :] for at in range(same + 1))


def test_the_same_seed_plants_the_same_and_a_longer_probe_begins_with_the_shorter():
    plants = list(plan_probe(DONORS, INVENTED, 5, 13, ["US"]))
    assert list(plan_probe(DONORS, INVENTED, 5, 13, ["US"])) == plants
    longer = list(plan_probe(DONORS, ["PERSON"], 9, 13, ["US"]))
    assert longer[:5] == [plant for plant in plants if plant.entity == "PERSON"]
    assert list(plan_probe(DONORS, INVENTED, 5, 14, ["US"])) != plants


PRINT = """
import hashlib
from stages.methods.scrub_pii.proof.probe import Donor, plan_probe
from stages.methods.scrub_pii.proof.probe_values import INVENTED
donors = [Donor(rank, "Ein Text.", language) for rank, language in enumerate(["en", "de", "es", "it", "pt", None])]
print(hashlib.sha256(repr(list(plan_probe(donors, INVENTED, 200, 13, ["US", "DE", "GB"]))).encode()).hexdigest())
"""


def test_every_process_plants_the_same():
    """Some of Faker's lists are sets, whose order is that of the process."""
    seen = {
        subprocess.run(
            [sys.executable, "-c", PRINT],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
    assert len(*seen) > 60


def test_values_are_of_many_forms():
    for entity, least in (("PERSON", 95), ("PHONE_NUMBER", 95), ("DATE_TIME", 95), ("STREET_ADDRESS", 95)):
        plants = list(plan_probe(DONORS, [entity], 100, 13, ["US", "GB", "AU"]))
        values = {plant.text[plant.start : plant.end] for plant in plants}
        assert len(values) >= least
        assert len({re.sub(r"\d+", "0", re.sub(r"[^\W\d_]+", "a", value)) for value in values}) >= 5


@pytest.mark.parametrize("entity", ["CREDIT_CARD", "EMAIL_ADDRESS", "IBAN_CODE"])
def test_cards_ibans_and_addresses_are_such_that_their_form_proves_them(entity):
    plants = list(plan_probe(DONORS, [entity], 50, 13))
    held = sum(bool(survivors(plant.text[plant.start : plant.end], [entity])) for plant in plants)
    assert held == 50


def test_the_case_of_a_text_that_knows_one_only_is_kept():
    small, capitals = Donor(1, "all of it is small.", "en"), Donor(2, "ALL OF IT IS LARGE.", "en")
    assert all(plant.text.islower() for plant in plan_probe([small], ["PERSON", "LOCATION"], 30, 1))
    assert all(plant.text.isupper() for plant in plan_probe([capitals], ["PERSON", "LOCATION"], 30, 1))


def test_sentences_are_of_the_language_of_the_text():
    for language in ("de", "fr"):
        plants = list(plan_probe([Donor(1, "Ein Text.", language)], ["PERSON"], 60, 1))
        own = [part.strip() for one in sentences(language, "PERSON") for part in one.split("{}") if len(part) > 5]
        assert sum(any(part in plant.text for part in own) for plant in plants) > 20
    assert sentences("ja", "PERSON") == sentences(None, "PERSON") == NEUTRAL


def test_every_entity_has_six_english_sentences_and_every_template_one_place():
    assert set(SENTENCES["en"]) == INVENTED
    assert STANDS_ALONE < INVENTED
    assert all(len(some) >= 6 for some in SENTENCES["en"].values())
    templates = [one for by_entity in SENTENCES.values() for some in by_entity.values() for one in some]
    assert all(one.count("{}") == 1 for one in [*templates, *NEUTRAL, *INSIDE])


def test_a_value_is_covered_by_what_is_found_together():
    assert covered(10, 20, [finding(5, 13), finding(11, 15), finding(18, 30)]) == 0.7
    assert covered(10, 20, [finding(0, 10), finding(20, 25)]) == 0


def test_a_prober_travels_and_says_how_much_of_each_value_was_found():
    plants = list(plan_probe(DONORS, ["CREDIT_CARD", "NRP"], 20, 13))
    prober = pickle.loads(pickle.dumps(Prober(digits)))
    outcomes = [outcome for batch in in_batches(plants, 7) for outcome in prober(batch)]
    assert [outcome.covered for outcome in outcomes] == [1.0] * 20 + [0.0] * 20


def test_recall_counts_what_was_found_for_the_most_part_and_half_of_it_apart():
    outcomes = [Outcome("PERSON", "en", 0.9)] * 8 + [Outcome("PERSON", "de", 0.89), Outcome("PERSON", "de", 0.0)]
    report = recall_report(outcomes, ["CUSTOMER"])
    assert report["entities"]["PERSON"] == {
        "planted": 10, "found": 8, "half_found": 1, "recall": 0.8, "low": 0.490162, "high": 0.943318,
    }  # fmt: skip
    assert report["languages"]["de"]["recall"] == 0
    assert report["not_measured"] == ["CUSTOMER"]
    assert "upper bound" in report["note"]
    assert "Nothing was planted" in recall_report([])["note"]


def test_entities_that_cannot_be_invented_are_named():
    assert not_invented(["PERSON", "MEDICAL_LICENSE", "CUSTOMER"]) == ["CUSTOMER", "MEDICAL_LICENSE"]
    assert list(plan_probe(DONORS, ["CUSTOMER"], 5, 13)) == []


def test_the_gate_is_on_the_lower_end_of_the_interval_for_all_entities_at_once():
    outcomes = [Outcome("AGE", "en", 1.0)] * 100 + [Outcome("NRP", "en", 1.0)] * 5 + [Outcome("URL", "en", 0.0)] * 100
    report = recall_report(outcomes)
    faults = recall_faults(report, 0.9)
    assert [fault.place for fault in faults] == ["scrub_pii.min_recall 0.9: NRP", "scrub_pii.min_recall 0.9: URL"]
    assert "raise scrub_pii.probe" in faults[0].next_step
    assert "patterns" in faults[1].next_step
    assert recall_faults(report, 0.97)[0].next_step.endswith("raise scrub_pii.probe")
    assert recall_faults(recall_report(outcomes[:100]), 0.9) == []


def test_the_number_of_donors_is_bounded(monkeypatch):
    monkeypatch.setattr(probe, "DONORS", 20)
    assert len(choose_donors(TEXTS, 100_000, 13)) == 20
