"""``pytorch_model.bin`` without executing what is in it.

The file holds a pickle, which is a program.  :func:`_interpreted` follows its
instructions, as ``pickletools`` lists them, on plain values: it knows the few
that a dictionary of tensors is written with and refuses all others, so that
nothing is imported or called.  Read are the zip archives of PyTorch since 1.6,
and the older files.
"""

from __future__ import annotations

import io
import math
import pickletools
import struct
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, List, NamedTuple, Tuple, Union

import numpy as np

from ner_mx.errors import CorpusError, first_line, shown
from ner_mx.resources.checkpoints.floats import as_float32

# Storages by the class that their names have in PyTorch; bfloat16 has the upper half of the bits of float32.
STORAGES = {"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "<u2",
            "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "<i1",
            "ByteStorage": "<u1", "BoolStorage": "?"}
ORDERED, TENSOR, PARAMETER = ("collections OrderedDict", "torch._utils _rebuild_tensor_v2",
                              "torch._utils _rebuild_parameter")
# The first pickle of the files before PyTorch 1.6.
MAGIC = 0x1950a86a20f9469cfc6c
MAX_PICKLE = 1 << 26
# The memory for all tensors, as a multiple of the file: they may share data, and become 32 bits wide.
MOST_VIEWS = 8


class _Name(NamedTuple):
    """A global name, such as ``torch FloatStorage``."""

    name: str


class _Storage(NamedTuple):
    """key : of the data.  kind : a key of :data:`STORAGES`.  size : in elements."""

    key: str
    kind: str
    size: int


class _Tensor(NamedTuple):
    """A view of a storage; offset and strides in elements."""

    storage: _Storage
    offset: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]


class _Mark:
    """The place on the stack from which a list or mapping is built."""


def read_torch_file(path: Path) -> Dict[str, np.ndarray]:
    """The float tensors of a file of ``torch.save``, as float32; others are left out.

    Raises
    ------
    CorpusError : the file is damaged, or holds more than a dictionary of tensors.
    """
    try:
        with open(path, "rb") as file:
            is_archive = zipfile.is_zipfile(file)
            file.seek(0)
            return _from_archive(file) if is_archive else _from_legacy(file)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, OSError, EOFError,
            zipfile.BadZipFile, NotImplementedError, RuntimeError, MemoryError, OverflowError) as error:
        raise CorpusError(path, None, "expected a dictionary of tensors as torch.save writes it, found: "
                                      f"{first_line(error)}; use model.safetensors, if there is one") from None


def _from_archive(file: BinaryIO) -> Dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        entry = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
        if entry is None:
            raise ValueError("an archive without data.pkl")
        folder = entry[:-len("data.pkl")]
        if archive.getinfo(entry).file_size > MAX_PICKLE:
            raise ValueError("a description of tensors that is too large")

        def content(name: str) -> bytes:
            member = archive.getinfo(name)
            if member.compress_type != zipfile.ZIP_STORED:  # PyTorch compresses nothing, and little may become much
                raise ValueError("compressed tensors")
            return archive.read(member)

        order = f"{folder}byteorder"
        if order in archive.namelist() and content(order).strip() != b"little":
            raise ValueError("tensors in big-endian order")
        tensors = _interpreted(io.BytesIO(content(entry)))
        return _arrays(tensors, lambda storage: content(f"{folder}data/{storage.key}"), _size(file))


def _from_legacy(file: BinaryIO) -> Dict[str, np.ndarray]:
    """Five pickles: a magic number, the version, the system, the tensors, the keys of the storages; then these."""
    if _interpreted(file) != MAGIC:
        raise ValueError("another file")
    _interpreted(file), _interpreted(file)
    tensors, keys = _interpreted(file), _interpreted(file)
    sizes = {tensor.storage.key: np.dtype(STORAGES[tensor.storage.kind]).itemsize
             for tensor in tensors.values() if isinstance(tensor, _Tensor)}
    contents: Dict[str, bytes] = {}
    for key in keys:
        count, = struct.unpack("<q", file.read(8))
        if not 0 <= count < 1 << 40:
            raise ValueError("a storage of an impossible size")
        contents[key] = file.read(count * sizes[key])
        if len(contents[key]) != count * sizes[key]:
            raise ValueError("a truncated file")
    return _arrays(tensors, lambda storage: contents[storage.key], _size(file))


def _size(file: BinaryIO) -> int:
    return file.seek(0, io.SEEK_END)


