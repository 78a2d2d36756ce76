"""The ONNX operators that a bundle may use, each as the shape of its output.

A rule computes with shapes and with the few values that decide shapes, never
with weights, so that a graph is known to be small before anything runs.  To
allow another operator for a model of your own, register its rule:

>>> @register.operator("Sigmoid")                                  # doctest: +SKIP
... def sigmoid(node, values):
...     read_attributes(node)
...     return Result([values._replace(known=None)])
"""

from __future__ import annotations

import math
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ner_mx.inference.onnx_file import DTYPES, MAX_RANK, Node
from ner_mx.registry import register

# Arrays of no more elements have known values: shapes, and the borders of slices.
KNOWN = 64


class Array(NamedTuple):
    """What is known of an array before the graph runs.

    known : the values, if they decide shapes.
    table : for ids, the shape of the table that has them, or its first dimensions; None for other values.
    constant : whether it depends on no input.
    """

    dtype: np.dtype
    shape: Tuple[int, ...]
    known: Optional[np.ndarray] = None
    table: Optional[Tuple[int, ...]] = None
    constant: bool = False

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return self.size * self.dtype.itemsize


class Result(NamedTuple):
    """The outputs of an operator.  multiplications : that it takes, beyond one step per element."""

    arrays: List[Array]
    multiplications: int = 0


def read_attributes(node: Node, **defaults: Any) -> Dict[str, Any]:
    """The attributes of a node.

    Parameters
    ----------
    defaults : the values of those that are left out; an attribute has the type of its default.

    Raises
    ------
    ValueError : it has another attribute, or one of another type.
    """
    for name, value in node.attributes.items():
        if name not in defaults or type(value) is not type(defaults[name]):
            raise ValueError(f"an operator {node.operator} with the attribute {name}")
    return {**defaults, **node.attributes}


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ValueError(f"an axis {axis} of {rank}")
    return axis % rank


def _integers(array: Array, what: str) -> List[int]:
    """The known values of an array of integers."""
    if array.known is None or array.dtype.kind != "i":
        raise ValueError(f"{what} that depend on the text")
    values: List[int] = array.known.reshape(-1).tolist()
    return values


def _broadcast(node: Node, arrays: Sequence[Array], dtype: Optional[np.dtype] = None) -> Result:
    read_attributes(node)
    if len({array.dtype for array in arrays}) > 1:
        raise ValueError(f"an operator {node.operator} of different types")
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    return Result([Array(dtype or arrays[0].dtype, shape, constant=all(array.constant for array in arrays))])


@register.operator("Add")
def add(node: Node, left: Array, right: Array) -> Result:
    """Sums."""
    return _broadcast(node, (left, right))


@register.operator("Mul")
def multiply(node: Node, left: Array, right: Array) -> Result:
    """Products, element by element."""
    return _broadcast(node, (left, right))


@register.operator("Less")
def less(node: Node, left: Array, right: Array) -> Result:
    """Comparisons."""
    return _broadcast(node, (left, right), DTYPES[9])


@register.operator("Where")
def where(node: Node, condition: Array, left: Array, right: Array) -> Result:
    """A choice for each element."""
    if condition.dtype != DTYPES[9]:
        raise ValueError("an operator Where without a condition")
    chosen = _broadcast(node, (left, right)).arrays[0]
    return Result([chosen._replace(shape=np.broadcast_shapes(chosen.shape, condition.shape), constant=False)])


@register.operator("Clip")
def clip(node: Node, values: Array, low: Array, high: Array) -> Result:
    """Values within two limits."""
    return Result([_broadcast(node, (values, low, high)).arrays[0]._replace(shape=values.shape)])


@register.operator("Identity")
def identity(node: Node, values: Array) -> Result:
    """The same array."""
    read_attributes(node)
    return Result([values])


@register.operator("Relu")
@register.operator("Tanh")
def elementwise(node: Node, values: Array) -> Result:
    """A function of each element."""
    read_attributes(node)
    return Result([values._replace(known=None, table=None)], 16 * values.size)


@register.operator("LogSoftmax")
def log_softmax(node: Node, values: Array) -> Result:
    """Logarithms of probabilities along an axis."""
    _axis(read_attributes(node, axis=-1)["axis"], len(values.shape))
    return Result([values._replace(known=None, table=None)], 64 * values.size)


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


@register.operator("Gather")
def gather(node: Node, table: Array, indices: Array) -> Result:
    """Lookups along an axis.

    Raises
    ------
    ValueError : the table is not that of the ids.
    """
    axis = _axis(read_attributes(node, axis=0)["axis"], len(table.shape))
    if indices.dtype.kind != "i":
        raise ValueError("an operator Gather of indices that are no integers")
    rows = table.shape[axis]
    if indices.table is not None and indices.table != table.shape[:len(indices.table)]:
        raise ValueError(f"a table of the shape {table.shape} instead of {indices.table}")
    known = None
    if indices.known is not None:
        if not ((indices.known >= -rows) & (indices.known < rows)).all():
            raise ValueError(f"an index beyond the {rows:,} of an axis")
        if table.known is not None:
            known = np.take(table.known, indices.known, axis)
    shape = (*table.shape[:axis], *indices.shape, *table.shape[axis + 1:])
    return Result([Array(table.dtype, shape, known, table.table, table.constant and indices.constant)])


