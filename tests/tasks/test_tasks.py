"""The contract that every kind of model keeps; a new row of TASKS is tested by what is here, with its sample below."""

import math
from dataclasses import replace

import pytest

from stages.core.errors import UsageError
from stages.core.records import Record
from stages.core.task import Metric, Prediction, RowFault
from stages.tasks import TASKS, load_task
from tests import tiny

OPTIONS = {"dropout": None, "frozen_layers": 0, "lora": {"enabled": False}}
SAMPLES = {
    "classification": [{"text": "the tree was good", "label": "positive"}, {"text": "a bad train", "label": "negative"}]
}
BROKEN = {
    "classification": [
        ({"label": "a"}, "missing_field"), ({"text": 3, "label": "a"}, "wrong_type"),
        ({"text": " ", "label": "a"}, "empty_text"), ({"text": "x", "label": ""}, "missing_label"),
        ({"text": "x", "label": 1.5}, "wrong_type"), ({"text": "x", "label": "other"}, "unknown_label"),
    ]
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.save_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(params=sorted(TASKS))
def task(request):
    return load_task(request.param)


@pytest.fixture
def records(task):
    rows = [task.read_row(row, None) for row in SAMPLES[task.name]]
    return [Record(f"{i:02x}", "s", str(i), task.schema, values, split="train") for i, values in enumerate(rows)]


@pytest.fixture
def loaded(task, base):
    import torch

    torch.manual_seed(0)
    return task.load(base, ["negative", "positive"], OPTIONS)


def test_every_task_has_a_sample_and_broken_rows_here():
    assert set(SAMPLES) == set(BROKEN) == set(TASKS)


def test_an_unknown_task_is_refused_with_the_names_of_the_known():
    with pytest.raises(UsageError, match="known tasks: classification"):
        load_task("clasification")


def test_a_task_goes_by_its_name_in_the_table(task):
    assert load_task(task.name).name == task.name


def test_a_row_becomes_exactly_the_columns_of_the_schema(task):
    for row in SAMPLES[task.name]:
        assert set(task.read_row(row, None)) == {column.name for column in task.schema.columns}


def test_each_broken_row_has_its_reason(task):
    for row, code in BROKEN[task.name]:
        with pytest.raises(RowFault) as fault:
            task.read_row(row, ["a", "b"])
        assert fault.value.code == code


def test_a_doubted_label_can_be_replaced(task, records):
    assert task.targets(task.with_target(records[0], "negative")) == "negative"
    assert task.stratum(records[0])


def test_features_are_cut_to_the_length_and_hold_labels_only_where_asked(task, records, loaded):
    _, tokenizer = loaded
    rows = task.encode(records, tokenizer, 4, ["negative", "positive"])
    assert all(len(row["input_ids"]) == 4 for row in rows)
    assert all("labels" in row for row in rows)
    assert not any("labels" in row for row in task.encode(records, tokenizer, 4))
    assert task.encode([], tokenizer, 4) == []


def test_the_loss_of_a_record_does_not_depend_on_the_others(task, records, loaded):
    model, tokenizer = loaded
    model.eval()
    rows = task.encode(records, tokenizer, 32, ["negative", "positive"])
    together = task.losses(model, tokenizer.pad(rows, return_tensors="pt")).tolist()
    alone = [task.losses(model, tokenizer.pad([row], return_tensors="pt")).item() for row in rows]
    assert together == pytest.approx(alone, abs=1e-5)


def test_predictions_come_in_order_with_losses_that_are_those_of_training(task, records, loaded):
    model, tokenizer = loaded
    predictions = task.predict(model, tokenizer, records, 32)
    assert [prediction.id for prediction in predictions] == [record.id for record in records]
    model.eval()
    rows = task.encode(records, tokenizer, 32, ["negative", "positive"])
    losses = task.losses(model, tokenizer.pad(rows, return_tensors="pt")).tolist()
    assert [prediction.loss for prediction in predictions] == pytest.approx(losses, abs=1e-5)


def test_predictions_are_the_same_twice_and_leave_the_model_as_it_was(task, records, loaded):
    model, tokenizer = loaded
    model.train()
    assert task.predict(model, tokenizer, records, 32) == task.predict(model, tokenizer, records, 32)
    assert model.training


def test_probabilities_add_up_to_one_and_the_answer_is_the_likeliest(task, records, loaded):
    for prediction in task.predict(*loaded, records, 32):
        assert sum(prediction.scores.values()) == pytest.approx(1, abs=1e-12)
        assert prediction.scores[prediction.answer] == max(prediction.scores.values())


def test_a_saved_model_is_the_same_model_again(task, records, loaded, tmp_path):
    from stages.methods.finetune.models import save

    save(*loaded, tmp_path / "model")
    again = task.load_tuned(tmp_path / "model")
    assert task.predict(*again, records, 32) == task.predict(*loaded, records, 32)


def test_the_outline_has_the_parameters_of_the_model_without_its_weights(task, base, loaded):
    outline = task.outline(base, ["negative", "positive"], OPTIONS)
    assert [p.numel() for p in outline.parameters()] == [p.numel() for p in loaded[0].parameters()]
    assert {p.device.type for p in outline.parameters()} == {"meta"}


def test_dropout_of_the_plan_replaces_the_models_own(task, base):
    from torch import nn

    model, _ = task.load(base, ["negative", "positive"], OPTIONS | {"dropout": 0.0})
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} == {0.0}


def test_scores_are_metrics_with_intervals(task, records, loaded):
    found = task.score(records, task.predict(*loaded, records, 32), 100, 13)
    assert found["metrics"]
    for metric in found["metrics"].values():
        assert isinstance(metric, Metric)
        assert metric.low <= metric.high


def test_baselines_answer_for_every_record_and_beat_chance_where_words_tell(task):
    train = tiny.toy_records(train=120, validation=0, test=0)
    test = [replace(record, split="test") for record in tiny.toy_records(train=0, validation=0, test=60)]
    for name, predictions in task.baselines(train, test, 13).items():
        assert [prediction.id for prediction in predictions] == [record.id for record in test]
        right = sum(p.answer == r.values["label"] for p, r in zip(predictions, test, strict=True))
        assert right == 20 if name == "majority" else right > 50


# --- classification alone ---------------------------------------------------------------------------------------------


def test_a_label_that_a_baseline_gives_no_chance_has_no_finite_loss(classification):
    train = tiny.toy_records(train=9, validation=0, test=0, labels=("negative", "positive"))
    unseen = tiny.record(99, "neutral", "test")
    for predictions in classification.baselines(train, [unseen], 13).values():
        assert predictions[0].loss is None


def test_a_record_without_a_label_is_answered_without_a_loss(classification, base):
    loaded = classification.load(base, ["negative", "positive"], OPTIONS)
    (prediction,) = classification.predict(*loaded, [tiny.record(1, None, None)], 32)
    assert isinstance(prediction, Prediction)
    assert prediction.loss is None


def test_the_loss_is_the_surprise_about_the_own_label(classification, base):
    loaded = classification.load(base, ["negative", "positive"], OPTIONS)
    (prediction,) = classification.predict(*loaded, [tiny.record(1, "negative", None)], 32)
    assert prediction.loss == pytest.approx(-math.log(prediction.scores["negative"]))


def test_weights_in_a_pickle_are_not_loaded(classification, base, tmp_path):
    import shutil

    import torch

    folder = tmp_path / "pickled"
    shutil.copytree(base, folder)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="cannot be loaded"):
        classification.load(str(folder), ["negative", "positive"], OPTIONS)
