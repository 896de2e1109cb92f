"""Quantized graphs of a tiny model: smaller, nearly the same logits, and in the numbers that they promise."""

import onnx
import pytest
import torch
from onnx import numpy_helper

from stages.methods.export.onnx import SessionModel, example_inputs
from stages.methods.export.quantize import dynamic_int8, weight_only

WAYS = {
    "dynamic": dynamic_int8,
    "eight": lambda graph, file: weight_only(graph, file, 8),
    "four": lambda graph, file: weight_only(graph, file, 4),
}
MOST = {"dynamic": 0.02, "eight": 0.01, "four": 0.1}


@pytest.fixture(scope="module", params=["bert", "distilbert"])
def whole(request, traced):
    return traced(request.param)


@pytest.fixture(scope="module", params=sorted(WAYS))
def smaller(request, whole, tmp_path_factory):
    file = tmp_path_factory.mktemp(request.param) / "model.onnx"
    WAYS[request.param](whole.file, file)
    return request.param, file


def test_logits_change_little_and_more_with_fewer_bits(whole, smaller):
    way, file = smaller
    inputs = example_inputs(whole.model, whole.tokenizer, 4, 20)
    with torch.inference_mode():
        theirs = whole.model(**inputs)
    worst = max(
        float((values - theirs[name])[0].abs().max())
        for name, values in vars(SessionModel(file, whole.model.config)(**inputs)).items()
    )
    assert 0 < worst < MOST[way]


def test_weights_are_stored_in_few_bits(whole, smaller):
    weights = sum(parameter.numel() for parameter in whole.model.parameters() if parameter.dim() == 2)
    before, after = (
        sum(len(one.SerializeToString()) for one in onnx.load(file).graph.initializer)
        for file in (whole.file, smaller[1])
    )
    # Float32 takes 4 bytes a weight; with 8 bits three of them are saved, less the scales.
    assert before - after > 2.5 * weights


def test_embeddings_are_rows_of_8_bits_with_a_scale_each(whole, smaller):
    tables = {one.name: one for one in onnx.load(smaller[1]).graph.initializer if "embedding" in one.name}
    rows = {name: one for name, one in tables.items() if one.data_type == onnx.TensorProto.INT8}
    assert len(rows) >= 2
    for name, one in rows.items():
        assert list(tables[name.replace("_int8", "_scales")].dims) == [one.dims[0], 1]


def test_a_token_whose_vector_is_zero_stays_zero(whole, tmp_path):
    graph = onnx.load(whole.file)
    table = next(one for one in graph.graph.initializer if "word_embeddings" in one.name)
    vectors = numpy_helper.to_array(table).copy()
    vectors[7] = 0
    table.CopyFrom(numpy_helper.from_array(vectors, table.name))
    onnx.save(graph, tmp_path / "whole.onnx")
    inputs = example_inputs(whole.model, whole.tokenizer, 1, 5) | {"input_ids": torch.full((1, 5), 7)}
    found = []
    for file in (tmp_path / "whole.onnx", tmp_path / "smaller.onnx"):
        if not file.exists():
            weight_only(tmp_path / "whole.onnx", file, 8)
        found.append(next(iter(vars(SessionModel(file, whole.model.config)(**inputs)).values())))
    assert torch.allclose(*found, atol=0.01)
