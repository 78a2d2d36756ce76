"""Tokens to the text that they probably come from, by the usual rules of spacing.

Most corpora keep tokens and not their text.  What a tagger makes of raw text is
measured on the text that this module restores.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Sequence, Tuple

from ner_mx.data.sentence import Offsets

_NO_SPACE_BEFORE = re.compile(
    r"[,.;:?!%)\]}’”»…]|\.\.+|n['’]t|N['’]T|['’](?:s|S|re|RE|ve|VE|ll|LL|d|D|m|M)|''|-RRB-|-RSB-|-RCB-|°C?|,\d{3}")
_NO_SPACE_AFTER = re.compile(r"[(\[{“‘«#]|(?:[A-Z]{1,3})?[$£€¥]|``|-LRB-|-LSB-|-LCB-|¿|¡")
_QUOTES = ('"', "'")


class RestoredText(NamedTuple):
    """A text, with the offsets of each token of each sentence in it."""

    text: str
    offsets: List[Tuple[Offsets, ...]]


def restore_text(sentences: Sequence[Sequence[str]]) -> RestoredText:
    """The text of a document from its sentences as tokens.

    A sentence without final punctuation, such as a headline or the row of a table, is a line of its own.

    >>> restore_text([["He", "left", ",", "did", "n't", "he", "?"], ["Yes", "."]]).text
    "He left, didn't he? Yes."
    """
    pieces: List[str] = []
    offsets: List[Tuple[Offsets, ...]] = []
    position = 0
    for tokens in sentences:
        spaces = spaces_after(tokens)
        places: List[Offsets] = []
        for token, space in zip(tokens, spaces):
            places.append((position, position + len(token)))
            pieces.append(token + space)
            position += len(token) + len(space)
        separator = " " if _is_complete(tokens) else "\n"
        pieces.append(separator)
        position += 1
        offsets.append(tuple(places))
    return RestoredText("".join(pieces)[:-1], offsets)


def spaces_after(tokens: Sequence[str]) -> List[str]:
    """``" "`` or ``""`` behind each token; nothing behind the last."""
    opened = dict.fromkeys(_QUOTES, False)
    sticks_left, sticks_right = [], []
    for token in tokens:
        left = _NO_SPACE_BEFORE.fullmatch(token) is not None
        right = _NO_SPACE_AFTER.fullmatch(token) is not None
        if token in opened:
            left, right = opened[token], not opened[token]
            opened[token] = not opened[token]
        sticks_left.append(left)
        sticks_right.append(right)
    return ["" if index + 1 == len(tokens) or sticks_right[index] or sticks_left[index + 1] else " "
            for index in range(len(tokens))]


def _is_complete(tokens: Sequence[str]) -> bool:
    """Whether a sentence ends with final punctuation, as running text does."""
    for token in reversed(tokens):
        if token[-1] in ".!?…":
            return True
        if token not in ('"', "''", "'", "”", "’", ")", "]"):
            return False
    return False
