"""The negative log-likelihood of whole tag sequences, with learned transitions."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np

from ner_mx.config import LossSettings
from ner_mx.decoding.lattice import expected_transitions, path_score, sum_paths
from ner_mx.registry import register
from ner_mx.untyped import Block


@register.loss("sentence")
class SentenceLikelihood(LossSettings):
    """Chiu & Nichols 2016, section 2.6, after Collobert et al. 2011, section 3.3.2: a score for the
    first tag, none for the last."""

    @property
    def learns_transitions(self) -> bool:
        """Always."""
        return True

    def build(self, classes: Sequence[str], counts: np.ndarray) -> Block:
        """The loss in Gluon."""
        from ner_mx.models.layers.loss_blocks import SentenceLikelihoodBlock

        return SentenceLikelihoodBlock(len(classes))


def negative_log_likelihood(emissions: np.ndarray, transitions: np.ndarray, start: np.ndarray,
                            tags: np.ndarray) -> Tuple[float, List[np.ndarray]]:
    """The loss of a batch and its gradients with respect to the three kinds of scores.

    Parameters
    ----------
    emissions : (T, N, K).  transitions : (K, K).  start : (K,).
    tags : (T, N) int64, the gold, -1 in padding.
    """
    real = tags >= 0
    length = real.sum(axis=0)
    lattice = sum_paths(emissions, transitions, start, length)
    loss = (lattice.log_z - path_score(emissions, transitions, start, length, tags)).sum()
    # d loss / d score = expected count - count in the gold.
    gradient = lattice.marginals()
    step, row = np.nonzero(real)
    gradient[step, row, tags[step, row]] -= 1.0
    chain = expected_transitions(lattice)
    np.subtract.at(chain, (tags[:-1][real[1:]], tags[1:][real[1:]]), 1.0)
    return float(loss), [gradient, chain, gradient[0].sum(axis=0)]
