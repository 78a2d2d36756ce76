"""Files that are either wholly there or not there at all.

Everything this package writes goes to a temporary name in the same folder and
is renamed when complete, so that an interrupted run, a full disk or a second
process never leaves half a file under a name that somebody reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Container, Iterator, Optional, Union

import numpy as np

from ner_mx.errors import RunError

PathLike = Union[str, Path]


def named(path: PathLike) -> Path:
    """A path that ends in a name, so that there can be something beside it: not ``.`` or ``..``."""
    path = Path(path)
    return path.resolve() if path.name in ("", "..") else path


@contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """Give a temporary path; rename it to ``path`` when the block ends without an error."""
    path = named(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        # A write that fails does not say where; the hidden name would tell nobody anything.
        if error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: PathLike) -> Iterator[Path]:
    """Give an empty folder beside ``folder``; put it in its place when the block ends well."""
    folder = named(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    earlier = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        # A folder cannot be renamed onto a full one, so the earlier one steps aside.
        if folder.exists():
            os.replace(folder, earlier)
        os.replace(temporary, folder)
    except BaseException:  # Ctrl-C may strike between the two
        if earlier.exists() and not folder.exists():
            os.replace(earlier, folder)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(earlier, ignore_errors=True)


def stranger(folder: PathLike, names: Container[str]) -> Optional[str]:
    """What in a folder is no file of these names, the first of it; None where the folder may be replaced."""
    folder = Path(folder)
    if not folder.exists():
        return None
    if not folder.is_dir():
        return "a file"
    return next((one.name for one in sorted(folder.iterdir()) if one.name not in names or one.is_dir()), None)


@contextmanager
def locked(path: PathLike, remedy: str) -> Iterator[None]:
    """Keep a second process away from a file or folder for as long as the block runs.

    The lock lies beside it: what it locks may be replaced.

    Raises
    ------
    RunError : another process works on it; ``remedy`` says what to do.
    """
    import fcntl  # not on Windows, where the tagger runs, and locks nothing

    path = named(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{path}: another process is at work on it; {remedy}") from None
        yield


def write_text(path: PathLike, text: str) -> None:
    """Write UTF-8 text with ``\\n`` line ends, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: PathLike, value: Any) -> None:
    """Write ``value`` as indented JSON; numbers that JSON does not know are refused."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: PathLike, remedy: str = "make it anew") -> Any:
    """Read a JSON file of ours.

    Raises
    ------
    RunError : the file is missing or is no JSON; ``remedy`` says what to do.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path}: expected a file, found none; {remedy}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path}: expected JSON, found damage ({error}); {remedy}") from None


def write_arrays(path: PathLike, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays as ``.npz``; no array may need pickling."""
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{name} holds Python objects, which npz would pickle")
    # As numpy.savez does it, which leaves its archive open where the disk is full.
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)


def read_arrays(path: PathLike, remedy: str = "make it anew") -> dict[str, np.ndarray]:
    """Read an ``.npz`` of ours.

    Raises
    ------
    RunError : the file is missing, cut short, or holds pickled objects; ``remedy`` says what to do.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise RunError(f"{path}: expected a file, found none; {remedy}") from None
    except Exception as error:  # numpy raises zip, zlib, value and OS errors for one damaged file
        raise RunError(f"{path}: expected numpy arrays, found damage ({error}); {remedy}") from None


def sha256(path: PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