@register.operator("Shape")
def shape_of(node: Node, values: Array) -> Result:
    """The shape of an array, which is known."""
    read_attributes(node)
    return Result([Array(DTYPES[7], (len(values.shape),), np.array(values.shape))])


@register.operator("Range")
def number_range(node: Node, start: Array, limit: Array, step: Array) -> Result:
    """Numbers in steps of one."""
    read_attributes(node)
    (first,), (last,), (by,) = (_integers(array, "limits of a range") for array in (start, limit, step))
    if by != 1 or not 0 <= last - first < 1 << 31:
        raise ValueError(f"a range from {first} to {last} in steps of {by}")
    return Result([Array(start.dtype, (last - first,))])


@register.operator("Slice")
def part(node: Node, values: Array, begins: Array, ends: Array, axes: Array) -> Result:
    """Parts of axes."""
    read_attributes(node)
    shape = list(values.shape)
    borders = zip(*(_integers(array, "borders of a slice") for array in (begins, ends, axes)))
    for begin, end, axis in borders:
        axis = _axis(axis, len(shape))
        shape[axis] = len(range(*slice(begin, end).indices(shape[axis])))
    return Result([values._replace(shape=tuple(shape), known=None)])


@register.operator("Pad")
def pad(node: Node, values: Array, pads: Array) -> Result:
    """Zeros around an array."""
    read_attributes(node)
    margins, rank = _integers(pads, "margins"), len(values.shape)
    if len(margins) != 2 * rank or min(margins, default=0) < 0:
        raise ValueError(f"margins {margins[:8]} of an array with {rank} axes")
    return Result([values._replace(known=None, shape=tuple(
        size + before + after for size, before, after in zip(values.shape, margins, margins[rank:])))])


@register.operator("Unsqueeze")
def unsqueeze(node: Node, values: Array, axes: Array) -> Result:
    """Axes of one element, added."""
    read_attributes(node)
    shape, added = list(values.shape), _integers(axes, "axes")
    rank = len(shape) + len(added)
    for axis in sorted({_axis(axis, rank) for axis in added}):
        shape.insert(axis, 1)
    if len(shape) != rank or rank > MAX_RANK:
        raise ValueError(f"an operator Unsqueeze of the axes {added[:8]}")
    return Result([values._replace(shape=tuple(shape), known=None)])


@register.operator("Squeeze")
def squeeze(node: Node, values: Array, axes: Array) -> Result:
    """An axis of one element, removed."""
    read_attributes(node)
    axis, = _integers(axes, "axes")
    shape = list(values.shape)
    if shape.pop(_axis(axis, len(shape))) != 1:
        raise ValueError("an operator Squeeze of an axis with several elements")
    return Result([values._replace(shape=tuple(shape), known=None)])


@register.operator("Reshape")
def reshape(node: Node, values: Array, shape: Array) -> Result:
    """Another shape: 0 keeps an axis, -1 takes what is left."""
    read_attributes(node)
    sizes = [values.shape[axis] if size == 0 and axis < len(values.shape) else size
             for axis, size in enumerate(_integers(shape, "shapes"))]
    given = math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) > 1 or min(sizes, default=1) < -1 or (-1 in sizes and (not given or values.size % given)):
        raise ValueError(f"a shape {sizes[:8]}")
    sizes = [values.size // given if size == -1 else size for size in sizes]
    if math.prod(sizes) != values.size:
        raise ValueError(f"a shape {sizes[:8]} for {values.size} elements")
    return Result([values._replace(shape=tuple(sizes), known=None)])


@register.operator("Concat")
def concat(node: Node, *arrays: Array) -> Result:
    """Arrays one after the other along an axis."""
    if not arrays:
        raise ValueError("an operator Concat of nothing")
    axis = _axis(read_attributes(node, axis=0)["axis"], len(arrays[0].shape))
    others = {(array.dtype, array.shape[:axis], array.shape[axis + 1:]) for array in arrays}
    if len(others) > 1:
        raise ValueError("an operator Concat of arrays that do not fit each other")
    shape = list(arrays[0].shape)
    shape[axis] = sum(array.shape[axis] for array in arrays)
    return Result([Array(arrays[0].dtype, tuple(shape), constant=all(array.constant for array in arrays))])


@register.operator("ReduceMax")
def reduce_max(node: Node, values: Array) -> Result:
    """The maximum along axes."""
    attributes = read_attributes(node, axes=[0], keepdims=1)
    if "axes" not in node.attributes:
        raise ValueError("an operator ReduceMax of all axes")
    axes = {_axis(axis, len(values.shape)) for axis in attributes["axes"]}
    kept = [1 if axis in axes else size for axis, size in enumerate(values.shape)
            if axis not in axes or attributes["keepdims"]]
    return Result([values._replace(shape=tuple(kept), known=None)], values.size)


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
