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

from ner_mx.inference.onnx_file import Node

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


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from the first.

    Raises
    ------
    ValueError : there is no such axis.
    """
    if not -rank <= axis < rank:
        raise ValueError(f"an axis {axis} of {rank}")
    return axis % rank


def known_integers(array: Array, what: str, constant: bool = True) -> List[int]:
    """The known values of an array of integers.

    Parameters
    ----------
    constant : whether they must not depend on the size of the batch.  Where they may, the operator's output must
        not become larger for a smaller batch: graphs are checked on the largest batches alone.

    Raises
    ------
    ValueError : they are not known, or no integers.
    """
    if array.known is None or array.dtype.kind != "i" or constant and not array.constant:
        raise ValueError(f"{what} that depend on the text")
    values: List[int] = array.known.reshape(-1).tolist()
    return values


def broadcast(node: Node, arrays: Sequence[Array], dtype: Optional[np.dtype] = None) -> Result:
    """Arrays of one type, element by element, as numpy broadcasts them; ``dtype`` is that of the result.

    Raises
    ------
    ValueError : they are of different types, or do not fit each other.
    """
    read_attributes(node)
    if len({array.dtype for array in arrays}) > 1:
        raise ValueError(f"an operator {node.operator} of different types")
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    return Result([Array(dtype or arrays[0].dtype, shape, constant=all(array.constant for array in arrays))])
