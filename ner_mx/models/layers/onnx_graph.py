"""ONNX graphs, built operator by operator.

MXNet's own exporter refuses several of the operators that the networks are
made of.  Inputs have the names of the arrays of a
:class:`~ner_mx.features.batch.Batch`, so that a network that reads fewer
features has fewer inputs.
"""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple, Union

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Read by every onnxruntime since 1.12; nothing here needs a later one.  Layer normalization is an operator since 17.
OPSET, NORM_OPSET, IR_VERSION = 13, 17, 8

Shape = Tuple[Union[str, int], ...]


class Graph:
    """Nodes and constants in the order in which they are added; each call returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: List[onnx.NodeProto] = []
        self.constants: List[onnx.TensorProto] = []
        self.inputs: Dict[str, Tuple[int, Shape]] = {}
        self._opset = OPSET

    def input(self, name: str, shape: Shape = ("T", "N"), kind: int = TensorProto.INT32) -> str:
        """An array of the batch, int32 of the shape of a lookup if not given."""
        self.inputs.setdefault(name, (kind, shape))
        return name

    def constant(self, values: Any) -> str:
        """A constant; floats become 32-bit."""
        values = np.asarray(values)
        if values.dtype.kind == "f":
            values = values.astype(np.float32)
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """An operator with one output."""
        name = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def lookup(self, table: np.ndarray, name: str, shape: Shape = ("T", "N")) -> str:
        """The rows of a table for an input of ids."""
        return self.add("Gather", self.constant(table), self.input(name, shape), axis=0)

    def slice(self, values: str, begin: int, end: int, axis: int = 0) -> str:
        """A part along an axis; an ``end`` of 0 is the end of the axis."""
        last = end or np.iinfo(np.int64).max
        return self.add("Slice", values, *(self.constant(np.array([value])) for value in (begin, last, axis)))

    def margins(self, values: str, before: int, after: int, axes: int) -> str:
        """Zeros before and after, along the first of so many axes."""
        if not before and not after:
            return values
        pads = [before, *[0] * (axes - 1), after, *[0] * (axes - 1)]
        return self.add("Pad", values, self.constant(np.array(pads)))

    def places(self, values: str) -> str:
        """(L, 1) int32: 0, 1, ... along the first axis of an array."""
        length = self.add("Gather", self.add("Shape", values), self.constant(np.array(0)), axis=0)
        places = self.add("Range", self.constant(np.array(0)), length, self.constant(np.array(1)))
        places = self.add("Cast", places, to=TensorProto.INT32)
        return self.add("Unsqueeze", places, self.constant(np.array([1])))

    def sum(self, arrays: Sequence[str]) -> str:
        """The sum of arrays of one shape, or of shapes that broadcast."""
        total = arrays[0]
        for array in arrays[1:]:
            total = self.add("Add", total, array)
        return total

    def concatenated(self, arrays: Sequence[str]) -> str:
        """(T, N, C) arrays along their last axis."""
        return self.add("Concat", *arrays, axis=2) if len(arrays) > 1 else arrays[0]

    def linear(self, vectors: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """A linear layer with the weight (outputs, inputs)."""
        return self.add("Add", self.add("MatMul", vectors, self.constant(weight.T)), self.constant(bias))

    def layer_norm(self, vectors: str, weight: np.ndarray, bias: np.ndarray, epsilon: float) -> str:
        """Vectors along the last axis, normalized, scaled and shifted."""
        self._opset = NORM_OPSET
        return self.add("LayerNormalization", vectors, self.constant(weight), self.constant(bias), axis=-1,
                        epsilon=epsilon)

    def model(self, result: str, width: int, output: str = "emissions") -> onnx.ModelProto:
        """The finished model, whose ``output`` is the result, (T, N, width); checked.

        Raises
        ------
        onnx.checker.ValidationError : the graph is not valid; a defect of the exporter.
        """
        inputs = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in self.inputs.items()]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ("T", "N", width))]
        self.nodes.append(helper.make_node("Identity", [result], [output], name=output))
        graph = helper.make_graph(self.nodes, "ner_mx", inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self._opset)],
                                  producer_name="ner_mx", ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model
