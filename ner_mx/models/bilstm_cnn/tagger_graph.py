"""The network as ONNX."""

from __future__ import annotations

from typing import Mapping, Sequence

import numpy as np
import onnx

from ner_mx.models.bilstm_cnn import BiLSTMCNN
from ner_mx.models.embedders import Embedder
from ner_mx.models.layers.onnx_graph import Graph
from ner_mx.models.layers.onnx_layers import below, bilstm, embedded


def tagger_graph(settings: BiLSTMCNN, embedders: Sequence[Embedder],
                 parameters: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The network as ONNX: arrays of a batch, int32 -> ``emissions`` (T, N, K) float32."""
    graph = Graph()
    vectors = embedded(graph, embedders, parameters)
    directions = bilstm(graph, below(parameters, "bilstm"), vectors, settings.units, settings.layers,
                        settings.directions == "joined")
    weights = [parameters[f"{name}_output.weight"] for name in ("forward", "backward")]
    bias = parameters["forward_output.bias"]
    if settings.output == "linear":
        emissions = graph.linear(graph.concatenated(directions), np.concatenate(weights, axis=1), bias)
    else:
        biases = [bias, parameters["backward_output.bias"]]
        emissions = graph.sum([graph.add("LogSoftmax", graph.linear(*layer), axis=2)
                               for layer in zip(directions, weights, biases)])
    return graph.model(emissions, len(bias))
