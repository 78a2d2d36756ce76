"""Tokenized sentences to entities, whatever engine computes the emissions."""

from __future__ import annotations

import os
from collections import abc
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, Iterable, List, Optional, Sequence

import numpy as np

from ner_mx.data.pieces import Pieces
from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import Span
from ner_mx.decoding.decoder import Reading, ScoredSpan
from ner_mx.decoding.entity_rules import EntityRules
from ner_mx.decoding.scoring import Item, Scorer, Work, decode_split, for_each_sentence
from ner_mx.decoding.windows import LONGEST, Window, windows_over
from ner_mx.features.encoded import Encoded
from ner_mx.features.encoder import Encoder


class Recognizer:
    """A network with the encoder of its inputs, and the taggers for annotation that raw text lacks.

    Parameters
    ----------
    scorer : computes the emissions of the entity tags.
    taggers : by the name of the feature that they predict.
    size : sentences per batch.
    pieces : in which tokens are split before they are encoded; None for none.
    threads : batches at a time, for scorers that several threads may use.
    rules : that change what the network finds; None for none.  Marginals, likely spans and readings are the network's.
    """

    def __init__(self, encoder: Encoder, scorer: Scorer, taggers: Optional[Dict[str, Scorer]] = None,
                 size: int = 32, pieces: Optional[Pieces] = None, threads: int = 1,
                 rules: Optional[EntityRules] = None):
        self.encoder, self.scorer, self.taggers = encoder, scorer, taggers or {}
        self.rules = rules
        self.size, self._pieces = size, pieces
        self._threads = threads
        self._pool: Optional[ThreadPoolExecutor] = None
        self._pool_process = 0

    @property
    def splits_tokens(self) -> bool:
        """Whether pieces of tokens have tags, and tokens have none."""
        return self._pieces is not None

    def _run(self, *arguments: Any) -> Iterable[Any]:
        """``map``, on several threads if there are several."""
        if self._threads == 1:
            return map(*arguments)
        # A process that was forked has no threads of its parent's pool.
        if self._pool is None or self._pool_process != os.getpid():
            self._pool, self._pool_process = ThreadPoolExecutor(self._threads), os.getpid()
        return self._pool.map(*arguments)

    def with_predictions(self, encoded: Encoded) -> Encoded:
        """The same sentences with the annotation that the taggers predict."""
        if not len(encoded):
            return encoded
        for name, tagger in self.taggers.items():
            ids = decode_split(tagger, encoded, self.size, self._run)
            encoded = encoded.with_token_array(name, np.concatenate(ids).astype(np.int32))
        return encoded

    def decode(self, encoded: Encoded) -> List[np.ndarray]:
        """The decoded tag ids of each sentence."""
        return decode_split(self.scorer, encoded, self.size, self._run)

    def tag_batch(self, sentences: Iterable[Iterable[str]]) -> List[List[ScoredSpan]]:
        """The entities of tokenized sentences with their probabilities.

        A sentence of more than ``LONGEST`` tokens is read in overlapping windows.
        In an overlap, entities that begin in its first half belong to the first window,
        the others to the second: each is found with at least half the overlap as context.

        Raises
        ------
        ValueError : a token is empty.
        TypeError : a sentence is a string, not its tokens.
        """
        sentences = as_sentences(sentences)
        result = self.found_by_network(sentences)
        if self.rules is None:
            return result
        return [self.rules.applied(tokens, entities) for tokens, entities in zip(sentences, result)]

    def found_by_network(self, sentences: Sequence[Sequence[str]]) -> List[List[ScoredSpan]]:
        """The entities of tokenized sentences without the rules, see :meth:`tag_batch`."""
        windows = windows_over(sentences, self._pieces)
        decoder = self.scorer.decoder()
        found = self._for_each(windows, lambda batch, emissions: decoder.spans(emissions, batch.length))
        if self._pieces:
            found = [_merged(self._pieces, spans, window.tokens) for spans, window in zip(found, windows)]
        result: List[List[ScoredSpan]] = [[] for _ in sentences]
        for window, spans in zip(windows, found):
            first, last = window.first, window.last
            entities = result[window.sentence]
            for (begin, end, label), probability in spans:
                span = Span(window.start + begin, window.start + end, label)
                free = not entities or entities[-1].span.end <= span.start
                if free and first <= span.start < last:
                    entities.append(ScoredSpan(span, probability))
        return result

    def marginals_batch(self, sentences: Iterable[Iterable[str]]) -> List[np.ndarray]:
        """The probability of each tag at each token, (tokens, K) for each sentence.

        In the overlap of windows, the first half belongs to the first.

        Raises
        ------
        ValueError, TypeError : as :meth:`tag_batch`.
        ValueError : tokens are split, so that a token has no tag of its own.
        """
        sentences = as_sentences(sentences)
        windows = self._windows_of_tokens(sentences)
        decoder = self.scorer.decoder()
        found = self._for_each(windows, lambda batch, emissions: decoder.marginals(emissions, batch.length))
        result = [np.zeros((len(tokens), len(decoder.tags))) for tokens in sentences]
        for window, marginals in zip(windows, found):
            first, last = window.first, window.last
            result[window.sentence][first:last] = marginals[first - window.start:last - window.start]
        return result

    def likely_spans_batch(self, sentences: Iterable[Iterable[str]], threshold: float) -> List[List[ScoredSpan]]:
        """Every entity of tokenized sentences whose probability is at least ``threshold``; they may overlap.

        In the overlap of windows, entities that begin in its first half belong to the first.

        Raises
        ------
        ValueError, TypeError : as :meth:`marginals_batch`.
        """
        sentences = as_sentences(sentences)
        windows = self._windows_of_tokens(sentences)
        decoder = self.scorer.decoder()
        found = self._for_each(windows,
                               lambda batch, emissions: decoder.likely_spans(emissions, batch.length, threshold))
        result: List[List[ScoredSpan]] = [[] for _ in sentences]
        for window, spans in zip(windows, found):
            for (begin, end, label), probability in spans:
                if window.first <= window.start + begin < window.last:
                    span = Span(window.start + begin, window.start + end, label)
                    result[window.sentence].append(ScoredSpan(span, probability))
        return result

    def readings_batch(self, sentences: Iterable[Iterable[str]], count: int) -> List[List[Reading]]:
        """The ``count`` best readings of tokenized sentences; a sentence without tokens has one, without entities.

        Raises
        ------
        ValueError, TypeError : as :meth:`marginals_batch`.
        ValueError : a sentence has more than :data:`LONGEST` tokens, which no window holds.
        """
        sentences = as_sentences(sentences)
        self.check_whole(sentences)
        windows = self._windows_of_tokens(sentences)
        decoder = self.scorer.decoder()
        found = self._for_each(windows, lambda batch, emissions: decoder.readings(emissions, batch.length, count))
        result = [[Reading((), 1.0)] for _ in sentences]
        for window, readings in zip(windows, found):
            result[window.sentence] = readings
        return result

    def check_whole(self, sentences: Sequence[Sequence[str]]) -> None:
        """Check that one window holds each sentence, and that tokens have tags.

        Raises
        ------
        ValueError : tokens are split, or a sentence has more than :data:`LONGEST` tokens.
        """
        self._windows_of_tokens([])
        longest = max(map(len, sentences), default=0)
        if longest > LONGEST:
            raise ValueError(f"expected sentences of at most {LONGEST} tokens, which are read as a whole, found "
                             f"{longest:,}")

    def _windows_of_tokens(self, sentences: Sequence[Sequence[str]]) -> List[Window]:
        """The windows of sentences whose tokens have tags.

        Raises
        ------
        ValueError : tokens are split, so that a token has no tag of its own.
        """
        if self._pieces:
            raise ValueError("expected a model whose tokens are not split at digits or into characters: pieces have "
                             "tags, tokens have not")
        return windows_over(sentences, None)

    def _for_each(self, windows: Sequence[Window], work: Work[Item]) -> List[Item]:
        encoded = self.encode_tokens([window.tokens for window in windows])
        return for_each_sentence(self.scorer, encoded, self.size, work, self._run)

    def encode_tokens(self, sentences: Sequence[Sequence[str]]) -> Encoded:
        """Tokens as the network reads them, with the annotation that raw text lacks."""
        listed = [Sentence(tuple(tokens)) for tokens in sentences]
        if self._pieces:
            listed = [self._pieces.split_sentence(sentence) for sentence in listed]
        return self.with_predictions(self.encoder.encode(listed))


