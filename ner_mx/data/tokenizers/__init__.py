"""Tokenizers, one per file: raw text to sentences and tokens with their offsets.

To add one, put a module into this package (or load one of your own) with a
subclass of :class:`Tokenizer` under ``@register.tokenizer("name")``.
"""

from __future__ import annotations

import re
from typing import FrozenSet, Iterator, List, NamedTuple

from ner_mx.config.interfaces import TokenizerSettings
from ner_mx.data.line_layout import blocks
from ner_mx.data.unicode_text import cluster_border

_SENTENCE_END = frozenset(".!?…") | {"...", "?!", "!!", "??", "!?", "。", "！", "？", "।", "॥", "؟", "۔"}
_CLOSERS = frozenset("\"'”’)]}»") | {"''"}


# A text without the end of a sentence is divided after so many tokens.
LONGEST_SENTENCE = 5000
# How many characters are tokenized at a time.
STRETCH, CONTEXT = 1 << 14, 64
_SPACE = re.compile(r"\s")


class Token(NamedTuple):
    """A token with its offsets in the text, in characters; ``end`` is excluded."""

    start: int
    end: int
    text: str


class Tokenizer(TokenizerSettings):
    """Tokens and sentences of raw text."""

    def tokens(self, text: str) -> List[Token]:
        """The tokens of ``text`` in order; ``text[t.start:t.end] == t.text`` for each."""
        raise NotImplementedError

    def starters(self) -> FrozenSet[str]:
        """Words that begin a sentence when they follow an abbreviation with a capital letter."""
        return frozenset()

    def sentences(self, text: str) -> List[List[Token]]:
        """The tokens of ``text``, sentence by sentence.

        A sentence ends after ``. ! ?`` and closing quotes or brackets, if the next token is
        separated by white space and does not begin with a lower-case letter, where a line
        end is a border, and after ``LONGEST_SENTENCE`` tokens.
        """
        return list(self.iter_sentences(text))

    def iter_sentences(self, text: str) -> Iterator[List[Token]]:
        """The same one after the other, in constant memory."""
        for start, end in blocks(text, self.lines):
            yield from self._divided(self._tokens_between(text, start, end))

    def split(self, tokens: List[Token], text: str) -> List[List[Token]]:
        """Tokens of a text that are given, sentence by sentence."""
        result: List[List[Token]] = []
        first = 0
        for _, end in [*blocks(text, self.lines), (0, len(text))]:
            last = first
            while last < len(tokens) and tokens[last].start < end:
                last += 1
            result += self._divided(iter(tokens[first:last]))
            first = last
        return result

    def _tokens_between(self, text: str, start: int, end: int) -> Iterator[Token]:
        """The tokens of a part of a text, a stretch at a time."""
        while start < end:
            stop = end
            if end - start > 2 * STRETCH:
                space = _SPACE.search(text, start + STRETCH, start + 2 * STRETCH)
                stop = space.start() if space else cluster_border(text, start + STRETCH, start + 2 * STRETCH)
            # What decides about the last tokens may come after them.
            seen = min(end, stop + CONTEXT) if stop < end and text[stop].isspace() else stop
            for token in self.tokens(text[start:seen]):
                if start + token.start >= stop:
                    break
                yield Token(start + token.start, start + token.end, token.text)
            start = stop

    def _divided(self, tokens: Iterator[Token]) -> Iterator[List[Token]]:
        """Tokens divided at the ends of sentences."""
        starters = self.starters()
        current: List[Token] = []
        ended = False
        for token in tokens:
            text = token.text
            may_end = (bool(current) and self.lines != "sentence" and current[-1].end < token.start
                       and not text[0].islower())
            if len(current) == LONGEST_SENTENCE or may_end and (ended or (
                    text in starters and _is_abbreviation(current[-1].text))):
                yield current
                current = []
            # Closing quotes and brackets belong to the sentence before them.
            ended = text in _SENTENCE_END or (ended and bool(current) and text in _CLOSERS)
            current.append(token)
        if current:
            yield current


def _is_abbreviation(token: str) -> bool:
    """Whether a token is a word with a full stop, but not an initial."""
    return len(token) > 2 and token[-1] == "." and token[0].isalpha()


def is_complete(text: str, sentences: List[List[Token]]) -> bool:
    """Whether tokens are in order, without overlaps, and cover all of a text but white space."""
    flat = [token for sentence in sentences for token in sentence]
    ordered = all(token.end <= following.start for token, following in zip(flat, flat[1:]))
    inside = all(0 <= token.start < token.end <= len(text) for token in flat)
    covered = "".join("".join(token.text for token in flat).split()) == "".join(text.split())
    return bool(flat) and ordered and inside and covered and all(sentences)
