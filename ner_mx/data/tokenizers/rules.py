"""Raw text to sentences and tokens with their offsets."""

from __future__ import annotations

import re
from typing import List, NamedTuple

# In order: abbreviations and initials (U.S., J.), titles, numbers with punctuation inside
# (3.5, 1,000, 12:30, 1996-08-22) or followed by a word (17-member, 1990s), the parts of
# contractions (do n't, it 's), words with inner apostrophes and hyphens, dashes, dots,
# any other character.
_TOKEN = re.compile(
    r"(?:[^\W\d_]\.){2,}"
    r"|\b[A-Z]\.(?=\s+[A-Z])"
    r"|\b(?:Mr|Mrs|Ms|Dr|St|Gen|Col|Lt|Sgt|Capt|Rev|Sen|Rep|Gov|Prof|Inc|Corp|Ltd|Co|Jr|Sr|vs)\."
    r"|\d+(?:[.,:/]\d+)*(?:-(?:\w+|\d+(?:[.,]\d+)*))+"
    r"|\d+(?:[.,:/-]\d+)*[^\W\d_]*"
    r"|\w+(?=n['’]t\b)|n['’]t\b"
    r"|['’](?:s|S|re|ve|ll|d|m)\b"
    r"|\w+(?:[-&]\w+)*(?:['’](?!(?:s|S|re|ve|ll|d|m)\b)\w+)*"
    r"|-{2,}|\.{2,}|…"
    r"|\S")

# Longer tokens (base64, a damaged file) are split into pieces of this many characters.
LONGEST = 1000

_SENTENCE_END = frozenset(".!?…")
_CLOSERS = frozenset("\"'”’)]}»")


class Token(NamedTuple):
    """A token with its offsets in the text, in characters; ``end`` is excluded."""

    start: int
    end: int
    text: str


def tokenize(text: str) -> List[Token]:
    """The tokens of ``text`` in order; ``text[t.start:t.end] == t.text`` for each."""
    return [Token(start, min(start + LONGEST, match.end()), text[start:min(start + LONGEST, match.end())])
            for match in _TOKEN.finditer(text) for start in range(match.start(), match.end(), LONGEST)]


def split_sentences(text: str) -> List[List[Token]]:
    """The tokens of ``text``, sentence by sentence.

    A sentence ends after ``. ! ?`` and closing quotes or brackets, if the next token is
    separated by white space and does not begin with a lower-case letter, and at an empty line.
    """
    result: List[List[Token]] = []
    current: List[Token] = []
    ended = False
    for token in tokenize(text):
        if current:
            gap = text[current[-1].end:token.start]
            if gap.count("\n") > 1 or (ended and gap and not token.text[0].islower()):
                result.append(current)
                current = []
        # Closing quotes and brackets belong to the sentence before them.
        ended = token.text in _SENTENCE_END or (ended and bool(current) and token.text in _CLOSERS)
        current.append(token)
    if current:
        result.append(current)
    return result