def as_sentences(sentences: Iterable[Iterable[str]]) -> List[List[str]]:
    """Sentences as lists of tokens, whatever iterables they were.

    Raises
    ------
    TypeError : they are not iterables of strings; strings and mappings do not count as such.
    """
    if isinstance(sentences, (str, bytes, abc.Mapping)) or not isinstance(sentences, abc.Iterable):
        raise TypeError(f"expected several sentences, found {described_type(sentences)}")
    result = []
    for tokens in sentences:
        # The classes of typing would take ten times as long here.
        if not isinstance(tokens, (list, tuple)) and (
                isinstance(tokens, (str, bytes, abc.Mapping)) or not isinstance(tokens, abc.Iterable)):
            raise TypeError(f"expected sentences as tokens, found {described_type(tokens)}; predict() takes raw text")
        result.append(list(tokens))
        if set(map(type, result[-1])) - {str}:
            wrong = [token for token in result[-1] if not isinstance(token, str)]
            if wrong:
                raise TypeError(f"expected tokens as strings, found {described_type(wrong[0])}")
    return result


def described_type(value: object) -> str:
    """The type of a value, for a message: ``a string``, ``None``, ``a list``."""
    names = {str: "a string", bytes: "bytes", type(None): "None"}
    kind = type(value)
    return names.get(kind) or f"{'an' if kind.__name__[0] in 'aeiou' else 'a'} {kind.__name__}"


def _merged(pieces: Pieces, spans: Sequence[ScoredSpan], tokens: Sequence[str]) -> List[ScoredSpan]:
    """Spans over pieces of tokens as spans over the tokens."""
    merged = pieces.merge([scored.span for scored in spans], tokens)
    return [ScoredSpan(span, scored.probability) for span, scored in zip(merged, spans) if span is not None]
