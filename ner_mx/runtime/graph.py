"""A network's parameters to an ONNX graph that computes the same scores.

The graph is built from the parameters, operator by operator: MXNet's own
exporter refuses several of the operators that the network is made of.  Inputs
carry the names of the arrays of a :class:`~ner_mx.features.batching.Batch`,
so that a network that reads fewer features simply has fewer inputs.
"""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ner_mx.config import Network
from ner_mx.networks.packing import unpacked

# Read by every onnxruntime since 1.12; nothing here needs a later one.
OPSET, IR_VERSION = 13, 8
FAR_BELOW = np.float32(-1e9)
SHAPES: Dict[str, Tuple[str, ...]] = {
    **dict.fromkeys(("words", "casing", "pos", "forms"), ("T", "N")), "lexicon": ("T", "N", "lexicons"),
    **dict.fromkeys(("characters", "character_types"), ("margined", "U")),
    "character_length": ("U",), "length": ("N",)}


class Graph:
    """Nodes and constants, added one behind the other; each call gives the name of its output."""

    def __init__(self) -> None:
        self.nodes: List[onnx.NodeProto] = []
        self.constants: List[onnx.TensorProto] = []
        self.inputs: List[str] = []

    def input(self, name: str) -> str:
        """An array of the batch."""
        if name not in self.inputs:
            self.inputs.append(name)
        return name

    def constant(self, values) -> str:
        """A constant; floats become 32-bit."""
        values = np.asarray(values)
        if values.dtype.kind == "f":
            values = values.astype(np.float32)
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator: str, *inputs: str, **attributes) -> str:
        """An operator with one output that is used."""
        name = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def slice(self, values: str, begin: int, end: int) -> str:
        """Rows of the first axis; an ``end`` of 0 is the last row's end."""
        last = end or np.iinfo(np.int64).max
        return self.add("Slice", values, *(self.constant(np.array([value])) for value in (begin, last, 0)))

    def sum(self, parts: Sequence[str]) -> str:
        """The sum of arrays of one shape, or of shapes that broadcast."""
        total = parts[0]
        for part in parts[1:]:
            total = self.add("Add", total, part)
        return total

    def model(self, emissions: str, classes: int) -> onnx.ModelProto:
        """The finished model, checked.

        Raises
        ------
        onnx.checker.ValidationError : the graph is no valid one; a defect of this module.
        """
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT32, SHAPES[name])
                  for name in self.inputs]
        output = helper.make_tensor_value_info("emissions", TensorProto.FLOAT, ("T", "N", classes))
        self.nodes.append(helper.make_node("Identity", [emissions], ["emissions"], name="emissions"))
        graph = helper.make_graph(self.nodes, "ner_mx", inputs, [output], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)],
                                  producer_name="ner_mx", ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def network_graph(settings: Network, parameters: Dict[str, np.ndarray]) -> onnx.ModelProto:
    """The network as ONNX: arrays of a batch, int32 -> ``emissions`` (T, N, K) float32.

    Parameters
    ----------
    settings : the network's.
    parameters : by the names that :meth:`ner_mx.training.model.Model.parameters`
        gives them, without ``network.``; features without a table are off.
    """
    graph = Graph()
    parts = []
    if "words.weight" in parameters:
        parts.append(_looked_up(graph, parameters["words.weight"], "words"))
    if "characters.table" in parameters:
        vectors = _characters(graph, settings, parameters)
        parts.append(graph.add("Gather", vectors, graph.input("forms"), axis=0))
    for name in ("casing", "pos"):
        if f"{name}.weight" in parameters:
            parts.append(_looked_up(graph, parameters[f"{name}.weight"], name))
    if "lexicon.weight" in parameters:
        vectors = _looked_up(graph, parameters["lexicon.weight"], "lexicon")  # (T, N, lexicons, dimension)
        parts.append(graph.add("Reshape", vectors, graph.constant(np.array([0, 0, -1]))))
    vectors = graph.add("Concat", *parts, axis=2) if len(parts) > 1 else parts[0]
    if settings.context == "window":
        hidden = _window(graph, settings, parameters, vectors)
        bias = parameters["window_output.bias"]
        emissions = _linear(graph, hidden, parameters["window_output.weight"], bias)
    else:
        bias = parameters["forward_output.bias"]
        emissions = _output(graph, settings, parameters, *_bilstm(graph, settings, parameters, vectors))
    return graph.model(emissions, len(bias))


def _looked_up(graph: Graph, table: np.ndarray, name: str) -> str:
    return graph.add("Gather", graph.constant(table), graph.input(name), axis=0)


def _characters(graph: Graph, settings: Network, parameters: Dict[str, np.ndarray]) -> str:
    """(U, filters); the convolution as lookups in tables that are projected here, once for all."""
    kernel = parameters["characters.kernel"]  # (width, filters, dimension)
    tables = [("characters", parameters["characters.table"], kernel[:, :, :settings.character_dimension])]
    if "characters.type_table" in parameters:
        tables.append(("character_types", parameters["characters.type_table"],
                       kernel[:, :, settings.character_dimension:]))
    parts = []
    for name, table, weights in tables:
        for place, weight in enumerate(weights):
            rows = graph.slice(graph.input(name), place, place - len(weights) + 1)  # (L, U)
            parts.append(graph.add("Gather", graph.constant(table @ weight.T), rows, axis=0))
    windows = graph.sum(parts)  # (L, U, filters)
    place = _places(graph, graph.add("Shape", windows))
    inside = graph.add("Less", place, graph.input("character_length"))  # (L, U)
    inside = graph.add("Unsqueeze", inside, graph.constant(np.array([2])))
    masked = graph.add("Where", inside, windows, graph.constant(FAR_BELOW))
    best = graph.add("ReduceMax", masked, axes=[0], keepdims=0)
    best = graph.add("Add", best, graph.constant(parameters["characters.bias"]))
    activation = {"none": None, "relu": "Relu", "tanh": "Tanh"}[settings.character_activation]
    return graph.add(activation, best) if activation else best


