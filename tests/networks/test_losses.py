"""Losses against their definitions, finite differences and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from ner_mx.compat import mx
from ner_mx.config import Loss
from ner_mx.errors import ConfigError
from ner_mx.networks.losses import (
    CrossEntropy,
    SentenceLikelihood,
    build_loss,
    class_weights,
    negative_log_likelihood,
)

CLASSES = ["O", "B-PER", "I-PER", "L-PER", "U-PER", "U-LOC"]


@pytest.fixture
def case():
    random = np.random.RandomState(4)
    tags = random.randint(0, 6, size=(5, 3))
    tags[2:, 1] = -1
    tags[4:, 2] = -1
    return random.normal(size=(5, 3, 6)), tags


def test_cross_entropy_is_scikit_learns_and_ignores_padding(case):
    emissions, tags = case
    weights = np.random.RandomState(0).uniform(0.2, 2, 6).astype(np.float32)
    loss = CrossEntropy(weights)
    loss.initialize()
    loss.hybridize()
    for fill in (0.0, 1e4):
        emissions[tags < 0] = fill
        found = loss(mx.nd.array(emissions), mx.nd.array(tags)).asscalar()
        real = tags >= 0
        probabilities = np.exp(emissions[real]) / np.exp(emissions[real]).sum(axis=1, keepdims=True)
        wanted = log_loss(tags[real], probabilities, labels=range(6), normalize=False,
                          sample_weight=weights[tags[real]])
        assert found == pytest.approx(wanted, rel=1e-5)


def test_sentence_likelihood_has_the_gradient_of_finite_differences(case):
    emissions, tags = case
    random = np.random.RandomState(1)
    scores = [emissions, random.normal(size=(6, 6)), random.normal(size=6)]
    loss, gradients = negative_log_likelihood(*scores, tags)
    assert loss > 0
    for which, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            values = []
            for step in (1e-5, -1e-5):
                changed = [score.copy() for score in scores]
                changed[which][index] += step
                values.append(negative_log_likelihood(*changed, tags)[0])
            assert (values[0] - values[1]) / 2e-5 == pytest.approx(gradient[index], abs=1e-6)


@pytest.mark.parametrize("divisor", [1, 4])
def test_sentence_likelihood_enters_the_network_by_its_scores(case, divisor):
    emissions, tags = case
    block = SentenceLikelihood(6)
    block.initialize()
    block.transitions.set_data(mx.nd.random.normal(shape=(6, 6)))
    block.start.set_data(mx.nd.random.normal(shape=(6,)))
    scores = mx.nd.array(emissions)
    scores.attach_grad()
    with mx.autograd.record():
        doubled = scores * 2
        heads = block.heads(doubled, mx.nd.array(tags))
    mx.autograd.backward(heads.arrays, [mx.nd.array(gradient / divisor) for gradient in heads.gradients])
    emissions = emissions * 2
    loss, gradients = negative_log_likelihood(
        emissions, block.transitions.data().asnumpy(), block.start.data().asnumpy(), tags)
    assert heads.loss == pytest.approx(loss, rel=1e-5)
    gradients[0] = 2 * gradients[0]  # through the doubling
    for found, wanted in zip((scores.grad, block.transitions.grad(), block.start.grad()), gradients):
        np.testing.assert_allclose(found.asnumpy(), wanted / divisor, atol=1e-5)


def test_balanced_weights_are_scikit_learns():
    gold = np.array([0] * 50 + [1] * 5 + [3] * 2)
    weights = class_weights("balanced", CLASSES, np.bincount(gold, minlength=6))
    np.testing.assert_allclose(weights[gold], compute_sample_weight("balanced", gold), rtol=1e-6)
    assert weights[2] == weights[4] == 1.0


def test_other_weights():
    counts = np.ones(6, np.int64)
    np.testing.assert_array_equal(class_weights("none", CLASSES, counts), np.ones(6))
    np.testing.assert_allclose(class_weights(0.3, CLASSES, counts), [0.3, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(class_weights({"PER": 2.0, "U-PER": 4.0}, CLASSES, counts),
                               [1, 2, 2, 2, 4, 1])
    with pytest.raises(ConfigError, match="found 'GPE'"):
        class_weights({"GPE": 2.0}, CLASSES, counts)


def test_the_configuration_chooses():
    assert isinstance(build_loss(Loss(name="sentence"), CLASSES), SentenceLikelihood)
    assert isinstance(build_loss(Loss(), CLASSES), CrossEntropy)
