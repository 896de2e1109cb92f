"""Tiny models of several families as graphs: what onnxruntime says is what torch says, for any batch and length."""

import logging

import pytest
import torch
import transformers

from stages.core.errors import CheckFailed, UsageError
from stages.methods.export import onnx as exporting
from stages.methods.export.onnx import SessionModel, example_inputs, quiet, to_onnx
from tests.methods.export.conftest import FAMILIES, LIMIT, untrained


@pytest.fixture
def bert(traced):
    return traced("bert")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_graph_gives_the_logits_of_the_model_for_other_sizes_than_it_was_traced_with(family, traced):
    whole = traced(family)
    assert whole.difference < 1e-5
    session = SessionModel(whole.file, whole.model.config)
    for rows, length in ((1, 3), (3, 17), (9, LIMIT)):
        inputs = example_inputs(whole.model, whole.tokenizer, rows, length)
        ours, theirs = vars(session(**inputs)), whole.model(**inputs)
        assert set(ours) <= {"logits", "start_logits", "end_logits"}
        for name, values in ours.items():
            assert torch.allclose(values[0], theirs[name][0], atol=1e-5)


def test_a_graph_asks_for_what_the_model_takes_and_no_more():
    assert set(example_inputs(*untrained("bert"), 2, 5)) == {"input_ids", "attention_mask", "token_type_ids"}
    assert set(example_inputs(*untrained("distilbert"), 2, 5)) == {"input_ids", "attention_mask"}


def test_the_same_model_becomes_the_same_bytes_and_tells_nothing_of_the_machine(bert, tmp_path):
    to_onnx(bert.model, bert.tokenizer, tmp_path / "again.onnx", LIMIT)
    content = bert.file.read_bytes()
    assert content == (tmp_path / "again.onnx").read_bytes()
    assert b"site-packages" not in content
    assert b".py" not in content


def test_large_weights_stand_in_a_file_beside_the_graph(bert, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_ONE_FILE", 1000)
    assert to_onnx(bert.model, bert.tokenizer, tmp_path / "model.onnx", LIMIT) < 1e-5
    assert len(list(tmp_path.iterdir())) == 2
    assert (tmp_path / "model.onnx").stat().st_size < bert.file.stat().st_size / 2


def test_a_graph_that_computes_something_else_is_refused(bert, monkeypatch):
    monkeypatch.setattr(bert.model.classifier.bias, "data", bert.model.classifier.bias.data + 0.1)
    with pytest.raises(CheckFailed, match=r"differ from the model's by up to 0\.1"):
        exporting._difference(bert.model, bert.tokenizer, bert.file, LIMIT)


def test_a_model_that_cannot_be_traced_is_refused_with_a_way_on(tmp_path):
    model, tokenizer = untrained("bert")

    class Deciding(transformers.BertForSequenceClassification):
        def forward(self, input_ids, **inputs):
            return super().forward(input_ids if input_ids.sum() > 3 else input_ids + 1, **inputs)

    with pytest.raises(UsageError, match="cannot trace this architecture"):
        to_onnx(Deciding(model.config), tokenizer, tmp_path / "model.onnx", LIMIT)


def test_decoders_keep_their_cache_of_keys_and_values(traced):
    assert traced("gpt2").model.config.use_cache is True


def test_a_session_keeps_the_mode_that_a_task_sets(bert):
    session = SessionModel(bert.file, bert.model.config)
    assert session.train().training
    assert not session.eval().training
    assert session.device == torch.device("cpu")


def test_the_root_logger_is_as_before_after_libraries_of_onnx_had_their_way():
    root = logging.getLogger()
    before = (list(root.handlers), root.level, root.manager.disable)
    with quiet():
        logging.basicConfig(level=logging.DEBUG, force=True)
    assert (root.handlers, root.level, root.manager.disable) == before
