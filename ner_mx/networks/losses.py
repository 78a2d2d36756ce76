"""What training makes small: weighted cross-entropy, or the sentence's negative log-likelihood."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ner_mx.compat import mx
from ner_mx.config import Loss, Weights
from ner_mx.decoding.lattice import expected_transitions, path_score, sum_paths
from ner_mx.errors import ConfigError


class Heads(NamedTuple):
    """A loss where its gradient enters the network.

    loss : summed over the batch; a number, or an MXNet scalar that may not be computed yet.
    arrays : recorded by MXNet.  gradients : of the loss in each of them.
    """

    loss: Any
    arrays: List[Any]
    gradients: List[np.ndarray]


class CrossEntropy(mx.gluon.HybridBlock):
    """The weighted cross-entropy, summed over the real tokens of a batch.

    ``gluon.loss.SoftmaxCrossEntropyLoss`` would take the label -1 of padding
    for class 0 and average over padding.

    Parameters
    ----------
    weights : (K,) float32, the weight of each gold class.
    """

    def __init__(self, weights: np.ndarray, **kwargs):
        super().__init__(**kwargs)
        self.heaviest = weights.max()
        with self.name_scope():
            # A constant travels with the block's parameters to the device.
            self.weights = self.params.get_constant("weights", mx.nd.array(weights))

    def hybrid_forward(self, F, emissions, tags, weights):
        """(T, N, K), (T, N) float32 with -1 in padding -> (1,)."""
        gold = F.maximum(tags, 0)
        log_probability = F.pick(F.log_softmax(emissions), gold)  # (T, N)
        weight = F.take(weights, gold) * (tags >= 0)
        return -(log_probability * weight).sum()

    def heads(self, emissions, tags) -> Heads:
        """(T, N, K), (T, N) float32 with -1 in padding."""
        loss = self(emissions, tags)
        return Heads(loss, [loss], [np.ones(1)])


class SentenceLikelihood(mx.gluon.Block):
    """The negative log-likelihood of whole tag sequences, with learnt transitions.

    Chiu & Nichols 2016, section 2.6, after Collobert et al. 2011, section
    3.3.2: a score for the first tag, none for the last.  Forward-backward runs
    in numpy over the whole batch and gives the gradient, too: MXNet has only to
    carry it on.  (An ``autograd.Function`` would do so through a second thread,
    slower.)

    Parameters
    ----------
    classes : the number of tags.
    """

    heaviest = 1.0

    def __init__(self, classes: int, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.transitions = self.params.get("transitions", shape=(classes, classes),
                                               init=mx.init.Zero())
            self.start = self.params.get("start", shape=(classes,), init=mx.init.Zero())

    def heads(self, emissions, tags) -> Heads:
        """(T, N, K), (T, N) float32 with -1 in padding."""
        device = emissions.context
        scores = [emissions, self.transitions.data(device), self.start.data(device)]
        loss, gradients = negative_log_likelihood(*(values.asnumpy() for values in scores),
                                                  tags.asnumpy().astype(np.int64))
        return Heads(loss, scores, gradients)


def negative_log_likelihood(emissions: np.ndarray, transitions: np.ndarray, start: np.ndarray,
                            tags: np.ndarray) -> Tuple[float, List[np.ndarray]]:
    """The loss of a batch and its gradients in the three kinds of scores.

    Parameters
    ----------
    emissions : (T, N, K).  transitions : (K, K).  start : (K,).
    tags : (T, N) int64, the gold, -1 in padding.
    """
    real = tags >= 0
    length = real.sum(axis=0)
    lattice = sum_paths(emissions, transitions, start, length)
    loss = (lattice.log_z - path_score(emissions, transitions, start, length, tags)).sum()
    # d loss / d score = how often it is expected - how often the gold has it.
    gradient = lattice.marginals()
    step, row = np.nonzero(real)
    gradient[step, row, tags[step, row]] -= 1.0
    chain = expected_transitions(lattice)
    np.subtract.at(chain, (tags[:-1][real[1:]], tags[1:][real[1:]]), 1.0)
    return float(loss), [gradient, chain, gradient[0].sum(axis=0)]


def class_weights(weights: Weights, classes: Sequence[str], counts: np.ndarray) -> np.ndarray:
    """The weight of each class, (K,) float32.

    ``balanced`` is scikit-learn's n / (K * count) over the classes that occur;
    classes that never occur weigh 1.  A number is the weight of O.  A table
    names tags (``B-PER``) or types (``PER``, for all of its tags); others weigh 1.

    Raises
    ------
    ConfigError : the table names a tag and type that does not exist.
    """
    result = np.ones(len(classes), np.float32)
    if weights == "balanced":
        from sklearn.utils.class_weight import compute_class_weight
        present = np.flatnonzero(counts)
        labels = np.repeat(present, counts[present])
        result[present] = compute_class_weight("balanced", classes=present, y=labels)
    elif isinstance(weights, float):
        result[[row for row, name in enumerate(classes) if name == "O"]] = weights
    elif isinstance(weights, dict):
        for name, weight in weights.items():
            rows = [row for row, tag in enumerate(classes) if name in (tag, tag.partition("-")[2])]
            if not rows:
                raise ConfigError(f"loss.weights: expected tags or types of the corpus "
                                  f"({', '.join(classes)}), found {name!r}")
            result[rows] = weight
    return result


def build_loss(settings: Loss, classes: Sequence[str], counts: Optional[np.ndarray] = None):
    """The loss block that the configuration names; ``counts`` are gold tokens a class."""
    if settings.name == "sentence":
        return SentenceLikelihood(len(classes))
    if counts is None:
        counts = np.ones(len(classes), np.int64)
    return CrossEntropy(class_weights(settings.weights, classes, counts))
