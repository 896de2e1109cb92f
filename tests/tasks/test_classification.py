import math

import pytest

from stages.core.errors import UsageError
from stages.core.task import Prediction
from tests import tiny

OPTIONS = {"max_length": 32, "dropout": None, "frozen_layers": 0, "lora": {"enabled": False}}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def loaded(base):
    return tiny.TASK.load(base, ["negative", "positive"], OPTIONS)


def test_baselines_beat_chance_where_words_tell():
    train, test = tiny.toy_records(120, 0, 0), tiny.toy_records(0, 0, 60)
    for name, predictions in tiny.TASK.baselines(train, test, 13).items():
        right = sum(p.answer == r.values["label"] for p, r in zip(predictions, test, strict=True))
        assert right == 20 if name == "majority" else right > 50


def test_a_label_that_a_baseline_gives_no_chance_has_no_finite_loss():
    train = tiny.toy_records(train=9, validation=0, test=0, labels=("negative", "positive"))
    unseen = tiny.record(99, "neutral", "test")
    for predictions in tiny.TASK.baselines(train, [unseen], 13).values():
        assert predictions[0].loss is None


def test_features_hold_labels_only_where_asked(loaded):
    _, tokenizer = loaded
    records = tiny.toy_records(4, 0, 0, labels=("negative", "positive"))
    assert all("labels" in row for row in tiny.TASK.encode(records, tokenizer, OPTIONS, ["negative", "positive"]))
    assert not any("labels" in row for row in tiny.TASK.encode(records, tokenizer, OPTIONS))


def test_a_record_without_a_label_is_answered_without_a_loss(loaded):
    (prediction,) = tiny.TASK.predict(*loaded, [tiny.record(1, None, None)], OPTIONS)
    assert isinstance(prediction, Prediction)
    assert prediction.loss is None


def test_the_loss_is_the_surprise_about_the_own_label(loaded):
    (prediction,) = tiny.TASK.predict(*loaded, [tiny.record(1, "negative", None)], OPTIONS)
    assert prediction.loss == pytest.approx(-math.log(prediction.scores["negative"]))


def test_probabilities_add_up_to_one_and_the_answer_is_the_likeliest(loaded):
    for prediction in tiny.TASK.predict(*loaded, tiny.toy_records(6, 0, 0), OPTIONS):
        assert sum(prediction.scores.values()) == pytest.approx(1, abs=1e-12)
        assert prediction.scores[prediction.answer] == max(prediction.scores.values())


def test_weights_in_a_pickle_are_not_loaded(base, tmp_path):
    import shutil

    import torch

    folder = tmp_path / "pickled"
    shutil.copytree(base, folder)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="cannot be loaded"):
        tiny.TASK.load(str(folder), ["negative", "positive"], OPTIONS)