def _arrays(tensors: Any, data: Callable[[_Storage], bytes], size: int) -> Dict[str, np.ndarray]:
    """The tensors; ``size`` is that of the file, in bytes."""
    if not isinstance(tensors, dict) or not all(isinstance(name, str) for name in tensors):
        raise ValueError("something else than a dictionary")
    result = {}
    room = MOST_VIEWS * size
    for name, tensor in tensors.items():
        if not isinstance(tensor, _Tensor) or np.dtype(STORAGES[tensor.storage.kind]).kind not in "fu" \
                or tensor.storage.kind == "ByteStorage":
            continue
        numbers = (tensor.offset, *tensor.shape, *tensor.strides)
        if any(not isinstance(number, int) or number < 0 for number in numbers) \
                or len(tensor.shape) != len(tensor.strides):
            raise ValueError(f"{shown(name)} of an impossible shape")
        count = math.prod(tensor.shape)
        if not count:
            continue
        values = np.frombuffer(data(tensor.storage), STORAGES[tensor.storage.kind])
        last = tensor.offset + sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.strides))
        if last >= len(values) or count > len(values):
            raise ValueError(f"{shown(name)} beyond its storage")
        room -= 4 * count
        if room < 0:
            raise ValueError("too many tensors that share their data")
        view = np.lib.stride_tricks.as_strided(
            values[tensor.offset:], tensor.shape, [stride * values.itemsize for stride in tensor.strides])
        result[name] = as_float32(np.ascontiguousarray(view), tensor.storage.kind == "BFloat16Storage")
    return result


def _interpreted(file: BinaryIO) -> Any:
    """The value of one pickle, made of plain values.

    Raises
    ------
    ValueError : it has an instruction, or calls a name, that a dictionary of tensors does not need.
    """
    stack: List[Any] = []
    memory: Dict[Any, Any] = {}
    argument: Any
    for code, argument, _ in pickletools.genops(file):
        name = code.name
        if name in ("PROTO", "FRAME"):
            continue
        if name == "STOP":
            return stack.pop()
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _ARGUMENTS:
            stack.append(argument)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
            memory[len(memory) if argument is None else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memory[argument])
        elif name == "GLOBAL":
            stack.append(_Name(argument))
        elif name == "STACK_GLOBAL":
            attribute, module = _text(stack.pop()), _text(stack.pop())
            stack.append(_Name(f"{module} {attribute}"))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "TUPLE":
            stack.append(tuple(_since_mark(stack)))
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else _since_mark(stack)
            stack[-1].extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else _since_mark(stack)
            stack[-1].update(zip(map(_text, items[::2]), items[1::2]))
        elif name == "BINPERSID":
            stack.append(_storage(stack.pop()))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_called(function, arguments))
        elif name == "BUILD":  # attributes of the dictionary, such as its metadata
            stack.pop()
        else:
            raise ValueError(f"the instruction {name}")
    raise ValueError("no end")


_CONSTANTS: Dict[str, Callable[[], Any]] = {
    "MARK": _Mark, "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_ARGUMENTS = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BININT", "BININT1", "BININT2", "INT", "LONG",
              "LONG1", "BINFLOAT", "SHORT_BINSTRING", "BINSTRING"}


def _text(value: Any) -> str:
    """A value that must be text: to hash or to print tuples within tuples could take for ever."""
    if not isinstance(value, str):
        raise ValueError("a name or key that is no text")
    return value


def _since_mark(stack: List[Any]) -> List[Any]:
    place = next((index for index in range(len(stack) - 1, -1, -1) if isinstance(stack[index], _Mark)), None)
    if place is None:
        raise ValueError("an end without a beginning")
    items = stack[place + 1:]
    del stack[place:]
    return items


def _storage(reference: Any) -> _Storage:
    """``("storage", class, key, device, size)``, and in older files a view behind it."""
    kind, name, key, _, size = reference[:5]
    storage = name.name.split(" ")[1]
    if kind != "storage" or storage not in STORAGES or (len(reference) > 5 and reference[5] is not None):
        raise ValueError(f"a reference to {shown(name.name)}")
    return _Storage(_text(key), storage, size)


def _called(function: Any, arguments: Any) -> Union[Dict[Any, Any], _Tensor]:
    name = function.name if isinstance(function, _Name) else "something that has no name"
    if name == ORDERED and not arguments:
        return {}
    if name == TENSOR:
        storage, offset, shape, strides = arguments[:4]
        if not isinstance(storage, _Storage):
            raise ValueError("a tensor without a storage")
        return _Tensor(storage, offset, shape, strides)
    if name == PARAMETER and isinstance(arguments[0], _Tensor):
        return arguments[0]
    raise ValueError(f"a call of {name[:60]}, which was not executed")
