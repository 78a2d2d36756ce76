"""Ways to divide sentences into batches."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from ner_mx.registry import register


def _by_length(lengths: np.ndarray, random: Optional[np.random.RandomState]) -> np.ndarray:
    """Indices in the order of length; equal lengths in random order."""
    order = np.arange(len(lengths)) if random is None else random.permutation(len(lengths))
    return order[np.argsort(lengths[order], kind="stable")]


@register.batching("sorted")
def sorted_batches(lengths: np.ndarray, size: int,
                   random: Optional[np.random.RandomState]) -> List[np.ndarray]:
    """Sentences of similar length together, so that there is little padding; the last batch may be small."""
    order = _by_length(lengths, random)
    return [order[start:start + size] for start in range(0, len(order), size)]


@register.batching("exact")
def exact_batches(lengths: np.ndarray, size: int,
                  random: Optional[np.random.RandomState]) -> List[np.ndarray]:
    """Sentences of one length together, as in the paper; rare lengths make small batches."""
    order = _by_length(lengths, random)
    groups = np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1)
    return [group[start:start + size] for group in groups for start in range(0, len(group), size)]


def within_limit(batches: Sequence[np.ndarray], lengths: np.ndarray, tokens: int) -> List[np.ndarray]:
    """Batches that have too many tokens, padding included, divided; a single sentence is never divided."""
    result: List[np.ndarray] = []
    for batch in batches:
        parts = -(-len(batch) * int(lengths[batch].max()) // tokens)
        result += [batch] if parts == 1 else np.array_split(batch, min(parts, len(batch)))
    return result


def plan_batches(lengths: np.ndarray, size: int, method: str,
                 random: Optional[np.random.RandomState] = None) -> List[np.ndarray]:
    """Divide sentences into batches.

    Parameters
    ----------
    lengths : (S,) tokens per sentence.
    size : sentences per batch.
    method : a registered batching, such as ``sorted`` or ``exact``.
    random : shuffles sentences of equal length, and the batches; None keeps the order of length.

    Returns
    -------
    Arrays of indices; every sentence is in exactly one.
    """
    if not len(lengths):
        return []
    batches: List[np.ndarray] = register.batching[method](lengths, size, random)
    if random is not None:
        random.shuffle(batches)
    return batches
