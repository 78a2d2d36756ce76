"""Temporary files and folders beside what they become; those that no living process owns are removed.

A name cannot be guessed, is created exclusively, and is locked as long as its
process lives.  What has such a name and no lock was left by a process that was
killed: the next one that writes into the folder removes it.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Set

try:
    import fcntl
except ImportError:  # Windows, where only the tagger runs
    fcntl = None  # type: ignore[assignment]

_NAME = re.compile(r"\.(.+)\.([0-9a-f]{16})\.(tmp|old)")
_LOCK = re.compile(r"\..+\.ner_mx\.lock")
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)

# The folders that this process has looked through.
_cleaned: Set[Path] = set()


def temporary_name(path: Path) -> Path:
    """A name beside a path that nobody can guess."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def earlier_name(temporary: Path) -> Path:
    """Where a folder waits while the temporary one takes its name, if the two cannot be exchanged at once."""
    return temporary.with_name(f"{temporary.name[:-len('.tmp')]}.old")


@contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Yield a new, empty file beside ``path``; it is removed unless it was renamed."""
    _clean_once(path.parent)
    while True:
        temporary = temporary_name(path)
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o666)
        if _owned(temporary, descriptor):
            break
        os.close(descriptor)
    try:
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        os.close(descriptor)


@contextmanager
def temporary_folder(path: Path, mode: int = 0o777) -> Iterator[Path]:
    """Yield a new, empty folder beside ``path``; what has its name at the end is removed.

    Parameters
    ----------
    mode : its permissions; 0o700 for what others must not read.
    """
    _clean_once(path.parent)
    while True:
        temporary = temporary_name(path)
        os.mkdir(temporary, mode)
        descriptor = os.open(temporary, os.O_RDONLY | _NOFOLLOW) if fcntl else -1
        if fcntl is None or _owned(temporary, descriptor):
            break
        os.close(descriptor)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if fcntl:
            os.close(descriptor)


def _owned(path: Path, descriptor: int) -> bool:
    """Lock a file or folder; False if another process took it for one that was left behind."""
    if not fcntl:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nothing is removed there
        return True
    return is_at(path, descriptor)


def is_at(path: Path, descriptor: int) -> bool:
    """Whether a path is still the file that was opened."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _clean_once(folder: Path) -> None:
    folder = folder.absolute()
    if folder not in _cleaned:
        _cleaned.add(folder)
        remove_abandoned(folder)


class Cleaned(NamedTuple):
    """What was done to a path: it was restored to the name of a folder that had been moved aside, or removed."""

    path: Path
    restored: Optional[Path] = None


def remove_abandoned(folder: Path) -> List[Cleaned]:
    """Remove what killed processes left in a folder, and restore the folders that they had moved aside."""
    changed: List[Cleaned] = []
    if not fcntl:
        return changed
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return []
    for name in names:
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        path = folder / name
        # The owner of both is the process that has locked the temporary one.
        owner = path if match[3] == "tmp" else folder / f".{match[1]}.{match[2]}.tmp"
        with _abandoned(owner) as abandoned:
            if not abandoned:
                continue
            with suppress(OSError):
                restored = folder / match[1] if match[3] == "old" and not (folder / match[1]).exists() else None
                if restored:
                    os.replace(path, restored)
                elif path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    os.unlink(path)
                changed.append(Cleaned(path, restored))
    return changed


def clean_tree(root: Path) -> List[Cleaned]:
    """Remove abandoned files, and locks that nobody holds, in a folder and its visible subfolders."""
    changed: List[Cleaned] = []
    if not fcntl:
        return changed
    for place, folders, _ in os.walk(root):
        changed += remove_abandoned(Path(place))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for lock in sorted(path for path in Path(place).glob(".*.lock") if _LOCK.fullmatch(path.name)):
            with _abandoned(lock) as abandoned, suppress(OSError):
                if abandoned and lock.is_file() and not lock.is_symlink() and not lock.stat().st_size:
                    lock.unlink()
                    changed.append(Cleaned(lock))
    return changed


@contextmanager
def _abandoned(owner: Path) -> Iterator[bool]:
    """Yield whether no process owns a temporary file or folder, and keep others from it meanwhile."""
    descriptor: Optional[int] = None
    try:
        descriptor = os.open(owner, os.O_RDONLY | os.O_NONBLOCK | _NOFOLLOW)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_abandoned = True
    except OSError as error:
        # A missing one was renamed; what cannot be opened or locked is left alone.
        is_abandoned = error.errno == errno.ENOENT
    try:
        yield is_abandoned
    finally:
        if descriptor is not None:
            os.close(descriptor)
