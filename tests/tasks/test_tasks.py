"""The contract that every kind of model keeps: a new row of TASKS is tested by what is here, with its sample.

A sample is `tests/tasks/samples/<task>.py`: ROWS that can be learned from, the LABELS in them, BROKEN rows with the
reason of each, OPTIONS beside those below, and `save_base(folder)`, which saves a tiny untrained model.
"""

import importlib
import random
from dataclasses import replace

import pytest

from stages.core.errors import UsageError
from stages.core.records import Record
from stages.core.task import Metric, RowFault
from stages.methods.audit.canaries import draw_canaries, vocabulary
from stages.methods.finetune.batching import length, record_losses, was_cut
from stages.tasks import TASKS, load_task

BASIC = {"max_length": 32, "dropout": None, "frozen_layers": 0, "lora": {"enabled": False}}


class Sample:
    """A task with its sample, loaded once."""

    def __init__(self, name, folder):
        import torch

        self.task, self.given = load_task(name), importlib.import_module(f"tests.tasks.samples.{name}")
        self.labels, self.options = tuple(self.given.LABELS), {**BASIC, **self.given.OPTIONS}
        self.base = self.given.save_base(folder)
        torch.manual_seed(0)
        self.model, self.tokenizer = self.task.load(self.base, self.labels, self.options)
        self.model.eval()
        rows = [self.task.read_row(row, self.labels or None) for row in self.given.ROWS]
        self.records = [self.record(i, values) for i, values in enumerate(rows)]

    def record(self, i, values):
        return Record(f"{i:02x}", "s", str(i), self.task.schema, values, split="train")

    def encode(self, records=None):
        return self.task.encode(records or self.records, self.tokenizer, self.options, self.labels)

    def predict(self, records=None):
        return self.task.predict(self.model, self.tokenizer, records or self.records, self.options)

    def losses(self, features):
        return self.task.losses(self.model, self.task.collate(features, self.tokenizer)).tolist()


@pytest.fixture(scope="module", params=sorted(TASKS))
def sample(request, tmp_path_factory):
    return Sample(request.param, tmp_path_factory.mktemp(request.param))


def test_an_unknown_task_is_refused_with_the_names_of_the_known():
    with pytest.raises(UsageError, match=r"known tasks: .*classification"):
        load_task("clasification")


def test_a_task_goes_by_its_name_in_the_table(sample):
    assert TASKS[sample.task.name].startswith(f"stages.tasks.{sample.task.name}:")


def test_a_row_becomes_exactly_the_columns_of_the_schema(sample):
    for record in sample.records:
        assert set(record.values) == {column.name for column in sample.task.schema.columns}
        assert sample.task.answered(record)
        assert record.text.strip()


def test_each_row_has_all_columns_of_a_layout(sample):
    for row in sample.given.ROWS:
        assert any(set(layout) <= set(row) for layout in sample.task.layouts)


def test_each_broken_row_has_its_reason(sample):
    for row, code in sample.given.BROKEN:
        with pytest.raises(RowFault) as fault:
            sample.task.read_row(row, sample.labels or None)
        assert fault.value.code == code


def test_the_labels_of_all_records_are_those_of_the_sample(sample):
    assert {label for record in sample.records for label in sample.task.labels(record)} == set(sample.labels)
    assert all(isinstance(sample.task.stratum(record), str) for record in sample.records)


def test_an_annotation_can_be_written_as_a_line_and_read_again(sample):
    for record in sample.records:
        if (line := sample.task.annotation(record)) is not None:
            assert sample.task.with_annotation(record, line) == record


def test_an_invented_record_can_be_learned_and_every_label_turns_up_in_some(sample):
    words = vocabulary(sample.tokenizer)
    made = draw_canaries(sample.task, 30, words, sample.labels, random.Random(0))
    assert {label for record in made for label in sample.task.labels(record)} <= {*sample.labels}
    if sample.task.schema.of_kind("label", "labels", "spans"):
        assert {label for record in made for label in sample.task.labels(record)} == {*sample.labels}
    for record in made:
        assert set(record.values) == {column.name for column in sample.task.schema.columns}
        assert sample.task.answered(record)
    options = {**sample.options, "max_length": 512}
    features = sample.task.encode(made, sample.tokenizer, options, sample.labels)
    assert all(row.get("learned", 1) and not was_cut(row) for row in features)


def test_only_what_writes_can_be_told_a_secret(sample):
    values = sample.task.secret("zyxo", "314159")
    assert (values is not None) == sample.task.writes
    if values is not None:
        record = sample.record(0, values)
        assert sample.task.truth(record).count("314159") == 1
        assert all("314159" not in record.texts()[path] for path in sample.task.inputs(record))


def test_features_are_cut_to_the_length_and_say_how_long_the_record_is(sample):
    whole = sample.encode()
    short = sample.task.encode(sample.records, sample.tokenizer, {**sample.options, "max_length": 8}, sample.labels)
    for features, cut in zip(whole, short, strict=True):
        assert features["tokens"] == cut["tokens"]
        assert all(len(window["input_ids"]) <= 8 for window in cut.get("windows", [cut]))
        assert length(features) >= 1
    assert sample.task.encode([], sample.tokenizer, sample.options) == []


