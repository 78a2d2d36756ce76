"""Sentences in pieces to windows of a length that an encoder can read."""

from __future__ import annotations

from typing import List, NamedTuple, Tuple

import numpy as np


class Windows(NamedTuple):
    """Stretches of tokens, each read by an encoder at once; a token belongs to one of those that contain it.

    first, last : (W,) int64, the first token of each window, and the one after its last.
    window : (tokens,) int64, the window that gives the vector of each token.
    """

    first: np.ndarray
    last: np.ndarray
    window: np.ndarray


def windows_of(counts: np.ndarray, lengths: np.ndarray, size: int) -> Windows:
    """Divide sentences into windows; a sentence that fits is one window.

    A longer one is read in windows that overlap by half, and a token is taken
    from the window in which it is farthest from a border, so that no token is
    truncated and each has context on both sides.

    Parameters
    ----------
    counts : (tokens,) pieces of each token of N sentences, one sentence after the other; none above ``size``.
    lengths : (N,) tokens per sentence, at least 1.
    size : the most pieces of a window.
    """
    ends = np.cumsum(lengths)
    starts = ends - lengths
    too_long = np.flatnonzero(np.add.reduceat(counts, starts) > size)
    if not len(too_long):
        return Windows(starts, ends, np.repeat(np.arange(len(lengths)), lengths))
    first: List[np.ndarray] = []
    last: List[np.ndarray] = []
    window: List[np.ndarray] = []
    number = done = 0
    for sentence in too_long:
        fitting = slice(done, sentence)
        first.append(starts[fitting])
        last.append(ends[fitting])
        window.append(np.repeat(np.arange(number, number + sentence - done), lengths[fitting]))
        number += int(sentence) - done
        begins, stops, chosen = _divided(counts[starts[sentence]:ends[sentence]], size)
        first.append(begins + starts[sentence])
        last.append(stops + starts[sentence])
        window.append(chosen + number)
        number += len(begins)
        done = int(sentence) + 1
    rest = slice(done, len(lengths))
    first.append(starts[rest])
    last.append(ends[rest])
    window.append(np.repeat(np.arange(number, number + len(lengths) - done), lengths[rest]))
    return Windows(np.concatenate(first), np.concatenate(last), np.concatenate(window))


def _divided(counts: np.ndarray, size: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The windows of one long sentence: first tokens, the ones after the last, and the window of each token."""
    bounds = np.concatenate([[0], np.cumsum(counts)])  # in pieces
    begins, stops = [0], []
    while True:
        stop = int(np.searchsorted(bounds, bounds[begins[-1]] + size, side="right")) - 1
        stops.append(stop)
        if stop == len(counts):
            break
        # The next begins half a window later, or earlier if it is the last and has room.
        later = int(np.searchsorted(bounds, bounds[begins[-1]] + size // 2, side="right")) - 1
        room = int(np.searchsorted(bounds, bounds[-1] - size, side="left"))
        begins.append(max(begins[-1] + 1, min(later, room)))
    middle = (bounds[:-1] + bounds[1:])[:, None]  # (tokens, 1), doubled
    left = middle - 2 * bounds[begins]
    right = 2 * bounds[stops] - middle
    token = np.arange(len(counts))[:, None]
    inside = (token >= begins) & (token < stops)
    # Nothing is beyond the border of the sentence: there it is no border of a window.
    left[:, 0] = right[:, -1] = 4 * size
    margin = np.where(inside, np.minimum(left, right), -1)
    return np.array(begins), np.array(stops), margin.argmax(axis=1)
