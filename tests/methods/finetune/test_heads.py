import re

import pytest
import torch

from stages.core.errors import UsageError
from stages.methods.finetune.heads import load_headed
from stages.methods.finetune.models import load_config
from stages.tasks import load_task
from tests import tiny
from tests.tasks.samples import causal_lm

OPTIONS = {"max_length": 32, "lora": {"enabled": False}}
HEADED = ("classification", "multi_label", "token_labels", "question_answering")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def tuned(base, tmp_path_factory):
    """Models of each task with all their weights moved, as a tuning does, by task and labels."""
    saved = {}

    def model(task, labels):
        if (task, labels) not in saved:
            folder = tmp_path_factory.mktemp(task)
            torch.manual_seed(1)
            model, tokenizer = load_task(task).load(base, labels, OPTIONS)
            with torch.no_grad():
                for weight in model.parameters():
                    weight.add_(torch.randn_like(weight))
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            saved[task, labels] = folder
        return saved[task, labels]

    return model


def weights(model):
    """The encoder's weights and the head's, without the pooler, which some heads do without."""
    named = dict(model.named_parameters())
    inside = {name: weight for name, weight in named.items() if name.startswith("bert.") and "pooler" not in name}
    return inside, {name: weight for name, weight in named.items() if not name.startswith("bert.")}


def load(task, source, labels, seed=2):
    torch.manual_seed(seed)
    return load_task(task).load(source, labels, OPTIONS)[0]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("task", HEADED)
def test_a_head_for_the_same_labels_goes_on_learning(tuned, task):
    before = load_task(task).load_tuned(tuned(task, ("a", "b")))[0]
    after = load(task, tuned(task, ("a", "b")), ("a", "b"))
    assert same(weights(before)[0], weights(after)[0])
    assert same(weights(before)[1], weights(after)[1])


@pytest.mark.parametrize("task", ["classification", "multi_label", "token_labels"])
@pytest.mark.parametrize("labels", [("a", "c"), ("b", "a"), ("a", "b", "c"), ("a",)])
def test_a_head_for_other_labels_is_drawn_anew_and_the_encoder_is_kept(tuned, task, labels):
    before = load_task(task).load_tuned(tuned(task, ("a", "b")))[0]
    after, again = (load(task, tuned(task, ("a", "b")), labels) for _ in range(2))
    assert same(weights(before)[0], weights(after)[0])
    head = weights(after)[1]
    assert not any(torch.equal(head[name], old) for name, old in weights(before)[1].items())
    assert same(head, weights(again)[1])
    assert not same(head, weights(load(task, tuned(task, ("a", "b")), labels, seed=3))[1])


@pytest.mark.parametrize(
    ("had", "labels", "task", "wanted"),
    [
        ("classification", ("O", "B-a", "I-a"), "token_labels", ("a",)),  # three outputs of the same names
        ("token_labels", ("a",), "classification", ("O", "B-a", "I-a")),
        ("classification", ("a", "b"), "multi_label", ("a", "b")),
        ("multi_label", ("a", "b"), "classification", ("a", "b")),
        ("classification", ("start", "end"), "question_answering", ()),
        ("question_answering", (), "classification", ("start", "end")),
    ],
)
def test_a_head_of_another_task_is_drawn_anew_though_its_shape_would_fit(tuned, had, labels, task, wanted):
    before = load_task(had).load_tuned(tuned(had, labels))[0]
    after = load(task, tuned(had, labels), wanted)
    assert same(weights(before)[0], weights(after)[0])
    old, new = weights(before)[1], weights(after)[1]
    assert not any(torch.equal(old[name], new[name]) for name in old.keys() & new.keys())
    assert type(after).__name__ == type(load_task(task).load_tuned(tuned(task, wanted))[0]).__name__


def test_what_a_base_was_tuned_for_does_not_stand_in_the_new_model(tuned):
    after = load("classification", tuned("multi_label", ("a", "b")), ("a", "b"))
    assert after.config.problem_type is None
    assert load("multi_label", tuned("classification", ("a", "b")), ("a", "b")).config.problem_type is not None


def test_a_head_that_answers_questions_is_kept_whatever_its_outputs_are_called(tuned, tmp_path):
    source = tuned("question_answering", ())
    for file in source.iterdir():
        text = re.sub('"(start|end)"', r'"any \1"', file.read_text()) if file.name == "config.json" else None
        (tmp_path / file.name).write_bytes(file.read_bytes() if text is None else text.encode())
    before = load_task("question_answering").load_tuned(source)[0]
    assert same(weights(before)[1], weights(load("question_answering", tmp_path, ()))[1])


def test_the_encoder_of_a_llama_is_found_though_its_heads_call_it_by_another_name(tmp_path):
    from transformers import AutoModelForCausalLM, AutoModelForQuestionAnswering, AutoModelForSequenceClassification

    source = causal_lm.save_llama(tmp_path / "base")
    pretrained = AutoModelForCausalLM.from_pretrained(source).base_model.state_dict()
    answering = load_headed(AutoModelForQuestionAnswering, source, load_config(source))
    assert same(pretrained, answering.base_model.state_dict())
    answering.save_pretrained(tmp_path / "answering")
    with pytest.raises(UsageError, match="the weights of a LlamaForQuestionAnswering do not fit"):
        load_headed(AutoModelForSequenceClassification, tmp_path / "answering", load_config(tmp_path / "answering"))
