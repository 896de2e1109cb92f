import math

import numpy as np
import pytest

from stages.core.task import Metric
from stages.methods.audit.membership import Candidates, attack, ceilings, controls, inference, sentence, suspicious
from stages.methods.audit.one_run import Claim

WORDS = ["tree", "house", "river", "train", "cloud", "bread", "stone", "glass"]


def candidates(seed=0, size=200, leak=False, harder=False):
    """Half members, half not; alike unless `leak` (in their texts) or `harder` (the others' labels are random)."""
    draw = np.random.default_rng(seed)
    member = np.arange(size) < size // 2
    texts = [" ".join(draw.choice(WORDS, 6)) for _ in range(size)]
    if leak:
        texts = [f"{text} monday" if one else text for text, one in zip(texts, member, strict=True)]
    codes = draw.integers(0, 2, size)
    vectors = (np.eye(2, 8)[codes] + draw.normal(0, 0.3, (size, 8))).astype(np.float32)
    labels = [f"c{code}" for code in (np.where(member, codes, draw.integers(0, 2, size)) if harder else codes)]
    return Candidates(member, texts, vectors, labels, draw.integers(0, 5, size))


def test_a_model_that_remembers_is_found_out_and_one_that_does_not_is_not():
    draw = np.random.default_rng(1)
    known = candidates()
    losses = draw.exponential(1.0, 200)
    zero = np.zeros(200)
    forgets = attack(known.member, losses, zero, 200, 3)
    remembers = attack(known.member, np.where(known.member, losses * 0.2, losses), zero, 200, 3)
    assert forgets["auc_low"] < 0.5 < forgets["auc_high"]
    assert remembers["auc_low"] > 0.7
    assert remembers["tpr_at_1_percent_fpr"] > 0.0
    assert "tpr_at_0_1_percent_fpr" not in remembers


def test_the_reference_takes_away_what_is_only_easy():
    draw = np.random.default_rng(1)
    member = np.arange(400) < 200
    difficulty = draw.exponential(2.0, 400)
    losses = difficulty + np.where(member, 0.0, 0.3) + draw.normal(0, 0.05, 400)
    found = attack(member, losses, difficulty, 100, 3)
    assert found["calibrated_auc"] > found["auc"] + 0.2


def test_alike_members_and_others_pass_the_controls():
    found = inference(candidates(), np.random.default_rng(0).exponential(1, 200), 200, 3)
    assert found["valid"]
    assert set(found["controls"]) == {"text", "embedding", "difficulty"}
    assert "Not valid" not in found["membership_sentence"]


@pytest.mark.parametrize(("how", "control"), [({"leak": True}, "text"), ({"harder": True}, "difficulty")])
def test_a_difference_that_the_model_did_not_make_makes_the_attack_invalid(how, control):
    found = inference(candidates(**how), np.random.default_rng(0).exponential(1, 200), 200, 3)
    assert not found["valid"]
    assert control in found["membership_sentence"]
    assert found["controls"][control]["auc_low"] > 0.5


def test_the_controls_seldom_reject_members_that_are_like_the_others():
    rejected = 0
    for seed in range(30):
        known = candidates(seed, 120)
        rejected += bool(suspicious(controls(known, np.random.default_rng(seed).exponential(1, 120), 100, seed)))
    assert rejected <= 5


def test_a_trained_control_below_half_has_found_nothing_but_a_lower_difficulty_has():
    low, fair = Metric(0.3, 0.2, 0.4), Metric(0.5, 0.4, 0.6)
    assert suspicious({"text": low, "embedding": low, "difficulty": fair}) == []
    assert suspicious({"text": fair, "embedding": fair, "difficulty": low}) == ["difficulty"]


def test_the_sentence_says_which_of_four_things_happened():
    chance = {"auc": 0.5, "auc_low": 0.45, "auc_high": 0.55}
    said = [
        sentence({}, []),
        sentence(chance, []),
        sentence({**chance, "auc_low": 0.51}, []),
        sentence(chance, ["text"]),
    ]
    assert [one.split()[0] for one in said] == ["Not", "Neither", "The", "Not"]
    assert len(set(said)) == 4


def test_the_sentence_speaks_of_the_stronger_attack():
    found = {"auc": 0.5, "auc_low": 0.45, "auc_high": 0.55}
    calibrated = {"calibrated_auc": 0.54, "calibrated_auc_low": 0.51, "calibrated_auc_high": 0.57}
    assert sentence({**found, **calibrated}, []).startswith(
        "The model treats rows it was trained on differently (AUC 0.540"
    )


def test_a_claim_puts_its_ceiling_beside_each_rate_and_nothing_is_put_there_without_one():
    rates = {"tpr_at_1_percent_fpr": 0.02, "tpr_at_0_1_percent_fpr": 0.01}
    assert ceilings(rates, Claim()) == {}
    assert ceilings({}, Claim(1.0, 1e-5, 1.0)) == {}
    found = ceilings(rates, Claim(1.0, 1e-5, 1.0))
    assert found["tpr_at_1_percent_fpr_ceiling"] == pytest.approx(0.01 * math.e + 1e-5, abs=1e-6)
    assert found["tpr_at_0_1_percent_fpr_ceiling"] == pytest.approx(0.001 * math.e + 1e-5, abs=1e-6)
    losses = np.random.default_rng(0).exponential(1, 200)
    assert "tpr_at_1_percent_fpr_ceiling" in inference(candidates(), losses, 50, 3, Claim(1.0, 1e-5, 1.0))["membership"]
    assert not any("ceiling" in name for name in inference(candidates(), losses, 50, 3)["membership"])


def test_more_members_found_than_the_claim_allows_is_said():
    found = {"auc": 0.9, "auc_low": 0.85, "auc_high": 0.95, "tpr_at_1_percent_fpr": 0.5}
    found |= {"tpr_at_1_percent_fpr_low": 0.4, "tpr_at_1_percent_fpr_ceiling": 0.03}
    assert sentence(found, []).startswith("More members are found than the claimed epsilon")
    assert sentence(found, ["text"]).startswith("Not valid")
    assert sentence({**found, "tpr_at_1_percent_fpr_ceiling": 1.0}, []).startswith("The model treats")
