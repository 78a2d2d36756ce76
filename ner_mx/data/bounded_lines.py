"""Lines in constant memory: a compressed file of three megabytes may hold a line of three gigabytes."""

from __future__ import annotations

from typing import IO, AnyStr, Iterator

# Of a line, in bytes or characters. A book has less than ten million.
LONGEST_LINE = 1 << 24
TOO_LONG = f"expected lines of at most {LONGEST_LINE:,} bytes, found a longer one"
_ENDS = ("\n", b"\n")


def bounded_lines(stream: IO[AnyStr], longest: int = LONGEST_LINE) -> Iterator[AnyStr]:
    """The lines of a stream with their ends; a line for which :func:`is_too_long` is true was cut."""
    while True:
        line = stream.readline(longest + 1)
        if not line:
            return
        yield line
        rest = line
        while is_too_long(line, longest) and rest and rest[-1:] not in _ENDS:
            rest = stream.readline(longest)


def is_too_long(line: AnyStr, longest: int = LONGEST_LINE) -> bool:
    """Whether a line has more than ``longest`` bytes or characters, without its end."""
    return len(line) > longest and line[-1:] not in _ENDS
