"""An ONNX file to the plain graph that is in it, without onnx and without loading it into onnxruntime.

The reader is stricter than the format: it accepts one graph of constants and
nodes of the standard operators, in the encoding that our exporters write, and
refuses every other field.  Weights in other files (external data), functions,
subgraphs and the operators of other domains therefore do not exist for it.
The field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import math
import struct
from itertools import islice
from typing import Any, Dict, Iterator, List, NamedTuple, Sequence, Tuple, Union

import numpy as np

# What the exporters write; see ner_mx.models.layers.onnx_graph.
OPSETS, IR_VERSION = (13, 17), 8

MAX_NODES = 20_000  # and arrays, and values of a list
MAX_RANK = 6

# The element types that are read, by their number in ONNX.
DTYPES: Dict[int, np.dtype] = {1: np.dtype("<f4"), 3: np.dtype("i1"), 6: np.dtype("<i4"), 7: np.dtype("<i8"),
                               9: np.dtype("?"), 10: np.dtype("<f2")}

_VARINT, _BYTES, _FIXED32 = 0, 2, 5

Attribute = Union[int, float, bytes, List[int]]


class Node(NamedTuple):
    """An operator with the names of its inputs and outputs; none of them may be left out."""

    operator: str
    inputs: List[str]
    outputs: List[str]
    attributes: Dict[str, Attribute]


class ArrayType(NamedTuple):
    """The element type and the shape of an input or output; a dimension is a number or has a name."""

    dtype: np.dtype
    shape: Tuple[Union[int, str], ...]


class OnnxGraph(NamedTuple):
    """Nodes in the order in which they are computed, and the arrays by name."""

    nodes: List[Node]
    constants: Dict[str, np.ndarray]
    inputs: Dict[str, ArrayType]
    outputs: Dict[str, ArrayType]


def read_graph(model: bytes) -> OnnxGraph:
    """The graph of a serialized model.

    Raises
    ------
    ValueError : the model is damaged, or holds more than the graphs of our exporters do.
    """
    try:
        fields = _message(memoryview(model), "model", {
            1: _VARINT, 2: _BYTES, 3: _BYTES, 4: _BYTES, 5: _VARINT, 6: _BYTES, 7: _BYTES, 8: _BYTES}, repeated=(8,))
        if _single(fields, 1, 0) > IR_VERSION:
            raise ValueError(f"a model of ONNX's version {fields[1][0]} instead of {IR_VERSION}")
        _check_operator_sets(fields.get(8, []))
        return _graph(_single(fields, 7, memoryview(b"")))
    except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError(f"a damaged model ({error})") from None


def _check_operator_sets(sets: Sequence[memoryview]) -> None:
    versions = []
    for content in sets:
        fields = _message(content, "operator set", {1: _BYTES, 2: _VARINT})
        versions.append((_text(_single(fields, 1, b"")), _single(fields, 2, 0)))
    if len(versions) != 1 or versions[0] not in [("", version) for version in OPSETS]:
        raise ValueError(f"operators of {versions[:4]} instead of version {' or '.join(map(str, OPSETS))} of the "
                         "standard ones")


def _graph(content: memoryview) -> OnnxGraph:
    fields = _message(content, "graph", {1: _BYTES, 2: _BYTES, 5: _BYTES, 11: _BYTES, 12: _BYTES},
                      repeated=(1, 5, 11, 12))
    return OnnxGraph([_node(node) for node in fields.get(1, [])], _named(map(_constant, fields.get(5, []))),
                     _named(map(_array_type, fields.get(11, []))), _named(map(_array_type, fields.get(12, []))))


def _named(pairs: Iterator[Tuple[str, Any]]) -> Dict[str, Any]:
    result: Dict[str, Any] = {}
    for name, value in pairs:
        if not name or name in result:
            raise ValueError(f"two arrays of the name {name!r}" if name else "an array without a name")
        result[name] = value
    return result


def _node(content: memoryview) -> Node:
    fields = _message(content, "node", {1: _BYTES, 2: _BYTES, 3: _BYTES, 4: _BYTES, 5: _BYTES, 6: _BYTES, 7: _BYTES},
                      repeated=(1, 2, 5))
    domain = _text(_single(fields, 7, b""))
    operator = _text(_single(fields, 4, b""))
    if domain:
        raise ValueError(f"an operator {operator} of {domain}")
    return Node(operator, list(map(_text, fields.get(1, []))), list(map(_text, fields.get(2, []))),
                _named(map(_attribute, fields.get(5, []))))


def _attribute(content: memoryview) -> Tuple[str, Attribute]:
    # Tensors (5), subgraphs (6) and lists of them are refused.
    fields = _message(content, "attribute", {1: _BYTES, 2: _FIXED32, 3: _VARINT, 4: _BYTES, 8: _VARINT, 13: _BYTES,
                                             20: _VARINT}, repeated=(8,))
    name, kind = _text(_single(fields, 1, b"")), _single(fields, 20, 0)
    expected = {1: 2, 2: 3, 3: 4, 7: 8}.get(kind)
    if expected is None or set(fields) & {2, 3, 4, 8} - {expected}:
        raise ValueError(f"an attribute {name} that is no number, text or list of integers")
    if kind == 7:
        return name, [_signed(value) for value in fields.get(8, [])]
    value: Any = _single(fields, expected, 0)
    convert: Any = {1: float, 2: _signed, 3: bytes}[kind]
    return name, convert(value)


def _constant(content: memoryview) -> Tuple[str, np.ndarray]:
    # Data in other files (13, 14) and in fields by type (4 to 7, 10, 11) is refused.
    fields = _message(content, "constant", {1: _VARINT, 2: _VARINT, 8: _BYTES, 9: _BYTES}, repeated=(1,))
    name, kind = _text(_single(fields, 8, b"")), _single(fields, 2, 0)
    shape = _checked_shape(tuple(fields.get(1, [])), name)
    if kind not in DTYPES:
        raise ValueError(f"{name}: elements of ONNX's type {kind}")
    data, dtype = _single(fields, 9, memoryview(b"")), DTYPES[kind]
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name}: {len(data)} bytes for the shape {shape}")
    values = np.frombuffer(data, dtype).reshape(shape)
    if dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{name}: weights that are infinite or not a number")
    return name, values


def _array_type(content: memoryview) -> Tuple[str, ArrayType]:
    fields = _message(content, "array", {1: _BYTES, 2: _BYTES, 3: _BYTES})
    name = _text(_single(fields, 1, b""))
    kind = _message(_single(fields, 2, memoryview(b"")), "type", {1: _BYTES, 6: _BYTES})
    tensor = _message(_single(kind, 1, memoryview(b"")), "tensor type", {1: _VARINT, 2: _BYTES})
    if _single(tensor, 1, 0) not in DTYPES:
        raise ValueError(f"{name}: elements of ONNX's type {_single(tensor, 1, 0)}")
    dimensions = _message(_single(tensor, 2, memoryview(b"")), "shape", {1: _BYTES}, repeated=(1,)).get(1, [])
    shape: List[Union[int, str]] = []
    for dimension in dimensions:
        size = _message(dimension, "dimension", {1: _VARINT, 2: _BYTES})
        shape.append(size[1][0] if 1 in size else _text(_single(size, 2, b"")))
    _checked_shape(tuple(size for size in shape if isinstance(size, int)), name)
    return name, ArrayType(DTYPES[tensor[1][0]], tuple(shape[:MAX_RANK + 1]))


def _checked_shape(shape: Tuple[int, ...], name: str) -> Tuple[int, ...]:
    if len(shape) > MAX_RANK or any(size >= 1 << 31 for size in shape):
        raise ValueError(f"{name}: an array of the shape {shape[:MAX_RANK + 1]}")
    return shape


def _message(content: memoryview, what: str, kinds: Dict[int, int],
             repeated: Sequence[int] = ()) -> Dict[int, List[Any]]:
    """The values of the fields of a message: integers, views of bytes, or floats.

    Parameters
    ----------
    kinds : the wire type of each field that the message may have.
    repeated : the fields that may be there several times.
    """
    fields: Dict[int, List[Any]] = {}
    position = 0
    while position < len(content):
        tag, position = _varint(content, position)
        number, wire = tag >> 3, tag & 7
        packed = wire == _BYTES and kinds.get(number) == _VARINT and number in repeated
        if kinds.get(number) != wire and not packed:
            raise ValueError(f"a {what} with the field {number}, which models of this package do not have")
        if number in fields and number not in repeated:
            raise ValueError(f"a {what} with two fields {number}")
        values = fields.setdefault(number, [])
        if len(values) >= MAX_NODES:
            raise ValueError(f"a {what} with more than {MAX_NODES:,} fields {number}")
        if wire == _VARINT:
            value, position = _varint(content, position)
            values.append(value)
        elif wire == _FIXED32:
            values.append(struct.unpack_from("<f", content, position)[0])
            position += 4
        else:
            size, position = _varint(content, position)
            part = content[position:position + size]
            if len(part) != size:
                raise ValueError(f"a {what} that is truncated")
            position += size
            values += islice(_varints(part), MAX_NODES + 1) if packed else [part]
            if len(values) > MAX_NODES:
                raise ValueError(f"a {what} with more than {MAX_NODES:,} fields {number}")
    return fields


def _varints(content: memoryview) -> Iterator[int]:
    position = 0
    while position < len(content):
        value, position = _varint(content, position)
        yield value


def _varint(content: memoryview, position: int) -> Tuple[int, int]:
    """A number of seven bits per byte, and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, position
    raise ValueError("a number of more than ten bytes")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _single(fields: Dict[int, List[Any]], number: int, default: Any) -> Any:
    return fields[number][0] if number in fields else default


def _text(content: Union[bytes, memoryview]) -> str:
    return bytes(content).decode("utf-8")