def _places(graph: Graph, shape: str) -> str:
    """(L, 1) int32: 0, 1, ... along the first axis of an array of this shape."""
    length = graph.add("Gather", shape, graph.constant(np.array(0)), axis=0)
    places = graph.add("Range", graph.constant(np.array(0)), length, graph.constant(np.array(1)))
    places = graph.add("Cast", places, to=TensorProto.INT32)
    return graph.add("Unsqueeze", places, graph.constant(np.array([1])))


def _bilstm(graph: Graph, settings: Network, parameters: Dict[str, np.ndarray],
            vectors: str) -> Tuple[str, str]:
    """Forward and backward outputs, (T, N, units) each."""
    units = settings.lstm_units
    ahead = behind = vectors
    for layer in range(settings.lstm_layers):
        if layer and settings.lstm_directions == "joined":
            ahead = behind = graph.add("Concat", ahead, behind, axis=2)
        forward, backward = (_gates_of_onnx(unpacked(parameters[f"bilstm.{name}{layer}"], units))
                             for name in ("forward", "backward"))
        if ahead == behind:
            ahead, behind = _lstm(graph, ahead, [forward, backward], "bidirectional")
        else:
            ahead, = _lstm(graph, ahead, [forward], "forward")
            behind, = _lstm(graph, behind, [backward], "reverse")
    return ahead, behind


def _gates_of_onnx(layer: Sequence[np.ndarray]) -> List[np.ndarray]:
    """Weights with the gates input, forget, cell, output as ONNX has them: input, output, forget, cell."""
    units = layer[1].shape[1]
    order = np.concatenate([np.arange(gate * units, (gate + 1) * units) for gate in (0, 3, 1, 2)])
    return [values[order] for values in layer]


def _lstm(graph: Graph, vectors: str, directions: Sequence[Sequence[np.ndarray]],
          direction: str) -> List[str]:
    """One layer over (T, N, C): (T, N, units) for each direction, zeros in the padding."""
    into, recurrent, biases = (np.stack(values) for values in zip(
        *((into, recurrent, np.concatenate(biases)) for into, recurrent, *biases in directions)))
    outputs = graph.add("LSTM", vectors, graph.constant(into), graph.constant(recurrent),
                        graph.constant(biases), graph.input("length"), hidden_size=recurrent.shape[2],
                        direction=direction)  # (T, directions, N, units)
    return [graph.add("Squeeze", graph.add("Gather", outputs, graph.constant(np.array([number])), axis=1),
                      graph.constant(np.array([1]))) for number in range(len(directions))]


def _output(graph: Graph, settings: Network, parameters: Dict[str, np.ndarray], ahead: str,
            behind: str) -> str:
    """(T, N, K): the directions' scores added, as log-probabilities where the paper has them so."""
    weights = [parameters[f"{name}_output.weight"] for name in ("forward", "backward")]
    if settings.output == "linear":
        return _linear(graph, graph.add("Concat", ahead, behind, axis=2), np.concatenate(weights, axis=1),
                       parameters["forward_output.bias"])
    biases = [parameters[f"{name}_output.bias"] for name in ("forward", "backward")]
    return graph.sum([graph.add("LogSoftmax", _linear(graph, hidden, weight, bias), axis=2)
                      for hidden, weight, bias in zip((ahead, behind), weights, biases)])


def _linear(graph: Graph, vectors: str, weight: np.ndarray, bias: np.ndarray) -> str:
    return graph.add("Add", graph.add("MatMul", vectors, graph.constant(weight.T)), graph.constant(bias))


def _window(graph: Graph, settings: Network, parameters: Dict[str, np.ndarray], vectors: str) -> str:
    """(T, N, units): the hidden layer over a window of words, zeros outside the sentence."""
    length = graph.input("length")
    real = graph.add("Unsqueeze", graph.add("Less", _places(graph, graph.add("Shape", vectors)), length),
                     graph.constant(np.array([2])))
    vectors = graph.add("Where", real, vectors, graph.constant(np.float32(0)))
    side = settings.window // 2
    padded = graph.add("Pad", vectors, graph.constant(np.array([side, 0, 0, side, 0, 0])))
    kernels = np.split(parameters["window.kernel"], settings.window)
    parts = [graph.add("MatMul", graph.slice(padded, place, place - settings.window + 1),
                       graph.constant(kernel.T)) for place, kernel in enumerate(kernels)]
    hidden = graph.add("Add", graph.sum(parts), graph.constant(parameters["window.bias"]))
    return graph.add("Clip", hidden, graph.constant(np.float32(-1)), graph.constant(np.float32(1)))
