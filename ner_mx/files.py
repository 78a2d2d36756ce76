"""Atomic files: each is either complete or does not exist.

Everything this package writes goes to a temporary name in the same folder and
is renamed when it is complete, so that an interrupted run, a full disk or a
second process never leaves a partial file under its final name.  A name that
is a link stands for what it links to: the link stays, and its target is
replaced in the target's folder.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Container, Iterator, Optional, Union

from ner_mx.errors import RunError, first_line
from ner_mx.temporary import earlier_name, is_at, temporary_file, temporary_folder

PathLike = Union[str, Path]


def named_path(path: PathLike) -> Path:
    """The path that is written: that of the target of a link, and one whose name can have a sibling."""
    path = Path(path)
    if path.is_symlink() or path.name in ("", ".."):
        try:
            return path.resolve()
        except RuntimeError:  # Python up to 3.12: a link that leads to itself
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
    return path


@contextmanager
def replacing(path: PathLike) -> Iterator[Path]:
    """Yield the path of a temporary file, and rename it to ``path`` if the block ends without an error.

    Raises
    ------
    RunError : the path is a device or a pipe.
    """
    asked, path = path, named_path(path)
    with naming(path, asked):
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = _mode(path)
        with temporary_file(path) as temporary, naming(temporary, asked):
            yield temporary
            with open(temporary, "rb") as complete:
                os.fsync(complete.fileno())
                if mode is not None:
                    os.chmod(temporary, mode)
            os.replace(temporary, path)


def _mode(path: Path) -> Optional[int]:
    """The permissions of a file that will be replaced; None if no file is.

    Raises
    ------
    RunError : the path is a device or a pipe.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise RunError(f"{path}: expected the name of a file, found a device or a pipe; choose another name")
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) else None


@contextmanager
def naming(place: Path, asked: PathLike, inside: bool = True) -> Iterator[None]:
    """Let errors of the system name what the user asked for instead of a place that only this package knows.

    Parameters
    ----------
    inside : whether the name of a file inside a folder is kept.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # of a library that noticed it without the system
            raise OSError(errno.EIO, first_line(error), str(asked)) from None
        name = os.fspath(error.filename) if isinstance(error.filename, (str, Path)) else None
        if name is None:
            error.filename = str(asked)
        elif name == str(place) or name.startswith(f"{place}{os.sep}"):
            error.filename = f"{asked}{name[len(str(place)):]}" if inside else str(asked)
        error.filename2 = None
        raise


@contextmanager
def replacing_folder(folder: PathLike) -> Iterator[Path]:
    """Yield an empty temporary folder, and let it take the place of ``folder`` if the block ends without an error."""
    asked, folder = folder, named_path(folder)
    with naming(folder, asked):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder) as temporary, naming(temporary, asked):
            yield temporary
            if not folder.exists():
                os.replace(temporary, folder)
            elif not exchange(temporary, folder):
                _replace_in_two_steps(temporary, folder)


def exchange(first: Path, second: Path) -> bool:
    """Exchange two names at once; False if the system or the file system cannot do that."""
    with suppress(AttributeError, OSError, TypeError):  # no C library, or one without this function
        rename = ctypes.CDLL(None, use_errno=True).renameat2
        here, exchanged = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
        result: int = rename(here, os.fsencode(first), here, os.fsencode(second), exchanged)
        return result == 0
    return False


def _replace_in_two_steps(temporary: Path, folder: Path) -> None:
    """Rename both.  Killed in between, the old folder is restored by :func:`ner_mx.temporary.remove_abandoned`."""
    earlier = earlier_name(temporary)
    os.replace(folder, earlier)
    try:
        os.replace(temporary, folder)
    except BaseException:  # Ctrl-C may come between the two
        if not folder.exists():
            os.replace(earlier, folder)
        raise
    with suppress(FileNotFoundError):  # another process considered it abandoned, and removed it
        os.replace(earlier, temporary)  # where it is removed


def unexpected_entry(folder: PathLike, names: Container[str], folders: Container[str] = ()) -> Optional[str]:
    """The first entry of a folder that is no file and no folder of these names; None if the folder may be replaced."""
    folder = Path(folder)
    if not folder.exists():
        return None
    if not folder.is_dir():
        return "a file"
    return next((entry.name for entry in sorted(folder.iterdir())
                 if entry.name not in (folders if entry.is_dir() else names)), None)


@contextmanager
def locked(path: PathLike, remedy: str) -> Iterator[None]:
    """Lock a file or folder against other processes while the block runs.

    The lock is a file beside it, since the file or folder itself may be replaced.

    Raises
    ------
    RunError : another process holds the lock; ``remedy`` says what to do.
    """
    import fcntl  # does not exist on Windows, where only the tagger runs

    asked, path = path, named_path(path)
    lock = path.with_name(f".{path.name}.ner_mx.lock")
    while True:
        with naming(path, asked), naming(lock, asked):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Nothing is truncated, and nothing that a link points to is opened.
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise RunError(f"{asked}: another process is using it; {remedy}") from None
        if is_at(lock, descriptor):
            break
        os.close(descriptor)  # the process that had it has just removed it
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            os.unlink(lock)
        os.close(descriptor)


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
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: expected JSON, found a damaged file ({first_line(error)}); {remedy}") from None


def sha256(path: PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
