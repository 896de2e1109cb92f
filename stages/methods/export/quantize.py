"""Smaller numbers in an ONNX graph: weights in 8 or 4 bits instead of 32.

Two ways, by what the arithmetic of the linear layers is done in. `dynamic_int8`: 8-bit whole numbers, activations are
rounded anew for each batch; smallest and fastest on a CPU. `weight_only`: weights are stored in 8 or 4 bits with a
scale for each 32 of them, nearly nothing is lost at 8 bits.

In both, a row of an embedding (a token's vector) becomes 8-bit numbers with one scale: embeddings are looked up, not
multiplied, so this costs no time, and in small encoders they are half of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stages.methods.export.onnx import quiet

_BLOCK = 32
_BY_BLOCKS = 4
"""onnxruntime's `accuracy_level` for 8-bit arithmetic: its kernels round activations too, again 32 at a time. Without
it a layer is unpacked to float32 in each call, which is slower than not to quantize at all."""


def dynamic_int8(graph: Path, file: Path) -> None:
    """Linear layers in 8-bit arithmetic, one scale for each output, and embeddings in 8 bits.

    Weights take 7 of the 8 bits: on x86 processors without VNNI instructions sums of full products can saturate (so
    says onnxruntime's manual, under "Quantize ONNX models"), and the same file would answer worse there.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    whole = _loaded(graph)
    _embeddings_to_int8(whole)
    with quiet():
        quantize_dynamic(
            whole, file, op_types_to_quantize=["MatMul"], per_channel=True, reduce_range=True,
            weight_type=QuantType.QInt8,
        )  # fmt: skip


def weight_only(graph: Path, file: Path, bits: int) -> None:
    """Linear layers stored in 8 or 4 bits, symmetric, in blocks of 32 weights, and embeddings in 8 bits."""
    with quiet():
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        whole = _loaded(graph)
        _embeddings_to_int8(whole)
        quantizer = MatMulNBitsQuantizer(
            whole, bits=bits, block_size=_BLOCK, is_symmetric=True, accuracy_level=_BY_BLOCKS
        )
        quantizer.process()
        quantizer.model.save_model_to_file(str(file), use_external_data_format=False)


def _loaded(graph: Path) -> Any:
    """The graph without notes on the shapes of its values: the quantizers change some, and trip over the old notes."""
    import onnx

    model = onnx.load(str(graph))
    del model.graph.value_info[:]
    return model


def _embeddings_to_int8(model: Any) -> None:
    """Replace each look-up in a table by a look-up of 8-bit rows, times a look-up of their scales."""
    weights = {weight.name: weight for weight in model.graph.initializer}
    other = {name for node in model.graph.node if not _looks_up(node) for name in node.input}
    tables = {
        node.input[0]
        for node in model.graph.node
        if _looks_up(node) and node.input[0] in weights and _is_table(weights[node.input[0]])
    } - other
    nodes = []
    for node in model.graph.node:
        nodes += _rows_times_scales(node) if _looks_up(node) and node.input[0] in tables else [node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for name in sorted(tables):
        model.graph.initializer.remove(weights[name])
        model.graph.initializer.extend(_rounded(weights[name]))


def _looks_up(node: Any) -> bool:
    return node.op_type == "Gather" and all(one.name != "axis" or one.i == 0 for one in node.attribute)


def _is_table(weight: Any) -> bool:
    from onnx import TensorProto

    return len(weight.dims) == 2 and weight.data_type == TensorProto.FLOAT


def _rounded(weight: Any) -> list[Any]:
    """The rows as whole numbers from -127 to 127, and what a row's numbers are to be multiplied by."""
    import numpy as np
    from onnx import numpy_helper

    table = numpy_helper.to_array(weight)
    scales = np.abs(table).max(axis=1, keepdims=True) / 127
    scales[scales == 0] = 1
    rows = np.rint(table / scales).astype(np.int8)
    return [
        numpy_helper.from_array(rows, f"{weight.name}_int8"),
        numpy_helper.from_array(scales.astype(np.float32), f"{weight.name}_scales"),
    ]


def _rows_times_scales(node: Any) -> list[Any]:
    from onnx import TensorProto, helper

    table, ids = node.input
    (out,) = node.output
    rows, cast, scales = f"{out}_int8", f"{out}_rows", f"{out}_scales"
    return [
        helper.make_node("Gather", [f"{table}_int8", ids], [rows], f"{node.name}_int8", axis=0),
        helper.make_node("Cast", [rows], [cast], f"{node.name}_cast", to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table}_scales", ids], [scales], f"{node.name}_scales", axis=0),
        helper.make_node("Mul", [cast, scales], [out], f"{node.name}_mul"),
    ]
