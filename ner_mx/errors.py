"""The errors that a user can cause, each one line that names the place and the remedy.

The command line prints them without a traceback and exits with 2, or with 3
where a training failed that was well set up.  Anything else that escapes is a
defect of this package and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections import Counter
from pathlib import Path
from typing import Any, Hashable, Iterable, Optional, Union


class UserError(Exception):
    """Something the user can put right: a file, a setting, an argument."""

    exit_code = 2


class ConfigError(UserError):
    """A configuration that cannot be read or that asks for the impossible."""


class CorpusError(UserError):
    """A corpus file that does not hold what its reader expects.

    Parameters
    ----------
    path : the file, or None where there is no file to name.
    line : the 1-based line, or None where the whole file is meant.
    problem : what was expected, what was found, what to do.
    """

    def __init__(self, path: Optional[Union[str, Path]], line: Optional[int], problem: str):
        place = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(" ".join((place + problem).split("\n")))


class RunError(UserError):
    """A run or processed folder that is missing, damaged, taken or of another make."""


class BundleError(UserError):
    """A bundle that is incomplete, damaged, tampered with, or younger than this software."""


class DeviceError(UserError):
    """MXNet or a GPU that is not there, or that this build cannot drive."""


class TrainingError(UserError):
    """Training that cannot go on: a loss that is not a number, or that explodes."""

    exit_code = 3


def install(extra: str) -> str:
    """How to get what an extra of this package brings; the package is on no index."""
    return f'pip install -e ".[{extra}]" in a checkout of ner_mx'


def repeated(items: Iterable[Hashable]) -> Optional[Any]:
    """The first item that stands twice, for a message that names it; None where all differ."""
    return next((item for item, count in Counter(items).items() if count > 1), None)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, as the end of a message; "" where none is like it."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def shown(text: str, limit: int = 60) -> str:
    """``text`` as it may stand in an error message: quoted, and cut to ``limit`` characters."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
