"""The losses of a student in Gluon."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from ner_mx.compat import mx
from ner_mx.models.losses import Heads
from ner_mx.models.losses.distillation import SMALLEST, Distillation, structured_loss, well_formed
from ner_mx.untyped import Operators, Tensor


class TokenBlock(mx.gluon.HybridBlock):
    """The loss per token, summed over the real tokens of a batch.

    Parameters
    ----------
    settings : ``target``, ``share`` and ``temperature``.
    """

    heaviest = 1.0

    def __init__(self, settings: Distillation):
        super().__init__()
        self._logits = settings.target == "logits"
        self._share, self._temperature = settings.share, settings.temperature

    def hybrid_forward(self, F: Operators, emissions: Tensor, tags: Tensor, soft: Tensor) -> Tensor:
        """(T, N, K), (T, N) float32 with -1 where there is no annotation, (T, N, K) -> (1,)."""
        is_annotated, is_real = tags >= 0, soft.sum(axis=2) > 0
        logs = F.log_softmax(emissions)
        gold = -F.pick(logs, F.maximum(tags, 0)) * is_annotated
        teachers = F.log(F.maximum(soft, SMALLEST))
        if self._logits:
            difference = _centred(F, emissions) - _centred(F, teachers)
            taught = (difference * difference).mean(axis=2)
        else:
            target = F.softmax(teachers / self._temperature)
            taught = -(target * F.log_softmax(emissions / self._temperature)).sum(axis=2)
            # Gradients of softened distributions shrink with the square of the temperature (Hinton et al., section 2).
            taught = taught * self._temperature ** 2
        share = 1.0 - (1.0 - self._share) * is_annotated
        return (gold * (1.0 - self._share) + taught * share * is_real).sum()

    def heads(self, emissions: Tensor, tags: Tensor, soft: Tensor) -> Heads:
        """(T, N, K), (T, N) float32 with -1 where there is no annotation, (T, N, K)."""
        loss = self(emissions, tags, soft)
        return Heads(loss, [loss], [np.ones(1)])


def _centred(F: Operators, scores: Tensor) -> Tensor:
    return F.broadcast_sub(scores, scores.mean(axis=2, keepdims=True))


class StructuredBlock(mx.gluon.Block):
    """The loss over tag sequences, computed in numpy, see :func:`~ner_mx.models.losses.distillation.structured_loss`.

    Parameters
    ----------
    classes : the names of the tags.
    share : of the teachers in annotated sentences.

    Attributes
    ----------
    transitions, start : (K, K) and (K,), learned.
    """

    heaviest = 1.0

    def __init__(self, classes: Sequence[str], share: float):
        super().__init__()
        self._share, self._rules = share, well_formed(classes)
        count = len(classes)
        with self.name_scope():
            self.transitions = self.params.get("transitions", shape=(count, count), init=mx.init.Zero())
            self.start = self.params.get("start", shape=(count,), init=mx.init.Zero())

    def heads(self, emissions: Tensor, tags: Tensor, soft: Tensor) -> Heads:
        """(T, N, K), (T, N) float32 with -1 where there is no annotation, (T, N, K)."""
        device = emissions.context
        scores = [emissions, self.transitions.data(device), self.start.data(device)]
        loss, gradients = structured_loss(
            scores[0].asnumpy(), scores[1].asnumpy(), scores[2].asnumpy(), tags.asnumpy().astype(np.int64),
            soft.asnumpy(), self._share, self._rules)
        return Heads(loss, scores, gradients)
