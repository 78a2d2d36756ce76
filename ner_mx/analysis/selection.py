"""Choosing sentences for annotation: the largest expected gain for the work, without near-duplicates."""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ner_mx.analysis.strategies import OVERHEAD
from ner_mx.analysis.uncertainty import Uncertainty
from ner_mx.registry import register


class Selected(NamedTuple):
    """A chosen sentence: its index, and what it taught for its cost when it was chosen."""

    sentence: int
    gain: float


def select(sentences: Sequence[Sequence[str]], found: Sequence[Uncertainty], strategy: str, seed: int = 1,
           count: Optional[int] = None, tokens: Optional[int] = None, diverse: bool = True) -> List[Selected]:
    """Choose sentences one after the other, the best for its cost first.

    What a sentence teaches about something that n chosen sentences are about, too, counts 1 / (n + 1): the sum is
    submodular, so that the greedy choice is at most 1 - 1/e below the best one (Nemhauser et al. 1978).  A sentence
    costs its tokens and the time to look at it.  Of sentences with the same tokens, only the first is chosen.

    Parameters
    ----------
    found : how unsure a network is of each sentence.
    strategy : the name of a registered strategy.
    count, tokens : how many sentences or tokens are chosen at most; both, one or none.
    diverse : whether what chosen sentences teach counts less.

    Raises
    ------
    ConfigError : there is no such strategy.
    """
    random = np.random.RandomState(seed)
    function = register.strategy[strategy]
    weights: List[Dict[str, float]] = [function(words, entry, random) for words, entry in zip(sentences, found)]
    chosen: List[Selected] = []
    times: Counter[str] = Counter()
    seen, spent = set(), 0

    def gain(index: int) -> float:
        total = sum(weight / (1 + times[key]) if diverse else weight for key, weight in weights[index].items())
        return total / (OVERHEAD + len(sentences[index]))

    # Gains only fall, so the first entry whose gain is still what it was is the best of all.
    heap: List[Tuple[float, int]] = [(-gain(index), index) for index in range(len(sentences)) if len(sentences[index])]
    heapq.heapify(heap)
    while heap and (count is None or len(chosen) < count):
        before, index = heapq.heappop(heap)
        now = gain(index)
        if -now > before + 1e-12:
            heapq.heappush(heap, (-now, index))
            continue
        words = tuple(sentences[index])
        if words in seen:
            continue
        if tokens is not None and spent + len(words) > tokens:
            break
        seen.add(words)
        spent += len(words)
        times.update(weights[index].keys())
        chosen.append(Selected(index, now))
    return chosen
