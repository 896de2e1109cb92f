import math
import random
from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from stages.core.errors import CheckFailed
from stages.core.records import Record, Schema
from stages.methods.audit.canaries import Planted, draw_canaries, vocabulary
from stages.methods.audit.one_run import LEVEL, Claim, audit_canaries, grid, least_epsilon, lower_bound, p_value
from stages.methods.finetune.batching import record_losses
from stages.tasks import load_task
from tests.tiny import save_base

DELTA = 1e-5
SCHEMA = Schema(())


def gaussian_epsilon(sigma, delta=DELTA):
    """Epsilon of the Gaussian mechanism of sensitivity 1 (Balle and Wang 2018, Theorem 8), by bisection."""

    def delta_at(epsilon):
        return norm.cdf(1 / (2 * sigma) - epsilon * sigma) - math.exp(epsilon) * norm.cdf(
            -1 / (2 * sigma) - epsilon * sigma
        )

    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_at(middle) > delta else (low, middle)
    return high


def scored(draw, canaries, sigma):
    """Scores as the best attack has them: each canary alone in a Gaussian mechanism, with its coin."""
    included = draw.random(canaries) < 0.5
    return included + draw.normal(0, sigma, canaries) if sigma else included.astype(float), included


def contradicted(scores, included, epsilon):
    """Whether the bound is above epsilon: the same as `lower_bound`, without looking for it."""
    ranked = included[np.argsort(-scores, kind="stable")]
    tried = grid(len(ranked))
    right = [int(ranked[:a].sum() + (~ranked[len(ranked) - b :]).sum()) for a, b in tried]
    return any(
        p_value(len(ranked), a + b, v, epsilon, DELTA) <= LEVEL / len(tried)
        for (a, b), v in zip(tried, right, strict=True)
    )


def planted(included, base, control):
    return [
        Planted(Record(f"canary-{i:05}", "canary", "x", SCHEMA, {}), 1, bool(coin), float(one), other)
        for i, (coin, one, other) in enumerate(zip(included, base, control, strict=True))
    ]


def test_the_bound_for_all_right_guesses_is_that_of_the_paper():
    # (1 + e^-epsilon)^-r = 0.05 where delta is 0
    for guesses in (10, 100, 1000):
        exact = -math.log(0.05 ** (-1 / guesses) - 1)
        assert least_epsilon(1000, guesses, guesses, 0.0, 0.05) == pytest.approx(exact, abs=1e-3)


@pytest.mark.parametrize(("guesses", "bound"), [(10, 1.01), (50, 2.76), (200, 4.17), (1000, 5.78)])
def test_delta_lowers_the_bound(guesses, bound):
    assert least_epsilon(1000, guesses, guesses, DELTA, 0.05) == pytest.approx(bound, abs=0.01)
    bounds = [least_epsilon(1000, guesses, guesses, delta, 0.05) for delta in (0.0, 1e-5, 1e-4)]
    assert bounds[0] > bounds[1] > bounds[2]


