"""Windows that overlap, in which long sentences are read."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

from ner_mx.data.pieces import Pieces

# A longer sentence is read in windows of LONGEST tokens, each overlapping the next by OVERLAP.
LONGEST, OVERLAP = 512, 64


class Window(NamedTuple):
    """Tokens of a sentence that are read at once, from ``start`` on.

    first, last : the tokens of the sentence whose entities belong to the window, ``last`` excluded.
    """

    sentence: int
    start: int
    tokens: Sequence[str]
    first: int
    last: int


def windows_over(sentences: Sequence[Sequence[str]], pieces: Optional[Pieces]) -> List[Window]:
    """The windows of all sentences; the first half of an overlap belongs to the window before.

    Raises
    ------
    ValueError : a token is empty.
    """
    result: List[Window] = []
    for number, tokens in enumerate(sentences):
        if not all(tokens):
            raise ValueError(f"sentence {number}: expected tokens of at least one character, found ''")
        if pieces is None and 0 < len(tokens) <= LONGEST:  # nearly all
            result.append(Window(number, 0, tokens, 0, len(tokens)))
            continue
        ranges = window_ranges(len(tokens) if pieces is None else [end for _, end in pieces.bounds(tokens)])
        borders = [0, *((start + end) // 2 for (_, end), (start, _) in zip(ranges, ranges[1:])), len(tokens)]
        result += [Window(number, start, tokens[start:end], first, last)
                   for (start, end), first, last in zip(ranges, borders, borders[1:])]
    return result


def window_ranges(ends: Union[int, Sequence[int]]) -> List[Tuple[int, int]]:
    """Where the windows over a sentence begin and end; none for an empty sentence.

    Parameters
    ----------
    ends : where each token ends in what is read, of which a window has ``LONGEST`` at most; or the number of tokens,
        if they are read themselves.
    """
    ends = range(1, ends + 1) if isinstance(ends, int) else ends
    result: List[Tuple[int, int]] = []
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        end = max(start + 1, bisect_right(ends, before + LONGEST))
        result.append((start, end))
        if end == len(ends):
            break
        # Back by OVERLAP, but never to where this window began.
        start = max(start + 1, bisect_left(ends, ends[end - 1] - OVERLAP, start, end) + 1)
    return result
