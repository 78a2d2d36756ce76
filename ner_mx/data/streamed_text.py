"""Large files of text, line by line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Iterator, Optional, TextIO

from ner_mx.data.compression import opened
from ner_mx.errors import CorpusError

# How many characters of a line are read at a time.
STRETCH = 1 << 20


def streamed_lines(path: Path, bar: Optional[Any] = None) -> Iterator[str]:
    """The lines of one UTF-8 file, plain or compressed; longer ones than ``STRETCH`` characters are divided.

    Parameters
    ----------
    bar : a progress bar that follows the bytes read from disk.

    Raises
    ------
    CorpusError : the file cannot be read, is not UTF-8, or holds a NUL character.
    """
    number = position = 0
    ended = True
    try:
        with opened(path) as (stream, raw), io.TextIOWrapper(stream, "utf-8-sig", newline="\n") as text:
            for line in _divided(text):
                number += ended
                ended = line.endswith("\n")
                if "\0" in line:
                    raise CorpusError(path, number, "expected text, found a NUL character; is it UTF-16?")
                yield line
                if bar is not None and number % 1000 == 0:
                    bar.update(raw.tell() - position)
                    position = raw.tell()
            if bar is not None:
                bar.update(raw.tell() - position)
    except UnicodeDecodeError as error:
        raise CorpusError(path, number + 1, f"expected UTF-8, found byte {error.object[error.start]:#04x} "
                                            "there or shortly after; convert the file") from None


def _divided(text: TextIO) -> Iterator[str]:
    """Lines; longer ones than ``STRETCH`` characters are divided at white space."""
    begun = ""
    for line in iter(lambda: text.readline(STRETCH), ""):
        line = begun + line
        begun = ""
        if len(line) >= STRETCH and not line[-1].isspace() and len(line) < 2 * STRETCH:
            border = max(line.rfind(space) for space in " \t") + 1
            line, begun = line[:border], line[border:]
        if line:
            yield line
    if begun:
        yield begun
