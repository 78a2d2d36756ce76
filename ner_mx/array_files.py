"""Named arrays in ``.npz`` files, without pickled objects and without trust in what a file says of its size.

The files hold plain members, as ``numpy.savez`` writes them: a member that is
compressed could become a thousand times as large as its file.
"""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
from typing import IO, Any, Dict, Mapping

import numpy as np

from ner_mx.errors import RunError, first_line
from ner_mx.files import PathLike, replacing

MAX_MEMBERS = 1000
MAX_RANK = 8
# Numbers and text; no objects and no records.
KINDS = "biufUS"
# The record at the end of an archive, which counts its members (APPNOTE.TXT, section 4.3.16).
_END = struct.Struct("<4s4H2LH")
# The same for large archives, and where it is (sections 4.3.14 and 4.3.15).
_LARGE_END, _LOCATOR = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_MAX_DIRECTORY = 1 << 18
_BLOCK = 1 << 20


def write_arrays(path: PathLike, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as ``.npz``; arrays of Python objects, which need pickling, raise TypeError."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        _write(file, arrays)


def arrays_as_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The content of such a file."""
    buffer = io.BytesIO()
    _write(buffer, arrays)
    return buffer.getvalue()


def _write(target: Any, arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{name} holds Python objects, which npz would pickle")
    # Not numpy.savez, which leaves its archive open if the disk is full.
    with zipfile.ZipFile(target, "w") as archive:
        for name, array in arrays.items():
            # The same content gives the same bytes, without a time stamp.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(  # type: ignore[no-untyped-call]
                    file, np.asanyarray(array), allow_pickle=False)


def read_arrays(path: PathLike, remedy: str = "create it again") -> Dict[str, np.ndarray]:
    """Read an ``.npz`` file that this package wrote.

    Raises
    ------
    RunError : the file is missing, truncated, or holds pickled objects; ``remedy`` says what to do.
    """
    try:
        with open(path, "rb") as file:
            return _arrays(file, os.fstat(file.fileno()).st_size)
    except FileNotFoundError:
        raise RunError(f"{path}: expected a file, found nothing; {remedy}") from None
    except ValueError as error:
        raise RunError(f"{path}: expected numpy arrays, found a damaged file ({error}); {remedy}") from None


def arrays_of(content: bytes) -> Dict[str, np.ndarray]:
    """The arrays of the content of a file.

    Raises
    ------
    ValueError : they are damaged, compressed, too many, or hold pickled objects.
    """
    return _arrays(io.BytesIO(content), len(content))


def _arrays(file: IO[bytes], size: int) -> Dict[str, np.ndarray]:
    _check_directory(file, size)
    try:
        with zipfile.ZipFile(file) as archive:
            result: Dict[str, np.ndarray] = {}
            for member in archive.infolist():
                name, dot, suffix = member.filename.rpartition(".")
                if not dot or suffix != "npy" or name in result:
                    raise ValueError(f"a member {member.filename[:60]!r}")
                if member.compress_type != zipfile.ZIP_STORED or member.file_size > size:
                    raise ValueError(f"the member {name[:60]!r}, which is compressed")
                with archive.open(member) as stream:
                    result[name] = _array(stream, member.file_size, name[:60])
            return result
    except (ValueError, MemoryError):
        raise
    except Exception as error:  # zipfile raises errors of zlib, of struct and its own for damaged files
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(first_line(error)) from None


def _check_directory(file: IO[bytes], size: int) -> None:
    """Check that an archive ends with a directory of few members, before it is read."""
    if size < _END.size:
        raise ValueError("no archive")
    file.seek(size - _END.size)
    signature, *numbers = _END.unpack(file.read(_END.size))
    if signature != b"PK\x05\x06":
        raise ValueError("an archive without its end")
    counts = [(numbers[3], numbers[4])]
    # Archives beyond 2 GB have another record before it, whose numbers count.
    if size >= _END.size + _LOCATOR.size:
        file.seek(size - _END.size - _LOCATOR.size)
        mark, _, place, _ = _LOCATOR.unpack(file.read(_LOCATOR.size))
        if mark == b"PK\x06\x07":
            file.seek(min(place, size - _LARGE_END.size))
            mark, *numbers = _LARGE_END.unpack(file.read(_LARGE_END.size))
            if mark != b"PK\x06\x06":
                raise ValueError("an archive without its end")
            counts.append((numbers[6], numbers[7]))
    for members, length in counts:
        if members > MAX_MEMBERS or length > _MAX_DIRECTORY:
            raise ValueError(f"an archive of {members} members")
    file.seek(0)


def _array(stream: IO[bytes], size: int, name: str) -> np.ndarray:
    """An array whose file has ``size`` bytes."""
    version = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
    read_header: Any = {(1, 0): np.lib.format.read_array_header_1_0,
                        (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read_header is None:
        raise ValueError(f"{name}: an array of numpy's version {version}")
    try:
        shape, by_columns, dtype = read_header(stream)
    except (SyntaxError, RecursionError, MemoryError, TypeError) as error:  # the header is a Python literal
        raise ValueError(f"{name}: a damaged header ({first_line(error)[:80]})") from None
    if dtype.kind not in KINDS or min(shape, default=0) < 0 or len(shape) > MAX_RANK \
            or size - stream.tell() != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name}: {size - stream.tell()} bytes for the shape {shape[:MAX_RANK]} of {dtype.str[:20]}")
    values = np.empty(shape[::-1] if by_columns else shape, dtype)
    flat: Any = values.reshape(-1).view(np.uint8) if values.size else bytearray()
    room = memoryview(flat)
    filled = 0
    while filled < len(room):
        block = stream.read(min(_BLOCK, len(room) - filled))
        if not block:
            raise ValueError(f"{name}: a truncated array")
        room[filled:filled + len(block)] = block
        filled += len(block)
    stream.read(1)  # the end, where the checksum is compared
    check_code_points(values)
    return values.T if by_columns else values


def check_code_points(values: np.ndarray) -> None:
    """Check that an array of text holds Unicode alone.

    Raises
    ------
    ValueError : a number is no code point; converting it to a string would be an error of the interpreter.
    """
    if values.dtype.kind == "U" and values.size:
        codes = np.ascontiguousarray(values).reshape(-1).view(values.dtype.str[0] + "u4")
        if codes.max() > 0x10FFFF:
            raise ValueError(f"the number {codes.max():#x}, which is no character")
