import math

import pytest

from stages.methods.privacy.gradients import ClippedGradients, freeze_shared, per_row_losses
from stages.methods.privacy.training import Units, add_step
from tests import tiny
from tests.methods.privacy import private_learning as private
from tests.tasks.samples import question_answering, seq2seq

MODES = ("hooks", "ghost")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def learner(base):
    return private.learner(base)


def one_by_one(model, losses, units, limit=math.inf):
    """The sum of the units' gradients, each cut to the limit, and their norms: by torch alone, a unit at a time."""
    import torch

    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    sums, norms = [torch.zeros_like(parameter) for parameter in parameters], []
    for rows in units:
        found = torch.autograd.grad(losses(rows)[0].sum(), parameters, allow_unused=True)
        own = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]
        norms.append(torch.stack([gradient.norm() for gradient in own]).norm())
        for total, gradient in zip(sums, own, strict=True):
            total.add_(gradient, alpha=min(1.0, limit / norms[-1].item()))
    return sums, torch.stack(norms)


def close(found, wanted):
    return all(one.allclose(other, rtol=1e-3, atol=1e-5) for one, other in zip(found, wanted, strict=True))


def middle(norms):
    """A limit that clips half of the gradients."""
    return float(norms.sort().values[len(norms) // 2 - 1 : len(norms) // 2 + 1].mean())


@pytest.fixture(scope="module")
def batch(learner):
    """Losses, rows, and a limit between their norms with what is then due."""
    losses, rows = per_row_losses(learner, "cpu"), private.features(learner)
    limit = middle(one_by_one(learner.model, losses, [[row] for row in rows])[1])
    return losses, rows, limit


# --- the sum of clipped gradients -------------------------------------------------------------------------------------


@pytest.mark.parametrize("trained", private.TRAINED)
@pytest.mark.parametrize("mode", MODES)
def test_the_sum_is_that_of_gradients_clipped_one_by_one(base, mode, trained):
    learner = private.learner(base, **private.TRAINED[trained])
    losses, rows = per_row_losses(learner, "cpu"), private.features(learner)
    limit = middle(one_by_one(learner.model, losses, [[row] for row in rows])[1])
    wanted, norms = one_by_one(learner.model, losses, [[row] for row in rows], limit)
    with ClippedGradients(learner.model, losses, mode, limit) as gradients:
        found = gradients.add(rows, range(len(rows)))
        assert found.allclose(norms, rtol=1e-4)
        assert close(gradients.sums, wanted)
        assert 0 < sum(norms > limit) < len(rows)


def test_the_rows_of_a_unit_are_added_up_before_they_are_clipped(learner, batch):
    losses, rows, limit = batch
    units = [[rows[0], rows[3], rows[5]], [rows[1]], [rows[2], rows[4]]]
    wanted, norms = one_by_one(learner.model, losses, units, limit)
    with ClippedGradients(learner.model, losses, "hooks", limit) as gradients:
        found = gradients.add(rows[:6], [0, 1, 2, 0, 2, 0])
        assert found.allclose(norms, rtol=1e-4)
        assert close(gradients.sums, wanted)


def test_a_unit_in_parts_is_clipped_as_one(learner, batch):
    losses, rows, _ = batch
    limit = one_by_one(learner.model, losses, [rows])[1].item() / 2
    wanted, _ = one_by_one(learner.model, losses, [rows], limit)
    with ClippedGradients(learner.model, losses, "hooks", limit) as gradients:
        gradients.add_large([rows[:3], rows[3:6], rows[6:]])
        assert close(gradients.sums, wanted)


@pytest.mark.parametrize("mode", MODES)
def test_smaller_batches_add_up_to_the_same_and_nothing_of_one_is_left_for_the_next(learner, batch, mode):
    losses, rows, limit = batch
    wanted, _ = one_by_one(learner.model, losses, [[row] for row in rows], limit)
    with ClippedGradients(learner.model, losses, mode, limit) as gradients:
        for start in range(0, len(rows), 3):
            part = rows[start : start + 3]
            gradients.add(part, range(len(part)))
        assert close(gradients.sums, wanted)


@pytest.mark.parametrize("physical", [1, 2, 5, 100])
def test_how_many_rows_are_held_at_once_does_not_change_a_step(learner, batch, physical):
    losses, rows, limit = batch
    units = Units(rows, [[0, 1, 2], [3], [4, 5], [6], [7]])
    wanted, _ = one_by_one(learner.model, losses, [units.of([unit])[0] for unit in (0, 2, 3)], limit)
    with ClippedGradients(learner.model, losses, "hooks", limit) as gradients:
        add_step(gradients, units, [0, 2, 3], physical)
        assert close(gradients.sums, wanted)


def test_the_windows_of_a_record_are_one_gradient(tmp_path):
    qa, labels, options = private.sample_learner("question_answering", tmp_path, max_length=14)
    records = [private.record_of(qa.task, i, row) for i, row in enumerate(question_answering.ROWS)]
    rows = qa.task.encode(records, qa.tokenizer, options, labels)
    assert max(len(row["windows"]) for row in rows) > 1
    losses = per_row_losses(qa, "cpu")
    limit = middle(one_by_one(qa.model, losses, [[row] for row in rows])[1])
    wanted, norms = one_by_one(qa.model, losses, [[row] for row in rows], limit)
    with ClippedGradients(qa.model, losses, "hooks", limit) as gradients:
        found = gradients.add(rows, range(len(rows)))
        assert found.allclose(norms, rtol=1e-4)
        assert close(gradients.sums, wanted)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("mode", MODES)
def test_a_norm_needs_no_bias(mode, bias):
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6, bias=bias), nn.Linear(6, 1))

    def losses(rows):
        return model(torch.stack(list(rows))).tanh().sum(dim=(1, 2)), None

    rows = list(torch.randn(5, 3, 4))
    wanted, norms = one_by_one(model, losses, [[row] for row in rows], 0.5)
    with ClippedGradients(model, losses, mode, 0.5) as gradients:
        assert gradients.add(rows, range(5)).allclose(norms, rtol=1e-4)
        assert close(gradients.sums, wanted)


