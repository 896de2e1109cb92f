import math
import shutil
from collections import Counter

import pytest

from stages.core.checkpoints import is_complete
from stages.core.errors import DataError
from stages.methods.finetune.batching import record_losses
from stages.methods.privacy import training
from stages.methods.privacy.gradients import ClippedGradients
from stages.methods.privacy.training import Units, train_privately
from tests import tiny
from tests.methods.privacy import private_learning as private


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


def train(base, folder, plan=None, units=12, **more):
    """Train a fresh model on as many records, a unit each."""
    learner = private.learner(base, **more)
    rows = Units(private.features(learner, units), [[place] for place in range(units)])
    folder.mkdir(exist_ok=True)
    validation = private.features(learner, 6, first=100)
    return train_privately(learner, rows, validation, plan or private.plan(units), private.MACHINE, folder)


def same(one, other):
    return all(one[name].equal(other[name]) for name in one)


def released(monkeypatch):
    """What each step gives to the optimizer, and by what it was divided."""
    found, release = [], ClippedGradients.release

    def listening(self, noise_multiplier, expected_batch, generator):
        import torch

        release(self, noise_multiplier, expected_batch, generator)
        found.append((torch.cat([p.grad.flatten() for p in self.parameters]), expected_batch))

    monkeypatch.setattr(ClippedGradients, "release", listening)
    return found


# --- going on after a kill --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [3, 5])
def test_a_training_that_goes_on_from_a_checkpoint_ends_with_the_same_weights_and_curve(
    base, tmp_path, monkeypatch, at
):
    whole = train(base, tmp_path / "run-1")
    shutil.rmtree(tmp_path / "run-1")
    add = training.add_step
    steps = iter(range(100))

    def deadly(*given):
        if next(steps) == at:
            raise KeyboardInterrupt
        add(*given)

    monkeypatch.setattr(training, "add_step", deadly)
    with pytest.raises(KeyboardInterrupt):
        train(base, tmp_path / "run-1")
    monkeypatch.setattr(training, "add_step", add)
    left = list((tmp_path / "run-1").glob("checkpoint-*"))
    assert [place.name for place in left] == [f"checkpoint-{at - 1}"]
    assert is_complete(left[0])
    resumed = train(base, tmp_path / "run-1")
    assert same(private.weights(whole.model), private.weights(resumed.model))
    assert (resumed.curve, resumed.steps) == (whole.curve, 6)


def test_a_training_that_had_ended_is_not_trained_again(base, tmp_path, monkeypatch):
    first = train(base, tmp_path / "run-1")
    monkeypatch.setattr(training, "add_step", lambda *_: pytest.fail("took another step"))
    again = train(base, tmp_path / "run-1")
    assert same(private.weights(first.model), private.weights(again.model))
    assert again.curve == first.curve


# --- chance -----------------------------------------------------------------------------------------------------------


