"""Lines of a stream, as many at a time as are available."""

from __future__ import annotations

import io
from typing import Iterator, List

from ner_mx.data.bounded_lines import LONGEST_LINE, TOO_LONG
from ner_mx.errors import UserError

# Bytes of a stream that are read at once.
READ_AHEAD = 1 << 16


def line_groups(stream: io.BufferedIOBase, name: str) -> Iterator[List[str]]:
    """The lines of a stream of UTF-8, without their ends.

    A process that writes a line and waits for its answer gets it; a file that is
    piped in is read in full batches.

    Raises
    ------
    UserError : a line is not UTF-8, holds a NUL or is too long; the error gives ``name`` and the line.
    """
    begun: List[bytes] = []
    number = 1
    while True:
        chunk = stream.read1(READ_AHEAD)
        complete, newline, tail = chunk.rpartition(b"\n")
        if newline:
            lines, begun = b"".join([*begun, complete]).split(b"\n"), [tail]
        elif chunk:
            begun.append(tail)
            if sum(map(len, begun)) > LONGEST_LINE:
                raise UserError(f"{name}:{number}: {TOO_LONG}; divide it")
            continue
        else:
            last = b"".join(begun)
            lines = [last] if last else []
        good: List[str] = []
        for line in lines:
            if b"\0" in line:
                yield from filter(None, [good])
                raise UserError(f"{name}:{number}: expected text, found a NUL character; is it UTF-16?")
            try:
                # A byte-order mark is not part of the first line.
                good.append(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r"))
            except UnicodeDecodeError as error:
                yield from filter(None, [good])  # the lines before it are answered
                raise UserError(f"{name}:{number}: expected UTF-8, found byte {line[error.start]:#04x}; "
                                "save it as UTF-8") from None
            number += 1
        if good:
            yield good
        if not chunk:
            return
