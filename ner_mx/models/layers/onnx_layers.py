"""The layers of this package as ONNX."""

from __future__ import annotations

from itertools import groupby
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np
import onnx
from onnx import TensorProto

from ner_mx.features.batch import WORD_VECTORS
from ner_mx.features.characters import CharacterSettings
from ner_mx.models.embedders import Embedder
from ner_mx.models.layers.onnx_graph import Graph
from ner_mx.models.layers.packed_lstm import unpacked

MASKED = np.float32(-1e9)
ACTIVATIONS = {"none": None, "relu": "Relu", "tanh": "Tanh"}


def below(parameters: Mapping[str, np.ndarray], prefix: str) -> Dict[str, np.ndarray]:
    """The parameters under a prefix, without it."""
    return {name[len(prefix) + 1:]: values for name, values in parameters.items()
            if name.startswith(f"{prefix}.")}


def embedded(graph: Graph, embedders: Sequence[Embedder], parameters: Mapping[str, np.ndarray]) -> str:
    """The concatenated vectors of all features, (T, N, dimension).

    Those of features that depend on the word type alone are an input, which :func:`word_graph` computes.
    """
    width = sum(embedder.dimension for embedder in embedders if embedder.feature.of_word_type)
    parts, start = [], 0
    for of_word_type, group in groupby(embedders, key=lambda embedder: embedder.feature.of_word_type):
        if not of_word_type:
            parts += [embedder.export(graph, below(parameters, embedder.feature.name)) for embedder in group]
            continue
        vectors = graph.input(WORD_VECTORS, ("T", "N", width), TensorProto.FLOAT)
        end = start + sum(embedder.dimension for embedder in group)
        parts.append(vectors if end - start == width else graph.slice(vectors, start, end, axis=2))
        start = end
    return graph.concatenated(parts)


def word_graph(embedders: Sequence[Embedder], parameters: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The features that depend on the word type alone as ONNX: arrays of a batch -> ``vectors`` (T, N, D) float32."""
    graph = Graph()
    chosen = [embedder for embedder in embedders if embedder.feature.of_word_type]
    vectors = graph.concatenated([embedder.export(graph, below(parameters, embedder.feature.name))
                                  for embedder in chosen])
    return graph.model(vectors, sum(embedder.dimension for embedder in chosen), "vectors")


def character_cnn(graph: Graph, settings: CharacterSettings, parameters: Mapping[str, np.ndarray]) -> str:
    """(T, N, filters); the convolution as lookups in tables that are projected once, here."""
    kernel = parameters["kernel"]  # (width, filters, dimension)
    tables = [("characters", parameters["table"], kernel[:, :, :settings.dimension])]
    if "type_table" in parameters:
        tables.append(("character_types", parameters["type_table"], kernel[:, :, settings.dimension:]))
    left = (settings.width - 1) // 2
    lookups: List[str] = []
    for name, table, weights in tables:
        ids = graph.margins(graph.input(name, ("L", "U")), left, settings.width - 1 - left, axes=2)
        for place, weight in enumerate(weights):
            rows = graph.slice(ids, place, place - settings.width + 1)  # (L, U)
            lookups.append(graph.add("Gather", graph.constant(table @ weight.T), rows, axis=0))
    windows = graph.sum(lookups)  # (L, U, filters)
    inside = graph.add("Less", graph.places(windows), graph.input("character_length", ("U",)))  # (L, U)
    inside = graph.add("Unsqueeze", inside, graph.constant(np.array([2])))
    masked = graph.add("Where", inside, windows, graph.constant(MASKED))
    best = graph.add("ReduceMax", masked, axes=[0], keepdims=0)
    best = graph.add("Add", best, graph.constant(parameters["bias"]))
    activation = ACTIVATIONS[settings.activation]
    best = graph.add(activation, best) if activation else best
    return graph.add("Gather", best, graph.input("word_types"), axis=0)


def bilstm(graph: Graph, parameters: Mapping[str, np.ndarray], vectors: str, units: int, layers: int,
           joined: bool) -> Tuple[str, str]:
    """Forward and backward outputs, (T, N, units) each; ``joined`` directions are concatenated after every layer."""
    forward = backward = vectors
    for layer in range(layers):
        if layer and joined:
            forward = backward = graph.concatenated([forward, backward])
        weights = [_reordered_gates(unpacked(parameters[f"{direction}{layer}"], units))
                   for direction in ("forward", "backward")]
        if forward == backward:
            forward, backward = _lstm(graph, forward, weights, "bidirectional")
        else:
            forward, = _lstm(graph, forward, weights[:1], "forward")
            backward, = _lstm(graph, backward, weights[1:], "reverse")
    return forward, backward


def lstm(graph: Graph, packed: np.ndarray, vectors: str, units: int) -> str:
    """The outputs of one forward layer, (T, N, units)."""
    output, = _lstm(graph, vectors, [_reordered_gates(unpacked(packed, units))], "forward")
    return output


def _reordered_gates(layer: Sequence[np.ndarray]) -> List[np.ndarray]:
    """Weights with the gates input, forget, cell, output in the order of ONNX: input, output, forget, cell."""
    units = layer[1].shape[1]
    order = np.concatenate([np.arange(gate * units, (gate + 1) * units) for gate in (0, 3, 1, 2)])
    return [values[order] for values in layer]


def _lstm(graph: Graph, vectors: str, directions: Sequence[Sequence[np.ndarray]],
          direction: str) -> List[str]:
    """One layer over (T, N, C): (T, N, units) for each direction, zeros in the padding."""
    into, recurrent, biases = (np.stack(values) for values in zip(
        *((into, recurrent, np.concatenate(biases)) for into, recurrent, *biases in directions)))
    outputs = graph.add("LSTM", vectors, graph.constant(into), graph.constant(recurrent),
                        graph.constant(biases), graph.input("length", ("N",)),
                        hidden_size=recurrent.shape[2], direction=direction)  # (T, directions, N, units)
    return [graph.add("Squeeze", graph.add("Gather", outputs, graph.constant(np.array([number])), axis=1),
                      graph.constant(np.array([1]))) for number in range(len(directions))]


def window(graph: Graph, parameters: Mapping[str, np.ndarray], vectors: str, width: int) -> str:
    """(T, N, units): the hidden layer over a window of words, zeros outside the sentence."""
    real = graph.add("Less", graph.places(vectors), graph.input("length", ("N",)))
    real = graph.add("Unsqueeze", real, graph.constant(np.array([2])))
    vectors = graph.add("Where", real, vectors, graph.constant(np.float32(0)))
    padded = graph.margins(vectors, width // 2, width // 2, axes=3)
    kernels = np.split(parameters["kernel"], width)
    products = [graph.add("MatMul", graph.slice(padded, place, place - width + 1), graph.constant(kernel.T))
                for place, kernel in enumerate(kernels)]
    hidden = graph.add("Add", graph.sum(products), graph.constant(parameters["bias"]))
    return graph.add("Clip", hidden, graph.constant(np.float32(-1)), graph.constant(np.float32(1)))
