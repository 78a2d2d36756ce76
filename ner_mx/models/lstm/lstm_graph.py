"""The network as ONNX."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np
import onnx

from ner_mx.models.embedders import Embedder
from ner_mx.models.layers.onnx_graph import Graph
from ner_mx.models.layers.onnx_layers import embedded, lstm
from ner_mx.models.lstm import LSTM


def lstm_graph(settings: LSTM, embedders: Sequence[Embedder], parameters: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The network as ONNX: arrays of a batch, int32 -> ``emissions`` (T, N, K) float32."""
    graph = Graph()
    hidden = embedded(graph, embedders, parameters)
    for number in range(settings.layers):
        hidden = lstm(graph, parameters[f"layer{number}.packed"], hidden, settings.units)
    bias = parameters["output.bias"]
    return graph.model(graph.linear(hidden, parameters["output.weight"], bias), len(bias))
