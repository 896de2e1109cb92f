import random
from copy import deepcopy

import pytest

from stages.core.errors import PrivacyRefused
from stages.methods.audit.canaries import draw_canaries, vocabulary
from stages.methods.finetune.training import Learner
from stages.methods.privacy import gradients
from stages.methods.privacy.gradients import freeze_shared
from stages.methods.privacy.self_test import self_test
from stages.tasks import TASKS
from tests import tiny
from tests.methods.privacy import private_learning as private


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


def check(learner, labels=private.LABELS, options=None, mode="hooks"):
    """The self-test as a private run makes it."""
    plan = private.plan(mode=mode) | {"labels": list(labels), "finetune": options or private.options()}
    records = draw_canaries(learner.task, 16, vocabulary(learner.tokenizer), labels, random.Random(0))
    return self_test(learner, records, plan, "cpu")


class Other:
    """A task with another loss."""

    def __init__(self, task, losses):
        self.task, self.losses = task, losses

    def __getattr__(self, name):
        return getattr(self.task, name)


def with_head(learner, make):
    """The model with its classifier replaced by what is made of it."""
    model = deepcopy(learner.model)
    model.classifier = make(model.classifier)
    return Learner(model.train(), learner.tokenizer, learner.task)


# --- what passes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", sorted(TASKS))
def test_a_model_of_each_task_passes(task, tmp_path):
    learner, labels, options = private.sample_learner(task, tmp_path)
    freeze_shared(learner.model)
    found = check(learner, labels, options)
    assert found["gradient_error"] < 1e-4
    assert found["swap_error"] < 1e-4
    assert found["empty_step"]
    assert found["optimizer_has_all"]
    assert found["rows"] == 4
    assert found["tensors_moved"] > found["tensors"] / 2


@pytest.mark.parametrize(
    ("trained", "mode"), [("full", "ghost"), ("lora", "hooks"), ("lora", "ghost"), ("head", "ghost")]
)
def test_adapters_and_heads_pass_in_both_modes(base, trained, mode):
    tuning = private.TRAINED[trained]
    assert check(private.learner(base, **tuning), options=private.options(**tuning), mode=mode)["tensors_moved"] > 0


@pytest.mark.parametrize("mode", ["hooks", "ghost"])
@pytest.mark.parametrize("passes", [True, False])
def test_the_model_stays_as_it_was_whether_it_passes_or_not(base, passes, mode):
    import torch

    learner = private.learner(base, dropout=0.3)
    learner.model.bert.pooler.eval()
    learner.model.bert.embeddings.requires_grad_(False)
    task = learner.task if passes else Other(learner.task, lambda *_: torch.zeros(4))
    values = {name: value.clone() for name, value in learner.model.state_dict().items()}
    modes = {name: module.training for name, module in learner.model.named_modules()}
    state = torch.get_rng_state()
    try:
        check(Learner(learner.model, learner.tokenizer, task), mode=mode)
        assert passes
    except PrivacyRefused:
        assert not passes
    assert {name: module.training for name, module in learner.model.named_modules()} == modes
    assert all(values[name].equal(value) for name, value in learner.model.state_dict().items())
    assert {module.p for module in learner.model.modules() if isinstance(module, torch.nn.Dropout)} == {0.3}
    assert all(parameter.grad is None for parameter in learner.model.parameters())
    assert not any(module._forward_hooks or module._backward_hooks for module in learner.model.modules())
    assert torch.get_rng_state().equal(state)


# --- what is caught ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["hooks", "ghost"])
def test_a_loss_averaged_over_the_tokens_of_the_batch_is_refused(base, mode):
    def losses(model, batch):
        tokens = batch["attention_mask"].sum(1)
        return learner.task.losses(model, batch) * tokens / tokens.sum()

    learner = private.learner(base)
    with pytest.raises(PrivacyRefused) as refused:
        check(Learner(learner.model, learner.tokenizer, Other(learner.task, losses)), mode=mode)
    problems = [fault.problem for fault in refused.value.faults]
    assert any(problem.startswith("per-example gradients are not those") for problem in problems)
    assert any(problem.startswith("an example's gradient depends on the others") for problem in problems)


def test_a_loss_that_looks_at_the_other_examples_is_refused_though_it_is_right_for_each_alone(base):
    def losses(model, batch):
        found = learner.task.losses(model, batch)
        return found + 0.1 * (found.roll(1).detach() - found.detach()) * found

    learner = private.learner(base)
    with pytest.raises(PrivacyRefused, match="depends on the others"):
        check(Learner(learner.model, learner.tokenizer, Other(learner.task, losses)))


@pytest.mark.parametrize("mode", ["hooks", "ghost"])
def test_positions_that_all_rows_share_are_refused(base, mode, monkeypatch):
    monkeypatch.setattr(gradients, "_for_each_row", lambda batch, *_: dict(batch))
    with pytest.raises(PrivacyRefused, match="per-example gradients"):
        check(private.learner(base), mode=mode)


@pytest.mark.parametrize("mode", ["hooks", "ghost"])
def test_parameters_that_the_hooks_cannot_see_are_refused(base, mode):
    from torch import nn
    from torch.nn.functional import linear

    class Hidden(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, values):
            return linear(values, self.inner.weight, self.inner.bias)

    with pytest.raises(PrivacyRefused, match="not those of one example at a time"):
        check(with_head(private.learner(base), Hidden), mode=mode)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_norm_over_the_batch_is_refused_also_where_it_is_frozen(base, frozen):
    from torch import nn

    def make(head):
        return nn.Sequential(nn.BatchNorm1d(32).requires_grad_(not frozen), head)

    with pytest.raises(PrivacyRefused, match="cannot be made"):
        check(with_head(private.learner(base), make))


def test_a_model_in_which_nothing_moves_is_refused(base):
    learner = private.learner(base)
    for parameter in learner.model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(PrivacyRefused):
        check(learner)


def test_invented_rows_that_are_cut_to_nothing_are_refused(tmp_path):
    learner, labels, options = private.sample_learner("question_answering", tmp_path, max_length=14)
    with pytest.raises(PrivacyRefused, match="cut to nothing"):
        check(learner, labels, options)


def test_a_refusal_tells_no_text_and_names_what_helps(base, monkeypatch):
    monkeypatch.setattr(gradients, "_for_each_row", lambda batch, *_: dict(batch))
    with pytest.raises(PrivacyRefused) as refused:
        check(private.learner(base), mode="ghost")
    assert all("mode to hooks" in fault.next_step and "lora" in fault.next_step for fault in refused.value.faults)
