"""Operators on each element, or along the last axis."""

from __future__ import annotations

import numpy as np

from ner_mx.inference.onnx_file import DTYPES, Node
from ner_mx.inference.onnx_operators import (
    Array,
    Result,
    axis_of,
    broadcast,
    read_attributes,
)
from ner_mx.registry import register


@register.operator("Add")
def add(node: Node, left: Array, right: Array) -> Result:
    """Sums."""
    return broadcast(node, (left, right))


@register.operator("Mul")
def multiply(node: Node, left: Array, right: Array) -> Result:
    """Products, element by element."""
    return broadcast(node, (left, right))


@register.operator("Sub")
def subtract(node: Node, left: Array, right: Array) -> Result:
    """Differences."""
    return broadcast(node, (left, right))


@register.operator("Div")
def divide(node: Node, left: Array, right: Array) -> Result:
    """Quotients of floats; those of integers could be by zero."""
    if left.dtype.kind != "f":
        raise ValueError("an operator Div of integers")
    result = broadcast(node, (left, right))
    return result._replace(multiplications=16 * result.arrays[0].size)


@register.operator("Less")
def less(node: Node, left: Array, right: Array) -> Result:
    """Comparisons."""
    return broadcast(node, (left, right), DTYPES[9])


@register.operator("Where")
def where(node: Node, condition: Array, left: Array, right: Array) -> Result:
    """A choice for each element."""
    if condition.dtype != DTYPES[9]:
        raise ValueError("an operator Where without a condition")
    chosen = broadcast(node, (left, right)).arrays[0]
    return Result([chosen._replace(shape=np.broadcast_shapes(chosen.shape, condition.shape), constant=False)])


@register.operator("Clip")
def clip(node: Node, values: Array, low: Array, high: Array) -> Result:
    """Values within two limits."""
    return Result([broadcast(node, (values, low, high)).arrays[0]._replace(shape=values.shape)])


@register.operator("Identity")
def identity(node: Node, values: Array) -> Result:
    """The same array."""
    read_attributes(node)
    return Result([values])


@register.operator("Relu")
@register.operator("Tanh")
@register.operator("Erf")
def elementwise(node: Node, values: Array) -> Result:
    """A function of each element."""
    read_attributes(node)
    return Result([values._replace(known=None, table=None)], 16 * values.size)


@register.operator("LogSoftmax")
@register.operator("Softmax")
def softmax(node: Node, values: Array) -> Result:
    """Probabilities along an axis, or their logarithms."""
    axis_of(read_attributes(node, axis=-1)["axis"], len(values.shape))
    return Result([values._replace(known=None, table=None)], 64 * values.size)


@register.operator("LayerNormalization")
def layer_norm(node: Node, values: Array, weight: Array, bias: Array) -> Result:
    """Vectors along the last axis, normalized, scaled and shifted."""
    attributes = read_attributes(node, axis=-1, epsilon=1e-5)
    rank = len(values.shape)
    if axis_of(attributes["axis"], rank) != rank - 1 or {weight.shape, bias.shape} != {values.shape[-1:]} \
            or {values.dtype, weight.dtype, bias.dtype} != {np.dtype(np.float32)}:
        raise ValueError(f"an operator LayerNormalization of the shapes {values.shape}, {weight.shape}, {bias.shape}")
    return Result([values._replace(known=None, table=None, constant=False)], 16 * values.size)


@register.operator("Cast")
def cast(node: Node, values: Array) -> Result:
    """Another type."""
    kind = read_attributes(node, to=0)["to"]
    if kind not in DTYPES:
        raise ValueError(f"an operator Cast to ONNX's type {kind}")
    # Of numbers with a fraction, engines may convert some otherwise.
    is_whole = values.known is not None and values.dtype.kind == "i" and DTYPES[kind].kind == "i"
    known = values.known.astype(DTYPES[kind]) if is_whole and values.known is not None else None
    return Result([values._replace(dtype=DTYPES[kind], known=known)])