# --- noise ------------------------------------------------------------------------------------------------------------


def released(gradients, sigma, expected, seed=0):
    import torch

    gradients.release(sigma, expected, torch.Generator().manual_seed(seed))
    return torch.cat([parameter.grad.flatten() for parameter in gradients.parameters])


@pytest.mark.parametrize("mode", MODES)
def test_a_step_into_which_nobody_was_drawn_is_noise_of_the_planned_size(learner, batch, mode):
    losses, rows, _ = batch
    with ClippedGradients(learner.model, losses, mode, 0.5) as gradients:
        add_step(gradients, Units(rows, [[place] for place in range(8)]), [], 4)
        noise = released(gradients, 3.0, 10)
        assert len(noise) == sum(parameter.numel() for parameter in gradients.parameters) > 10_000
        assert noise.std() == pytest.approx(3.0 * 0.5 / 10, rel=0.03)
        assert noise.mean() == pytest.approx(0, abs=5 * 0.15 / math.sqrt(len(noise)))
        again = released(gradients, 3.0, 10, seed=1)
        assert noise @ again / (noise.norm() * again.norm()) == pytest.approx(0, abs=0.05)


def test_each_tensor_has_noise_of_its_own(learner, batch):
    """Else the difference of two would show their gradients without any."""
    losses, _, _ = batch
    with ClippedGradients(learner.model, losses, "hooks", 0.5) as gradients:
        released(gradients, 3.0, 10)
        large = [p.grad.flatten()[:500] for p in gradients.parameters if p.numel() >= 500]
        assert len(large) > 5
        for place, one in enumerate(large):
            for other in large[:place]:
                assert abs(float(one @ other / (one.norm() * other.norm()))) < 0.3


