"""The network as ONNX."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np
import onnx

from ner_mx.models.dilated_cnn import DilatedCNN
from ner_mx.models.embedders import Embedder
from ner_mx.models.layers.onnx_graph import Graph
from ner_mx.models.layers.onnx_layers import below, embedded


def dilated_graph(settings: DilatedCNN, embedders: Sequence[Embedder],
                  parameters: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The network as ONNX: arrays of a batch, int32 -> ``emissions`` (T, N, K) float32."""
    graph = Graph()
    vectors = embedded(graph, embedders, parameters)
    real = graph.add("Less", graph.places(vectors), graph.input("length", ("N",)))
    real = graph.add("Unsqueeze", real, graph.constant(np.array([2])))
    hidden = graph.add("Relu", graph.linear(vectors, parameters["projection.weight"], parameters["projection.bias"]))
    for number, step in enumerate(settings.dilations):
        layer = below(parameters, f"layer{number}")
        inside = graph.add("Where", real, hidden, graph.constant(np.float32(0)))
        padded = graph.margins(inside, step, step, axes=3)
        products = [graph.add("MatMul", graph.slice(padded, place * step, (place - 2) * step), graph.constant(kernel.T))
                    for place, kernel in enumerate(np.split(layer["kernel"], 3))]
        hidden = graph.add("Add", hidden, graph.add("Relu", graph.add(
            "Add", graph.sum(products), graph.constant(layer["bias"]))))
    bias = parameters["output.bias"]
    return graph.model(graph.linear(hidden, parameters["output.weight"], bias), len(bias))
