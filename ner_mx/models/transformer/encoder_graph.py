"""A pretrained encoder as ONNX."""

from __future__ import annotations

from typing import List, Mapping, Optional, Union

import numpy as np
from onnx import TensorProto

from ner_mx.features.transformer import TransformerSettings
from ner_mx.models.layers.onnx_graph import Graph
from ner_mx.models.layers.onnx_layers import below
from ner_mx.models.transformer.relative_positions import FARTHEST, distance_buckets
from ner_mx.models.transformer.weights import separated
from ner_mx.resources.checkpoints import Architecture

MASKED = np.float32(-1e9)

Parameters = Mapping[str, np.ndarray]


def encoded_words(graph: Graph, architecture: Architecture, settings: TransformerSettings,
                  parameters: Parameters) -> str:
    """(T, N, units): an :class:`~ner_mx.models.transformer.word_vectors.EncodedWords` as ONNX."""
    layers = encoder(graph, architecture, below(parameters, "encoder"))
    vectors = _mixed(graph, layers, settings.layers, below(parameters, "mix"))
    # Indices are those of (P, W), and layers are (W, P, units).
    vectors = graph.add("Transpose", vectors, perm=[1, 0, 2])
    flat = graph.add("Reshape", vectors, graph.constant(np.array([-1, architecture.units])))
    if settings.pooling == "first":
        return graph.add("Gather", flat, graph.input("piece_places"), axis=0)
    places = graph.input("piece_places", ("T", "N", "M"))
    size = graph.add("Gather", graph.add("Shape", flat), graph.constant(np.array(0)), axis=0)
    is_piece = graph.add("Less", places, graph.add("Cast", size, to=TensorProto.INT32))
    flat = graph.add("Concat", flat, graph.constant(np.zeros((1, architecture.units))), axis=0)
    total = _summed(graph, graph.add("Gather", flat, places, axis=0), 2, keep=False)
    count = _summed(graph, graph.add("Cast", is_piece, to=TensorProto.FLOAT), 2, keep=True)
    return graph.add("Div", total, count)


def _summed(graph: Graph, values: str, axis: int, keep: bool) -> str:
    return graph.add("ReduceSum", values, graph.constant(np.array([axis])), keepdims=int(keep))


def _mixed(graph: Graph, layers: List[str], kind: Union[str, int], parameters: Parameters) -> str:
    """A :class:`~ner_mx.models.transformer.word_vectors.LayerMix`."""
    if kind == "last":
        return layers[-1]
    if kind != "mix":
        mean = graph.sum(layers[-int(kind):])
        return graph.add("Mul", mean, graph.constant(np.float32(1 / int(kind))))
    weights = np.exp(parameters["weights"] - parameters["weights"].max())
    weights = parameters["scale"] * weights / weights.sum()
    return graph.sum([graph.add("Mul", layer, graph.constant(np.float32(weight)))
                      for layer, weight in zip(layers, weights)])


def encoder(graph: Graph, architecture: Architecture, parameters: Parameters) -> List[str]:
    """The outputs of the layers, (W, P, units) each, the embeddings first."""
    pieces = graph.input("pieces", ("P", "W"))
    steps = graph.places(pieces)  # (P, 1)
    vectors = graph.add("Gather", graph.constant(parameters["piece_table"]), pieces, axis=0)
    positions = graph.add("Gather", graph.constant(parameters["position_table"]), steps, axis=0)
    vectors = graph.add("Transpose", graph.add("Add", vectors, positions), perm=[1, 0, 2])
    is_real = graph.add("Less", steps, graph.input("piece_length", ("W",)))  # (P, W)
    is_real = graph.add("Unsqueeze", graph.add("Transpose", is_real, perm=[1, 0]), graph.constant(np.array([1, 2])))
    relative = _relative(graph, steps, architecture, parameters) if architecture.relative_buckets else None
    outputs = [_norm(graph, vectors, architecture, below(parameters, "norm"))]
    for layer in range(architecture.layers):
        outputs.append(_layer(graph, outputs[-1], is_real, relative, architecture, below(parameters, f"layer{layer}")))
    return outputs


def _relative(graph: Graph, steps: str, architecture: Architecture, parameters: Parameters) -> str:
    """(1, heads, P, P): what the distance of two pieces adds to their score."""
    distance = graph.add("Sub", graph.add("Transpose", steps, perm=[1, 0]), steps)
    farthest = [graph.constant(np.array(value, np.int32)) for value in (-FARTHEST, FARTHEST)]
    distance = graph.add("Add", graph.add("Clip", distance, *farthest), farthest[1])
    table = parameters["relative_table"][distance_buckets(architecture.relative_buckets)]
    scores = graph.add("Gather", graph.constant(table), distance, axis=0)
    return graph.add("Unsqueeze", graph.add("Transpose", scores, perm=[2, 0, 1]), graph.constant(np.array([0])))


def _layer(graph: Graph, vectors: str, is_real: str, relative: Optional[str], architecture: Architecture,
           parameters: Parameters) -> str:
    """An :class:`~ner_mx.models.transformer.encoder_layer.EncoderLayer`."""
    heads = architecture.heads
    size = architecture.units // heads
    weights, biases = (separated(parameters[f"attention.{kind}"], heads) for kind in ("weight", "bias"))
    # The scale of the scores is in the queries.
    scale = np.float32(size ** -0.5)
    weights[0], biases[0] = weights[0] * scale, biases[0] * scale
    by_head = graph.constant(np.array([0, 0, heads, size]))
    queries, keys, values = (graph.add("Reshape", graph.linear(vectors, weight, bias), by_head)
                             for weight, bias in zip(weights, biases))  # (W, P, heads, size)
    scores = graph.add("MatMul", graph.add("Transpose", queries, perm=[0, 2, 1, 3]),
                       graph.add("Transpose", keys, perm=[0, 2, 3, 1]))  # (W, heads, P, P)
    scores = graph.add("Add", scores, relative) if relative else scores
    shares = graph.add("Softmax", graph.add("Where", is_real, scores, graph.constant(MASKED)), axis=-1)
    context = graph.add("MatMul", shares, graph.add("Transpose", values, perm=[0, 2, 1, 3]))
    context = graph.add("Reshape", graph.add("Transpose", context, perm=[0, 2, 1, 3]),
                        graph.constant(np.array([0, 0, architecture.units])))
    attended = graph.linear(context, parameters["attended.weight"], parameters["attended.bias"])
    vectors = _norm(graph, graph.add("Add", attended, vectors), architecture, below(parameters, "attended_norm"))
    hidden = _activated(graph, graph.linear(vectors, parameters["inner.weight"], parameters["inner.bias"]),
                        architecture.activation)
    outer = graph.linear(hidden, parameters["outer.weight"], parameters["outer.bias"])
    return _norm(graph, graph.add("Add", outer, vectors), architecture, below(parameters, "outer_norm"))


def _norm(graph: Graph, vectors: str, architecture: Architecture, parameters: Parameters) -> str:
    return graph.layer_norm(vectors, parameters["weight"], parameters["bias"], architecture.epsilon)


def _activated(graph: Graph, vectors: str, activation: str) -> str:
    if activation == "relu":
        return graph.add("Relu", vectors)
    # In this order of operators, onnxruntime computes them as one (Hendrycks & Gimpel 2016, section 2).
    share = graph.add("Erf", graph.add("Div", vectors, graph.constant(np.float32(2 ** 0.5))))
    share = graph.add("Add", share, graph.constant(np.float32(1)))
    return graph.add("Mul", graph.add("Mul", vectors, share), graph.constant(np.float32(0.5)))
