"""Errors that a user can cause; each is one line that names the place and the remedy.

The command line prints them without a traceback and exits with code 2, or
with 3 if training itself failed.  Any other exception is a defect of this
package and keeps its traceback.
"""

from __future__ import annotations

import difflib
import errno
from collections import Counter
from pathlib import Path
from typing import Any, Hashable, Iterable, Optional, Tuple, Union

# Of a message, in characters: names of a file's or a user's own may be in it.
LONGEST_MESSAGE = 2000
# The errors of the system for a file that cannot be completed.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class UserError(Exception):
    """A problem that the user can fix: a file, a setting, an argument.

    Parameters
    ----------
    message : becomes one printable line, whatever of a file or an argument is in it.
    """

    exit_code = 2

    def __init__(self, message: object = ""):
        super().__init__(one_line(str(message)))


class ConfigError(UserError):
    """A configuration that cannot be read or is not valid."""


class CorpusError(UserError):
    """A corpus file that does not hold what its reader expects.

    Parameters
    ----------
    path : the file, or None if there is no file to name.
    line : the 1-based line, or None for the whole file.
    problem : what was expected, what was found, what to do.
    """

    def __init__(self, path: Optional[Union[str, Path]], line: Optional[int], problem: str):
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(place + problem)

    def __reduce__(self) -> Any:
        """It is raised in other processes, too; the message holds the place."""
        return CorpusError, (None, None, str(self))


class RunError(UserError):
    """A run or processed corpus that is missing, damaged, in the way, or made with other settings."""


class BundleError(UserError):
    """A bundle that is incomplete, damaged, changed, not signed as required, or newer than this software."""


class ScoresError(UserError):
    """A model that cannot be run, or whose scores are of another shape, too large, or not numbers."""


class DeviceError(UserError):
    """MXNet or a GPU that is missing, or that this build cannot use."""


class TrainingError(UserError):
    """Training that failed: the loss is not a number, or it exploded."""

    exit_code = 3


def described_failure(error: BaseException) -> Optional[Tuple[str, int]]:
    """One line and the exit code of a failure that is no defect of this package; None for one that is."""
    if isinstance(error, UserError):
        return str(error), error.exit_code
    if isinstance(error, MemoryError):
        return "expected enough memory, found too little; use smaller batches, or less text at a time", 3
    if isinstance(error, OSError):
        # Without a name, it is the output of the command that cannot be written.
        name = error.filename or ("standard output" if error.errno in FULL else None)
        place = f"{name}: " if name else ""
        if isinstance(error, (FileExistsError, NotADirectoryError)):
            return one_line(f"{place}expected a folder, found a file; move it, or choose another place"), 2
        full = "; what was there before is unchanged" if error.errno in FULL else ""
        return one_line(f"{place}{error.strerror or error}{full}"), 2
    if type(error).__name__ == "MXNetError":
        lines = str(error).strip().splitlines()
        return f"MXNet failed: {(lines[-1] if lines else '')[:300]}; is there enough memory?", 3
    return None


def install(extra: str) -> str:
    """The command that installs an extra of this package, which is not on a package index."""
    return f'pip install -e ".[{extra}]" in a checkout of ner_mx'


def first_duplicate(items: Iterable[Hashable]) -> Optional[Any]:
    """The first duplicated item, for a message that names it; None if all items differ."""
    return next((item for item, count in Counter(items).items() if count > 1), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """The closest known name, as the end of a message; "" if no name is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def shown(text: str, limit: int = 60) -> str:
    """``text`` for an error message: quoted, and truncated to ``limit`` characters."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def first_line(error: object, limit: int = 300) -> str:
    """The first line of what an exception says, printable and truncated; its class name if it says nothing."""
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return printable(line if len(line) <= limit else line[: limit - 1] + "…")


def one_line(text: str) -> str:
    """Text on one line, printable; of a very long one, the beginning and the end."""
    line = printable(" ".join(text.splitlines()))
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE - 500]} … {line[-400:]}"


def printable(text: str) -> str:
    """Text in which control characters, and what else a terminal could obey, are escapes.

    >>> printable("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return text if text.isprintable() else "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text)