def test_each_unit_is_drawn_by_a_coin_of_its_own_at_the_rate(base, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(training, "add_step", lambda gradients, units, some, physical: drawn.append(some))
    plan = private.plan(rate=0.3)
    plan["steps"] = {"total": 120, "warmup": 0, "evaluate_every": 120}
    train(base, tmp_path / "run-1", plan, head_only=True)
    assert len(drawn) == 120
    assert all(len(set(some)) == len(some) for some in drawn)
    counts = Counter(unit for some in drawn for unit in some)
    off = math.sqrt(0.3 * 0.7 * 120)
    assert set(counts) == set(range(12))
    assert all(abs(count - 0.3 * 120) < 4 * off for count in counts.values())
    assert counts.total() == pytest.approx(0.3 * 120 * 12, abs=4 * off * math.sqrt(12))
    assert len({len(some) for some in drawn}) > 3


def test_noise_is_scaled_by_sigma_and_the_batch_is_divided_by_a_constant(base, tmp_path, monkeypatch):
    steps = []
    for sigma in (0.0, 1.0, 2.0):
        with monkeypatch.context() as patch:
            found = released(patch)
            plan = private.plan(noise_multiplier=sigma, max_grad_norm=0.5)
            plan["steps"] = {"total": 1, "warmup": 0, "evaluate_every": 1}
            train(base, tmp_path / "run-1", plan)
        shutil.rmtree(tmp_path / "run-1")
        steps += found
    (none, _), (one, _), (two, divisor) = steps
    assert divisor == 6
    assert (two - none).allclose(2 * (one - none), atol=1e-5)
    assert (one - none).std() == pytest.approx(0.5 / 6, rel=0.03)
    assert none.norm() <= 12 * 0.5 / 6


def test_without_a_test_seed_no_two_trainings_are_alike_and_with_one_they_are(base, tmp_path):
    plans = [private.plan(), private.plan(), private.plan(test_seed=8), *(private.plan(test_seed=None),) * 2]
    found = []
    for plan in plans:
        found.append(private.weights(train(base, tmp_path / "run-1", plan, head_only=True).model))
        shutil.rmtree(tmp_path / "run-1")
    assert same(found[0], found[1])
    different = [found[0], *found[2:]]
    assert not any(same(one, other) for i, one in enumerate(different) for other in different[:i])


@pytest.mark.parametrize("test_seed", [None, 7])
def test_each_step_has_noise_of_its_own(base, tmp_path, monkeypatch, test_seed):
    found = released(monkeypatch)
    train(base, tmp_path / "run-1", private.plan(rate=0.0, test_seed=test_seed))
    noise = [values for values, _ in found]
    assert len(noise) == 6
    for place, one in enumerate(noise):
        for other in noise[:place]:
            assert abs(float(one @ other / (one.norm() * other.norm()))) < 0.05


@pytest.mark.parametrize(("test_seed", "alike"), [(None, False), (7, True)])
def test_dropout_does_not_follow_from_the_plans_seed(base, tmp_path, test_seed, alike):
    """Else who is in a batch would decide what is dropped of the others, and change their gradients, too."""
    found = []
    for _ in range(2):
        plan = private.plan(test_seed=test_seed, noise_multiplier=0.0, rate=1.0)
        found.append(private.weights(train(base, tmp_path / "run-1", plan, dropout=0.3).model))
        shutil.rmtree(tmp_path / "run-1")
    assert same(*found) == alike


# --- what comes out ---------------------------------------------------------------------------------------------------


def test_the_last_weights_are_given_and_not_the_best(base, tmp_path):
    plan = private.plan(noise_multiplier=30.0)
    plan |= {"lr": 0.02, "finetune": private.options(schedule="constant")}
    found = train(base, tmp_path / "run-1", plan)
    losses = [row["validation_loss"] for row in found.curve]
    assert min(losses) < losses[-1]
    learner = private.learner(base)
    records = [tiny.record(i, private.LABELS[i % 3], "train") for i in range(100, 106)]
    last = record_losses(learner.task, (found.model, learner.tokenizer), records, private.options(), private.LABELS)
    assert sum(last) / 6 == pytest.approx(losses[-1], rel=1e-4)
    assert (found.steps, found.best_step) == (6, None)


def test_the_curve_has_the_validation_loss_and_no_training_loss(base, tmp_path):
    curve = train(base, tmp_path / "run-1").curve
    assert [(row["step"], row["epoch"]) for row in curve] == [(2, 1.0), (4, 2.0), (6, 3.0)]
    assert {row["train_loss"] for row in curve} == {None}
    assert all(math.isfinite(row["validation_loss"]) for row in curve)
    assert [row["lr"] for row in curve] == [0.0008, 0.0004, 0.0]


def test_the_model_is_in_training_again_after_it_was_looked_at(base, tmp_path, monkeypatch):
    modes, add = [], training.add_step

    def listening(gradients, *given):
        modes.append({module.training for module in gradients.model.modules()})
        add(gradients, *given)

    monkeypatch.setattr(training, "add_step", listening)
    train(base, tmp_path / "run-1")
    assert modes == [{True}] * 6


def test_weights_that_are_no_longer_finite_end_the_training(base, tmp_path):
    with pytest.raises(DataError, match="no longer a finite number at step 2"):
        train(base, tmp_path / "run-1", private.plan() | {"lr": 1e30})


def test_what_a_step_gives_does_not_depend_on_how_many_rows_are_in_memory_at_once(base, tmp_path, monkeypatch):
    """A loss that is a mean over a batch would: each row's gradient would depend on who else is there."""
    found = []
    for physical in (1, 5, 12):
        with monkeypatch.context() as patch:
            steps = released(patch)
            plan = private.plan(physical_batch=physical, noise_multiplier=0.0, max_grad_norm=50.0)
            train(base, tmp_path / "run-1", plan)
        shutil.rmtree(tmp_path / "run-1")
        found.append(steps[0][0])
    assert found[0].norm() > 0
    assert all(one.allclose(found[0], rtol=1e-3, atol=1e-5) for one in found[1:])


# --- units ------------------------------------------------------------------------------------------------------------


def test_chunks_hold_whole_units_within_the_limit_and_a_larger_unit_alone():
    rows = [{"input_ids": [0] * (1 + i * 7 % 11)} for i in range(20)]
    units = Units(rows, [[0], [1, 2, 3], [4, 5], [6], list(range(7, 14)), [14, 15, 16], [17], [18, 19]])
    chunks = list(units.chunks(range(8), 4))
    assert sorted(unit for chunk in chunks for unit in chunk) == list(range(8))
    sizes = [sum(len(units.units[unit]) for unit in chunk) for chunk in chunks]
    assert [size for size in sizes if size > 4] == [7]
    assert [4] in chunks
    assert list(units.chunks([], 4)) == []


def test_a_units_loss_is_the_mean_of_its_rows():
    rows = [{"input_ids": [i]} for i in range(4)]
    rows[3]["weight"] = 5.0
    found, owners = Units(rows, [[0], [1, 3]]).of([1, 0])
    assert [(row["input_ids"], row["weight"]) for row in found] == [([1], 0.5), ([3], 2.5), ([0], 1.0)]
    assert owners == [0, 0, 1]
    assert "weight" not in rows[0]
