"""Which line ends of a text are breaks: those of lists, headings and tables, but not those of wrapped prose."""

from __future__ import annotations

import re
from typing import Iterator, List, Tuple

# A line end in any convention.  A form feed, a line or paragraph separator (U+2028, U+2029), and an empty
# line are breaks whatever the layout.
_LINE_END = re.compile(r"\r\n|[\n\r\x0b\x85]")
_BREAK = re.compile(r"(?:(?:\r\n|[\n\r\x0b\x85])[^\S\n\r\x0b\x0c\x85\u2028\u2029]*){2,}|[\x0c\u2028\u2029]")

# Narrower columns are lists rather than wrapped prose, unless the next line continues in lower case.
NARROW = 40

Block = Tuple[int, int]


def blocks(text: str, lines: str) -> Iterator[Block]:
    """The stretches [start, end) of a text that no sentence crosses.

    Parameters
    ----------
    lines : ``sentence`` ends one at every line end; ``join`` at none but the breaks above;
        ``auto`` decides by the shape of each paragraph, see :func:`is_wrapped`.
    """
    for start, end in _between(_BREAK, text, 0, len(text)):
        yield from _lines_joined(text, list(_between(_LINE_END, text, start, end)), lines)


def _between(pattern: re.Pattern[str], text: str, start: int, end: int) -> Iterator[Block]:
    """What lies between the matches of a pattern, without stretches of white space."""
    for match in pattern.finditer(text, start, end):
        if text[start:match.start()].strip():
            yield start, match.start()
        start = match.end()
    if text[start:end].strip():
        yield start, end


def _lines_joined(text: str, paragraph: List[Block], lines: str) -> Iterator[Block]:
    if lines == "join" or len(paragraph) == 1:
        yield paragraph[0][0], paragraph[-1][1]
        return
    contents = [text[start:end].strip() for start, end in paragraph]
    wrapped = lines == "auto" and is_wrapped(contents)
    first = paragraph[0][0]
    for number, (_, end) in enumerate(paragraph[:-1]):
        continues = lines == "auto" and (wrapped or _continues(contents[number], contents[number + 1]))
        if not continues:
            yield first, end
            first = paragraph[number + 1][0]
    yield first, paragraph[-1][1]


def is_wrapped(lines: List[str]) -> bool:
    """Whether a paragraph was wrapped at a width: no line had room for the first word of the next one.

    >>> is_wrapped(["The captain of Florence United left the city on a", "Monday in May and came back."])
    True
    >>> is_wrapped(["Bill Clinton", "John Smith", "Peter Jones"])
    False
    """
    width = max(map(len, lines))
    return width >= NARROW and all(
        len(line) + 1 + len(following.split(None, 1)[0]) > width for line, following in zip(lines, lines[1:]))


def _continues(line: str, following: str) -> bool:
    """Whether a sentence goes on in the next line: it begins in lower case, and the line is no item of a list."""
    return following[0].islower() and line[-1] not in ".!?:;…" and len(line.split()) > 2
