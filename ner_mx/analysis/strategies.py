"""What to annotate next: strategies that say how much a sentence would teach.

A strategy is a function of the tokens of a sentence, of how unsure a network is of it and of a random state.  It
returns weights by what they are about, such as the words of a doubtful name: sentences about the same teach the same.
"""

from __future__ import annotations

from typing import Callable, Dict, Sequence

import numpy as np

from ner_mx.analysis.uncertainty import Uncertainty
from ner_mx.registry import register

Weights = Dict[str, float]
Strategy = Callable[[Sequence[str], Uncertainty, np.random.RandomState], Weights]


@register.strategy("expected-errors")
def expected_errors(tokens: Sequence[str], found: Uncertainty, random: np.random.RandomState) -> Weights:
    """How many entities of the best reading are probably wrong or missed, by their words."""
    best = {span for span, _ in found.entities}
    weights: Weights = {}
    for span, probability in found.likely:
        doubt = 1 - probability if span in best else probability
        words = " ".join(tokens[span.start:span.end])
        weights[words] = weights.get(words, 0.0) + doubt
    return weights


@register.strategy("entropy")
def token_entropy(tokens: Sequence[str], found: Uncertainty, random: np.random.RandomState) -> Weights:
    """The entropies of the tags of the tokens, by word."""
    weights: Weights = {}
    for token, entropy in zip(tokens, found.token_entropy):
        weights[token] = weights.get(token, 0.0) + entropy
    return weights


@register.strategy("sequence-entropy")
def sequence_entropy(tokens: Sequence[str], found: Uncertainty, random: np.random.RandomState) -> Weights:
    """The entropy of the whole reading (Settles and Craven 2008, section 3.1)."""
    return {" ".join(tokens): found.entropy}


@register.strategy("least-confidence")
def least_confidence(tokens: Sequence[str], found: Uncertainty, random: np.random.RandomState) -> Weights:
    """The probability that the best reading is wrong somewhere (Culotta and McCallum 2005)."""
    return {" ".join(tokens): 1 - found.best}


@register.strategy("random")
def at_random(tokens: Sequence[str], found: Uncertainty, random: np.random.RandomState) -> Weights:
    """The baseline: every sentence is as good as another."""
    return {" ".join(tokens): float(random.uniform()) * (OVERHEAD + len(tokens))}


# A sentence costs its tokens, and as much time as this many tokens to look at it at all.
OVERHEAD = 5
