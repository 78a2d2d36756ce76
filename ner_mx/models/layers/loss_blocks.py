"""The losses in Gluon."""

from __future__ import annotations

import numpy as np

from ner_mx.compat import mx
from ner_mx.models.losses import Heads
from ner_mx.models.losses.sentence_likelihood import negative_log_likelihood
from ner_mx.untyped import Operators, Tensor


class CrossEntropyBlock(mx.gluon.HybridBlock):
    """The weighted cross-entropy, summed over the real tokens of a batch.

    ``gluon.loss.SoftmaxCrossEntropyLoss`` would take the label -1 of padding
    for class 0 and average over padding.

    Parameters
    ----------
    weights : (K,) float32, the weight of each gold class.
    smoothing : the share of the loss that is the mean over all classes.

    Attributes
    ----------
    heaviest : the largest weight.
    """

    def __init__(self, weights: np.ndarray, smoothing: float = 0.0):
        super().__init__()
        self._smoothing = smoothing
        self.heaviest = float(weights.max())
        with self.name_scope():
            # A constant moves with the parameters of the block to the device.
            self.weights = self.params.get_constant("weights", mx.nd.array(weights))

    def hybrid_forward(self, F: Operators, emissions: Tensor, tags: Tensor, weights: Tensor) -> Tensor:
        """(T, N, K), (T, N) float32 with -1 in padding -> (1,)."""
        gold = F.maximum(tags, 0)
        log_probabilities = F.log_softmax(emissions)
        log_probability = F.pick(log_probabilities, gold)  # (T, N)
        if self._smoothing:
            log_probability = (1 - self._smoothing) * log_probability + self._smoothing * log_probabilities.mean(axis=2)
        weight = F.take(weights, gold) * (tags >= 0)
        return -(log_probability * weight).sum()

    def heads(self, emissions: Tensor, tags: Tensor) -> Heads:
        """(T, N, K), (T, N) float32 with -1 in padding."""
        loss = self(emissions, tags)
        return Heads(loss, [loss], [np.ones(1)])


class SentenceLikelihoodBlock(mx.gluon.Block):
    """The loss of whole sequences.

    Forward-backward runs in numpy over the whole batch and computes the
    gradient, too; MXNet only propagates it.  (An ``autograd.Function`` would do so
    through a second thread, slower.)

    Parameters
    ----------
    classes : the number of tags.

    Attributes
    ----------
    transitions, start : (K, K) and (K,), learned.
    """

    heaviest = 1.0

    def __init__(self, classes: int):
        super().__init__()
        with self.name_scope():
            self.transitions = self.params.get("transitions", shape=(classes, classes),
                                               init=mx.init.Zero())
            self.start = self.params.get("start", shape=(classes,), init=mx.init.Zero())

    def heads(self, emissions: Tensor, tags: Tensor) -> Heads:
        """(T, N, K), (T, N) float32 with -1 in padding."""
        device = emissions.context
        scores = [emissions, self.transitions.data(device), self.start.data(device)]
        loss, gradients = negative_log_likelihood(
            scores[0].asnumpy(), scores[1].asnumpy(), scores[2].asnumpy(), tags.asnumpy().astype(np.int64))
        return Heads(loss, scores, gradients)
