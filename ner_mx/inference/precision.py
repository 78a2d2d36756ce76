"""ONNX models with smaller weights, which become 32-bit numbers when the model is loaded.

Arithmetic stays in 32 bits: quantized arithmetic takes the scale of its activations over a
whole batch, so that the answer for a sentence would depend on the other sentences.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Tuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Smaller constants are kept as they are.
SMALL = 1024

# The stored form of a constant: further constants, and the nodes that restore it under its name.
Stored = Tuple[List[onnx.TensorProto], List[onnx.NodeProto]]


def half(model: bytes) -> bytes:
    """Weights in 16 bits."""
    return _with_stored_weights(model, _half)


def quantized(model: bytes) -> bytes:
    """Weights in 8 bits, with a scale for each row of a table and each output of a layer."""
    return _with_stored_weights(model, _quantized)


def _half(name: str, values: np.ndarray, axis: int) -> Stored:
    limit = np.finfo(np.float16).max
    stored = numpy_helper.from_array(np.clip(values, -limit, limit).astype(np.float16), f"{name}_half")
    return [stored], [helper.make_node("Cast", [stored.name], [name], name=f"cast_{name}", to=TensorProto.FLOAT)]


def _quantized(name: str, values: np.ndarray, axis: int) -> Stored:
    """Symmetric, in steps of the largest value along ``axis`` divided by 127."""
    step = np.abs(values).max(axis=axis, keepdims=True) / 127
    step = np.where(step == 0, 1, step).astype(np.float32)
    stored = numpy_helper.from_array(np.round(values / step).astype(np.int8), f"{name}_int8")
    steps = numpy_helper.from_array(step, f"{name}_step")
    return [stored, steps], [
        helper.make_node("Cast", [stored.name], [f"{name}_whole"], name=f"cast_{name}", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_whole", steps.name], [name], name=f"scale_{name}")]


def _with_stored_weights(model: bytes, store: Callable[[str, np.ndarray, int], Stored]) -> bytes:
    """The same graph, in which large constants are stored otherwise."""
    graph = onnx.load_from_string(model)
    # A matrix product sums over the first dimension of its weights; tables and LSTMs have a row for each output.
    summed: Dict[str, int] = {node.input[1]: -2 for node in graph.graph.node if node.op_type in ("MatMul", "Gemm")}
    constants, restoring = [], []
    for constant in graph.graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype != np.float32 or values.size < SMALL:
            constants.append(constant)
            continue
        stored, nodes = store(constant.name, values, summed.get(constant.name, -1))
        constants += stored
        restoring += nodes
    nodes = [*restoring, *graph.graph.node]
    del graph.graph.initializer[:], graph.graph.node[:]
    graph.graph.initializer.extend(constants)
    graph.graph.node.extend(nodes)
    onnx.checker.check_model(graph, full_check=True)
    return graph.SerializeToString()
