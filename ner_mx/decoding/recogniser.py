"""Tokenised sentences to entities, whatever engine computes the scores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Iterator, List, Optional, Protocol, Sequence, Tuple

import numpy as np

from ner_mx.config import Config
from ner_mx.corpora.digits import joined_spans, split_at_digits
from ner_mx.corpora.sentence import Sentence
from ner_mx.corpora.spans import Span
from ner_mx.decoding.decoder import Decoder, ScoredSpan
from ner_mx.features.batching import Batch, collate, plan
from ner_mx.features.encoder import Encoded, Encoder

# What a batch may hold of characters, padding included, so that one endless word costs no memory.
CELLS = 1 << 19

# A sentence of more tokens is read in windows of so many, each overlapping the next by so many.
LONGEST, OVERLAP = 512, 64


class Network(Protocol):
    """What computes emissions: MXNet's network, or onnxruntime's."""

    def emissions(self, batch: Batch) -> np.ndarray:
        """(T, N, K) the scores of a batch."""

    def decoder(self) -> Decoder:
        """What turns them into tags."""


def planned(encoded: Encoded, size: int) -> Iterator[np.ndarray]:
    """The numbers of at most ``size`` sentences of like length each; fewer where words are endless."""
    longest = encoded.longest_forms()
    waiting = plan(encoded.lengths, size, "sorted")[::-1]
    while waiting:
        sentences = waiting.pop()
        if len(sentences) > 1 and longest[sentences].max() * encoded.lengths[sentences].sum() > CELLS:
            waiting += np.array_split(sentences, 2)[::-1]
        else:
            yield sentences


def scored(network: Network, encoded: Encoded, width: int,
           size: int) -> Iterator[Tuple[Batch, np.ndarray]]:
    """Batches of at most ``size`` sentences, with their emissions."""
    for sentences in planned(encoded, size):
        batch = collate(encoded, sentences, width)
        yield batch, network.emissions(batch)


def decoded(network: Network, encoded: Encoded, width: int, size: int,
            run: Callable = map) -> List[np.ndarray]:
    """The decoded rows of each sentence, in the part's order; ``run`` is ``map`` or a pool's."""
    decoder = network.decoder()

    def rows(sentences: np.ndarray) -> List[np.ndarray]:
        batch = collate(encoded, sentences, width)
        return decoder.rows(network.emissions(batch), batch.length)

    return _in_order(len(encoded), list(planned(encoded, size)), rows, run)


def _in_order(count: int, batches: List[np.ndarray], work: Callable, run: Callable) -> List[Any]:
    """What ``work`` gives for the sentences of each batch, in the order of the sentences."""
    result: List[Any] = [None] * count
    for sentences, values in zip(batches, run(work, batches)):
        for number, value in zip(sentences, values):
            result[number] = value
    return result


class Recogniser:
    """A network with the tables it reads, and the POS tagger beside it where it reads POS.

    Parameters
    ----------
    size : sentences a batch; ``training.evaluation_batch`` if not given.
    threads : batches at a time, for networks that several threads may run.
    """

    def __init__(self, config: Config, encoder: Encoder, network: Network,
                 pos_network: Optional[Network] = None, size: Optional[int] = None, threads: int = 1):
        self.config, self.encoder = config, encoder
        self.network, self.pos_network = network, pos_network
        self._width = config.network.character_width
        self._size = size or config.training.evaluation_batch
        self._run: Callable = ThreadPoolExecutor(threads).map if threads > 1 else map

    def with_predicted_pos(self, encoded: Encoded) -> Encoded:
        """The same sentences with the tagger's parts of speech, where the network reads any."""
        if self.pos_network is None or not len(encoded):
            return encoded
        rows = decoded(self.pos_network, encoded, self._width, self._size, self._run)
        return encoded.replaced(pos=np.concatenate(rows).astype(np.int32))

    def rows(self, encoded: Encoded) -> List[np.ndarray]:
        """The decoded tags of each sentence, as rows of the encoder's tags."""
        return decoded(self.network, encoded, self._width, self._size, self._run)

    def tag_batch(self, sentences: Sequence[Sequence[str]]) -> List[List[ScoredSpan]]:
        """The entities of tokenised sentences with their probabilities.

        A sentence of more than ``LONGEST`` tokens is read in windows that
        overlap.  In an overlap, entities that begin in its first half are the
        first window's, the others the second's: each is found with at least
        half the overlap around it.

        Raises
        ------
        ValueError : a token is empty.
        TypeError : a sentence is a string, not its tokens.
        """
        if any(isinstance(tokens, str) for tokens in sentences):
            raise TypeError("expected sentences as tokens, found a string; predict() takes raw text")
        pieces = [(number, start, tokens[start:start + LONGEST]) for number, tokens in enumerate(sentences)
                  for start in _starts(len(tokens))]
        for number, _, tokens in pieces:
            if not all(tokens):
                raise ValueError(f"sentence {number}: expected tokens of at least one character, found ''")
        found = self._tag([tokens for _, _, tokens in pieces])
        result: List[List[ScoredSpan]] = [[] for _ in sentences]
        for (number, start, tokens), spans in zip(pieces, found):
            first = start + OVERLAP // 2 if start else 0
            last = start + len(tokens) - OVERLAP // 2
            is_end = start + len(tokens) == len(sentences[number])
            for (begin, end, label), probability in spans:
                place = Span(start + begin, start + end, label)
                free = not result[number] or result[number][-1].span.end <= place.start
                if free and place.start >= first and (is_end or place.start < last):
                    result[number].append(ScoredSpan(place, probability))
        return result

    def _tag(self, sentences: Sequence[Sequence[str]]) -> List[List[ScoredSpan]]:
        split = self.config.corpus.split_digits
        read = [Sentence(tuple(tokens), None, None, "", 0, 0) for tokens in sentences]
        encoded = self.with_predicted_pos(self.encoder.encode(
            [split_at_digits(sentence) for sentence in read] if split else read))
        decoder = self.network.decoder()

        def spans(numbers: np.ndarray) -> List[List[ScoredSpan]]:
            batch = collate(encoded, numbers, self._width)
            return decoder.spans(self.network.emissions(batch), batch.length)

        found = _in_order(len(encoded), list(planned(encoded, self._size)), spans, self._run)
        if not split:
            return found
        return [[ScoredSpan(place, one.probability) for place, one in
                 zip(joined_spans([one.span for one in spans], tokens), spans)]
                for spans, tokens in zip(found, sentences)]


def _starts(length: int) -> List[int]:
    """Where the windows over a sentence begin; nowhere in an empty one."""
    stride = LONGEST - OVERLAP
    return list(range(0, max(1, length - OVERLAP), stride)) if length > LONGEST else [0][:length]
