"""Losses against their definitions, finite differences and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from ner_mx.compat import mx
from ner_mx.config import Config
from ner_mx.errors import ConfigError
from ner_mx.models.layers.loss_blocks import CrossEntropyBlock, SentenceLikelihoodBlock
from ner_mx.models.losses.cross_entropy import class_weights
from ner_mx.models.losses.sentence_likelihood import negative_log_likelihood

CLASSES = ["O", "B-PER", "I-PER", "L-PER", "U-PER", "U-LOC"]


@pytest.fixture
def scored_batch():
    """Random emissions (5, 3, 6), and gold tags (5, 3) with -1 in padding."""
    random = np.random.RandomState(4)
    tags = random.randint(0, 6, size=(5, 3))
    tags[2:, 1] = -1
    tags[4:, 2] = -1
    return random.normal(size=(5, 3, 6)), tags


def test_cross_entropy_equals_scikit_learn_and_ignores_padding(scored_batch):
    emissions, tags = scored_batch
    weights = np.random.RandomState(0).uniform(0.2, 2, 6).astype(np.float32)
    loss = CrossEntropyBlock(weights)
    loss.initialize()
    loss.hybridize()
    for fill in (0.0, 1e4):
        emissions[tags < 0] = fill
        computed = loss(mx.nd.array(emissions), mx.nd.array(tags)).asscalar()
        real = tags >= 0
        probabilities = np.exp(emissions[real]) / np.exp(emissions[real]).sum(axis=1, keepdims=True)
        expected = log_loss(tags[real], probabilities, labels=range(6), normalize=False,
                            sample_weight=weights[tags[real]])
        assert computed == pytest.approx(expected, rel=1e-5)


def test_smoothed_cross_entropy_is_that_of_smoothed_targets(scored_batch):
    """A share of the loss is the mean over all tags, weighted like the gold tag."""
    emissions, tags = scored_batch
    weights = np.random.RandomState(0).uniform(0.2, 2, 6).astype(np.float32)
    loss = CrossEntropyBlock(weights, 0.2)
    loss.initialize()
    loss.hybridize()
    computed = loss(mx.nd.array(emissions), mx.nd.array(tags)).asscalar()
    real = tags >= 0
    targets = 0.8 * np.eye(6)[tags[real]] + 0.2 / 6
    log_probabilities = emissions[real] - np.log(np.exp(emissions[real]).sum(axis=1, keepdims=True))
    expected = -(weights[tags[real]] * (targets * log_probabilities).sum(axis=1)).sum()
    assert computed == pytest.approx(expected, rel=1e-5)


def test_gradients_of_the_sentence_likelihood_equal_finite_differences(scored_batch):
    emissions, tags = scored_batch
    random = np.random.RandomState(1)
    scores = [emissions, random.normal(size=(6, 6)), random.normal(size=6)]
    loss, gradients = negative_log_likelihood(*scores, tags)
    assert loss > 0
    for position, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            values = []
            for step in (1e-5, -1e-5):
                changed = [score.copy() for score in scores]
                changed[position][index] += step
                values.append(negative_log_likelihood(*changed, tags)[0])
            assert (values[0] - values[1]) / 2e-5 == pytest.approx(gradient[index], abs=1e-6)


@pytest.mark.parametrize("divisor", [1, 4])
def test_sentence_likelihood_propagates_its_gradients_into_the_network(scored_batch, divisor):
    emissions, tags = scored_batch
    block = SentenceLikelihoodBlock(6)
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
    for propagated, expected in zip((scores.grad, block.transitions.grad(), block.start.grad()), gradients):
        np.testing.assert_allclose(propagated.asnumpy(), expected / divisor, atol=1e-5)


def test_balanced_weights_equal_scikit_learn():
    gold = np.array([0] * 50 + [1] * 5 + [3] * 2)
    weights = class_weights("balanced", CLASSES, np.bincount(gold, minlength=6))
    np.testing.assert_allclose(weights[gold], compute_sample_weight("balanced", gold), rtol=1e-6)
    assert weights[2] == weights[4] == 1.0


def test_weights_of_O_of_types_and_of_tags():
    counts = np.ones(6, np.int64)
    np.testing.assert_array_equal(class_weights("none", CLASSES, counts), np.ones(6))
    np.testing.assert_allclose(class_weights(0.3, CLASSES, counts), [0.3, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(class_weights({"PER": 2.0, "U-PER": 4.0}, CLASSES, counts),
                               [1, 2, 2, 2, 4, 1])
    with pytest.raises(ConfigError, match="found 'GPE'"):
        class_weights({"GPE": 2.0}, CLASSES, counts)


def test_the_configuration_selects_the_loss():
    counts = np.array([50, 5, 0, 2, 0, 0])
    block = Config().updated({"loss.name": "sentence"}).loss.build(CLASSES, counts)
    assert isinstance(block, SentenceLikelihoodBlock)
    assert block.transitions.shape == (6, 6) and block.start.shape == (6,)
    block = Config().updated({"loss.weights": "balanced"}).loss.build(CLASSES, counts)
    assert isinstance(block, CrossEntropyBlock)
    block.initialize()
    np.testing.assert_array_equal(block.weights.data().asnumpy(), class_weights("balanced", CLASSES, counts))
