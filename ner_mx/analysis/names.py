"""The names of a corpus, and how each is annotated wherever its words occur."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import accumulate
from typing import Dict, Iterator, List, NamedTuple, Sequence, Set, Tuple

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of

Words = Tuple[str, ...]

# How the words of a name can be annotated beside its types: not at all, or as a part of another entity.
OUTSIDE, BORDERS = "O", "other borders"


class Occurrence(NamedTuple):
    """A place where the words of a name occur.

    sentence : its index.
    reading : the type of the entity that has exactly these words, :data:`OUTSIDE`, or :data:`BORDERS` if one of them
        belongs to an entity with other borders.
    """

    sentence: int
    start: int
    end: int
    reading: str


def names_of(sentences: Sequence[Sentence]) -> Dict[Words, Counter[str]]:
    """The words of each entity, with the counts of its types."""
    names: Dict[Words, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        for start, end, label in spans_of(sentence.gold):
            names[sentence.tokens[start:end]][label] += 1
    return dict(names)


def occurrences(sentences: Sequence[Sentence], names: Sequence[Words]) -> Iterator[Tuple[Words, Occurrence]]:
    """Every place where the words of one of the names occur, annotated or not, in the order of the sentences."""
    wanted = set(names)
    lengths: Dict[str, List[int]] = {}
    by_first: Dict[str, Set[int]] = defaultdict(set)
    for words in wanted:
        by_first[words[0]].add(len(words))
    for first, sizes in by_first.items():
        lengths[first] = sorted(sizes)
    for index, sentence in enumerate(sentences):
        tokens = sentence.tokens
        spans = spans_of(sentence.gold)
        labels = {(start, end): label for start, end, label in spans}
        inside = [0] * len(tokens)
        for start, end, _ in spans:
            inside[start:end] = [1] * (end - start)
        covered = [0, *accumulate(inside)]  # how many of the first tokens belong to entities
        for start, token in enumerate(tokens):
            for size in lengths.get(token, ()):
                words, end = tokens[start:start + size], start + size
                if end > len(tokens) or words not in wanted:
                    continue
                reading = labels.get((start, end)) or (BORDERS if covered[end] > covered[start] else OUTSIDE)
                yield words, Occurrence(index, start, end, reading)


def readings_of(sentences: Sequence[Sentence]) -> Dict[Words, Counter[str]]:
    """How often each name of the sentences is annotated in which way, wherever its words occur."""
    readings: Dict[Words, Counter[str]] = defaultdict(Counter)
    for words, occurrence in occurrences(sentences, list(names_of(sentences))):
        readings[words][occurrence.reading] += 1
    return dict(readings)
