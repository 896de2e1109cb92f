import pytest
import torch

from stages.core.params import FinetuneParams
from stages.methods.finetune.frozen import remember_frozen
from stages.methods.finetune.training import Learner
from tests import tiny


@pytest.fixture
def learner(tmp_path):
    model, tokenizer = tiny.TASK.load(tiny.save_base(tmp_path / "base"), ["negative", "positive"], options())
    return Learner(model, tokenizer, tiny.TASK)


def options(**changed):
    return FinetuneParams(max_length=32, **{"head_only": True, **changed}).effective()


def rows_of(learner, count=12):
    labels = ("negative", "positive")
    return tiny.TASK.encode(tiny.toy_records(count, 0, 0, labels), learner.tokenizer, options(), labels)


def losses(learner, rows):
    batch = learner.collate(rows)
    batch.pop("weight")
    return learner.task.losses(learner.model, batch)


def counted(learner):
    """How often each layer of the encoder runs."""
    runs = []
    learner.model.bert.encoder.layer[0].register_forward_hook(lambda *_: runs.append(1))
    return runs


def test_what_is_remembered_is_what_the_encoder_gives(learner):
    rows = rows_of(learner)
    learner.model.eval()
    with torch.no_grad():
        fresh = losses(learner, rows)
        with remember_frozen(learner, rows, "cpu"):
            remembered = losses(learner, list(reversed(rows)))
    assert torch.allclose(fresh.flip(0), remembered, atol=1e-6)
    assert fresh.std() > 0


def test_no_text_is_read_twice_and_those_not_told_of_are_read_then(learner):
    rows = rows_of(learner)
    with remember_frozen(learner, rows[:8], "cpu"):
        runs = counted(learner)
        losses(learner, rows[:4])
        losses(learner, rows[2:8])
        assert not runs
        losses(learner, rows[8:])
        assert len(runs) == 1


def test_the_head_still_learns_and_the_encoder_reads_anew_afterwards(learner):
    rows = rows_of(learner)
    with remember_frozen(learner, rows, "cpu"):
        losses(learner, rows).sum().backward()
    assert learner.model.classifier.weight.grad.any()
    runs = counted(learner)
    losses(learner, rows)
    assert runs
    assert "forward" not in vars(learner.model.bert)


def test_dropout_of_the_encoder_is_off_while_it_is_remembered_and_its_mode_is_put_back(learner):
    for module in learner.model.bert.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    rows = rows_of(learner)
    learner.model.train()
    with remember_frozen(learner, rows, "cpu"):
        assert learner.model.bert.training
        seen = learner.model.bert(**{k: v for k, v in learner.collate(rows).items() if k not in ("labels", "weight")})
    learner.model.eval()
    with torch.no_grad():
        sure = learner.model.bert(**{k: v for k, v in learner.collate(rows).items() if k not in ("labels", "weight")})
    assert torch.allclose(seen.pooler_output, sure.pooler_output, atol=1e-6)


@pytest.mark.parametrize("changed", [{"head_only": False}, {"head_only": False, "frozen_layers": 1}])
def test_an_encoder_that_is_trained_is_left_alone(tmp_path, changed):
    base = tiny.save_base(tmp_path / "base")
    model, tokenizer = tiny.TASK.load(base, ["negative", "positive"], options(**changed))
    learner = Learner(model, tokenizer, tiny.TASK)
    with remember_frozen(learner, rows_of(learner), "cpu"):
        assert "forward" not in vars(model.bert)


def test_more_texts_than_there_is_room_for_are_read_in_every_epoch(learner, monkeypatch):
    monkeypatch.setattr("stages.methods.finetune.frozen._ROOM", 100)
    with remember_frozen(learner, rows_of(learner), "cpu"):
        assert "forward" not in vars(learner.model.bert)
