"""The network as ONNX."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np
import onnx

from ner_mx.models.embedders import Embedder
from ner_mx.models.feed_forward import FeedForward
from ner_mx.models.layers.onnx_graph import Graph
from ner_mx.models.layers.onnx_layers import below, embedded, window


def window_graph(settings: FeedForward, embedders: Sequence[Embedder],
                 parameters: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The network as ONNX: arrays of a batch, int32 -> ``emissions`` (T, N, K) float32."""
    graph = Graph()
    vectors = embedded(graph, embedders, parameters)
    hidden = window(graph, below(parameters, "window"), vectors, settings.width)
    bias = parameters["window_output.bias"]
    return graph.model(graph.linear(hidden, parameters["window_output.weight"], bias), len(bias))
