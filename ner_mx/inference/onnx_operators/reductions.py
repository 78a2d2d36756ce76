"""Operators that sum up: reductions, products of matrices, recurrent layers."""

from __future__ import annotations

import numpy as np

from ner_mx.inference.onnx_file import Node
from ner_mx.inference.onnx_operators import (
    Array,
    Result,
    axis_of,
    known_integers,
    read_attributes,
)
from ner_mx.registry import register


@register.operator("ReduceMax")
def reduce_max(node: Node, values: Array) -> Result:
    """The maximum along axes."""
    attributes = read_attributes(node, axes=[0], keepdims=1)
    if "axes" not in node.attributes:
        raise ValueError("an operator ReduceMax of all axes")
    axes = {axis_of(axis, len(values.shape)) for axis in attributes["axes"]}
    kept = [1 if axis in axes else size for axis, size in enumerate(values.shape)
            if axis not in axes or attributes["keepdims"]]
    return Result([values._replace(shape=tuple(kept), known=None)], values.size)


@register.operator("ReduceSum")
def reduce_sum(node: Node, values: Array, axes: Array) -> Result:
    """The sum along an axis."""
    keep = read_attributes(node, keepdims=1)["keepdims"]
    number, = known_integers(axes, "axes")
    axis = axis_of(number, len(values.shape))
    if values.dtype.kind != "f":
        raise ValueError("an operator ReduceSum of integers")
    shape = (*values.shape[:axis], *([1] if keep else []), *values.shape[axis + 1:])
    return Result([values._replace(shape=shape, known=None, table=None)], values.size)


@register.operator("MatMul")
def matrix_product(node: Node, left: Array, right: Array) -> Result:
    """A product of matrices, for each index of the axes before them."""
    read_attributes(node)
    fits = min(len(left.shape), len(right.shape)) >= 2 and left.shape[-1] == right.shape[-2]
    if left.dtype != np.float32 or right.dtype != np.float32 or not fits:
        raise ValueError(f"an operator MatMul of the shapes {left.shape} and {right.shape}")
    shape = (*np.broadcast_shapes(left.shape[:-2], right.shape[:-2]), left.shape[-2], right.shape[-1])
    product = Array(left.dtype, shape, constant=left.constant and right.constant)
    return Result([product], product.size * left.shape[-1])


@register.operator("LSTM")
def lstm(node: Node, vectors: Array, into: Array, recurrent: Array, biases: Array, length: Array) -> Result:
    """A layer in one direction or in two, (T, N, C) to (T, directions, N, units)."""
    attributes = read_attributes(node, hidden_size=0, direction=b"forward")
    units, directions = attributes["hidden_size"], 2 if attributes["direction"] == b"bidirectional" else 1
    if attributes["direction"] not in (b"forward", b"reverse", b"bidirectional") or len(vectors.shape) != 3:
        raise ValueError("an operator LSTM in no direction")
    steps, count, dimension = vectors.shape
    expected = [(directions, 4 * units, dimension), (directions, 4 * units, units), (directions, 8 * units), (count,)]
    found = [array.shape for array in (into, recurrent, biases, length)]
    if found != expected or units < 1:
        raise ValueError(f"an operator LSTM with weights of the shapes {found[:3]} for {dimension} dimensions")
    work = steps * count * directions * 4 * units * (dimension + units)
    return Result([Array(vectors.dtype, (steps, directions, count, units))], work)
