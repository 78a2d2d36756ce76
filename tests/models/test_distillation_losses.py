"""The losses of a student against their definitions, brute force over sequences, and finite differences."""

import itertools

import numpy as np
import pytest

from ner_mx.compat import mx
from ner_mx.config import Config
from ner_mx.models.losses.distillation import SMALLEST, structured_loss, well_formed

CLASSES = ["O", "B-PER", "I-PER", "L-PER", "U-PER"]
K = len(CLASSES)
LENGTHS = (4, 2, 3)


@pytest.fixture
def batch():
    """Emissions and the probabilities of teachers, (4, 3, K), and tags, (4, 3): the second sentence has none."""
    random = np.random.RandomState(4)
    tags = np.full((4, 3), -1)
    tags[:, 0], tags[:3, 2] = [1, 2, 3, 0], [4, 0, 4]
    soft = random.dirichlet(np.ones(K), size=(4, 3))
    for row, length in enumerate(LENGTHS):
        soft[length:, row] = 0
    return random.normal(size=(4, 3, K)), tags, soft


def log_softmax(scores):
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def token_loss(emissions, tags, soft, target, share, temperature):
    """Sentence by sentence, token by token."""
    total = 0.0
    for row, length in enumerate(LENGTHS):
        for step in range(length):
            teachers = np.log(soft[step, row])
            if target == "logits":
                ours = emissions[step, row] - emissions[step, row].mean()
                taught = ((ours - teachers + teachers.mean()) ** 2).mean()
            else:
                softened = np.exp(log_softmax(teachers / temperature))
                taught = -(softened * log_softmax(emissions[step, row] / temperature)).sum() * temperature ** 2
            if tags[step, row] < 0:
                total += taught
            else:
                total += share * taught - (1 - share) * log_softmax(emissions[step, row])[tags[step, row]]
    return total


@pytest.mark.parametrize("target, share, temperature", [
    ("marginals", 0.3, 1.0), ("marginals", 0.0, 1.0), ("marginals", 1.0, 2.5), ("logits", 0.6, 1.0)])
def test_the_loss_per_token(batch, target, share, temperature):
    emissions, tags, soft = batch
    block = Config().updated({"loss": {"name": "distillation", "target": target, "share": share,
                                       "temperature": temperature}}).loss.build(CLASSES, np.ones(K))
    block.initialize()
    block.hybridize()
    for fill in (0.0, 50.0):
        for row, length in enumerate(LENGTHS):
            emissions[length:, row] = fill
        heads = block.heads(*map(mx.nd.array, (emissions, tags, soft)))
        assert heads.loss.asscalar() == pytest.approx(token_loss(emissions, tags, soft, target, share, temperature),
                                                      rel=1e-4)


def brute_force(emissions, transitions, start, tags, soft, share, rules):
    """Every sequence of every sentence."""
    total = 0.0
    for row, length in enumerate(LENGTHS):
        sequences = list(itertools.product(range(K), repeat=length))

        def score(sequence, tables, chain, first):
            return first[sequence[0]] + sum(tables[step, tag] for step, tag in enumerate(sequence)) + sum(
                chain[pair] for pair in zip(sequence, sequence[1:]))
        ours = np.array([score(sequence, emissions[:, row], transitions, start) for sequence in sequences])
        logs = np.log(np.maximum(soft[:, row], SMALLEST))
        theirs = np.array([score(sequence, logs, rules.transitions, rules.start)
                           if sequence[-1] not in rules.open_tags else -np.inf for sequence in sequences])
        theirs = np.exp(theirs - theirs[np.isfinite(theirs)].max())
        taught = -(theirs / theirs.sum() * log_softmax(ours)).sum()
        if tags[0, row] < 0:
            total += taught
        else:
            gold = sequences.index(tuple(tags[:length, row]))
            total += share * taught - (1 - share) * log_softmax(ours)[gold]
    return total


def test_the_loss_over_sequences(batch):
    emissions, tags, soft = batch
    random = np.random.RandomState(1)
    scores = [emissions, random.normal(size=(K, K)), random.normal(size=K)]
    rules = well_formed(CLASSES)
    loss, gradients = structured_loss(*scores, tags, soft, 0.3, rules)
    assert loss == pytest.approx(brute_force(*scores, tags, soft, 0.3, rules), rel=1e-6)
    for position, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            values = []
            for step in (1e-5, -1e-5):
                changed = [score.copy() for score in scores]
                changed[position][index] += step
                values.append(structured_loss(*changed, tags, soft, 0.3, rules)[0])
            assert (values[0] - values[1]) / 2e-5 == pytest.approx(gradient[index], abs=1e-6)


def test_the_loss_over_sequences_enters_the_network(batch):
    emissions, tags, soft = batch
    block = Config().updated({"loss": {"name": "distillation", "target": "structured"}}).loss.build(CLASSES, np.ones(K))
    block.initialize()
    scores = mx.nd.array(emissions)
    scores.attach_grad()
    with mx.autograd.record():
        heads = block.heads(scores * 2, mx.nd.array(tags), mx.nd.array(soft))
    mx.autograd.backward(heads.arrays, [mx.nd.array(gradient) for gradient in heads.gradients])
    loss, gradients = structured_loss(2 * emissions, np.zeros((K, K)), np.zeros(K), tags, soft, 0.5,
                                      well_formed(CLASSES))
    assert heads.loss == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(scores.grad.asnumpy(), 2 * gradients[0], atol=1e-5)
    np.testing.assert_allclose(block.transitions.grad().asnumpy(), gradients[1], atol=1e-5)


def test_the_rules_of_an_encoding_follow_from_its_prefixes():
    assert np.isinf(well_formed(CLASSES).transitions[1, 0]) and well_formed(CLASSES).open_tags.tolist() == [1, 2]
    assert np.isinf(well_formed(["O", "B-X", "I-X", "E-X", "S-X"]).transitions[1, 0])
    assert not well_formed(["O", "B-X", "I-X"]).transitions.any()
