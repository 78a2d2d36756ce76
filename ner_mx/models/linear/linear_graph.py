"""The network as ONNX."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np
import onnx

from ner_mx.models.embedders import Embedder
from ner_mx.models.layers.onnx_graph import Graph
from ner_mx.models.layers.onnx_layers import embedded


def linear_graph(embedders: Sequence[Embedder], parameters: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The network as ONNX: arrays of a batch, int32 -> ``emissions`` (T, N, K) float32."""
    graph = Graph()
    vectors = embedded(graph, embedders, parameters)
    bias = parameters["output.bias"]
    return graph.model(graph.linear(vectors, parameters["output.weight"], bias), len(bias))
