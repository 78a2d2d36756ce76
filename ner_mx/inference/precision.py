"""ONNX models with smaller weights."""

from __future__ import annotations

import logging
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Smaller constants are kept as they are.
SMALL = 1024


def half(model: bytes) -> bytes:
    """Weights stored in 16 bits; they become 32-bit numbers when the model is loaded."""
    graph = onnx.load_from_string(model)
    casts = []
    for constant in graph.graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype != np.float32 or values.size < SMALL:
            continue
        name = constant.name
        limit = np.finfo(np.float16).max
        constant.CopyFrom(numpy_helper.from_array(np.clip(values, -limit, limit).astype(np.float16),
                                                  f"{name}_half"))
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], name=f"cast_{name}",
                                      to=TensorProto.FLOAT))
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    onnx.checker.check_model(graph, full_check=True)
    return graph.SerializeToString()


def quantized(model: bytes) -> bytes:
    """Weights in 8 bits; activations are quantized at run time (dynamic quantization)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, _silent():
        path = Path(folder) / "model.onnx"
        quantize_dynamic(onnx.load_from_string(model), path, weight_type=QuantType.QInt8, per_channel=True,
                         op_types_to_quantize=["LSTM", "MatMul", "Gather"])
        return path.read_bytes()


@contextmanager
def _silent() -> Iterator[None]:
    """Suppress the library's advice to preprocess graphs, which ours do not need."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(previous)
