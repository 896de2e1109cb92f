"""What the documents say of a private training is what its certificate states, and nothing where there is none."""

import math

import pytest

from stages.methods.document.privacy import best_guess, certificate, privacy_figures
from stages.methods.document.privacy_words import (
    epsilon_key,
    mechanism,
    not_covered,
    not_private,
    privacy_texts,
    promised,
)
from tests.certificates import attacks
from tests.certificates import certificate as made


def recorded(found, audited=None, report=None):
    return {
        "finetune": {"certificate": found},
        "audit": {"certificate": audited or {}, "report": report or {}},
    }


def told(found):
    return " ".join(promised(found))


def test_who_is_protected_how_far_and_over_how_many_runs_is_said_in_words():
    said = told(made())
    assert "which hides whether any one record was there. Two sets of training records are neighbours" in said
    assert "at most 7.993 for a record and at most 27.4 for a subject, at delta 1e-5" in said
    assert "The subject with the most rows has 3." in said
    assert "one of 3 private runs over these subjects" in said
    assert "at most 45.2 at delta 1e-5" in said
    assert "12 rows of subjects with more than the cap were left out." in said
    assert "Of 4,269 rows, 4,100 name their subject" in said


def test_a_subject_is_protected_with_its_duplicates_and_its_epsilon_stands_first():
    found = made(unit="subject", epsilon={"record": None, "subject": 7.5, "target": 8})
    assert "any one subject, with all its rows and their near duplicates, was there" in told(found)
    assert epsilon_key(found, "")["value"] == "7.500"
    assert "for a record" not in told(found)


def test_without_a_bound_for_subjects_the_documents_say_so():
    assert "For a whole person with several rows, no bound is stated." in told(
        made(epsilon={"record": 7.99, "subject": None, "target": 8})
    )


def test_rows_that_name_nobody_are_said_to_be_taken_for_a_person_each():
    assert "No row names its subject: each is taken for a person of its own" in told(made(with_subject=0))


def test_the_first_run_over_some_subjects_has_no_total_to_add_up():
    said = told(made(ledger={"run": "1", "entry": "aa", "runs": 1, "epsilon": 27.41, "delta": 1e-5}))
    assert "it is the first private run over these subjects" in said


def test_a_run_with_known_noise_is_loudly_not_private_and_promises_nothing():
    found = made(private=False, not_private_because="test_seed")
    assert told(found) == ""
    assert not_covered(found) == []
    assert not_private(found).startswith("This model is not private. The noise was drawn from `privacy.test_seed`")
    assert epsilon_key(found, "")["value"] == "not private"


def test_without_a_certificate_nothing_is_said_at_all():
    texts = privacy_texts({"privacy": privacy_figures({})})
    assert not any(texts.values())


def test_the_audits_certificate_is_taken_before_that_of_the_training():
    assert certificate(recorded(made(delta=1e-5), made(delta=1e-6)))["delta"] == 1e-6
    assert certificate(recorded(made(delta=1e-5)))["delta"] == 1e-5


@pytest.mark.parametrize(("epsilon", "delta", "share"), [(0.0, 0.0, 0.5), (math.log(3), 0.0, 0.75), (0.0, 0.2, 0.6)])
def test_the_best_guess_is_that_of_the_optimal_test(epsilon, delta, share):
    assert best_guess(epsilon, delta) == pytest.approx(share)


def test_the_best_guess_is_said_of_the_unit_that_is_protected():
    assert "is right at most 99.97\u00a0% of the time" in told(made())
    assert "75.00\u00a0%" in told(made(epsilon={"record": math.log(3), "subject": 9.0}, delta=1e-12))


def test_an_unknown_total_is_not_taken_for_none():
    said = told(made(ledger={"run": "1", "entry": "aa", "runs": 2, "epsilon": None, "delta": 1e-5}))
    assert "Together they come to epsilon without a bound" in said


def test_the_mechanism_leaves_out_what_was_not_recorded():
    assert dict(mechanism(made()))["Noise, in clipping norms"] == "0.905"
    assert dict(mechanism(made()))["Accountant"] == "prv, opacus 1.6.0"
    assert mechanism({"private": True}) == []


def test_repeated_trainings_tell_how_much_the_score_varies():
    spread = {"metric": "macro_f1", "values": [0.7, 0.72], "mean": 0.71, "sd": 0.0141}
    assert "Trained 2 times with new noise, macro f1" in told(made(spread=spread))


def test_attacks_with_planted_records_stand_beside_their_controls():
    found = {"privacy": privacy_figures(recorded(made(), report=attacks()))}
    canary, exposure, verbatim = privacy_texts(found)["planted_attacks"]
    assert ["control, trained on them without noise", "at least 2.387"] in canary["rows"]
    assert ["claimed", "at most 7.993"] in canary["rows"]
    assert exposure["rows"][0] == ["never (control)", "8", "1.300"]
    assert exposure["rows"][3] == ["16 times", "8", "7.500"]
    assert exposure["rows"][1][0] == "once"
    assert verbatim["rows"][1][:3] == ["test rows (control)", "50", "2"]
    assert exposure["sentence"] == attacks()["exposure_sentence"]
