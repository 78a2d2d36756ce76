"""Operators that look up, cut, join and reorder."""

from __future__ import annotations

import math

import numpy as np

from ner_mx.inference.onnx_file import DTYPES, MAX_RANK, Node
from ner_mx.inference.onnx_operators import (
    Array,
    Result,
    axis_of,
    known_integers,
    read_attributes,
)
from ner_mx.registry import register

# From here on, the end of a slice is that of the array, whatever its length.
LAST = 1 << 31


@register.operator("Gather")
def gather(node: Node, table: Array, indices: Array) -> Result:
    """Lookups along an axis.

    Raises
    ------
    ValueError : the table is not that of the ids.
    """
    axis = axis_of(read_attributes(node, axis=0)["axis"], len(table.shape))
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


@register.operator("Transpose")
def transpose(node: Node, values: Array) -> Result:
    """The axes in another order."""
    order = read_attributes(node, perm=[0])["perm"]
    if sorted(order) != list(range(len(values.shape))):
        raise ValueError(f"an operator Transpose of {len(values.shape)} axes to the order {order[:8]}")
    return Result([values._replace(shape=tuple(values.shape[axis] for axis in order), known=None, table=None)],
                  values.size)


@register.operator("Shape")
def shape_of(node: Node, values: Array) -> Result:
    """The shape of an array, which is known."""
    read_attributes(node)
    return Result([Array(DTYPES[7], (len(values.shape),), np.array(values.shape))])


@register.operator("Range")
def number_range(node: Node, start: Array, limit: Array, step: Array) -> Result:
    """Numbers in steps of one."""
    read_attributes(node)
    (first,), (by,) = (known_integers(array, "the beginning and the step of a range") for array in (start, step))
    last, = known_integers(limit, "limits of a range", constant=False)
    if by != 1 or not 0 <= last - first < 1 << 31:
        raise ValueError(f"a range from {first} to {last} in steps of {by}")
    return Result([Array(start.dtype, (last - first,))])


@register.operator("Slice")
def part(node: Node, values: Array, begins: Array, ends: Array, axes: Array) -> Result:
    """Parts of axes."""
    read_attributes(node)
    shape = list(values.shape)
    borders = zip(*(known_integers(array, "borders of a slice") for array in (begins, ends, axes)))
    for begin, end, axis in borders:
        axis = axis_of(axis, len(shape))
        if begin < 0 <= end < LAST:
            raise ValueError(f"a slice from {begin} to {end}, which is longer for a shorter array")
        shape[axis] = len(range(*slice(begin, end).indices(shape[axis])))
    return Result([values._replace(shape=tuple(shape), known=None)])


@register.operator("Pad")
def pad(node: Node, values: Array, pads: Array) -> Result:
    """Zeros around an array."""
    read_attributes(node)
    margins, rank = known_integers(pads, "margins"), len(values.shape)
    if len(margins) != 2 * rank or min(margins, default=0) < 0:
        raise ValueError(f"margins {margins[:8]} of an array with {rank} axes")
    return Result([values._replace(known=None, shape=tuple(
        size + before + after for size, before, after in zip(values.shape, margins, margins[rank:])))])


@register.operator("Unsqueeze")
def unsqueeze(node: Node, values: Array, axes: Array) -> Result:
    """Axes of one element, added."""
    read_attributes(node)
    shape, added = list(values.shape), known_integers(axes, "axes")
    rank = len(shape) + len(added)
    for axis in sorted({axis_of(axis, rank) for axis in added}):
        shape.insert(axis, 1)
    if len(shape) != rank or rank > MAX_RANK:
        raise ValueError(f"an operator Unsqueeze of the axes {added[:8]}")
    return Result([values._replace(shape=tuple(shape), known=None)])


@register.operator("Squeeze")
def squeeze(node: Node, values: Array, axes: Array) -> Result:
    """An axis of one element, removed."""
    read_attributes(node)
    axis, = known_integers(axes, "axes")
    shape = list(values.shape)
    if shape.pop(axis_of(axis, len(shape))) != 1:
        raise ValueError("an operator Squeeze of an axis with several elements")
    return Result([values._replace(shape=tuple(shape), known=None)])


@register.operator("Reshape")
def reshape(node: Node, values: Array, shape: Array) -> Result:
    """Another shape: 0 keeps an axis, -1 takes what is left."""
    read_attributes(node)
    sizes = [values.shape[axis] if size == 0 and axis < len(values.shape) else size
             for axis, size in enumerate(known_integers(shape, "shapes"))]
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
    axis = axis_of(read_attributes(node, axis=0)["axis"], len(arrays[0].shape))
    others = {(array.dtype, array.shape[:axis], array.shape[axis + 1:]) for array in arrays}
    if len(others) > 1:
        raise ValueError("an operator Concat of arrays that do not fit each other")
    shape = list(arrays[0].shape)
    shape[axis] = sum(array.shape[axis] for array in arrays)
    return Result([Array(arrays[0].dtype, tuple(shape), constant=all(array.constant for array in arrays))])
