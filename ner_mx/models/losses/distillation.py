"""What a student learns from teachers (Hinton et al. 2015), beside the annotation where there is some."""

from __future__ import annotations

from typing import ClassVar, List, Literal, Sequence, Tuple

import numpy as np
from pydantic import Field

from ner_mx.config import LossSettings
from ner_mx.data.tag_schemes import grammar
from ner_mx.decoding.constraints import Constraints, constraints_of, forbid_open_end
from ner_mx.decoding.lattice import expected_transitions, sum_paths
from ner_mx.registry import register
from ner_mx.untyped import Block

# The smallest probability of a teacher whose logarithm is taken.
SMALLEST = 1e-6



@register.loss("distillation")
class Distillation(LossSettings):
    """The loss of a student whose training sentences teachers have read.

    target : ``marginals``, the cross-entropy with the probabilities of each token; ``logits``, the mean
        squared difference of centred log-probabilities; or ``structured``, the cross-entropy with the
        distribution over tag sequences, with learned transitions (Wang et al. 2020).
    share : of the teachers in the loss of annotated sentences; of others, it is all.
    temperature : by which the log-probabilities of teachers and student are divided, for ``marginals``.
    """

    learns_from_teachers: ClassVar[bool] = True

    target: Literal["marginals", "logits", "structured"] = "marginals"
    share: float = Field(0.5, ge=0, le=1)
    temperature: float = Field(1.0, gt=0)

    @property
    def learns_transitions(self) -> bool:
        """If the target is a distribution over sequences."""
        return self.target == "structured"

    def build(self, classes: Sequence[str], counts: np.ndarray) -> Block:
        """The loss in Gluon."""
        from ner_mx.models.layers.distillation_blocks import StructuredBlock, TokenBlock

        return StructuredBlock(classes, self.share) if self.target == "structured" else TokenBlock(self)


def well_formed(classes: Sequence[str]) -> Constraints:
    """Which tags may follow another, if their prefixes tell the encoding; IOB1 and IOB2 have the same."""
    prefixes = {tag.partition("-")[0] for tag in classes} - {"O"}
    for encoding in ("BILOU", "BIOES"):
        if prefixes == set(grammar(encoding).prefixes):
            return constraints_of(classes, encoding)
    size = len(classes)
    return Constraints(np.zeros((size, size), np.float32), np.zeros(size, np.float32), np.array([], int))


def structured_loss(emissions: np.ndarray, transitions: np.ndarray, start: np.ndarray, tags: np.ndarray,
                    soft: np.ndarray, share: float, rules: Constraints) -> Tuple[float, List[np.ndarray]]:
    """The loss of a batch and its gradients with respect to the three kinds of scores.

    The teachers' distribution over tag sequences is that of the lattice of the
    well-formed ones whose scores are the logarithms of their marginals; the loss is
    its cross-entropy with the student's.

    Parameters
    ----------
    emissions : (T, N, K).  transitions : (K, K).  start : (K,).
    tags : (T, N) int64, the annotation of whole sentences, -1 in padding and without annotation.
    soft : (T, N, K), the marginals of the teachers, 0 in padding.
    share : of the teachers in annotated sentences.
    rules : which sequences are well-formed.
    """
    real = soft.sum(axis=2) > 0
    length = real.sum(axis=0)
    student = sum_paths(emissions, transitions, start, length)
    scores = forbid_open_end(np.log(np.maximum(soft, SMALLEST)), length, rules.open_tags)
    teachers = sum_paths(scores, rules.transitions, rules.start, length)
    weight = np.where(tags[0] >= 0, share, 1.0)  # (N,)
    # The loss is log Z less the expected score, and its gradient the difference of expected counts.
    expected = weight[:, None] * teachers.marginals()  # (T, N, K)
    pairs = expected_transitions(teachers, weight)  # (K, K)
    step, row = np.nonzero(tags >= 0)
    expected[step, row, tags[step, row]] += 1.0 - weight[row]
    following = np.nonzero(tags[1:] >= 0)
    np.add.at(pairs, (tags[:-1][following], tags[1:][following]), 1.0 - weight[following[1]])
    begins = expected[0].sum(axis=0)
    score = ((expected * np.where(real[:, :, None], emissions, 0.0)).sum() + (pairs * transitions).sum()
             + (begins * start).sum())
    gradient = student.marginals() - expected
    return (float(student.log_z.sum() - score),
            [gradient, expected_transitions(student) - pairs, gradient[0].sum(axis=0)])
