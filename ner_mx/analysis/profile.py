"""Counts of a split: lengths, types, parts of speech, the growth of the vocabulary."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, Dict, List, Sequence, Set, Tuple

import numpy as np

from ner_mx.data.sentence import Sentence
from ner_mx.data.spans import spans_of
from ner_mx.data.statistics import counts

# Lengths of entities are counted one by one up to this one.
LONGEST_ENTITY = 8
QUANTILES = {"median": 0.5, "95 %": 0.95, "longest": 1.0}


def profile(sentences: Sequence[Sentence]) -> Dict[str, Any]:
    """Counts of a split, in values of JSON."""
    lengths = np.array([len(sentence.tokens) for sentence in sentences])
    spans = [spans_of(sentence.gold) for sentence in sentences]
    in_entities = sum(end - start for found in spans for start, end, _ in found)
    return {
        **counts(sentences),
        "words": len({token for sentence in sentences for token in sentence.tokens}),
        "tokens_in_entities": in_entities,
        "sentences_without_entities": sum(not found for found in spans),
        "sentence_lengths": {name: int(np.quantile(lengths, share, method="higher"))
                             for name, share in QUANTILES.items()},
        "length_histogram": _histogram(lengths),
        "types": _types(sentences),
        "pos": _pos(sentences),
        "growth": _growth(sentences),
    }


def _histogram(lengths: np.ndarray) -> List[Tuple[int, int]]:
    """How many sentences have each length."""
    return sorted((int(length), int(count)) for length, count in zip(*np.unique(lengths, return_counts=True)))


def _types(sentences: Sequence[Sentence]) -> Dict[str, Dict[str, Any]]:
    """Of each type: entities, different names, the share of capitals, and how many entities have each length."""
    names: Dict[str, Set[Tuple[str, ...]]] = defaultdict(set)
    lengths: Dict[str, Counter[int]] = defaultdict(Counter)
    for sentence in sentences:
        for start, end, label in spans_of(sentence.gold):
            names[label].add(sentence.tokens[start:end])
            lengths[label][min(end - start, LONGEST_ENTITY)] += 1
    return {label: {"entities": sum(lengths[label].values()), "names": len(names[label]),
                    "mean_length": sum(size * count for size, count in lengths[label].items())
                    / sum(lengths[label].values()),
                    "lengths": {str(size): lengths[label][size] for size in sorted(lengths[label])}}
            for label in sorted(names, key=lambda label: -sum(lengths[label].values()))}


def _pos(sentences: Sequence[Sentence]) -> Dict[str, Dict[str, int]]:
    """How many tokens of each part of speech belong to each type, and to none (O)."""
    table: Dict[str, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        if sentence.pos:
            labels = ["O"] * len(sentence.tokens)
            for start, end, label in spans_of(sentence.gold):
                labels[start:end] = [label] * (end - start)
            for pos, label in zip(sentence.pos, labels):
                table[pos][label] += 1
    return {pos: dict(table[pos]) for pos in sorted(table, key=lambda pos: -sum(table[pos].values()))}


def _growth(sentences: Sequence[Sentence], points: int = 60) -> List[Tuple[int, int, int]]:
    """How many different words and names the first tokens have: (tokens, words, names) at some sixty places."""
    words: Set[str] = set()
    names: Set[Tuple[str, ...]] = set()
    tokens, growth = 0, []
    shown = {round(len(sentences) * point / points) for point in range(1, points + 1)}
    for number, sentence in enumerate(sentences, start=1):
        words.update(sentence.tokens)
        names.update(sentence.tokens[start:end] for start, end, _ in spans_of(sentence.gold))
        tokens += len(sentence.tokens)
        if number in shown:
            growth.append((tokens, len(words), len(names)))
    return growth