def test_the_loss_of_a_record_does_not_depend_on_the_others(sample):
    features = sample.encode()
    together = sample.losses(features)
    assert len(together) == len(sample.records)
    assert together == pytest.approx([sample.losses([row])[0] for row in features], abs=1e-4)
    assert together[::-1] == pytest.approx(sample.losses(features[::-1]), abs=1e-4)


def test_a_step_against_the_gradient_lowers_the_loss(sample, tmp_path):
    import torch

    torch.manual_seed(0)
    model, tokenizer = sample.task.load(sample.base, sample.labels, {**sample.options, "dropout": 0.0})
    batch = sample.task.collate(sample.encode(), tokenizer)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    found = []
    for _ in range(4):
        loss = sample.task.losses(model, batch).mean()
        found.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert found[-1] < found[0]


def test_predictions_come_in_order_with_losses_that_are_those_of_training(sample):
    predictions = sample.predict()
    assert [prediction.id for prediction in predictions] == [record.id for record in sample.records]
    assert [prediction.loss for prediction in predictions] == pytest.approx(sample.losses(sample.encode()), abs=1e-4)
    tuned = (sample.model, sample.tokenizer)
    alone = record_losses(sample.task, tuned, sample.records, sample.options, sample.labels)
    assert alone == pytest.approx([prediction.loss for prediction in predictions], abs=1e-4)


def test_predictions_are_the_same_twice_and_leave_the_model_as_it_was(sample):
    sample.model.train()
    try:
        assert sample.predict() == sample.predict()
        assert sample.model.training
    finally:
        sample.model.eval()


def test_a_record_is_answered_alike_in_whatever_company(sample):
    together = {said.id: said.answer for said in sample.predict()}
    for record in sample.records:
        assert sample.predict([record])[0].answer == together[record.id]


def test_an_answer_can_be_shown_in_pieces(sample):
    shown = "".join(sample.task.answer(sample.model, sample.tokenizer, sample.records[0], sample.options))
    assert isinstance(shown, str)


def test_what_was_to_be_said_scores_best(sample):
    """A prediction whose string is the truth has full quality, in the task's own form."""
    predictions = sample.predict()
    quality = sample.task.score(sample.records, predictions, 10, 1).quality
    for record, prediction, value in zip(sample.records, predictions, quality, strict=True):
        assert 0 <= value <= 1
        if sample.task.said(prediction) == sample.task.truth(record):
            assert value == 1


def test_a_saved_model_is_the_same_model_again(sample, tmp_path):
    from stages.methods.finetune.models import save

    save(sample.model, sample.tokenizer, tmp_path / "model")
    again = sample.task.load_tuned(tmp_path / "model")
    assert sample.task.predict(*again, sample.records, sample.options) == sample.predict()


def test_adapters_train_little_and_leave_a_whole_model_behind(sample, tmp_path):
    from stages.methods.finetune.models import merge_adapters, save

    lora = {"enabled": True, "r": 2, "alpha": 4, "dropout": 0.0, "target_modules": None}
    model, tokenizer = sample.task.load(sample.base, sample.labels, {**sample.options, "lora": lora})
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert 0 < trained < sum(p.numel() for p in model.parameters()) / 2
    save(merge_adapters(model, sample.base, tmp_path / "adapter"), tokenizer, tmp_path / "model")
    again = sample.task.load_tuned(tmp_path / "model")
    assert len(sample.task.predict(*again, sample.records, sample.options)) == len(sample.records)


def test_the_outline_has_the_parameters_of_the_model_without_its_weights(sample):
    outline = sample.task.outline(sample.base, sample.labels, sample.options)
    assert [p.numel() for p in outline.parameters()] == [p.numel() for p in sample.model.parameters()]
    assert {p.device.type for p in outline.parameters()} == {"meta"}


def test_dropout_of_the_plan_replaces_the_models_own(sample):
    from torch import nn

    model, _ = sample.task.load(sample.base, sample.labels, {**sample.options, "dropout": 0.0})
    assert {module.p for module in model.modules() if isinstance(module, nn.Dropout)} <= {0.0}


def test_scores_are_metrics_with_intervals_and_the_first_is_what_models_are_compared_by(sample):
    found = sample.task.score(sample.records, sample.predict(), 100, 13)
    assert sample.task.primary in found.metrics
    assert len(found.quality) == len(sample.records)
    for metric in found.metrics.values():
        assert isinstance(metric, Metric)
        assert metric.low <= metric.high


def test_a_model_gains_nothing_over_itself(sample):
    predictions = sample.predict()
    for metric in sample.task.gain(sample.records, predictions, predictions, 100, 13).values():
        assert (metric.value, metric.low, metric.high) == (0, 0, 0)


def test_baselines_answer_for_every_record(sample):
    test = [replace(record, split="test") for record in sample.records]
    for predictions in sample.task.baselines(sample.records, test, 13).values():
        assert [prediction.id for prediction in predictions] == [record.id for record in test]
        sample.task.score(test, predictions, 10, 13)


def test_an_untuned_model_answers_only_where_it_has_no_new_head(sample):
    found = sample.task.load_base(sample.base)
    assert (found is not None) == sample.task.writes