def test_a_release_divides_by_the_planned_batch_and_begins_anew(learner, batch):
    losses, rows, limit = batch
    with ClippedGradients(learner.model, losses, "hooks", limit) as gradients:
        gradients.add(rows[:3], range(3))
        total = gradients.sums
        released(gradients, 0.0, 10)
        assert all(p.grad.allclose(own / 10) for p, own in zip(gradients.parameters, total, strict=True))
        assert not released(gradients, 0.0, 10).any()


# --- what is not finite -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("mode", MODES)
def test_a_gradient_that_is_not_finite_adds_nothing_and_leaves_the_others_alone(learner, batch, mode, broken):
    losses, rows, limit = batch
    bad = [{**row, "weight": broken} if place in (1, 4) else row for place, row in enumerate(rows)]
    wanted, _ = one_by_one(learner.model, losses, [[row] for i, row in enumerate(rows) if i not in (1, 4)], limit)
    with ClippedGradients(learner.model, losses, mode, limit) as gradients:
        norms = gradients.add(bad, range(len(bad)))
        assert (~norms.isfinite()).nonzero().flatten().tolist() == [1, 4]
        assert close(gradients.sums, wanted)
        gradients.reset()
        gradients.add([bad[1], bad[4]], range(2))
        gradients.add_large([[rows[0]], [bad[1]]])
        assert not any(total.any() for total in gradients.sums)


def test_one_row_that_is_not_finite_takes_only_its_unit_with_it(learner, batch):
    losses, rows, limit = batch
    bad = [{**row, "weight": math.nan} if place == 1 else row for place, row in enumerate(rows[:4])]
    wanted, _ = one_by_one(learner.model, losses, [rows[2:4]], limit)
    with ClippedGradients(learner.model, losses, "hooks", limit) as gradients:
        gradients.add(bad, [0, 0, 1, 1])
        assert close(gradients.sums, wanted)


# --- the model afterwards ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_the_hooks_come_off_also_after_an_error(learner, batch, mode):
    losses, rows, limit = batch

    def failing(some):
        found = losses(some)
        if len(some) == 1:
            raise MemoryError
        return found

    def step():
        with ClippedGradients(learner.model, failing, mode, limit) as gradients:
            gradients.add(rows[:2], range(2))
            gradients.add(rows[:1], range(1))

    with pytest.raises(MemoryError):
        step()
    modules = list(learner.model.modules())
    assert not any(module._forward_hooks or module._backward_hooks for module in modules)
    assert not any(getattr(module, "activations", None) for module in modules)
    for parameter in learner.model.parameters():
        assert parameter.grad is None
        assert getattr(parameter, "grad_sample", None) is None
    with ClippedGradients(learner.model, losses, mode, limit) as gradients:
        assert gradients.add(rows[:2], range(2)).isfinite().all()


def test_embeddings_that_are_looked_up_once_for_all_rows_are_frozen(tmp_path):
    t5, labels, options = private.sample_learner("seq2seq", tmp_path / "t5")
    shared = [p for name, p in t5.model.named_parameters() if "relative_attention_bias" in name]
    assert freeze_shared(t5.model) == sum(parameter.numel() for parameter in shared) > 0
    assert not any(parameter.requires_grad for parameter in shared)
    assert freeze_shared(t5.model) == 0
    records = [private.record_of(t5.task, i, row) for i, row in enumerate(seq2seq.ROWS)]
    rows = t5.task.encode(records, t5.tokenizer, options, labels)
    losses = per_row_losses(t5, "cpu")
    wanted, norms = one_by_one(t5.model, losses, [[row] for row in rows], 1.0)
    with ClippedGradients(t5.model, losses, "hooks", 1.0) as gradients:
        assert gradients.add(rows, range(len(rows))).allclose(norms, rtol=1e-4)
        assert close(gradients.sums, wanted)
