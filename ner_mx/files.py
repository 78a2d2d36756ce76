"""Atomic files: each is either complete or does not exist.

Everything this package writes goes to a temporary name in the same folder and
is renamed when it is complete, so that an interrupted run, a full disk or a
second process never leaves a partial file under its final name.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Container, Iterator, Optional, Union

from ner_mx.errors import RunError

PathLike = Union[str, Path]


def named_path(path: PathLike) -> Path:
    """The path, resolved if it is ``.`` or ``..`` and thus has no name to put a sibling beside."""
    path = Path(path)
    return path.resolve() if path.name in ("", "..") else path


@contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """Yield a temporary path, and rename it to ``path`` if the block ends without an error."""
    path = named_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as complete:
            os.fsync(complete.fileno())
        os.replace(temporary, path)
    except OSError as error:
        # Name the file that the user knows, not the temporary one.
        if error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: PathLike) -> Iterator[Path]:
    """Yield an empty temporary folder, and replace ``folder`` by it if the block ends without an error."""
    folder = named_path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    earlier = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        # A folder cannot be renamed onto one that is not empty.
        if folder.exists():
            os.replace(folder, earlier)
        os.replace(temporary, folder)
    except BaseException:  # Ctrl-C may come between the two renames
        if earlier.exists() and not folder.exists():
            os.replace(earlier, folder)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(earlier, ignore_errors=True)


def unexpected_entry(folder: PathLike, names: Container[str]) -> Optional[str]:
    """The first entry of a folder that is not a file of these names; None if the folder may be replaced."""
    folder = Path(folder)
    if not folder.exists():
        return None
    if not folder.is_dir():
        return "a file"
    return next((entry.name for entry in sorted(folder.iterdir())
                 if entry.name not in names or entry.is_dir()), None)


@contextmanager
def locked(path: PathLike, remedy: str) -> Iterator[None]:
    """Lock a file or folder against other processes while the block runs.

    The lock is a file beside it, since the file or folder itself may be replaced.

    Raises
    ------
    RunError : another process holds the lock; ``remedy`` says what to do.
    """
    import fcntl  # does not exist on Windows, where only the tagger runs

    path = named_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(f".{path.name}.lock"), "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{path}: another process is using it; {remedy}") from None
        yield


def write_text(path: PathLike, text: str) -> None:
    """Write UTF-8 text with ``\\n`` line ends, atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: PathLike, value: Any) -> None:
    """Write ``value`` as indented JSON; NaN and infinity raise ValueError."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: PathLike, remedy: str = "create it again") -> Any:
    """Read a JSON file that this package wrote.

    Raises
    ------
    RunError : the file is missing or is not valid JSON; ``remedy`` says what to do.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path}: expected a file, found nothing; {remedy}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path}: expected JSON, found a damaged file ({error}); {remedy}") from None


def sha256(path: PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