def test_the_chance_grows_with_epsilon_and_falls_with_every_right_guess():
    by_epsilon = [p_value(200, 100, 80, epsilon, DELTA) for epsilon in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert by_epsilon == sorted(by_epsilon)
    by_correct = [p_value(200, 100, correct, 1.0, DELTA) for correct in range(0, 101, 10)]
    assert by_correct == sorted(by_correct, reverse=True)
    assert p_value(200, 100, 0, 1.0, DELTA) == 1.0


def test_numbers_of_guesses_depend_on_nothing_but_the_number_of_canaries():
    assert grid(200) == (
        (6, 6), (12, 12), (25, 25), (50, 50), (75, 75), (100, 100),
        (6, 0), (12, 0), (25, 0), (50, 0), (75, 0), (100, 0),
    )  # fmt: skip
    for canaries in range(1, 40):
        assert grid(canaries)
        assert all(inside > 0 and inside + outside <= canaries for inside, outside in grid(canaries))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_the_bound_is_above_the_truth_in_one_run_of_twenty_at_most(sigma):
    draw, truth = np.random.default_rng(0), gaussian_epsilon(sigma)
    assert sum(contradicted(*scored(draw, 200, sigma), truth) for _ in range(100)) <= 5


def test_the_bound_is_below_the_truth_and_not_far_from_nothing():
    draw = np.random.default_rng(1)
    found = [lower_bound(*scored(draw, 1000, 1.0), DELTA) for _ in range(10)]
    assert gaussian_epsilon(1.0) == pytest.approx(4.38, abs=0.01)
    assert all(0.5 < bound.epsilon_at_least < 4.38 for bound in found)
    assert all(bound.ceiling > 5 for bound in found)


def test_without_noise_every_guess_is_right_and_the_bound_is_nearly_as_high_as_it_can_be():
    for seed in range(5):
        bound = lower_bound(*scored(np.random.default_rng(seed), 200, 0.0), DELTA)
        assert bound.correct == bound.guesses
        assert 2.5 < bound.epsilon_at_least <= bound.ceiling < 4


def test_with_other_coins_than_those_trained_by_there_is_nothing_to_find():
    draw = np.random.default_rng(3)
    found = []
    for _ in range(40):
        scores, included = scored(draw, 200, 0.0)
        found.append(lower_bound(scores, draw.permutation(included), DELTA).epsilon_at_least)
    assert sum(one > 0 for one in found) <= 2
    assert max(found) < 0.6


def test_scores_that_are_no_numbers_are_worth_as_much_as_none():
    included = np.arange(100) % 2 == 0
    assert lower_bound(np.full(100, np.nan), included, DELTA).epsilon_at_least == 0


def test_a_bound_above_the_claim_fails_and_names_both_numbers():
    included = np.random.default_rng(4).random(200) < 0.5
    losses = np.where(included, 0.1, 3.0)
    rows = planted(included, np.full(200, 3.0), losses.tolist())
    with pytest.raises(CheckFailed, match=r"epsilon of 0\.5, .* at least 3\.\d+"):
        audit_canaries(rows, losses.tolist(), Claim(0.5, DELTA))
    found = audit_canaries(rows, losses.tolist(), Claim())
    assert found["canary"]["epsilon_at_least"] > 2
    assert "nothing is claimed" in found["canary_sentence"]


def test_a_private_model_does_not_contradict_its_claim_and_the_control_shows_that_the_audit_could_have_seen_more():
    draw = np.random.default_rng(5)
    included = draw.random(200) < 0.5
    rows = planted(included, np.full(200, 3.0), np.where(included, 0.1, 3.0).tolist())
    losses = draw.normal(3.0, 0.1, 200).tolist()
    found = audit_canaries(rows, losses, Claim(8.0, DELTA))
    assert found["canary"]["epsilon_at_least"] == 0
    assert found["canary"]["control"]["epsilon_at_least"] > 2
    assert not found["canary"]["underpowered"]
    assert "would contradict the 8 " in found["canary_sentence"]
    assert audit_canaries(rows[::-1], losses[::-1], Claim(8.0, DELTA)) == found


@pytest.mark.parametrize("control", [None, 3.0])
def test_a_control_that_shows_nothing_makes_the_audit_underpowered(control):
    included = np.random.default_rng(6).random(40) < 0.5
    found = audit_canaries(planted(included, np.full(40, 3.0), [control] * 40), [3.0] * 40, Claim(8.0, DELTA))
    assert found["canary"]["underpowered"]
    assert "no power" in found["canary_sentence"]


def test_training_that_is_not_private_is_its_own_control():
    included = np.random.default_rng(7).random(200) < 0.5
    rows, losses = planted(included, np.full(200, 3.0), [None] * 200), np.where(included, 0.1, 3.0).tolist()
    found = audit_canaries(rows, losses, Claim())
    assert found["canary"]["control"] is None
    assert not found["canary"]["underpowered"]
    assert "without noise" not in found["canary_sentence"]


def test_a_claim_that_so_many_canaries_could_never_contradict_is_not_said_to_have_stood_a_test():
    included = np.random.default_rng(8).random(200) < 0.5
    rows, losses = planted(included, np.full(200, 3.0), [0.1] * 200), [3.0] * 200
    said = {claim: audit_canaries(rows, losses, Claim(claim, DELTA))["canary_sentence"] for claim in (1.0, 8.0)}
    assert "This does not contradict the 1 that" in said[1.0]
    assert "Nothing that so many canaries can show would contradict the 8 that" in said[8.0]


def test_without_canaries_nothing_is_said():
    assert audit_canaries([], [], Claim()) == {}


def test_the_claim_is_for_one_record_or_for_the_subject_that_has_it():
    by_record = {"epsilon": {"record": 2.0, "subject": 9.0, "target": 2.0}, "delta": 1e-6}
    by_subject = {"epsilon": {"record": None, "subject": 3.0, "target": 3.0}, "delta": 1e-6}
    changed = {"epsilon": {"record": 9.0, "subject": 3.0, "target": 3.0}, "delta": 1e-6}
    assert Claim.of(by_record) == Claim(2.0, 1e-6, 9.0)
    assert Claim.of(by_subject) == Claim.of(changed) == Claim(3.0, 1e-6, 3.0)
    assert Claim.of(None).most_found(0.01) is None


def test_what_an_attack_on_real_rows_may_find_is_bounded_for_a_subject_with_all_of_them():
    assert Claim(0.5, 0.001, 1.0).most_found(0.01) == pytest.approx(math.e * 0.01 + 0.001)
    assert Claim(1.0, 0.001, 1000.0).most_found(0.01) == 1.0
    assert Claim(1.0, 0.001).most_found(0.01) is None


def test_a_model_that_was_trained_on_canaries_without_noise_gives_them_away(tmp_path):
    import torch

    task, labels, options = load_task("classification"), ("negative", "neutral", "positive"), {"max_length": 32}
    torch.manual_seed(0)
    model, tokenizer = task.load(save_base(tmp_path), labels, {**options, "dropout": 0.0, "lora": {"enabled": False}})
    records = draw_canaries(task, 80, vocabulary(tokenizer), labels, random.Random(0))
    included = [random.Random(record.id).random() < 0.5 for record in records]
    ask = partial(record_losses, task, (model, tokenizer), records, options, labels)
    base = ask()
    trained = [record for record, coin in zip(records, included, strict=True) if coin]
    batch = task.collate(task.encode(trained, tokenizer, options, labels), tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        optimizer.zero_grad()
        task.losses(model, batch).mean().backward()
        optimizer.step()
    losses = ask()
    rows = [Planted(*row) for row in zip(records, [1] * 80, included, base, losses, strict=True)]
    assert audit_canaries(rows, losses, Claim())["canary"]["epsilon_at_least"] > 0.5
    assert audit_canaries(rows, base, Claim())["canary"]["epsilon_at_least"] == 0
